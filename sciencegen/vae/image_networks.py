"""The networks of the variational autoencoder of images: from an image to latents, and from latents to an image.

Brightness spans orders of magnitude, between images and within one. So an image is m = flux * shape in each band. The
log flux is predicted from code and condition by a linear layer plus a small network. shape = softmax over the pixels of
the decoder's output, the log surface brightness: it is positive, sums to 1, and is smooth in faint and bright regions.
With `profiles`, that is only the structure of an object: a share of its light, beside elliptical profiles (`Profiles`).
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
from sciencegen.networks.pixels import convolved, cropped, on_pixels, padded, turned
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
from sciencegen.networks.shared_noise import LOG_2_PI, standard_normal
from sciencegen.vae.likelihoods import Gaussian
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior, standard_normal_kl, standard_normal_log_prob

# Elliptical profiles in a decoder of images: the part of an object's light that is smooth and symmetric.
#
#     shape(p) = sum_k share_k S(p; r_k, n_k, g_k) + share_0 structure(p),    the shares sum to 1
#     S ∝ exp(-b(n) (rho / r)^(1/n)),    b(n) = 2 n - 1/3 + 4 / (405 n),    rho = |G^-1 (p - centre)|
#
# Sérsic 1968; Ciotti & Bertin 1999, eq. 18. G turns a circle into an ellipse of equal area with g = (1 - q) / (1 + q),
# q its axis ratio. Many galaxies are smooth and symmetric to a thousandth of their light, which convolutions alone
# don't draw: errors of a percent of the brightness in each pixel add up to a tenth of the light.

SQUARES = ((8, 3), (1, 16))
"""(half-width in pixels, samples per pixel along x and y) of squares in the middle, where profiles are averaged over
more samples than one a pixel. An index of 4 at a radius of 2 pixels is then exact to 1% of the light."""
RADII, INDICES = (0.03, 0.06), (3.0, 1.0)
"""Half-light radii relative to the image's side, and Sérsic indices, from which profiles start: bulge and disc in
turn."""
RADIUS_RANGE, INDEX_RANGE = 2.5, 0.9
"""Greatest changes of the logarithms of radius and index."""
SOFTENING = 0.03
"""Pixels, added in quadrature to rho, so that gradients at the centre stay finite."""
FLATTEST = 0.85
"""Greatest ellipticity g."""
STRUCTURE = -4.0
"""Logit of the structure's share from which it starts; those of profiles start from 0."""

Image = Float[Tensor, "batch profile y x"]


class Profiles(nn.Module):
    """The parameters of `count` profiles as functions of `inputs` numbers, and their images.

    Profiles have one centre, within a pixel of the middle. Their shares differ between bands, radii and shapes don't.
    All is computed in the weights' own precision, also under autocast: an error of 0.4% in a radius would be visible.
    """

    log_radius: Tensor
    log_index: Tensor
    logits: Tensor

    def __init__(self, inputs: int, bands: int, side: int, count: int) -> None:
        super().__init__()
        self.side, self.parts = side, (count + 1, bands)
        self.sizes = [2, count, count, 2 * count, (count + 1) * bands]
        self.plain = linear(inputs, sum(self.sizes), zero=True)
        self.bend = MLP(inputs, sum(self.sizes), 128, 2, zero_output=True)
        alternating = torch.arange(count) % 2
        self.register_buffer("log_radius", (side * torch.tensor(RADII)[alternating]).log(), persistent=False)
        self.register_buffer("log_index", torch.tensor(INDICES)[alternating].log(), persistent=False)
        self.register_buffer("logits", torch.tensor([[STRUCTURE], *[[0.0]] * count]), persistent=False)

    def forward(
        self, inputs: Float[Tensor, "batch input"]
    ) -> tuple[Float[Tensor, "batch band y x"], Float[Tensor, "batch band"]]:
        """The sum of all profiles, share_k S_k, and the share of the structure."""
        with torch.autocast(inputs.device.type, enabled=False):
            inputs = inputs.to(self.plain.weight)
            values = self.plain(inputs) + self.bend(inputs)
            centre, radius, index, shape, light = values.split(self.sizes, 1)
            parts = (self.logits + light.unflatten(1, self.parts)).softmax(1)
            structure, shares = parts[:, 0], parts[:, 1:]
            images = profile_images(
                centre.tanh(),
                self.log_radius + _limited(radius, RADIUS_RANGE),
                (self.log_index + _limited(index, INDEX_RANGE)).exp(),
                _shortened(shape.unflatten(1, (-1, 2))),
                self.side,
            )
            return torch.einsum("nkb,nkyx->nbyx", shares, images), structure


def profile_images(
    centre: Float[Tensor, "batch 2"],
    log_radius: Float[Tensor, "batch profile"],
    index: Float[Tensor, "batch profile"],
    g: Float[Tensor, "batch profile 2"],
    side: int,
) -> Image:
    """Sérsic profiles of sum 1. centre: x and y relative to the image's, in pixels, as radii are."""
    form = (centre[:, None], log_radius, index, g)
    image = _averaged(*form, side, 1)
    for half, samples in SQUARES:
        margin = max(0, side // 2 - half)
        finer = functional.pad(_averaged(*form, side - 2 * margin, samples), [margin] * 4)
        image = torch.where(finer > 0, finer, image)
    return image / image.sum((-2, -1), keepdim=True)


def _averaged(centre: Tensor, log_radius: Tensor, index: Tensor, g: Tensor, side: int, samples: int) -> Image:
    """Of a square of this side in the middle, each pixel the mean of its samples."""
    at = (torch.arange(side * samples, device=g.device) + 0.5) / samples - side / 2
    x, y = (at - centre[..., :1])[..., None, :], (at - centre[..., 1:])[..., :, None]
    g1, g2 = g[..., 0, None, None], g[..., 1, None, None]
    along, across = (1 - g1) * x - g2 * y, (1 + g1) * y - g2 * x
    squared = (along.square() + across.square()) / (1 - g1.square() - g2.square()) + SOFTENING**2
    n = index[..., None, None]
    steepness = 2 * n - 1 / 3 + 4 / (405 * n)
    bright = (-steepness * ((0.5 * squared.log() - log_radius[..., None, None]) / n).exp()).exp()
    pixels = (side, samples)
    return bright if samples == 1 else bright.unflatten(-1, pixels).unflatten(-3, pixels).mean((-3, -1))


def _limited(value: Tensor, most: float) -> Tensor:
    return most * torch.tanh(value / most)


def _shortened(vector: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
    """A vector of any length as an ellipticity g, of length below `FLATTEST`."""
    length = (vector.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    return FLATTEST * length.tanh() / length * vector


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
        variance = batch[VARIANCE].to(image)
        least = variance.amin((-2, -1), keepdim=True)
        variance = torch.where(variance > MASKED * least, least, variance)  # of masked pixels: the least of their image
        noise = (variance + (SEEN * peak).square()).sqrt().clamp(min=tiny).expand_as(image)
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


# The likelihood of an image observed with a point spread function and with noise of known variance.

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
