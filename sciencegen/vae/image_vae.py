"""The variational autoencoder of images that are observed with an instrument.

    log p(x | c) >= E_q(z|x,c) log N(x; psf * m(z, c), variance) - KL(q(z | x, c) || N(0, I))

Lanusse et al. 2021, section 3. The decoder's image m has neither blur nor noise: the PSF and noise of each stamp are
applied before m is compared with it, so that m is deconvolved and denoised. `networks` defines m. In units of the noise
alone, a few bright images would dominate the likelihood; `misfit` limits that (`image_networks.observed`).

Latents: z = (code, maps). The code describes the whole image; maps, if any, are the increasingly fine layers of a
ladder, whose posteriors combine the features of encoder and decoder at each level (Sønderby et al. 2016, section 2;
Kingma et al. 2016; Vahdat & Kautz 2020). A map is the u in z = mean(above) + std(above) u: its prior is N(0, I), its
posterior is relative to that, and the KL divergence is the same. Samples are drawn from priors that are fitted to the
trained model's posteriors: a flow p(code | c), and another one for each map (`image_priors.MapFlow`). The noise of a
texture (`networks.pyramid`) is a further map with the prior N(0, I); reconstructions and the bound are those
without texture.

Encoder, prior and decoder take the same condition c, so that the code need not repeat it. With `measure`, `decode`
adjusts the condition until the image has the requested properties (`conditions.corrected`). Sampling first imputes the
missing columns of c by a density of their own (`conditions.ConditionImputation`):

    p(x | c_given) = E p(c | c_given) p(code | c) p(maps | code, c) p(x | code, maps, c)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import Progress, no_progress
from sciencegen.networks.pixels import SYMMETRIES, ConditionKinds, convolved, images_at_once, turned
from sciencegen.networks.pyramid import PyramidSettings, map_widths
from sciencegen.networks.shared_noise import check_latents, standard_normal
from sciencegen.vae.bounds import BoundTerms, Warmup, negative_elbo
from sciencegen.vae.conditions import ConditionImputation, Measure, Settle, corrected
from sciencegen.vae.flows import FlowPrior, FlowSettings, PriorFit
from sciencegen.vae.image_networks import (
    Condition,
    FluxScale,
    ImageNetworks,
    log_prob_observed,
    noise_power,
    observed,
    roughness,
    whitened,
)
from sciencegen.vae.image_priors import MapFlow, Precision, Pretrained, fit_priors
from sciencegen.vae.model import VAE, Accept
from sciencegen.vae.posteriors import standard_normal_log_prob
from sciencegen.vae.priors import LATENT_PRIORS

BROAD, DEFENCE = 3.0, 1e-12
"""Standard deviation and weight of the broad part of the prior of codes in a bound."""


@dataclass(frozen=True)
class ImageVAESettings:
    """Sizes and training weights.

    beta: weight of the KL by step. free_bits: nats of the code, and of each map, that are not penalized.
    dropout: of conditions; it must drop all of them at times, because `encode` uses none. misfit: error of the
    model, relative to the peak. positive: whether images are above 0 everywhere. symmetry: orientations, of
    which one is drawn for the batch at each step. corrections: how often `decode` adjusts a condition, if the
    model can measure. latent_prior: p(code | c), "flow" or "diffusion"; flow_layers, flow_width: of its network;
    latent_diffusion: settings of the diffusion (`diffusion.model.DiffusionSettings`). wish_layers, wish_width:
    of the network of p(c | known values of c). map_width, map_steps: of each map's prior. smoothing: nats of the
    penalty on the image's `roughness`, so that detail that the PSF hides stays smooth; of positive images.
    correlated_noise: whether the likelihood takes noise to be correlated where it is
    (`ImageVAE.correlate_noise`). profiles: number of elliptical profiles in the decoder, 0 for none
    (`vae.image_networks`); structure: by step, nats of the penalty on the share of the light that they leave to
    the pyramid, without which they would stay unused.
    """

    code: int = 32
    pyramid: PyramidSettings = field(default_factory=PyramidSettings)
    latent_prior: str = "flow"
    latent_diffusion: Mapping[str, object] = field(default_factory=dict)
    flow_layers: int = 6
    flow_width: int = 128
    wish_layers: int = 3
    wish_width: int = 256
    map_width: int = 32
    map_steps: int = 8
    beta: Warmup = field(default_factory=lambda: Warmup("linear", 2000, 0.1, 1.0))
    free_bits: float = 0.0
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.1, few=0.5))
    misfit: float = 0.02
    positive: bool = True
    symmetry: str = "d4"
    corrections: int = 5
    smoothing: float = 1.0
    correlated_noise: bool = True
    profiles: int = 0
    structure: Warmup = field(default_factory=lambda: Warmup("linear", 10_000, 3000.0, 300.0))

    def __post_init__(self) -> None:
        if self.latent_prior not in LATENT_PRIORS:
            raise unknown_name("latent_prior", self.latent_prior, LATENT_PRIORS)
        if self.symmetry not in SYMMETRIES:
            raise unknown_name("symmetry", self.symmetry, SYMMETRIES)
        if self.code < 1 or min(self.misfit, self.corrections, self.smoothing, self.profiles) < 0:
            raise ConfigError(
                "Expected a code of 1 or more, misfit, corrections, smoothing and profiles of 0 or more, got "
                f"{self.code}, {self.misfit}, {self.corrections}, {self.smoothing} and {self.profiles}."
            )
        if not self.positive and (self.profiles or self.pyramid.texture):
            raise ConfigError("Expected positive images with profiles or texture, got positive: false. Set both to 0.")


class ImageVAE(VAE):
    """A `LatentModel` of images; a Batch has the fields of `observation`, the output of `decode` only the image.

    shape: bands, y and x. conditions: how their columns change in a rotation. scale: of the training images' flux.
    measure: images [batch band y x] -> measured properties [batch property], standardized as conditions are, NaN where
    one cannot be measured; a domain may set it. settle: recomputes the columns of a condition that depend on others.
    prior: of codes, if it is not a flow (`diffusion.vectors.DiffusionPrior`).

    A latent is (code, maps, wish); wish is the noise from which missing values of a condition are drawn, 0 for an
    encoded image. pretrained: the model whose weights this one started with, if any (`warm_start`).
    """

    evaluation_seed = 2008_0383
    pretrained: Pretrained | None = None
    noise_power: Tensor | None
    networks: Any
    prior: Any  # a FlowPrior, or an nn.Module with its methods
    map_flows: Any

    def __init__(
        self,
        shape: Sequence[int],
        conditions: ConditionKinds | None = None,
        settings: ImageVAESettings | None = None,
        scale: FluxScale | None = None,
        measure: Measure | None = None,
        settle: Settle | None = None,
        prior: nn.Module | None = None,
    ) -> None:
        super().__init__()
        s = self.settings = settings or ImageVAESettings()
        if (prior is None) != (s.latent_prior == "flow"):
            raise ConfigError(f"Expected a prior of codes with latent_prior 'diffusion' alone, got '{s.latent_prior}'.")
        self.conditions, self.measure = conditions or ConditionKinds(), measure
        count = self.conditions.count
        self.networks = ImageNetworks(shape, count, s.code, s.pyramid, scale or FluxScale(), s.positive, s.profiles)
        self.prior = prior or FlowPrior(s.code, count, FlowSettings(s.flow_layers, s.flow_width))
        self.wishes = ConditionImputation(count, s.wish_layers, s.wish_width, settle)
        levels = zip(self.networks.map_shapes, map_widths(s.pyramid), strict=False)  # a texture has no flow
        flows = [MapFlow(shape, above, self.conditions, s.map_width, s.map_steps) for shape, (above, _) in levels]
        self.map_flows = nn.ModuleList(flows)
        self.sizes = [*self.networks.sizes, count]
        self.semantic_size, self.latent_size = s.code, sum(self.sizes)
        self.register_buffer("noise_power", None, persistent=False)

    def correlate_noise(self, correlation: Float[Tensor, "band v u"]) -> None:
        """Take noise to have this autocovariance in units of its variance, in training and in the bound. Default: white
        noise."""
        self.noise_power = noise_power(correlation, self.networks.shape[-1])

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars per item in nats: loss, reconstruction, kl of all, and kl of the maps where there are any."""
        s, batch = self.settings, self.oriented(batch, generator)
        found = self.networks.infer(batch, s.dropout(batch.condition, generator), generator)
        log_prob, groups = self._log_prob(found.image, batch), found.kl()
        loss = negative_elbo(log_prob, groups, s.beta(step), s.free_bits)
        if s.positive and s.smoothing:
            loss = loss + s.smoothing * roughness(found.light.structure).mean()
        shown = {"reconstruction": -log_prob.mean(), "kl": groups.sum(1).mean()}
        if groups.shape[1] > 1:
            shown["kl_maps"] = groups[:, 1:].sum(1).mean()
        if s.profiles:
            shown["structure"] = found.light.share().mean()
            loss = loss + s.structure(step) * shown["structure"]
        return {"loss": loss, **{name: value.detach() for name, value in shown.items()}}

    def oriented(self, batch: Batch, generator: Generator) -> Batch:
        """The batch in one of the orientations of the settings' symmetry."""
        elements = SYMMETRIES[self.settings.symmetry]
        place = torch.randint(len(elements), (1,), generator=generator, device=generator.device)

        def moved(turn: Callable[[int], Tensor]) -> Tensor:
            """One of the orientations; on an accelerator of all, since the host can't know which without waiting."""
            if place.device.type == "cpu":
                return turn(elements[int(place)])
            return torch.stack([turn(element) for element in elements]).index_select(0, place)[0]

        fields = {name: moved(partial(turned, batch[name])) for name in (IMAGE, PSF, VARIANCE) if name in batch.fields}
        condition = batch.condition
        if condition is not None:
            condition = moved(partial(self.conditions.turned, condition))  # type: ignore[arg-type]  # None stays None
        return Batch({**batch.fields, **fields}, batch.mask, condition)

    def _log_prob(self, image: Tensor, batch: Batch, misfit: float | None = None) -> Float[Tensor, " batch"]:
        misfit = self.settings.misfit if misfit is None else misfit
        seen, noisy = observed(image, batch, misfit), batch[VARIANCE].flatten(1).amax(1) > 0
        return log_prob_observed(seen, batch[IMAGE], self.noise_power, noisy)

    def finish(
        self,
        batches: Iterable[Batch],
        generator: Generator,
        steps: int = 3000,
        batch: int = 512,
        map_steps: int = 5000,
        precision: Precision = "float32",
        progress: Progress = no_progress,
    ) -> PriorFit:
        """Fit the priors of sampling; call once after training. Returns the fit of the code's prior. map_steps,
        precision (float32 or bfloat16): of each map's; a texture takes half as many steps. Priors of an adapted model
        continue from their weights, with fewer steps if there are few images; those of maps, and the texture, are not
        changed if few images are free of noise (the fit's notes say so of a texture)."""
        return fit_priors(self, list(batches), generator, steps, batch, map_steps, precision, progress)

    # --- evidence -----------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None, misfit: float | None = None) -> BoundTerms:
        """The two terms of the bound of log p(x | c) under the fitted prior, in nats; one sample of a fixed seed.

        misfit: by default that of the settings; only 0 gives a proper density of x (`image_networks.observed`)."""
        found = self.networks.infer(batch, batch.condition, self.noise_of_evaluation(generator))
        code = found.latents[0]
        kl = found.posteriors[0].log_prob(code) - self.log_prior(code, batch.condition) + found.log_ratio()
        return BoundTerms(self._log_prob(found.image, batch, misfit), kl)

    def log_prior(self, latent: Tensor, condition: Condition) -> Float[Tensor, " batch"]:
        """log((1 - w) p(code | c) + w N(code; 0, s^2 I)), a defensive mixture (Hesterberg 1995). A flow's density
        of codes that are unlike all training items, as of much noisier images, is smaller by any factor."""
        broad = standard_normal_log_prob(latent / BROAD) - latent.shape[1] * math.log(BROAD)
        fitted = self.prior.log_prob(latent, condition)
        return torch.logaddexp(math.log1p(-DEFENCE) + fitted, math.log(DEFENCE) + broad)

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """(e, u, 0): the code's mean through the prior's inverse, and the maps' means. The condition isn't used, so
        that the latent describes all of the image."""
        found = self.networks.infer(batch, None, None)
        code, *maps = found.latents
        return torch.cat([self.prior.inverse(code), *maps, code.new_zeros(len(code), self.sizes[-1])], 1)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """Images without blur and noise. If the model can measure, the condition is adjusted until they match it."""
        return self._decoded(latent, condition, condition)

    def _decoded(self, latent: Tensor, requested: Condition, condition: Condition) -> Batch:
        """requested: the values that are corrected; condition: also the imputed ones."""
        check_latents(latent, self.latent_size)
        centre, *maps, _ = latent.split(self.sizes, 1)
        code = self.prior(centre)

        def make(adjusted: Condition) -> Tensor:
            return self.networks.image_of(code, maps, adjusted)

        if requested is None or condition is None or self.measure is None:
            return Batch({IMAGE: make(condition)})
        target = partial(self.wishes.consistent, requested)
        return Batch({IMAGE: corrected(make, self.measure, target, condition, self.settings.corrections)})

    def _imputed(self, noise: Tensor, condition: Condition) -> Condition:
        return self.wishes(noise[:, self.latent_size - self.wishes.count :], condition)

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """One draw per row; `accept` is ignored."""
        check_latents(noise, self.latent_size)
        complete = self._imputed(noise, condition)
        centre, *maps, wish = noise.split(self.sizes, 1)
        code = self.prior.draw(centre, complete)
        return torch.cat([self.prior.inverse(code), *self._drawn_maps(code, maps, complete), wish], 1)

    def _drawn_maps(self, code: Tensor, noise: Sequence[Tensor], condition: Condition) -> list[Tensor]:
        """A draw of each map from its prior, given the decoder's features above it."""
        drawn: list[Tensor] = []

        def choose(number: int, hidden: Tensor) -> Tensor:
            made = noise[number].unflatten(1, self.networks.map_shapes[number])
            if number < len(self.map_flows):
                made = self.map_flows[number](made, hidden, condition)
            drawn.append(made.flatten(1))
            return made

        if noise:
            self.networks.light(code, condition, choose, textured=False)
        return drawn

    @torch.no_grad()
    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        """The latents of `sample`, decoded under the given and the imputed values of the condition. Only the given ones
        are corrected."""
        return self._decoded(self.sample(noise, condition), condition, self._imputed(noise, condition))


# Samples of the posterior p(z | x) of one observed image: deconvolution and denoising with error bars.
#
#     p(z | x) ~ N(x; psf * m(z), T v) N(z; 0, I)
#
# v is the variance of the noise and of the model's error (`observed`). T, the temperature, tempers the likelihood: with
# T = 1, a decoder that can't render every galaxy claims too much (Miller and Dunson 2019, on coarsened posteriors). 1.5
# was chosen on 120 simulated galaxies, where 90% intervals of fluxes held 85% with T = 1.
#
# Each sample is the mode of a posterior whose data and prior were randomized (Oliver, He and Reynolds 1996; Bardsley et
# al. 2014). Samples are exact where m is linear in z, and independent of each other:
#
#     argmin |x + e_s - psf * m(z)|^2 / (2 T v) + |z - n_s|^2 / 2,    e_s ~ N(0, T v),    n_s ~ N(0, I)
#
# Minimization is by Adam in coordinates in which the posterior is about N(0, I), by the Gauss-Newton matrix I + J'J at
# the mode. Of it only the directions that the data inform are needed, which are few (Bui-Thanh et al. 2013): a
# randomized decomposition of J (Halko et al. 2011). With a matrix of the code alone, the samples stop short along the
# directions in which code and maps change the light together.

RANK, ROUGH = 96, 32
"""Most directions of a latent in which data are taken to inform: around the mode, and on the way to it."""
STEP = 0.03
"""Of a difference in place of a derivative, in standard deviations of the prior."""


@dataclass(frozen=True)
class _Coordinates:
    """z = centre + (I + V L V')^(-1/2) u, V: orthonormal directions [latent direction], L: their eigenvalues. basis,
    rows: Q and Q'J, with J = Q Q'J about."""

    centre: Float[Tensor, "1 latent"]
    directions: Float[Tensor, "latent direction"]
    eigenvalues: Float[Tensor, " direction"]
    basis: Float[Tensor, "pixel direction"]
    rows: Float[Tensor, "direction latent"]

    def __call__(self, u: Float[Tensor, "sample latent"]) -> Float[Tensor, "sample latent"]:
        return self.centre + self._scaled(u, -0.5)

    def inverse(self, z: Float[Tensor, "sample latent"]) -> Float[Tensor, "sample latent"]:
        return self._scaled(z - self.centre, 0.5)

    def linear(self, prior: Float[Tensor, "sample latent"], missed: Float[Tensor, "sample pixel"]) -> Tensor:
        """Where the minimum would be if f were linear: (I + J'J)^-1 (prior - centre + J' missed) from the centre.

        missed: data less f(centre)."""
        return self.centre + self._scaled(prior - self.centre + (missed @ self.basis) @ self.rows, -1.0)

    def _scaled(self, u: Tensor, power: float) -> Tensor:
        """(I + V L V')^power u."""
        change = (1 + self.eigenvalues) ** power - 1
        return u + (u @ self.directions * change) @ self.directions.T


class _Scene:
    """The forward model of one image in units of its noise, f(z) = psf * m(z) / sqrt(T v), and the data x / sqrt(T v).

    Both are whitened if the noise is correlated, which `power` says, or the model."""

    def __init__(self, model: ImageVAE, image: Batch, temperature: float, power: Tensor | None = None) -> None:
        self.power = model.noise_power if power is None else power
        self.model, self.image, self.size = model, image, sum(model.sizes[:-1])
        variance = observed(torch.zeros_like(image[IMAGE]), image, model.settings.misfit).log_std.mul(2).exp()
        self.deviation = (temperature * variance).sqrt()
        self.data = whitened(image[IMAGE].to(variance) / self.deviation, self.power).flatten(1)

    def sharp(self, z: Float[Tensor, "sample latent"]) -> Float[Tensor, "sample band y x"]:
        """m(z): without blur and noise."""
        code, *maps = z.split(self.model.sizes[:-1], 1)
        return self.model.networks.image_of(self.model.prior(code), maps, None)

    def __call__(self, z: Float[Tensor, "sample latent"]) -> Float[Tensor, "sample pixel"]:
        seen = convolved(self.sharp(z), self.image.fields.get(PSF)) / self.deviation
        return whitened(seen, self.power).flatten(1)

    def energy(self, z: Float[Tensor, "sample latent"], data: Tensor, prior: Tensor) -> Tensor:
        """|data - f(z)|^2 / 2 + |z - prior|^2 / 2, summed over samples."""
        return 0.5 * (data - self(z)).square().sum() + 0.5 * (z - prior).square().sum()

    def start(self, encoded: Float[Tensor, "1 latent"]) -> Float[Tensor, "1 latent"]:
        """The encoder's latent, or the prior's mean where that is nearer to the mode: of stamps unlike those that it
        was trained on, such as empty sky, the encoder gives latents from which no descent comes back."""
        mean = torch.zeros_like(encoded)
        lower = self.energy(encoded, self.data, mean) <= self.energy(mean, self.data, mean)
        return encoded if lower else mean

    def coordinates_at(self, z: Float[Tensor, "1 latent"], rank: int, generator: Generator) -> _Coordinates:
        """Around z, from the largest singular values of J = df/dz: J on random vectors, by differences of f, spans its
        range Q, and the decomposition of Q'J is that of J. By numpy: torch's QR waits forever where OpenMP gives fewer
        threads than it asks for."""
        rank = min(rank, z.shape[1], self.data.shape[1])
        probes = standard_normal((rank, z.shape[1]), generator, z)
        with torch.no_grad():
            here = self(z)
            spanned = torch.cat([self(z + STEP * v) - here for v in self.split(probes)])
        basis = torch.from_numpy(np.linalg.qr(spanned.T.cpu().double().numpy())[0]).to(z)
        rows = torch.cat(list(self._pulled(z, basis.T)))
        _, singular, directions = np.linalg.svd(rows.cpu().double().numpy(), full_matrices=False)
        turned = torch.from_numpy(directions.T.copy()).to(z)
        return _Coordinates(z, turned, torch.from_numpy(singular**2).to(z), basis, rows)

    def _pulled(self, z: Float[Tensor, "1 latent"], vectors: Float[Tensor, "row pixel"]) -> Iterator[Tensor]:
        """J' of each vector; f is computed once for all."""
        parts = self.split(vectors)
        at = z.repeat(len(parts[0]), 1).requires_grad_()
        seen = self(at)
        for part in parts:
            (found,) = torch.autograd.grad(seen[: len(part)], at, part, retain_graph=True)
            yield found[: len(part)]

    def split(self, rows: Float[Tensor, "row number"]) -> list[Tensor]:
        return [rows[part] for part in self.slices(len(rows))]

    def slices(self, count: int) -> list[slice]:
        """Rows that are computed together."""
        size = images_at_once(self.data.shape[1])
        return [slice(start, start + size) for start in range(0, count, size)]


def posterior_samples(
    model: ImageVAE, image: Batch, samples: int, generator: Generator, temperature: float = 1.5, steps: int = 25,
    rate: float = 0.2, power: Float[Tensor, "band y x"] | None = None,
) -> Float[Tensor, "sample band y x"]:  # fmt: skip
    """Noise-free, unblurred images that agree with one observed image.

    Parameters
    ----------
    model : ImageVAE
        Its conditions aren't used.
    image : Batch
        Of one image, with its variance and, if it is blurred, its psf.
    samples : int
        How many.
    generator : torch.Generator
        On the CPU; the samples depend on the image, the model and this alone.
    temperature : float
        T.
    steps, rate : int, float
        Gradient steps to each sample, from the lowest of three starts, and from the encoder's
        latent to the mode; their size in posterior standard deviations.
    power : Tensor [band y x], optional
        Power spectrum of the image's noise (`image_networks.noise_power`); by default that of the model.

    Returns
    -------
    Tensor [sample band y x]
        In the image's unit.
    """
    scene = _Scene(model, image, temperature, power)
    with torch.no_grad():
        start = scene.start(model.encode(image)[:, : scene.size])
    near = scene.coordinates_at(start, ROUGH, generator)
    origin = torch.zeros_like(start)
    mode = _minimum(scene, near, start, scene.data, origin, steps, rate)
    here = scene.coordinates_at(mode, RANK, generator)
    prior = standard_normal((samples, scene.size), generator, mode)
    data = scene.data + standard_normal((samples, scene.data.shape[1]), generator, mode)
    with torch.no_grad():
        missed = data - scene(mode)
    found = []
    for rows in scene.slices(samples):
        start = _lowest(scene, here, prior[rows], missed[rows], data[rows])
        z = _minimum(scene, here, start, data[rows], prior[rows], steps, rate)
        with torch.no_grad():
            found.append(scene.sharp(z))
    return torch.cat(found)


@torch.no_grad()
def _lowest(scene: _Scene, here: _Coordinates, prior: Tensor, missed: Tensor, data: Tensor) -> Tensor:
    """Of the linear model's minimum, that without new noise in the data, and the mode, that of lowest energy, by row:
    where f is far from linear, as for bright images and for what no galaxy looks like, the first may be far off."""
    linear = [here.linear(prior, missed), here.linear(prior, torch.zeros_like(missed))]
    starts = torch.stack([*linear, here.centre.expand_as(prior)])
    energies = torch.stack([(data - scene(z)).square().sum(1) + (z - prior).square().sum(1) for z in starts])
    best = energies.nan_to_num(nan=math.inf).argmin(0)
    return starts[best, torch.arange(len(prior), device=prior.device)]


def _minimum(
    scene: _Scene, here: _Coordinates, start: Tensor, data: Tensor, prior: Tensor, steps: int, rate: float
) -> Float[Tensor, "sample latent"]:
    """The z that minimizes |data - f(z)|^2 / 2 + |z - prior|^2 / 2, each row on its own."""

    def energy(u: Tensor) -> Tensor:
        return scene.energy(here(u), data, prior)

    return here(descended(energy, here.inverse(start), steps, rate))


def descended(energy: Callable[[Tensor], Tensor], start: Tensor, steps: int, rate: float) -> Tensor:
    """Where Adam with a cosine schedule ends; rows don't affect each other, since Adam scales each entry alone."""
    u = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([u], rate, betas=(0.8, 0.95))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        (u.grad,) = torch.autograd.grad(energy(u), u)
        optimizer.step()
        schedule.step()
    return u.detach()
