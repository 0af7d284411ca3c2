"""The diffusion model for any data: a `LatentModel` made of a network, a state and a schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.diffusion.likelihood import (
    Divergence,
    categorical_fields,
    check_continuous,
    decode,
    encode,
    exact_divergence,
    log_prob,
)
from sciencegen.diffusion.objectives import (
    DiffusionBound,
    Norms,
    continuous_bound,
    low_discrepancy_times,
    variance_minimizing_loss,
    weighting,
)
from sciencegen.diffusion.process import TO_X, Denoiser, Levels, convert, diffuse, levels
from sciencegen.diffusion.samplers import (
    DETERMINISTIC,
    FEWEST,
    SAMPLERS,
    Noise,
    Path,
    clean,
    from_pure_noise,
    noise_of_start,
    row_keys,
    sample,
    sampler,
    scaled,
)
from sciencegen.diffusion.schedules import SCHEDULES, Schedule, check_times, log_snr_grid
from sciencegen.diffusion.state import Fields, State, with_fields
from sciencegen.diffusion.steering import Steering, classifier_free, sample_steered
from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.shared_noise import check_latents, mean_of_processes

# Conditions that aren't given, taken from a training item that has the given ones.
#
# p(x) = E p(x | c) over c ~ p(c). A network that has learned p(x | c) and p(x) alike draws the first more exactly,
# since c decides at the start what the unconditional model has to decide from noise. So an item without conditions is
# drawn with those of a random training item of its size, and one with some of them with the others of an item near in
# these.

NEAREST = 32
"""The least number of training items among which one is chosen at random."""
SIZE_UNIT = 8.0
"""Positions that count as much as one standard deviation of a condition."""


@dataclass(frozen=True, eq=False)
class TypicalConditions:
    """Conditions and sizes of training items. values: standardized, NaN where unknown. bias: by how much draws exceed
    the conditions on average, also standardized; it is subtracted from those that the network gets."""

    values: Float[Tensor, "item property"]
    sizes: Int[Tensor, " item"]
    bias: Float[Tensor, " property"] | None = None

    def complete(
        self,
        noise: Float[Tensor, "batch latent"],
        counts: Int[Tensor, " batch"],
        condition: Float[Tensor, "batch property"] | None,
    ) -> Float[Tensor, "batch property"] | None:
        """The condition with each NaN replaced by the value of the `chosen` item, less the bias."""
        if not self.values.numel():
            return condition
        return self.filled(condition, self.chosen(noise, counts, condition), noise)

    def filled(
        self, condition: Float[Tensor, "batch property"] | None, chosen: Int[Tensor, " batch"], like: Tensor
    ) -> Float[Tensor, "batch property"] | None:
        """The condition with the values of these items in place of NaN, less the bias."""
        if not self.values.shape[1]:
            return condition
        typical = self.values[chosen].to(like)
        completed = typical if condition is None else torch.where(condition.isnan(), typical, condition.detach())
        return completed if self.bias is None else completed - self.bias.to(completed)

    def chosen(
        self,
        noise: Float[Tensor, "batch latent"],
        counts: Int[Tensor, " batch"],
        condition: Float[Tensor, "batch property"] | None,
        possible: Bool[Tensor, "batch item"] | None = None,
    ) -> Int[Tensor, " batch"]:
        """For each row one of the `NEAREST` items that are nearest in the given values and in size, or of those as near
        as the last of them; of the possible ones, if said. The row of noise determines which. On the CPU."""
        off = self.squared_distances(counts, condition)
        off = off if possible is None else torch.where(possible, off, torch.inf)
        near = (off <= off.kthvalue(min(NEAREST, len(self.values)), 1, keepdim=True).values) & off.isfinite()
        uniform = torch.tensor([key / 2**64 for key in row_keys(noise)], dtype=torch.float64)
        place = (uniform * near.sum(1)).long().clamp(max=near.sum(1) - 1)
        return torch.searchsorted(near.cumsum(1), place[:, None] + 1)[:, 0]

    def squared_distances(
        self, counts: Int[Tensor, " batch"], condition: Float[Tensor, "batch property"] | None
    ) -> Float[Tensor, "batch item"]:
        """Of the given values and sizes; where an item's value is unknown, its mean c^2 + 1 over standardized ones. On
        the CPU."""
        off = ((counts.cpu()[:, None] - self.sizes) / SIZE_UNIT).square()
        if condition is None:
            return off
        given = condition.detach().cpu()[:, None]
        squares = torch.where(self.values.isnan(), given.square() + 1, (given - self.values).square())
        return squares.nan_to_num(nan=0.0).sum(2) + off


# Self-conditioning: the denoiser also sees its own estimate of the step before. Chen et al. 2023 (Analog bits).
#
# At high noise an estimate is made of decisions that z hardly shows. A network that sees them goes on with them,
# instead of deciding anew at each step. In training, for a share of the batches, the estimate is the network's own at
# the same z.
#
# Estimates are given fields, named by `earlier`. Without them the network has no earlier estimate: so do likelihoods,
# the probability-flow ODE and steered particles, for which x^ must depend on z alone.


@runtime_checkable
class Recalling(Protocol):
    """A network with an input for an earlier estimate."""

    recalls: bool
    """Whether it sees the given fields `earlier(name)`, where they are given."""


def earlier(name: str) -> str:
    """The given field of the earlier estimate of a field.

    Examples
    --------
    >>> earlier("trace")
    'earlier_trace'
    """
    return f"earlier_{name}"


def _as_given(estimate: Fields) -> dict[str, Tensor]:
    return {earlier(name): value.detach() for name, value in estimate.items()}


def after_first_estimate(denoise: Denoiser) -> Denoiser:
    """x^(z, x^(z)), for training: the gradient passes through the second estimate alone."""

    def second(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        with torch.no_grad():
            first = denoise(z, log_snr, condition, mask)
        return denoise({**z, **_as_given(first)}, log_snr, condition, mask)

    return second


def with_last_estimate(denoise: Denoiser) -> Denoiser:
    """A denoiser for one path of a sampler: each call sees the estimate of the call before it."""
    last: dict[str, Tensor] = {}

    def following(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = denoise({**z, **last}, log_snr, condition, mask)
        last.update(_as_given(estimate))
        return estimate

    return following


EVALUATION_SEED = 2107_0630
"""Not 0, so that data drawn with seed 0 are not noised with the same random numbers."""

Condition = Float[Tensor, "batch property"] | None
Accept = Callable[[Batch], Tensor]
Bend = Callable[[Denoiser], Denoiser]


@dataclass(frozen=True)
class DiffusionSettings:
    """Settings of training and sampling.

    prediction: what the network predicts (TO_X). weighting: of the loss (WEIGHTINGS). schedule: of the noise,
    "cosine", "linear", "edm" or "learned" (`schedules.SCHEDULES`); "" is the recipe's own. dropout: of conditions,
    in training. sampler, steps: of `generate` (SAMPLERS). last_time, crowding: placement of the steps
    (`schedules.log_snr_grid`). flow_steps: steps of the probability-flow ODE, with four network evaluations each.
    guidance: weight of classifier-free guidance (`steering.classifier_free`). step_noise: factor on the noise that
    random samplers add at each step; below 1, draws are more probable and less diverse. self_conditioning: share of
    the training batches in which the network sees its own earlier estimate, as in all draws; 0: never, as networks
    without an input for it need. pure_noise: draws begin with a step from pure noise to log_snr_min
    (`samplers.from_pure_noise`), one evaluation more than the steps and the last estimate.
    """

    prediction: str = "v"
    weighting: str = "sigmoid"
    schedule: str = ""
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
        if self.schedule and self.schedule not in SCHEDULES:
            raise unknown_name("schedule", self.schedule, SCHEDULES)
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
        share = self.settings.self_conditioning
        if share and not (isinstance(network, Recalling) and network.recalls):  # it would double the cost for nothing
            raise ConfigError(
                "Expected a self_conditioning of 0 with a network that doesn't see its earlier estimate, got "
                f"{share} with {type(network).__name__}. Leave self_conditioning out."
            )
        self.norms, self.guide = norms, guide
        self.latent_size = self.semantic_size = sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def encodes(self) -> bool:
        """Whether the flow from data to noise exists: for continuous fields only."""
        return not categorical_fields(self.state)

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
        times = low_discrepancy_times(len(x), generator, self.state.first(x))
        weight, noise = weighting(self.settings.weighting), self.state.noise(x, generator)
        losses = variance_minimizing_loss(
            self.training_denoiser(generator), self.state, self.schedule, x, times, noise, weight, self.norms
        )
        return {"loss": self.per_dimension(losses, x)}

    def per_dimension(self, losses: Float[Tensor, " batch"], x: Batch) -> Float[Tensor, ""]:
        """The mean loss of the items, divided by their mean number of dimensions."""
        return losses.mean() / mean_of_processes(self.state.dimensions(x).mean()).clamp(min=1)

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
        times = low_discrepancy_times(len(x), generator, self.state.first(x))
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
        function from denoiser to denoiser, as `steering.classifier_free` is one."""
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
        return steering.best(self.draw_steered(self.start(noise, condition, like), steering))

    @torch.no_grad()
    def draw_steered(self, z: Batch, steering: Steering) -> Batch:
        """Denoise particles to items by ancestral steps, with the settings' number of steps, guidance and noise."""
        path, noise = self.path(self.settings.steps, z), self._step_noise(z)
        return self.state.read(
            sample_steered(self.denoiser(), self.state, z, path, noise, steering.after(self.state.read))
        )

    def path(self, steps: int, like: Batch) -> Path:
        """Log-SNR values of `steps` steps from noise to data, for samplers, steering and distillation."""
        s = self.settings
        return log_snr_grid(self.schedule, steps, self.state.first(like), s.last_time, s.crowding)

    def flow_path(self, like: Batch) -> Path:
        """Log-SNR values of the probability-flow ODE, over the whole range of the schedule."""
        return log_snr_grid(self.schedule, self.settings.flow_steps, self.state.first(like))

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


class HoldsDiffusion(nn.Module):
    """A `LatentModel` of items that a diffusion gets in another form, by `embed`."""

    diffusion: DiffusionModel

    def __init__(self, diffusion: DiffusionModel) -> None:
        super().__init__()
        self.diffusion = diffusion

    @property
    def encodes(self) -> bool:
        """That of the diffusion."""
        return self.diffusion.encodes

    def embed(self, batch: Batch, generator: Generator) -> Batch:
        """Items as the diffusion is trained on them."""
        return batch

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """That of the diffusion (`DiffusionModel.loss`), of embedded items."""
        return self.diffusion.loss(self.embed(batch, generator), step, generator)

    def finish(self, batches: Iterable[Batch], generator: Generator) -> None:
        """Nothing is left to fit."""


def diffusion_of(model: nn.Module) -> DiffusionModel:
    """The model itself if it is a diffusion model, else the one that it holds."""
    if isinstance(model, HoldsDiffusion):
        return model.diffusion
    if not isinstance(model, DiffusionModel):
        raise ConfigError(
            f"Expected a diffusion to distill, got a {type(model).__name__}, which takes no steps. Pass another model."
        )
    return model


# Sampling settings that replace those of a trained diffusion model.


@dataclass(frozen=True)
class Drawing:
    """Sampling settings of a diffusion model; None keeps the model's own value.

    Parameters
    ----------
    sampler : str, optional
        Name of a sampler (`samplers.sampler`).
    steps : int, optional
        Number of steps from noise to data.
    guidance : float, optional
        Weight w of classifier-free guidance, (1 + w) x^(z, c) - w x^(z); 0 is the conditional model.
    step_noise : float, optional
        Factor on the noise that random samplers add at each step.

    Raises
    ------
    UnknownNameError
        If there is no such sampler.
    ConfigError
        If `steps` is below 1, or `step_noise` below 0.

    Examples
    --------
    >>> Drawing(sampler="heun", steps=24).settings(DiffusionSettings()).steps
    24
    """

    sampler: str | None = None
    steps: int | None = None
    guidance: float | None = None
    step_noise: float | None = None

    def __post_init__(self) -> None:
        replace(DiffusionSettings(), **self._changed)

    @property
    def _changed(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if value is not None}

    def settings(self, own: DiffusionSettings) -> DiffusionSettings:
        """A model's settings with these values replaced.

        Raises
        ------
        ConfigError
            If `step_noise` is given and the sampler is deterministic.
        """
        chosen = replace(own, **self._changed)
        if self.step_noise is not None:
            check_random(chosen.sampler)
        return chosen

    def doubt(self, own: DiffusionSettings) -> str:
        """A note on steps that are fewer than those of `FEWEST` and than the model's own; "" for others."""
        chosen, least = self.settings(own), FEWEST.get(self.sampler or own.sampler, 0)
        least = min(least, own.steps) if chosen.sampler == own.sampler else least
        if chosen.steps >= least:
            return ""
        return (
            f"{chosen.steps} steps of {chosen.sampler} are few: draws may be biased, such as stamps too bright. Take "
            f"{least} or more"
        )


def check_random(sampler: str) -> None:
    """Raise an error for a deterministic sampler, whose steps have no noise to scale."""
    if sampler in DETERMINISTIC:
        random = " or ".join(sorted(set(SAMPLERS) - DETERMINISTIC))
        raise ConfigError(f"Expected a random sampler with `step_noise`, got '{sampler}'. Set `sampler` to {random}.")


def draw_by(model: nn.Module, drawing: Drawing) -> list[str] | None:
    """Change a model's sampling settings in place: its own, or those of its parts (such as the prior of an
    autoencoder's codes).

    Returns
    -------
    list of str, or None
        Notes on too few steps. None if there is no diffusion model in the model, and nothing was changed.
    """
    found = [part for part in model.modules() if isinstance(part, DiffusionModel)]
    doubts = [drawing.doubt(diffusion.settings) for diffusion in found]
    for diffusion in found:
        diffusion.settings = drawing.settings(diffusion.settings)
    return sorted({*doubts} - {""}) if found else None


# Partial diffusion: variations of items, by noising them to an intermediate level and denoising them again.
#
# Meng et al. 2022 (SDEdit); for protein backbones Watson et al. 2023 (RFdiffusion, partial diffusion).


@torch.no_grad()
def vary(
    model: DiffusionModel, x: Batch, noise: Fields, level: float, bend: Bend | None = None, fresh: Noise | None = None
) -> Batch:
    """Draw x' from p(x' | z_t), with z_t from q(z_t | x).

    Parameters
    ----------
    model : DiffusionModel
        Its settings give the sampler, the guidance and the noise of steps. Of its steps, the share `level` is used.
    x : Batch
        Items in the state's spaces, with the fields that are given, mask and condition.
    noise : Fields
        Standard normal, of the state's fields.
    level : float
        The time t of the schedule, above 0 to 1. Near 0 the items hardly change; at 1 nothing of them is left.
    bend : function from denoiser to denoiser, optional
        Further guidance.
    fresh : Noise, optional
        That of random samplers' steps; derived from z by default.

    Raises
    ------
    ConfigError
        If the level is out of range.
    """
    if not 0 < level <= 1:
        raise ConfigError(f"Expected a noise level above 0, at most 1, got {level}.")
    settings, first = model.settings, model.state.first(x)
    steps = max(1, math.ceil(level * settings.steps))
    path = log_snr_grid(model.schedule, steps, first, settings.last_time * level, settings.crowding, level)
    z = diffuse(model.state, x, levels(path[0], x), model.state.project(noise, x.mask, "noise"))
    return model.denoised(path, z, settings.sampler, fresh, bend)
