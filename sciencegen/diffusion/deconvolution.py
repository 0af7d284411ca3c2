"""Samples of noise-free, unblurred images given one observed image, by a diffusion model of observed images.

The prior is the model's p(x | no psf, least variance): images with hardly any noise. They are stretched, x = c sinh(u),
so that the observation y = psf * (c sinh u) + noise isn't linear in u; `posterior.observing` linearizes it at each
estimate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.diffusion.model import Bend
from sciencegen.diffusion.observed_images import ObservedImageDiffusion
from sciencegen.diffusion.posterior import Observation, observing
from sciencegen.diffusion.stretch import unstretched
from sciencegen.errors import ConfigError
from sciencegen.networks.convolution import convolved
from sciencegen.networks.normal import standard_normal
from sciencegen.networks.pixels import images_at_once

LARGEST = 20.0
"""Of |u|, so that sinh stays finite where an estimate is far off."""
LARGEST_CHANGE = 1.75
"""Of u at one noise level, within which sinh is taken to be linear. Without it, single samples ended far from the
observation."""


@dataclass(frozen=True)
class DeconvolutionSettings:
    """sampler, steps: from noise to an image. iterations: of conjugate gradients in each step, in which the network's
    gradient is computed once more than these. temperature: of the likelihood N(y; psf * x, T v); with T = 1, a prior
    that doesn't describe every image claims too much (Miller and Dunson 2019, on coarsened posteriors)."""

    sampler: str = "ancestral"
    steps: int = 40
    iterations: int = 2
    temperature: float = 1.0


def deconvolved_samples(
    model: ObservedImageDiffusion,
    image: Batch,
    samples: int,
    generator: Generator,
    settings: DeconvolutionSettings | None = None,
) -> Float[Tensor, "sample band y x"]:
    """Images that agree with one observed image, in its unit, with noise of the least variance.

    Parameters
    ----------
    model : ObservedImageDiffusion
        Trained with noise-free images; its conditions aren't used.
    image : Batch
        Of one image, with its variance and, if it is blurred, its psf.
    samples : int
        How many.
    generator : torch.Generator
        On the CPU; the samples depend on the image, the model and this alone.
    settings : DeconvolutionSettings, optional

    Raises
    ------
    ConfigError
        For a model that has not learned from noise-free images.
    """
    if not model.least_variance.any():
        raise ConfigError("Expected a model that has learned from noise-free images, too, got one of observed alone.")
    s, diffusion, noise_free = settings or DeconvolutionSettings(), model.diffusion, _noise_free(model, image)
    unit, context = model.unit(noise_free), model.context(noise_free)
    bend = _given(model, image, unit, s)
    noise = standard_normal((samples, diffusion.latent_size), generator, image[IMAGE])
    found = []
    for rows in noise.split(images_at_once(image[IMAGE].numel())):
        start = diffusion.start(rows, None, context.repeat_interleave(len(rows)))
        drawn = diffusion.draw(start, s.sampler, s.steps, bend=bend)
        found.append(unstretched(drawn[IMAGE]) * unit)
    return torch.cat(found)


def _noise_free(model: ObservedImageDiffusion, image: Batch) -> Batch:
    """No psf and no noise, for one image."""
    nothing = image[IMAGE].new_zeros
    return Batch({PSF: nothing(1, model.psf_channels, 1, 1), VARIANCE: nothing(1, image[IMAGE].shape[1], 1, 1)})


def _given(model: ObservedImageDiffusion, image: Batch, unit: Tensor, settings: DeconvolutionSettings) -> Bend:
    """Guides by the observed image. unit: c above."""
    psf, deviation = image.fields.get(PSF), (settings.temperature * image[VARIANCE]).sqrt()

    def residual(u: Tensor) -> Tensor:
        seen = convolved(unstretched(u.clamp(-LARGEST, LARGEST)) * unit, psf)
        return ((image[IMAGE] - seen) / deviation).flatten(1)

    def sensitivity(u: Tensor) -> Tensor:
        slope = unit * torch.cosh(u.clamp(-LARGEST, LARGEST))
        squares = convolved(slope.square(), None if psf is None else psf.square())
        return (squares.clamp(min=0) / deviation.square()).flatten(1)

    given = Observation(IMAGE, residual, sensitivity, LARGEST_CHANGE, settings.iterations)
    return lambda denoise: observing(denoise, model.diffusion.state, given)
