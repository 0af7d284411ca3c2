"""The likelihood of an image that an instrument blurs by a point spread function and gives noise of known variance."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE, convolve
from sciencegen.errors import ShapeError
from sciencegen.networks.normal import standard_normal
from sciencegen.vae.likelihoods import Gaussian

FAINTEST = 1e-4
"""Of the peak: brightness below which a model's granted error falls no further."""


def convolved(
    image: Float[Tensor, "batch band y x"], psf: Float[Tensor, "batch *band v u"] | None
) -> Float[Tensor, "batch band y x"]:
    """Convolves by psf (`data.observation.convolve`); an image whose psf is missing or all zero stays as it is."""
    if psf is None:
        return image
    psf = psf[:, None] if psf.ndim == 3 else psf
    side = psf.shape[-1]
    if side % 2 == 0 or psf.shape[-2] != side or psf.shape[1] not in (1, image.shape[1]):
        raise ShapeError(f"Expected a psf of shape [batch y x] with y = x odd, got {list(psf.shape)}. Pad or crop it.")
    nothing = functional.pad(psf.new_ones(1, 1, 1, 1), [side // 2] * 4)
    psf = torch.where(psf.abs().sum((-2, -1), keepdim=True) > 0, psf, nothing).to(image)
    return convolve(image, psf, torch.fft)


def observed(image: Float[Tensor, "batch band y x"], like: Batch, misfit: float = 0.0) -> Gaussian:
    """p(x | m) = N(psf * m, variance + misfit^2 p (|x| + 1e-4 p)), with what `like` gives. Lanusse et al. 2021.

    misfit: the error that is granted to a model, as a share of the peak p of x; it falls with brightness as the noise
    of photons does. Without it, bright and noise-free images would outweigh all others by the square of their
    signal-to-noise ratio. It is taken from the stamp, as an error bar that comes with it: one that followed the model
    would reward a model for peaks that excuse everything. A density of x in the strict sense is that of misfit 0.
    """
    image = image.to(torch.promote_types(image.dtype, torch.float32))
    mean = convolved(image, like.fields.get(PSF))
    variance = like[VARIANCE].to(mean).expand_as(mean)
    if misfit:
        bright = like[IMAGE].to(mean).abs()
        peak = bright.amax((-2, -1), keepdim=True)
        variance = variance + misfit**2 * peak * (bright + FAINTEST * peak)
    return Gaussian(mean, 0.5 * variance.clamp(min=torch.finfo(mean.dtype).tiny).log())


def with_noise(
    image: Float[Tensor, "batch band y x"], like: Batch, generator: Generator
) -> Float[Tensor, "batch band y x"]:
    """An image as it would be seen through the psf and with the noise of `like`."""
    mean = convolved(image, like.fields.get(PSF))
    return mean + like[VARIANCE].to(mean).sqrt() * standard_normal(mean.shape, generator, mean)
