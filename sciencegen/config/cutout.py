"""Settings of `cutout`."""

from __future__ import annotations

from pydantic import Field

from sciencegen.config.base import Settings


class CutoutSettings(Settings):
    """side: pixels on a side. pixel_scale: arcsec; None keeps the image's own pixels, another one resamples them.
    bands: of the image's bands, those to take; none means all. extension: name or number of the image's HDU; None takes
    the first image. psf: a file with the PSF's image; psf_fwhm: arcsec, of a round Gaussian instead. variance: a file
    with the noise's variance in the image's unit squared; None takes extensions of the image's file, else the noise at
    each cut's edge. segments: a file with a map of sources, 0 for the sky; None takes an extension, else sources are
    found in each cut. neighbours: True leaves them in the items unmasked. sky: True subtracts the median at the edge.
    first_pixel: number of the first pixel in the catalogue's pixel positions; None takes that of the columns' names.
    limit: only the first rows of the catalogue."""

    side: int = Field(64, ge=1)
    pixel_scale: float | None = Field(None, gt=0)
    bands: tuple[str, ...] = ()
    extension: str | None = None
    psf: str | None = None
    psf_fwhm: float | None = Field(None, gt=0)
    variance: str | None = None
    segments: str | None = None
    neighbours: bool = False
    sky: bool = False
    first_pixel: int | None = Field(None, ge=0, le=1)
    limit: int | None = Field(None, ge=1)
