"""Stamps from astropy's objects, and back: FITS HDUs and lists of them, CCDData and NDData."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.domains.galaxies.fits_files import FitsFile
from sciencegen.domains.galaxies.fits_writing import hdu_list
from sciencegen.domains.galaxies.items import Stamp
from sciencegen.items import Refusal

if TYPE_CHECKING:  # astropy takes most of a second to import
    from astropy.io.fits import HDUList
    from astropy.nddata import NDData

NOISES = {"std": "ERR", "var": "VARIANCE", "ivar": "IVAR"}
"""Types of astropy's uncertainties -> names of the extensions that hold them."""


def stamp_of(given: object) -> Stamp | Refusal | None:
    """The stamp of an object of astropy, read as from a file; None for other objects.

    Nobody has such an object without its module, so nothing is imported here.
    """
    fits, nddata = sys.modules.get("astropy.io.fits"), sys.modules.get("astropy.nddata")
    if nddata is not None and isinstance(given, nddata.NDData):
        return _only(_hdus_of(given))
    if fits is None:
        return None
    if isinstance(given, fits.HDUList):
        return _only(given)
    image = isinstance(given, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU)
    return _only(fits.HDUList([given])) if image else None


def _only(hdus: HDUList) -> Stamp | Refusal:
    """The single stamp of HDUs."""
    try:
        file = FitsFile(hdus)
        if len(file) != 1:
            return Refusal(f"expected HDUs with one stamp, got {len(file)}: pass each of them, or the file's path")
        return file.stamp(0)
    except (ValueError, TypeError, KeyError, OSError) as error:
        return Refusal(f"can't be read as FITS: {error}")


def _hdus_of(data: NDData) -> HDUList:
    """The HDUs of an NDData: its values and unit, the header in `meta`, the pixel scale in `wcs`, noise, mask, PSF."""
    from astropy.io import fits

    header = fits.Header()
    header.update(data.meta)
    if data.wcs is not None:
        header.update(data.wcs.to_header())
    if data.unit is not None:
        header["BUNIT"] = data.unit.to_string()
    hdus = fits.HDUList([fits.PrimaryHDU(data.data, header)])
    if data.uncertainty is not None and data.uncertainty.uncertainty_type in NOISES:
        hdus.append(fits.ImageHDU(data.uncertainty.array, name=NOISES[data.uncertainty.uncertainty_type]))
    if isinstance(data.mask, np.ndarray) and data.mask.shape == data.data.shape[-2:]:
        hdus.append(fits.ImageHDU(data.mask.astype(np.uint8), name="MASK"))
    if data.psf is not None:
        hdus.append(fits.ImageHDU(data.psf, name="PSF"))
    return hdus


def hdus_of(stamp: Stamp) -> HDUList:
    """The HDUs of a stamp, as `write` makes them.

    Parameters
    ----------
    stamp : Stamp

    Returns
    -------
    astropy.io.fits.HDUList
        The image in nJy, PSF and noise, and the table CATALOG.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.domains.galaxies.items import Stamp
    >>> stamp = Stamp.of(np.random.default_rng(0).normal(size=(32, 32)), pixel_scale=0.2, variance=1.0)
    >>> [hdu.name for hdu in hdus_of(stamp)]
    ['PRIMARY', 'CATALOG']
    """
    return hdu_list([stamp], [stamp.name or "1"], {})
