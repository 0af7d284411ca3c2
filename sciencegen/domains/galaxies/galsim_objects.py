"""Converts stamps to GalSim objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.domains.galaxies.items import Stamp

if TYPE_CHECKING:
    import galsim


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
