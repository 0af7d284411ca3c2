"""Stamps, mappings of their arrays, and astropy's HDUs and NDData, as items."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.domains.capabilities import Objects
from sciencegen.domains.galaxies.cubes import hdu_list
from sciencegen.domains.galaxies.fits import FitsFile
from sciencegen.domains.galaxies.items import UNREADABLE, Stamp, standardize, text
from sciencegen.errors import DataError
from sciencegen.items import Refusal

if TYPE_CHECKING:
    import galsim
    from astropy.io.fits import HDUList
    from astropy.nddata import NDData


# Stamps from astropy's objects, and back: FITS HDUs and lists of them, CCDData and NDData.

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


LACKING = "an array has neither a pixel scale nor a noise: pass Stamp.of(array, pixel_scale=..., variance=...)"
DIMENSIONS = (2, 3)
"""Of the array of one image: [y x] or [band y x]."""


def stamp_text(given: object) -> str | None:
    """The text of a `Stamp`, of a mapping with the arguments of `Stamp.of`, or of an object of astropy."""
    if isinstance(given, np.ndarray) and given.ndim in DIMENSIONS and given.dtype.kind in "iuf":
        return f"{UNREADABLE} {LACKING}"
    found = _stamp(given)
    return found if found is None else f"{UNREADABLE} {found.reason}" if isinstance(found, Refusal) else text(found)


def _stamp(given: object) -> Stamp | Refusal | None:
    if isinstance(given, Stamp):
        return standardize(given)
    if (found := stamp_of(given)) is not None:
        return found if isinstance(found, Refusal) else standardize(found)
    if not isinstance(given, Mapping) or "image" not in given:
        return None
    try:
        return Stamp.of(**given)
    except DataError as error:
        return Refusal(str(error))
    except (TypeError, ValueError) as error:  # other keys than the arguments, or a scale that is no number
        return Refusal(f"expected the arguments of Stamp.of: {error}")


def copied(stamp: Stamp) -> Stamp:
    """A stamp with an image of the caller's own."""
    return replace(stamp, image=stamp.image.copy())


KINDS = "Stamp, mappings with image, pixel_scale and variance, or astropy's HDUList, image HDU and NDData"

OBJECTS = Objects(kinds=KINDS, text=stamp_text, of=copied)


# Converts stamps to GalSim objects.


def galsim_object(stamp: Stamp, band: int = 0, **options: Any) -> galsim.GSObject:
    """A `galsim.InterpolatedImage` of one band: nJy and arcsec, so that `drawImage(scale=...)` gives nJy in a pixel.

    The stamp's own pixel and PSF are part of the profile: draw it with `method="no_pixel"` to get the stamp back, and
    deconvolve `galsim_psf(stamp)` first to replace the PSF by another. options: those of InterpolatedImage.
    """
    import galsim

    plane = np.ascontiguousarray(stamp.image[band], np.float64)
    return galsim.InterpolatedImage(galsim.ImageD(plane, scale=stamp.pixel_scale), normalization="flux", **options)


def galsim_psf(stamp: Stamp, band: int = 0) -> galsim.GSObject | None:
    """The PSF of a stamp's band with unit flux, None for a stamp without PSF."""
    import galsim

    psf = stamp.psf_of(band)
    if psf is None:
        return None
    plane = np.ascontiguousarray(psf, np.float64)
    return galsim.InterpolatedImage(galsim.ImageD(plane, scale=stamp.pixel_scale), flux=1.0)
