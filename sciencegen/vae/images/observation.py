"""The likelihood of an image observed with a point spread function and with noise of known variance."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.errors import ShapeError
from sciencegen.networks.convolution import convolved
from sciencegen.networks.normal import LOG_2_PI, standard_normal
from sciencegen.networks.symmetry import turned
from sciencegen.vae.likelihoods import Gaussian

FAINTEST = 1e-4
"""Relative to the peak: a floor of the brightness from which a model's allowed error is computed."""
LEAST_POWER = 0.05
"""Least power of noise at a frequency relative to white noise, so that no data count for more than 20 times as much."""
DARK = 1e-9
"""Relative to the peak: a floor of the brightness whose roughness counts, so that gradients stay finite."""


def observed(image: Float[Tensor, "batch band y x"], like: Batch, misfit: float = 0.0) -> Gaussian:
    """p(x | m) = N(psf * m, variance + misfit^2 p (|x| + 1e-4 p)), psf and variance of `like`. Lanusse et al. 2021.

    misfit: the allowed error of a model, relative to the peak p of x; its variance is proportional to brightness, as
    that of photon noise. Without it, bright and noise-free images would outweigh all others by the square of their
    signal-to-noise ratio. It is computed from the observed image x, like an error bar: computed from m, it would favour
    models with high peaks, which allow large errors. Only misfit 0 gives a proper density of x.
    """
    image = image.to(torch.promote_types(image.dtype, torch.float32))
    mean = convolved(image, like.fields.get(PSF))
    variance = like[VARIANCE].to(mean).expand_as(mean)
    if misfit:
        bright = like[IMAGE].to(mean).abs()
        peak = bright.amax((-2, -1), keepdim=True)
        variance = variance + misfit**2 * peak * (bright + FAINTEST * peak)
    return Gaussian(mean, 0.5 * variance.clamp(min=torch.finfo(mean.dtype).tiny).log())


def noise_power(correlation: Float[Tensor, "band v u"], side: int) -> Float[Tensor, "band y x"]:
    """The power spectrum of noise with this autocovariance on an image's own frequencies: its transform (Wiener and
    Khinchin), averaged over turns and mirrorings, since training images are turned."""
    lags = correlation.shape[-1]
    if lags > side:
        raise ShapeError(f"Expected a correlation of at most {side} offsets, got {lags}. Crop it.")
    alike = torch.stack([turned(correlation, element) for element in range(8)]).mean(0)
    around = functional.pad(alike, (0, side - lags, 0, side - lags)).roll((-(lags // 2), -(lags // 2)), (-2, -1))
    return torch.fft.fft2(around).real.clamp(min=LEAST_POWER)


def whitened(
    residual: Float[Tensor, "batch band y x"], power: Float[Tensor, "band y x"] | None
) -> Float[Tensor, "batch band y x"]:
    """Noise of this power spectrum as white noise of variance 1: each Fourier amplitude over the root of its power,
    as if the image were periodic (Whittle 1953)."""
    return residual if power is None else torch.fft.ifft2(torch.fft.fft2(residual) / power.sqrt()).real


def log_prob_observed(
    seen: Gaussian, image: Float[Tensor, "batch band y x"], power: Float[Tensor, "band y x"] | None, noisy: Tensor
) -> Float[Tensor, " batch"]:
    """Log p(x | m) of noise with this power spectrum, None for white noise; noisy [batch]: which images have noise.

    log N(x; mean, C),  C = S^(1/2) K S^(1/2),  S: the variances, K: the circulant matrix of the correlation. A model's
    allowed error, which is part of S, is taken to be correlated as the noise is.
    """
    if power is None:
        return seen.log_prob(image)
    residual = (image.to(seen.mean) - seen.mean) * (-seen.log_std).exp()
    white = torch.where(noisy[:, None, None, None], whitened(residual, power), residual)
    log_volume = seen.log_std.expand_as(residual).flatten(1).sum(1) + 0.5 * noisy * power.log().sum()
    return -0.5 * (white.square() + LOG_2_PI).flatten(1).sum(1) - log_volume


def roughness(image: Float[Tensor, "batch band y x"]) -> Float[Tensor, " batch"]:
    """Half the sum of squares of the fourth differences along x and y, divided by 16, of the logarithm l of a positive
    image: (l_[i-2] - 4 l_[i-1] + 6 l_i - 4 l_[i+1] + l_[i+2]) / 16.

    Small for smooth profiles, and largest for an alternation of pixels, which no blurred image shows: without a prior
    against it, a decoder that is trained on blurred images may draw one. Differences below `DARK` of the peak don't
    count.
    """
    peak = image.detach().amax((-2, -1), keepdim=True)
    log = torch.maximum(image, (DARK * peak).clamp(min=torch.finfo(image.dtype).tiny)).log()
    along = (log.diff(n=4, dim=axis) / 16 for axis in (-2, -1))
    return sum((0.5 * each.square().sum((-3, -2, -1)) for each in along), log.new_zeros(()))


def with_noise(
    image: Float[Tensor, "batch band y x"], like: Batch, generator: Generator
) -> Float[Tensor, "batch band y x"]:
    """An image convolved by the psf of `like`, with noise of its variance added."""
    mean = convolved(image, like.fields.get(PSF))
    return mean + like[VARIANCE].to(mean).sqrt() * standard_normal(mean.shape, generator, mean)
