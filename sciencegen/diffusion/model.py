"""The diffusion model for any data: a `LatentModel` made of a network, a state and a schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.diffusion.guidance import classifier_free
from sciencegen.diffusion.likelihood import Divergence, check_continuous, decode, encode, exact_divergence, log_prob
from sciencegen.diffusion.objectives import (
    DiffusionBound,
    Norms,
    Weighted,
    continuous_bound,
    low_discrepancy_times,
    variance_minimizing_loss,
)
from sciencegen.diffusion.process import TO_X, Denoiser, Levels, convert
from sciencegen.diffusion.samplers import Noise, Path, clean, from_pure_noise, noise_of_start, sample, sampler, scaled
from sciencegen.diffusion.schedules import Schedule, check_times, log_snr_grid
from sciencegen.diffusion.self_conditioning import after_first_estimate, check_recalls, with_last_estimate
from sciencegen.diffusion.state import Fields, State, with_fields
from sciencegen.diffusion.steering import Steering, best_particles, sample_steered
from sciencegen.diffusion.weightings import weighting
from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.normal import check_latents
from sciencegen.networks.shared_noise import mean_of_processes

EVALUATION_SEED = 2107_0630
"""Not 0, so that data drawn with seed 0 are not noised with the same random numbers."""

Condition = Float[Tensor, "batch property"] | None
Accept = Callable[[Batch], Tensor]
Bend = Callable[[Denoiser], Denoiser]


@dataclass(frozen=True)
class DiffusionSettings:
    """Settings of training and sampling.

    prediction: what the network predicts (TO_X). weighting: of the loss (WEIGHTINGS). dropout: of conditions, in
    training. sampler, steps: of `generate` (SAMPLERS). last_time, crowding: placement of the steps
    (`schedules.log_snr_grid`). flow_steps: steps of the probability-flow ODE, with four network evaluations each.
    guidance: weight of classifier-free guidance (`guidance.classifier_free`). step_noise: factor on the noise that
    random samplers add at each step; below 1, draws are more probable and less diverse. self_conditioning: share of the
    training batches in which the network sees its own earlier estimate, as in all draws; 0: never, as networks without
    an input for it need. pure_noise: draws begin with a step from pure noise to log_snr_min
    (`samplers.from_pure_noise`), one evaluation more than the steps and the last estimate.
    """

    prediction: str = "v"
    weighting: str = "sigmoid"
    dropout: ConditionDropout = field(default_factory=ConditionDropout)
    sampler: str = "dpm-solver"
    steps: int = 32
    last_time: float = 0.0
    crowding: float = 1.0
    flow_steps: int = 32
    guidance: float = 0.0
    step_noise: float = 1.0
    self_conditioning: float = 0.0
    pure_noise: bool = False

    def __post_init__(self) -> None:
        if self.prediction not in TO_X:
            raise unknown_name("prediction", self.prediction, TO_X)
        weighting(self.weighting)
        sampler(self.sampler)
        if self.steps < 1 or self.flow_steps < 1:
            raise ConfigError(f"Expected 1 or more steps, got {self.steps} and {self.flow_steps}.")
        if not 0 <= self.guidance < math.inf:
            raise ConfigError(f"Expected a finite guidance of 0 or more, got {self.guidance}.")
        if not 0 <= self.step_noise < math.inf:
            raise ConfigError(f"Expected a finite step_noise of 0 or more, got {self.step_noise}.")
        if not 0 <= self.self_conditioning <= 1:
            raise ConfigError(f"Expected self_conditioning in 0..1, got {self.self_conditioning}.")
        check_times(self.last_time, self.crowding)


class DiffusionModel(nn.Module):
    """A variational diffusion model. Kingma et al. 2021. The module itself is the denoiser.

    network(z, log_snr, condition, mask) -> fields: any module with a denoiser's signature; its output is interpreted
    as `settings.prediction`. shapes: shape of each field of the state, without the batch dimension. A latent is the
    noise at log_snr_min, all fields flattened into one row. norms: of errors in training. guide: guidance of
    all draws, besides that by conditions. `like` passes the mask and the fields outside the state.
    """

    network: Any  # a module with the signature of a denoiser
    schedule: Any

    def __init__(
        self,
        network: nn.Module,
        state: State,
        schedule: Schedule,
        shapes: Mapping[str, Sequence[int]],
        settings: DiffusionSettings | None = None,
        norms: Norms | None = None,
        guide: Bend | None = None,
    ) -> None:
        super().__init__()
        if set(shapes) != set(state.fields):
            raise ConfigError(f"Expected a shape for each of {sorted(state.fields)}, got those of {sorted(shapes)}.")
        self.network, self.state, self.schedule = network, state, schedule
        self.shapes = {name: tuple(shapes[name]) for name in state.fields}
        self.settings = settings or DiffusionSettings()
        check_recalls(network, self.settings.self_conditioning)
        self.norms, self.guide = norms, guide
        self.latent_size = self.semantic_size = sum(math.prod(shape) for shape in self.shapes.values())

    def forward(self, z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        """The estimate x^ of every field, converted from the network's output."""
        output = self.network(z, log_snr, condition, mask)
        return convert(self.state, output, Batch(z, mask, condition), log_snr, self.settings.prediction, "x")

    def denoiser(self) -> Denoiser:
        """The model with the guidance of draws."""
        guided = classifier_free(self, self.settings.guidance)
        return guided if self.guide is None else self.guide(guided)

    # --- training -----------------------------------------------------------------------------------------------------

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Named scalars. loss: the weighted objective in nats per dimension. A learned schedule gets the gradient of
        the loss's variance."""
        x = self.state.embed(batch).with_condition(self.settings.dropout(batch.condition, generator))
        times = low_discrepancy_times(len(x), generator, x[next(iter(self.state.fields))])
        weighted, noise = Weighted(weighting(self.settings.weighting), self.norms), self.state.noise(x, generator)
        losses = variance_minimizing_loss(
            self.training_denoiser(generator), self.state, self.schedule, x, times, noise, weighted
        )
        dimensions = mean_of_processes(self.state.dimensions(x).mean())
        return {"loss": losses.mean() / dimensions.clamp(min=1)}

    def training_denoiser(self, generator: Generator) -> Denoiser:
        """The model, in a share of the calls with its own first estimate."""
        share = self.settings.self_conditioning
        if share == 0 or torch.rand(1, generator=generator, device=generator.device) >= share:
            return self
        return after_first_estimate(self)

    def finish(self, batches: Iterable[Batch], generator: Generator) -> None:
        """Nothing is left to fit."""

    @torch.no_grad()
    def terms(self, batch: Batch, generator: Generator | None = None) -> DiffusionBound:
        """The bound on -log p(x | c) in nats, at one random time per item; without a generator the seed is fixed."""
        generator = generator or Generator().manual_seed(EVALUATION_SEED)
        x = self.state.embed(batch)
        times = low_discrepancy_times(len(x), generator, x[next(iter(self.state.fields))])
        return continuous_bound(self, self.state, self.schedule, x, times, self.state.noise(x, generator))

    def log_prob(self, batch: Batch, divergence: Divergence = exact_divergence) -> Float[Tensor, " batch"]:
        """Log p(x | c) in nats by the probability-flow ODE; continuous fields only."""
        x = self.state.embed(batch)
        return log_prob(self, self.state, x, self.flow_path(x), divergence).detach()

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """The noise of each item; for continuous fields only, which must be padded to the model's shapes."""
        check_continuous(self.state)
        x = self.state.embed(batch)
        for name, shape in self.shapes.items():
            if x[name].shape[1:] != shape:
                raise ShapeError(
                    f"Expected '{name}' of shape [batch {' '.join(map(str, shape))}], got {list(x[name].shape)}. "
                    "Pad items to the model's shapes and mask the padding."
                )
        return self.row_of(encode(self, self.state, x, self.flow_path(x)))

    @torch.no_grad()
    def decode(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None, like: Batch | None = None
    ) -> Batch:
        """The inverse of `encode`. like: mask and given fields of the items."""
        z = self.start(latent, condition, like)
        return self.state.read(decode(self, self.state, z, self.flow_path(z)))

    @torch.no_grad()
    def sample(
        self,
        noise: Float[Tensor, "batch latent"],
        condition: Condition = None,
        accept: Accept | None = None,
        like: Batch | None = None,
    ) -> Float[Tensor, "batch latent"]:
        """The noise itself, projected to the state's spaces: latents are standard normal under every condition."""
        return self.row_of(self.start(noise, condition, like))

    @torch.no_grad()
    def generate(
        self,
        noise: Float[Tensor, "batch latent"],
        condition: Condition = None,
        accept: Accept | None = None,
        like: Batch | None = None,
    ) -> Batch:
        """Draw items of p(x | c) with the settings' sampler and guidance. Each item is determined by its row of noise,
        so `accept` is not used. like: mask and given fields of the items."""
        return self.draw(self.start(noise, condition, like), self.settings.sampler, self.settings.steps)

    @torch.no_grad()
    def complete(self, like: Batch, noise: Fields, bend: Bend | None = None) -> Batch:
        """Draw the state's fields from `noise`, given the other fields, the mask and the condition of `like`, with the
        settings' sampler and guidance. bend: further guidance."""
        z = with_fields(like, self.state.project(noise, like.mask, "noise"))
        return self.draw(z, self.settings.sampler, self.settings.steps, bend=bend)

    @torch.no_grad()
    def draw(self, z: Batch, name: str, steps: int, noise: Noise | None = None, bend: Bend | None = None) -> Batch:
        """Denoise z to items with the sampler `name`. noise: of random samplers; derived from z by default. bend: a
        function from denoiser to denoiser, as in guidance.py."""
        return self.denoised(self.path(steps, z), z, name, noise, bend, pure=self.settings.pure_noise)

    @torch.no_grad()
    def denoised(
        self, path: Path, z: Batch, name: str, noise: Noise | None = None, bend: Bend | None = None, pure: bool = False
    ) -> Batch:
        """`draw` from z at the first level of a path of log-SNR values; pure: from noise alone."""
        denoise = with_last_estimate(self.denoiser()) if self.settings.self_conditioning else self.denoiser()
        denoise = denoise if bend is None else bend(denoise)
        noise = self._step_noise(z, noise)
        first = from_pure_noise(denoise, self.state, z, path[0]) if pure else z
        last = sample(name, denoise, self.state, first, path, noise)
        return self.state.read(clean(denoise, self.state, last, path[-1]))

    def _step_noise(self, z: Batch, noise: Noise | None = None) -> Noise:
        return scaled(noise or noise_of_start(self.state, z), self.settings.step_noise)

    @torch.no_grad()
    def steered(
        self,
        noise: Float[Tensor, "particle latent"],
        steering: Steering,
        condition: Condition = None,
        like: Batch | None = None,
    ) -> Batch:
        """One item for each `steering.count` rows: the best of its particles, which are drawn from
        p(x | c) e^reward(x). like: as in `generate`, with one row per particle."""
        return best_particles(self.draw_steered(self.start(noise, condition, like), steering), steering)

    @torch.no_grad()
    def draw_steered(self, z: Batch, steering: Steering) -> Batch:
        """Denoise particles to items by ancestral steps, with the settings' number of steps, guidance and noise."""
        path, noise = self.path(self.settings.steps, z), self._step_noise(z)
        return self.state.read(
            sample_steered(self.denoiser(), self.state, z, path, noise, steering.after(self.state.read))
        )

    def path(self, steps: int, like: Batch) -> Path:
        """Log-SNR values of `steps` steps from noise to data, for samplers, steering and distillation."""
        first = like[next(iter(self.state.fields))]
        return log_snr_grid(self.schedule, steps, first, self.settings.last_time, self.settings.crowding)

    def flow_path(self, like: Batch) -> Path:
        """Log-SNR values of the probability-flow ODE, over the whole range of the schedule."""
        return log_snr_grid(self.schedule, self.settings.flow_steps, like[next(iter(self.state.fields))])

    def row_of(self, z: Batch) -> Float[Tensor, "batch latent"]:
        """All fields of the state flattened into one row; `fields_of` is the inverse."""
        return torch.cat([z[name].flatten(1) for name in self.state.fields], 1)

    def fields_of(self, row: Float[Tensor, "batch latent"]) -> dict[str, Tensor]:
        """The fields contained in a row of numbers, not yet projected to their spaces."""
        parts = row.split([math.prod(shape) for shape in self.shapes.values()], 1)
        return {n: part.reshape(-1, *self.shapes[n]) for n, part in zip(self.shapes, parts, strict=True)}

    def start(self, latent: Float[Tensor, "batch latent"], condition: Condition, like: Batch | None) -> Batch:
        """The noise in a row of numbers, projected to the state's spaces, together with the given fields."""
        check_latents(latent, self.latent_size)
        fields = self.fields_of(latent)
        given, mask = (like.fields, like.mask) if like is not None else ({}, None)
        z = Batch({**given, **fields}, mask, condition)
        self.state.check(z.fields, mask)
        return with_fields(z, self.state.project(fields, mask))
