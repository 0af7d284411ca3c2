"""The diffusion model of images: a U-Net or U-ViT in Euclidean space. Kingma et al. 2021 (VDM)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.diffusion.model import (
    EVALUATION_SEED,
    Accept,
    Condition,
    DiffusionModel,
    DiffusionSettings,
    HoldsDiffusion,
)
from sciencegen.diffusion.objectives import DiffusionBound
from sciencegen.diffusion.schedules import noise_schedule
from sciencegen.diffusion.state import Euclidean, Field, State, with_fields
from sciencegen.diffusion.steering import Steering
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.pixels import ConditionKinds
from sciencegen.networks.shared_noise import check_latents, standard_normal
from sciencegen.networks.unet import UNetDenoiser, UNetSettings
from sciencegen.networks.uvit import ImageUViTDenoiser, UViTSettings

ImageNetworkName = Literal["unet", "uvit"]

IMAGE_NETWORKS: tuple[str, ...] = get_args(ImageNetworkName)


@dataclass(frozen=True)
class ImageDiffusionSettings:
    """network: "unet", which may be equivariant, or "uvit". unet, uvit: settings of the networks. log_snr_max,
    log_snr_min: ends of the schedule; variations below e^(-log_snr_max / 2) of an image's standard deviation are not
    modelled. diffusion: settings of training and of sampling; its default weighting is that of the bound, because the
    instrument's noise is modelled with the signal. A draw takes 32 evaluations of the network: the first step from pure
    noise, 30 further steps, the last estimate. They are denser at the noise, which decides how bright an image is, and
    where the learned schedule has few."""

    unet: UNetSettings = field(default_factory=UNetSettings)
    log_snr_max: float = 10.0
    log_snr_min: float = -9.0
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(
            weighting="elbo",
            dropout=ConditionDropout(some=0.5, everything=0.1, few=0.5),
            steps=30,
            crowding=0.5,
            pure_noise=True,
        )
    )
    network: ImageNetworkName = "unet"
    uvit: UViTSettings = field(default_factory=lambda: UViTSettings(patch=4))

    def __post_init__(self) -> None:
        if self.network not in IMAGE_NETWORKS:
            raise unknown_name("network", self.network, IMAGE_NETWORKS)


def image_diffusion(
    shape: Sequence[int],
    conditions: ConditionKinds | None = None,
    context: Mapping[str, int] | None = None,
    settings: ImageDiffusionSettings | None = None,
) -> DiffusionModel:
    """A `LatentModel` of images of `shape` (channels, y, x) whose values have a standard deviation of about 1.

    conditions: how the columns of the condition transform. context: number of channels of each field that is given with
    the image (`UNetDenoiser`); `generate` then takes a Batch of these fields as `like`. `terms` gives the bound in nats
    per image; in bits per dimension: `terms(batch).bits_per_dimension(model.state.dimensions(batch), step)`.
    """
    s = settings or ImageDiffusionSettings()
    if s.network == "uvit":
        network: UNetDenoiser | ImageUViTDenoiser = ImageUViTDenoiser(IMAGE, shape, conditions, context, s.uvit)
    else:
        network = UNetDenoiser(IMAGE, shape, conditions, context, s.unet)
    state = State({IMAGE: Field(Euclidean(), positions=0)})
    schedule = noise_schedule(s.diffusion.schedule or "learned", s.log_snr_max, s.log_snr_min)
    return DiffusionModel(network, state, schedule, {IMAGE: tuple(shape)}, s.diffusion)


# Pixels in units of their noise, stretched: linear where noise dominates, logarithmic where a galaxy is bright.
#
#     u = asinh(w),   w = pixel / sigma of its noise          Lupton, Gunn & Szalay 1999, softened at one sigma
#
# Noise of standard deviation 1 in w has a standard deviation in u of 1 where w is near 0, and of about 1 / w where w is
# large.


def stretched(pixels: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Maps w to u."""
    return torch.asinh(pixels)


def unstretched(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Maps u to w."""
    return torch.sinh(values)


def log_slope(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Log du/dw = -log cosh u, as a function of u: the log density of w minus that of u, in nats per pixel."""
    size = values.abs()
    return math.log(2) - size - functional.softplus(-2 * size)


# A diffusion model of observed images: blurred by a point spread function (psf), with noise of known variance.
#
# It models p(x | c, psf, variance), where x are the noisy pixels; psf and variance are inputs of the network. The
# network works on pixels in units of their noise (`stretched`). Images are not deconvolved.

NOISE = "noise"
"""Input of the network: the logarithm of sigma (variances must be above 0), minus its mean over `seen`. The network's
psf is divided by the largest value of those in `seen`, and has as many channels as these (`psf_channels`). The other
fields are those of `data.observation`."""


class ObservedImageDiffusion(HoldsDiffusion):
    """A `LatentModel` of Batches with the fields image, psf and variance.

    diffusion: model of stretched images, with the context `psf` and `noise` (`image_diffusion`). seen: psf and
    variance of a few items [kept ...]. Each draw uses one of them, selected by the first number of its latent: the
    index is the integer part of kept Phi(number). The rest of a latent is the image's noise. steps_per_sigma: pixels
    are whole multiples of the item's smallest sigma divided by this. They are dequantized with uniform noise before
    they are stretched (Theis et al. 2016). least_variance [band 1 1]: of the noise of any image; what an image's noise
    lacks is added, so that noise-free images have a density. With it, the unit of the stretch is at least the smallest
    sigma in `seen`.
    """

    psf: Tensor
    variance: Tensor
    least_variance: Tensor
    least_unit: Tensor

    def __init__(
        self, diffusion: DiffusionModel, seen: Batch, steps_per_sigma: int, least_variance: Tensor | None = None
    ) -> None:
        super().__init__(diffusion)
        if steps_per_sigma < 1 or not len(seen):
            raise ConfigError(f"Expected 1 or more steps of a sigma, and items, got {steps_per_sigma} and {len(seen)}.")
        self.steps_per_sigma = steps_per_sigma
        self.psf_channels = psf_channels(seen)
        self.register_buffer("psf", seen[PSF], persistent=False)
        self.register_buffer("variance", seen[VARIANCE], persistent=False)
        least = torch.zeros(1, 1, 1) if least_variance is None else least_variance
        self.register_buffer("least_variance", least, persistent=False)
        smallest = seen[VARIANCE].amin((0, -2, -1), keepdim=True)[0].sqrt()
        self.adds_noise = bool(least.any())
        self.register_buffer("least_unit", smallest * self.adds_noise, persistent=False)
        self.psf_scale = float(seen[PSF].max()) or 1.0
        self.log_sigma = float(0.5 * seen[VARIANCE].log().mean())
        self.latent_size = self.semantic_size = 1 + diffusion.latent_size

    # --- training -----------------------------------------------------------------------------------------------------

    def embed(self, batch: Batch, generator: Generator | None = None) -> Batch:
        """The inputs of the diffusion: the image, dequantized and stretched, psf and noise. Without a generator, pixels
        stay at the centre of their bins and get no noise."""
        image = batch[IMAGE]
        if generator is not None:
            uniform = torch.rand(image.shape, generator=generator, device=generator.device, dtype=image.dtype)
            image = image + (uniform.to(image.device) - 0.5) * self.step(batch) + self._missing_noise(batch, generator)
        fields = {IMAGE: stretched(image / self.unit(batch)), **self._given(batch)}
        return Batch(fields, batch.mask, batch.condition)

    def _missing_noise(self, batch: Batch, generator: Generator) -> Tensor | float:
        """The noise that brings images to the least variance; 0 if that is 0."""
        if not self.adds_noise:
            return 0.0
        image = batch[IMAGE]
        deviation = (self.least_variance.to(image) - batch[VARIANCE].to(image)).clamp(min=0).sqrt()
        return deviation * standard_normal(image.shape, generator, image)

    def _variance(self, batch: Batch) -> Float[Tensor, "batch band y x"]:
        return torch.maximum(batch[VARIANCE], self.least_variance.to(batch[VARIANCE]))

    def _sigma(self, batch: Batch) -> Float[Tensor, "batch band y x"]:
        variance = self._variance(batch)
        sigma = variance.to(batch[IMAGE] if IMAGE in batch.fields else variance).sqrt()
        if sigma.device.type == "cpu" and not (sigma > 0).all():  # elsewhere the host would have to wait
            raise DataError("Expected noise of a variance above 0, since pixels are divided by its root; got 0.")
        return sigma

    def unit(self, batch: Batch) -> Float[Tensor, "batch band y x"]:
        """Of pixels before they are stretched."""
        sigma = self._sigma(batch)
        return torch.maximum(sigma, self.least_unit.to(sigma))

    def step(self, batch: Batch) -> Float[Tensor, "batch band 1 1"]:
        """The quantization step of the pixels, in their unit."""
        return self._sigma(batch).amin((-2, -1), keepdim=True) / self.steps_per_sigma

    def _given(self, batch: Batch) -> dict[str, Tensor]:
        return {PSF: self._psf(batch) / self.psf_scale, NOISE: self._sigma(batch).log() - self.log_sigma}

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> DiffusionBound:
        """The bound on -log p(x | c, psf, variance) in nats, with x in the image's own unit and dequantized.

        -log p(x) = -log p(u) - sum log du/dx,   du/dx = (du/dw) / unit.
        """
        generator = generator or Generator().manual_seed(EVALUATION_SEED)
        x = self.embed(batch, generator)
        bound = self.diffusion.terms(x, generator)
        slope = (log_slope(x[IMAGE]) - self.unit(batch).log()).flatten(1).sum(1)
        return replace(bound, reconstruction=bound.reconstruction - slope)

    def bits_per_pixel(self, batch: Batch, generator: Generator | None = None) -> Float[Tensor, " batch"]:
        """An upper bound on the bits per pixel, quantized to multiples of `step`: the bound of the density, minus log2
        of the step. Noise alone takes at least `noise_bits` per pixel."""
        steps = self.step(batch).log().expand(-1, batch[IMAGE].shape[1], 1, 1).mean((1, 2, 3))
        nats = self.terms(batch, generator).nats / batch[IMAGE][0].numel()
        return (nats - steps) / math.log(2)

    @property
    def noise_bits(self) -> float:
        """log2(steps_per_sigma sqrt(2 pi e)): bits per pixel of white Gaussian noise alone."""
        return math.log2(self.steps_per_sigma * math.sqrt(2 * math.pi * math.e))

    def _psf(self, batch: Batch) -> Float[Tensor, "batch channel y x"]:
        """A psf for each channel of the network, of items that have one for all bands or one for each."""
        psf = batch[PSF]
        return psf if psf.ndim == 4 else psf[:, None].expand(-1, self.psf_channels, -1, -1)

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """The noise of each item by the probability flow, given the nearest psf and variance of `seen`: `decode`
        restores the pixels, with that psf and variance. The condition is not used."""
        place = self._nearest(batch)
        x = self.embed(with_fields(self._seen(place), {IMAGE: batch[IMAGE]}))
        middle = torch.special.ndtri((place.double() + 0.5) / len(self.psf)).to(x[IMAGE])
        return torch.cat([middle[:, None], self.diffusion.encode(x)], 1)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """The inverse of `encode`."""
        like = self._like(latent)
        return self._read(self.diffusion.decode(latent[:, 1:], condition, self.context(like)), like)

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """The noise itself: latents are standard normal under every condition."""
        self._like(noise)
        return noise

    @torch.no_grad()
    def generate(
        self,
        noise: Float[Tensor, "batch latent"],
        condition: Condition = None,
        accept: Accept | None = None,
        like: Batch | None = None,
    ) -> Batch:
        """Draw items of p(x | c, psf, variance) with the diffusion's sampler and guidance. like: psf and variance; by
        default those of `seen` that the noise selects."""
        like = self._like(noise) if like is None else like
        return self._read(self.diffusion.generate(noise[:, 1:], condition, like=self.context(like)), like)

    @torch.no_grad()
    def steered(
        self, noise: Float[Tensor, "particle latent"], steering: Steering, condition: Condition = None
    ) -> Batch:
        """One item for each `steering.count` rows, with the psf and variance that the first row selects."""
        noise = noise.clone()
        noise[:, 0] = noise[:: steering.count, 0].repeat_interleave(steering.count)
        like = self._like(noise)
        inside = steering.after(lambda x: self._read(x, like))
        drawn = self.diffusion.draw_steered(self.diffusion.start(noise[:, 1:], condition, self.context(like)), inside)
        return steering.best(self._read(drawn, like))

    def _like(self, latent: Float[Tensor, "batch latent"]) -> Batch:
        check_latents(latent, self.latent_size)
        place = (torch.special.ndtr(latent[:, 0].double()) * len(self.psf)).long()
        return self._seen(place.clamp(max=len(self.psf) - 1))

    def _seen(self, place: Int[Tensor, " batch"]) -> Batch:
        return Batch({PSF: self.psf[place], VARIANCE: self.variance[place]})

    def context(self, like: Batch) -> Batch:
        """The fields that are given to the diffusion, from psf and variance."""
        return Batch(self._given(like))

    def _read(self, drawn: Batch, like: Batch) -> Batch:
        image = unstretched(drawn[IMAGE]) * self.unit(like)
        return Batch({IMAGE: image, PSF: like[PSF], VARIANCE: self._variance(like)})

    def _nearest(self, batch: Batch) -> Int[Tensor, " batch"]:
        """Index in `seen` nearest to each item by psf (relative squared distance) and noise (that of log sigma)."""
        side = max(int(batch[PSF].shape[-1]), int(self.psf.shape[-1]))
        both = (self._psf(one) for one in (batch, Batch({PSF: self.psf.to(batch[PSF])})))
        psf, kept = (functional.pad(one, [(side - one.shape[-1]) // 2] * 4).flatten(1) for one in both)
        squares = kept.square().sum(1).mean().clamp(min=torch.finfo(kept.dtype).tiny)
        here = self._variance(batch).to(psf)
        kept_noise, noise = (0.5 * one.mean((-2, -1)).log() for one in (self.variance.to(psf), here))
        blur = (psf[:, None] - kept).square().sum(-1) / squares
        return (blur + (noise[:, None] - kept_noise).square().sum(-1)).argmin(1)


def psf_channels(seen: Batch) -> int:
    """1 for a psf of all bands, else their number."""
    return int(seen[PSF].shape[1]) if seen[PSF].ndim == 4 else 1
