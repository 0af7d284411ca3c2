"""Fit a flow prior to the latents of a trained model by maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from sciencegen.errors import ShapeError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import DescentSettings, FitProgress, descend, no_progress
from sciencegen.networks.normal import standard_normal
from sciencegen.vae.flow_prior import FlowPrior


@dataclass(frozen=True)
class PriorFit:
    """Result of a fit. losses: averages over at most ten equal parts of the steps. start, end: -log p(z | c) per item
    in nats (of a diffusion an upper bound), before and after fitting, on held-out rows (NaN if there are none). notes:
    sentences on what could not be fitted beside it."""

    losses: tuple[float, ...]
    start: float
    end: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PriorFitSettings(DescentSettings):
    """steps, batch: of the descent. dropout: of conditions, so that any subset can be given. held_out: share of the
    rows that are not trained on. anew: start from the latents' Gaussian fit, else from the flow's current weights."""

    steps: int = 3000
    batch: int = 512
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.1))
    held_out: float = 0.02
    anew: bool = True


GO_ON = PriorFitSettings(learning_rate=2e-4, anew=False)
"""For continuing the training of a fitted flow on new items."""


NEW_COLUMN_RATE, NEW_COLUMN_STEPS = 0.03, 1000
"""Learning rate and steps for the weights of condition columns that a fitted flow has not used so far."""


def steps_further(items: int, steps: int) -> int:
    """Steps to continue a fitted flow, if a new one would take `steps`: one per item, and at least a tenth of `steps`.
    After 3,000 further steps on 100 items, a flow overfitted: it predicted other items worse than before."""
    return min(max(items, steps // 10), steps)


@dataclass(frozen=True)
class _Latents:
    """The training set: centres, log standard deviations and conditions of the same items."""

    mean: Tensor
    log_std: Tensor | None
    condition: Tensor | None

    def __post_init__(self) -> None:
        for name, table in (("log_std", self.log_std), ("conditions", self.condition)):
            if table is not None and len(table) != len(self.mean):
                raise ShapeError(f"Expected {name} for each of {len(self.mean)} latents, got {list(table.shape)}.")

    def draw(self, index: Int[Tensor, " row"], generator: Generator) -> tuple[Tensor, Tensor | None]:
        """Draws z ~ q(z | x) of the items at `index`, and their c."""
        latent = self.mean[index]
        if self.log_std is not None:
            latent = latent + self.log_std[index].exp() * standard_normal(latent.shape, generator, latent)
        return latent, None if self.condition is None else self.condition[index]


@runtime_checkable
class FittablePrior(Protocol):
    """A prior of latents that can be fitted after its model; a torch module: `FlowPrior` or `DiffusionPrior`."""

    def standardize(self, latents: Float[Tensor, "item latent"]) -> None:
        """Start as the latents' Gaussian fit."""

    def fit_loss(self, latent: Tensor, condition: Tensor | None, step: int, generator: Generator) -> Tensor:
        """The scalar that a step of the fit minimizes."""

    def cross_entropy(self, latent: Tensor, condition: Tensor | None) -> float:
        """-E log p(z | c) of these latents, or an upper bound of it, in nats."""

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def train(self, mode: bool = True) -> object: ...

    def eval(self) -> object: ...


def fit_prior(
    prior: FittablePrior,
    latents: Float[Tensor, "item latent"],
    conditions: Float[Tensor, "_ property"] | None,
    generator: Generator,
    *,
    log_std: Float[Tensor, "item latent"] | None = None,
    settings: PriorFitSettings | None = None,
    progress: FitProgress = no_progress,
) -> PriorFit:
    """Minimize -E log p(z | c) in place, with conditions dropped at random so that any subset can be given.

    The result depends only on the arguments and the generator's state.

    Parameters
    ----------
    prior : FittablePrior
    latents : [item latent]
        Centres of the posteriors.
    conditions : [item property], optional
    generator : Generator
    log_std : [item latent], optional
        Log standard deviations of the posteriors. If given, each step draws z ~ N(latents, exp(log_std)^2) (the
        aggregate posterior [1]_); else the centres are used.
    settings : PriorFitSettings, optional
    progress : FitProgress, optional

    Raises
    ------
    ShapeError
        If the arguments have different numbers of rows.

    References
    ----------
    .. [1] Tomczak & Welling, "VAE with a VampPrior", AISTATS 2018, eq. 6 and 7.
    """
    settings = settings or PriorFitSettings()
    steps, data = settings.steps, _Latents(latents, log_std, conditions)

    def loss(step: int) -> Tensor:
        drawn = torch.randint(len(rows), (settings.batch,), generator=generator, device=generator.device)
        latent, condition = data.draw(rows[drawn.to(rows.device)], generator)
        return prior.fit_loss(latent, settings.dropout(condition, generator), step, generator)

    order = torch.randperm(len(latents), generator=generator, device=generator.device).to(latents.device)
    held, rows = order.split([(count := int(settings.held_out * len(order))), len(order) - count])
    if settings.anew:
        prior.standardize(data.draw(rows, generator)[0])
    done = 0 if settings.anew or not isinstance(prior, FlowPrior) else _fit_new_columns(prior, loss, steps, progress)
    check = data.draw(held, generator)
    start = _cross_entropy(prior, *check)
    prior.train()
    losses = descend(prior.parameters(), loss, steps, settings, _continued(progress, done, done + steps))
    prior.eval()
    return PriorFit(_averages(losses, 10), start, _cross_entropy(prior, *check))


def _fit_new_columns(prior: FlowPrior, loss: Callable[[int], Tensor], further: int, progress: FitProgress) -> int:
    """Train only the weights of condition columns that the flow has not used so far (all zero): they are few, so they
    may take many large steps. Returns the number of steps; `further` steps follow."""
    if prior.context is None:
        return 0
    weight = cast(nn.Parameter, prior.context.hidden[0].weight)
    unused = (weight == 0).all(0)
    if not unused.any():
        return 0
    hook = weight.register_hook(lambda gradient: gradient * unused)
    settings = DescentSettings(NEW_COLUMN_RATE, weight_decay=0.0)
    descend([weight], loss, NEW_COLUMN_STEPS, settings, _continued(progress, 0, NEW_COLUMN_STEPS + further))
    hook.remove()
    return NEW_COLUMN_STEPS


def _continued(progress: FitProgress, before: int, steps: int) -> FitProgress:
    """Progress as a part of `steps` steps in total, of which `before` are already done."""
    return lambda step, _, loss: progress(before + step, steps, loss)


@torch.no_grad()
def _cross_entropy(prior: FittablePrior, latents: Tensor, conditions: Tensor | None) -> float:
    return prior.cross_entropy(latents, conditions) if len(latents) else math.nan


def _averages(values: list[float], parts: int) -> tuple[float, ...]:
    size = max(1, math.ceil(len(values) / parts))
    pieces = [values[start : start + size] for start in range(0, len(values), size)]
    return tuple(sum(piece) / len(piece) for piece in pieces)
