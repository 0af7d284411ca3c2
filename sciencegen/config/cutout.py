"""Settings of `cutout`."""

from __future__ import annotations

from pydantic import Field

from sciencegen.config.base import Settings


class CutoutSettings(Settings):
    """Settings of `cutout`."""

    side: int = Field(64, ge=1, description="Pixels on a side.")
    pixel_scale: float | None = Field(
        None,
        gt=0,
        description="Resample to pixels of this scale (arcsec), with the flux conserved. [default: the image's]",
    )
    bands: tuple[str, ...] = Field((), description="A band of the image to take; repeat it. [default: all]")
    extension: str | None = Field(
        None, description="Name or number of the image's HDU. [default: SCI, or the first image]"
    )
    psf: str | None = Field(
        None, description="A FITS file with the PSF's image. [default: the extension PSF, if there is one]"
    )
    psf_fwhm: float | None = Field(None, gt=0, description="FWHM of a round Gaussian PSF, in arcsec.")
    variance: str | None = Field(
        None,
        description="A FITS file with the noise's variance, in the image's unit squared. [default: an extension "
        "VARIANCE, IVAR or ERR, else the scatter at each stamp's edge]",
    )
    segments: str | None = Field(
        None,
        description="A FITS file with the numbers of sources, 0 for the sky. [default: an extension SEG, else sources "
        "are found in each stamp]",
    )
    neighbours: bool = Field(False, description="Leave neighbours unmasked.")
    sky: bool = Field(False, description="Subtract the median at each stamp's edge.")
    first_pixel: int | None = Field(
        None,
        ge=0,
        le=1,
        description="Number of the first pixel in the catalogue, 0 or 1. [default: 1; 0 for xcentroid]",
    )
    limit: int | None = Field(None, ge=1, description="Only the first rows of the catalogue. [default: all]")
