"""A noise-free stamp as a survey would see it: the forward model that observed stamps are taken for.

observed = twin * PSF + noise, on the stamp's own pixels; beyond its edge there is nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sciencegen.domains.base import Refusal
from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.survey import convolve, draw_psf, psf_half
from sciencegen.domains.galaxies.surveys import Survey


def observed(
    stamp: Stamp, psf: np.ndarray | None, variance: np.ndarray, generator: np.random.Generator
) -> Stamp | Refusal:  # fmt: skip
    """The stamp convolved with a PSF [y x] and with Gaussian noise of this variance, nJy² [band] or [band y x]."""
    if not stamp.noise_free or stamp.psf is not None:
        return Refusal("has a PSF or noise already: only a noise-free stamp without PSF can be observed")
    image = stamp.image.astype(np.float64)
    if psf is not None:
        image = convolve(image, psf.astype(np.float64))
    wide = variance if variance.ndim > 1 else variance[:, None, None]
    noise = generator.standard_normal(image.shape) * np.sqrt(wide)
    return standardize(replace(stamp, image=image + noise, psf=psf, variance=variance, source=""))


def observed_by(stamp: Stamp, survey: Survey, generator: np.random.Generator) -> Stamp | Refusal:
    """The stamp with a PSF and noise such as a survey has; its pixels must be the survey's."""
    if abs(stamp.pixel_scale / survey.pixel_scale - 1) > 1e-3:
        return Refusal(f"has pixels of {stamp.pixel_scale:g} arcsec, {survey.name} of {survey.pixel_scale:g}")
    if len(stamp.bands) > len(survey.bands):
        return Refusal(f"has {len(stamp.bands)} bands, {survey.name} has {len(survey.bands)}")
    side = 2 * psf_half(survey) + 1
    drawn = draw_psf(generator, survey).drawImage(nx=side, ny=side, scale=survey.pixel_scale, method="no_pixel").array
    variance = np.array([band.variance(survey.pixel_scale) for band in survey.bands[: len(stamp.bands)]])
    return observed(stamp, drawn / drawn.sum(), variance, generator)
