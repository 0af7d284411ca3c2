"""The priors of a trained autoencoder of images, fitted to what its posteriors make of data: of codes, of each latent
map, and of what isn't told of a condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.data.observation import VARIANCE
from sciencegen.data.spacing import evenly_spaced
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import FitProgress, Progress
from sciencegen.networks.normal import standard_normal
from sciencegen.networks.symmetry import SYMMETRIES
from sciencegen.vae.gaussian import DiagonalGaussian
from sciencegen.vae.images.map_flow import LEAST, Precision, fit_map_flow
from sciencegen.vae.images.networks import Condition
from sciencegen.vae.images.warm_start import augmented_conditions
from sciencegen.vae.prior_fitting import GO_ON, PriorFit, PriorFitSettings, fit_prior, steps_further

MAPS = 64
"""Items of a step of the map's prior."""
MOST_MAPS = 24_000
"""Items that it is fitted to: 1.2 GB of maps of 16 x 16 under 32 channels."""
FEWEST_MAPS = 1000
"""Noise-free items below which an adapted model's maps keep their priors: of a map that noise hides nothing is learned,
and a draw has the knots and arms that the old items had."""


@dataclass(frozen=True)
class PriorSteps:
    """steps, batch: of the priors of codes and of conditions. map_steps, precision: of each map's prior."""

    steps: int
    batch: int
    map_steps: int
    precision: Precision


def fit_priors(
    model: Any, batches: Sequence[Batch], generator: Generator, how: PriorSteps, progress: Progress
) -> PriorFit:
    """Fit an `ImageVAE`'s in place; the fit of the code's prior. Those of an adapted one go on from what they were."""
    count, anew = sum(map(len, batches)), model.pretrained is None
    mean, log_std, condition = posteriors(model, batches, generator, partial(progress, "posteriors"))
    settings = replace(
        PriorFitSettings() if anew else GO_ON, steps=how.steps if anew else steps_further(count, how.steps),
        batch=how.batch, dropout=ConditionDropout(),  # conditions are dropped already
    )  # fmt: skip
    told_of = partial(progress, "prior of codes")
    fit = fit_prior(model.prior, mean, condition, generator, log_std=log_std, settings=settings, progress=told_of)
    if condition is not None:
        told = torch.cat([one.condition for one in batches if one.condition is not None])
        kinds, learning = (
            model.conditions,
            PriorFitSettings(steps=how.steps, batch=how.batch, dropout=model.settings.dropout),
        )
        signs = told.new_tensor([kinds.signs(g) for g in SYMMETRIES[model.settings.symmetry]])
        if model.pretrained is not None and not model.wishes.fitted:
            old = partial(progress, "prior of old conditions")
            told = augmented_conditions(model.pretrained, told, generator, learning, signs, old)
        model.wishes.learn(told, generator, learning, signs, partial(progress, "prior of conditions"))
    _fit_maps(model, batches, generator, how, progress)
    return fit


def _fit_maps(model: Any, batches: Sequence[Batch], generator: Generator, how: PriorSteps, progress: Progress) -> None:
    """An adapted model's go on where enough items are free of noise; else they stay."""
    steps = how.map_steps
    if adapted := model.pretrained is not None:
        quiet = sum(int(noise_free(one).sum()) for one in batches)
        if quiet < FEWEST_MAPS:
            return
        steps = steps_further(quiet, steps)
    for number, flow in enumerate(model.map_flows):
        name = f"map {number + 1} of {len(model.map_flows)}"
        rows = posterior_maps(model, number, batches, generator, partial(progress, f"posteriors of {name}"))
        active = flow.active.flatten() > 0 if adapted else rows.says > LEAST
        draw, told = partial(rows.draw, generator), partial(progress, f"prior of {name}")
        fit_map_flow(flow, draw, active, steps, generator, how.precision, told)


def noise_free(batch: Batch) -> Bool[Tensor, " batch"]:
    """Which images have no noise in any pixel of any band."""
    return batch[VARIANCE].flatten(1).amax(1) == 0


@dataclass(frozen=True)
class MapPosteriors:
    """Of one map of many items, [item channel y x]; above: what is known above it; condition: what was told."""

    mean: Tensor
    log_std: Tensor
    above: Tensor
    condition: Condition

    @property
    def says(self) -> Float[Tensor, " channel"]:
        """nats: KL(q || N(0, I)) of each channel, of the mean item."""
        prior = DiagonalGaussian(torch.zeros_like(self.mean), torch.zeros_like(self.mean))
        return DiagonalGaussian(self.mean, self.log_std).kl_per_dimension(prior).sum((2, 3)).mean(0)

    def draw(self, generator: Generator, step: int) -> tuple[Tensor, Tensor, Condition]:
        """Draws u ~ q of `MAPS` items, what is above it, what was told."""
        chosen = torch.randint(len(self.mean), (MAPS,), generator=generator)
        mean, std, above = self.mean[chosen], self.log_std[chosen].exp(), self.above[chosen]
        told = None if self.condition is None else self.condition[chosen]
        return mean + std * standard_normal(mean.shape, generator, mean), above, told


@torch.no_grad()
def posterior_maps(
    model: Any, number: int, batches: Sequence[Batch], generator: Generator, progress: FitProgress
) -> MapPosteriors:
    """Of the map `number` of `MOST_MAPS` evenly spaced items at most, in random orientations, each told its whole
    condition, as a draw is.

    Of items without noise, where there are some: a map that noise hides has its prior for a posterior, which is what a
    draw shall not look like.
    """
    quiet = [one.select(noise_free(one)) for one in batches]
    kept = [one for one in quiet if len(one)] or batches
    sizes, shape, found = list(map(len, kept)), model.networks.map_shapes[number], []
    chosen = torch.zeros(sum(sizes), dtype=torch.bool)
    chosen[evenly_spaced(len(chosen), MOST_MAPS)] = True
    parts = [one.select(here) for one, here in zip(kept, chosen.split(sizes), strict=True) if here.any()]
    for done, one in enumerate(parts, 1):
        some = model.oriented(one, generator)
        seen = model.networks.infer(some, some.condition, generator)
        posterior = seen.posteriors[1 + number]
        mean, log_std = (values.unflatten(1, shape) for values in (posterior.mean, posterior.log_std))
        found.append((mean, log_std, seen.above[number], some.condition))
        progress(done, len(parts), None)
    *columns, told = zip(*found, strict=True)
    mean, log_std, above = map(torch.cat, columns)
    return MapPosteriors(mean, log_std, above, None if told[0] is None else torch.cat(told))


@torch.no_grad()
def posteriors(
    model: Any, batches: Sequence[Batch], generator: Generator, progress: FitProgress
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Means and log standard deviations of many codes and what they were told, each [item ...].

    A code depends on what is told: each item is told its whole condition, then nothing, then what dropout leaves.
    """
    rows: list[tuple[DiagonalGaussian, Condition]] = []
    for done, one in enumerate(batches, 1):
        told: list[Condition] = model.settings.dropout.views(one.condition, generator)
        rows += zip(model.networks.code_posteriors(one, told), told, strict=True)
        progress(done, len(batches), None)
    conditions = [condition for _, condition in rows if condition is not None]
    columns = torch.cat(conditions) if conditions else None
    return torch.cat([q.mean for q, _ in rows]), torch.cat([q.log_std for q, _ in rows]), columns
