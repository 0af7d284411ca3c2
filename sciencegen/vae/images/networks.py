"""The networks of the variational autoencoder of images: from an image to latents, and from latents to an image.

Brightness spans orders of magnitude, between images and within one. So an image is m = flux * shape in each band. The
log flux is predicted from code and condition by a linear layer plus a small network. shape = softmax over the pixels of
the decoder's output, the log surface brightness: it is positive, sums to 1, and is smooth in faint and bright regions.
With `profiles`, that is only the structure of an object: a share of its light, beside elliptical profiles (`profiles`).
The encoder's input is asinh(x / noise), the logarithm of the noise and the point spread function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.conditions import beside_condition
from sciencegen.networks.mlp import MLP, linear
from sciencegen.networks.normal import standard_normal
from sciencegen.networks.pixels import cropped, on_pixels, padded
from sciencegen.networks.pyramid import (
    BottomUp,
    Choose,
    PyramidSettings,
    TopDown,
    map_shapes,
    map_widths,
    texture_shapes,
    zero_convolution,
)
from sciencegen.vae.gaussian import DiagonalGaussian, standard_normal_kl, standard_normal_log_prob
from sciencegen.vae.images.profiles import Profiles
from sciencegen.vae.posteriors import GaussianPosterior

SEEN = 1e-3
"""Least noise in the encoder's input, relative to the brightest pixel."""

MASKED = 1e3
"""Variance of a pixel relative to the least one of its image, from which it counts as masked."""

Condition = Float[Tensor, "batch property"] | None


@dataclass(frozen=True)
class FluxScale:
    """Mean and standard deviation of the logarithm of the images' sums, of the training data."""

    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        if not self.std > 0:
            raise ConfigError(f"Expected a standard deviation of log flux above 0, got {self.std}.")


class Light(NamedTuple):
    """A decoded image, and the part of it that is structure: all of it without profiles."""

    image: Float[Tensor, "batch band y x"]
    structure: Float[Tensor, "batch band y x"]

    def share(self) -> Float[Tensor, "batch band"]:
        """That of the structure in the flux."""
        return self.structure.sum((-2, -1)) / self.image.sum((-2, -1))

    def textured(self, texture: Float[Tensor, "batch band y x"]) -> Float[Tensor, "batch band y x"]:
        """The image with this texture, in the logarithm of the structure, whose flux stays."""
        rough = self.structure * (texture - texture.amax((-2, -1), keepdim=True)).exp()
        flux = self.structure.sum((-2, -1), keepdim=True)
        return self.image - self.structure + rough * flux / rough.sum((-2, -1), keepdim=True)


@dataclass(frozen=True)
class Inference:
    """Posteriors of a batch (of the code and of each map), a latent of each and of a texture [batch latent], and the
    decoded light.

    above: the decoder's features above each map and texture.

    Priors are N(0, I): of the code until another one is fitted, of the maps by their parametrization (`LatentMap`). A
    texture's noise has no posterior: nothing is inferred of it, and its latent is 0, so that the image has no texture.
    """

    posteriors: tuple[DiagonalGaussian, ...]
    latents: tuple[Tensor, ...]
    light: Light
    above: tuple[Tensor, ...] = ()

    @property
    def image(self) -> Float[Tensor, "batch band y x"]:
        return self.light.image

    def kl(self) -> Float[Tensor, "batch group"]:
        """KL(q || N(0, I)) of the code and of each map."""
        return torch.stack([standard_normal_kl(posterior) for posterior in self.posteriors], 1)

    def log_ratio(self) -> Float[Tensor, " batch"]:
        """Log q(u) - log N(u; 0, I) of the maps."""
        ratio = self.image.new_zeros(len(self.image))
        for posterior, latent in zip(self.posteriors[1:], self.latents[1:], strict=False):
            ratio = ratio + posterior.log_prob(latent) - standard_normal_log_prob(latent)
        return ratio


class ImageNetworks(nn.Module):
    """shape: bands, y and x. properties: columns of a condition. code: size. positive: whether shapes are positive.
    profiles: how many elliptical ones; of positive shapes only."""

    def __init__(
        self,
        shape: Sequence[int],
        properties: int,
        code: int,
        settings: PyramidSettings,
        scale: FluxScale,
        positive: bool = True,
        profiles: int = 0,
    ) -> None:
        super().__init__()
        self.shape, self.properties, self.scale, self.positive = tuple(shape), properties, scale, positive
        if len(self.shape) != 3 or self.shape[1] != self.shape[2]:
            raise ConfigError(f"Expected images of shape [band y x] with y = x, got {list(shape)}.")
        (bands, side, _), inputs = self.shape, code + 2 * properties
        self.map_shapes = [*map_shapes(settings, side), *texture_shapes(settings, side)]
        self.sizes = [code, *map(math.prod, self.map_shapes)]
        self.padded_side = settings.padded_side(side)
        self.reader = BottomUp(2 * bands + 1, settings)
        features = settings.widths[-1] * settings.sides(side)[-1] ** 2
        self.posterior = GaussianPosterior(features, code, properties, settings.known, 1)
        meetings = zip(map_widths(settings), settings.maps, strict=True)
        self.map_posteriors = nn.ModuleList([zero_convolution(sum(both), 2 * maps, 3) for both, maps in meetings])
        self.known = MLP(inputs, settings.known, settings.known, 1)
        self.writer = TopDown(bands, side, settings)
        self.flux, self.flux_bend = linear(inputs, bands, zero=True), MLP(inputs, bands, 64, 1, zero_output=True)
        self.profiles = Profiles(inputs, bands, side, profiles) if profiles else None

    def seen(self, batch: Batch) -> Float[Tensor, "batch channel y x"]:
        """The encoder's input: asinh(x / noise) and log noise of each band, and the psf relative to its peak. Masked
        pixels, which have a very large variance and hold other values, have the noise of the others."""
        image = batch[IMAGE]
        if tuple(image.shape[1:]) != self.shape:
            raise ShapeError(f"Expected '{IMAGE}' of shape [batch, *{list(self.shape)}], got {list(image.shape)}.")
        tiny, side = torch.finfo(image.dtype).tiny ** 0.5, self.shape[-1]
        peak = image.abs().amax((-2, -1), keepdim=True)
        noise = (_of_pixels(batch[VARIANCE].to(image)) + (SEEN * peak).square()).sqrt().clamp(min=tiny).expand_as(image)
        level = ((noise * side).log() - self.scale.mean) / self.scale.std
        psf = batch.fields.get(PSF, image.new_zeros(len(image), 1, 1))
        blur = psf.reshape(len(psf), -1, *psf.shape[-2:])[:, :1].to(image)
        blur = on_pixels(blur / blur.amax((-2, -1), keepdim=True).clamp(min=tiny), side, PSF)
        return torch.cat([torch.asinh(image / noise), level, blur], 1)

    def features(self, batch: Batch) -> list[Tensor]:
        """The encoder's features of each level, the finest first."""
        return self.reader(padded(self.seen(batch), self.padded_side))

    def code_posteriors(self, batch: Batch, conditions: Sequence[Condition]) -> list[DiagonalGaussian]:
        """q(code | x, c) under each of these conditions."""
        features = self.features(batch)[-1].flatten(1)
        return [self.posterior(features, condition) for condition in conditions]

    def infer(self, batch: Batch, condition: Condition, generator: Generator | None) -> Inference:
        """q(z | x, c) from the top down, each map given those above it; without a generator, latents are the means."""
        features = self.features(batch)
        posteriors = [self.posterior(features[-1].flatten(1), condition)]
        latents, above = [_draw(posteriors[0], generator)], []

        def choose(number: int, hidden: Tensor) -> Tensor:
            above.append(hidden)
            shape = self.map_shapes[number]
            if number < len(self.map_posteriors):
                output = self.map_posteriors[number](torch.cat([hidden, features[-2 - number]], 1))
                mean, log_std = output.chunk(2, 1)
                posteriors.append(DiagonalGaussian(mean.flatten(1), (4 * torch.tanh(log_std / 4)).flatten(1)))
                latents.append(_draw(posteriors[-1], generator))
            else:
                latents.append(hidden.new_zeros(len(hidden), math.prod(shape)))
            return latents[-1].unflatten(1, shape)

        light = self.light(latents[0], condition, choose, textured=False)
        return Inference(tuple(posteriors), tuple(latents), light, tuple(above))

    def light(self, code: Tensor, condition: Condition, choose: Choose, textured: bool = True) -> Light:
        """m(z, c) = flux * shape; `choose` gives the maps."""
        inputs = beside_condition(code, condition, self.properties)
        written = self.writer(functional.silu(self.known(inputs)), choose, textured)
        written = cropped(written, self.shape[-1]).flatten(2)
        written = written.to(torch.promote_types(written.dtype, torch.float32))
        log_flux = self.scale.mean + self.scale.std * (self.flux(inputs) + self.flux_bend(inputs)).to(written)
        image = structure = written.softmax(-1) if self.positive else written / written.shape[-1]
        if self.profiles is not None:
            smooth, share = self.profiles(inputs)
            structure = share[..., None] * structure
            image = smooth.flatten(2) + structure
        return Light(*((log_flux.exp()[..., None] * one).unflatten(-1, self.shape[1:]) for one in (image, structure)))

    def image_of(self, code: Tensor, maps: Sequence[Tensor], condition: Condition) -> Float[Tensor, "batch band y x"]:
        """m(z, c) of given maps, each [batch latent]."""
        return self.light(code, condition, lambda number, _: maps[number].unflatten(1, self.map_shapes[number])).image


def _draw(posterior: DiagonalGaussian, generator: Generator | None) -> Float[Tensor, "batch latent"]:
    if generator is None:
        return posterior.mean
    return posterior.reparameterized(standard_normal(posterior.mean.shape, generator, posterior.mean))[0]


def _of_pixels(variance: Float[Tensor, "batch band *pixels"]) -> Float[Tensor, "batch band *pixels"]:
    """The variance, where that of masked pixels is the least one of their image."""
    least = variance.amin((-2, -1), keepdim=True)
    return torch.where(variance > MASKED * least, least, variance)
