"""Fit the priors of a trained autoencoder of images to its posteriors: the priors of codes, of each latent map, and of
missing values of a condition; and its texture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sciencegen.batch import Batch, concatenate
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.data.spacing import evenly_spaced
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.convolution import convolved
from sciencegen.networks.descent import FitProgress, Progress
from sciencegen.networks.normal import standard_normal
from sciencegen.networks.pixels import cropped
from sciencegen.networks.symmetry import SYMMETRIES
from sciencegen.networks.texture import Draws, fit_texture
from sciencegen.vae.gaussian import DiagonalGaussian
from sciencegen.vae.images.map_flow import LEAST, Precision, fit_map_flow
from sciencegen.vae.images.networks import Condition
from sciencegen.vae.images.observation import observed
from sciencegen.vae.images.warm_start import augmented_conditions
from sciencegen.vae.prior_fitting import GO_ON, PriorFit, PriorFitSettings, fit_prior, steps_further

MAPS = 64
"""Batch size for a map's prior."""
TEXTURES = 24
"""Batch size for the texture."""
MOST_MAPS = 24_000
"""Most items to which a map's prior or a texture is fitted: 1.2 GB for maps of 16 x 16 and 32 channels of features."""
FEWEST_MAPS = 1000
"""Least number of noise-free items to fit a texture, or to continue the fit of an adapted model's maps. With fewer, the
old ones stay, and draws have the knots and arms of the old items: nothing can be learned of a map that noise hides."""


@dataclass(frozen=True)
class PriorSteps:
    """steps, batch: of the priors of codes and of conditions. map_steps, precision: of each map's prior; the texture
    takes half as many steps."""

    steps: int
    batch: int
    map_steps: int
    precision: Precision


def fit_priors(
    model: Any, batches: Sequence[Batch], generator: Generator, how: PriorSteps, progress: Progress
) -> PriorFit:
    """Fit an `ImageVAE`'s priors in place; returns the fit of the code's. Those of an adapted model continue from their
    weights."""
    count, fresh = sum(map(len, batches)), model.pretrained is None
    mean, log_std, condition = posteriors(model, batches, generator, partial(progress, "posteriors"))
    settings = replace(
        PriorFitSettings() if fresh else GO_ON, steps=how.steps if fresh else steps_further(count, how.steps),
        batch=how.batch, dropout=ConditionDropout(),  # `posteriors` has applied dropout
    )  # fmt: skip
    named = partial(progress, "prior of codes")
    fit = fit_prior(model.prior, mean, condition, generator, log_std=log_std, settings=settings, progress=named)
    if condition is not None:
        conditions = torch.cat([one.condition for one in batches if one.condition is not None])
        kinds, learning = (
            model.conditions,
            PriorFitSettings(steps=how.steps, batch=how.batch, dropout=model.settings.dropout),
        )
        signs = conditions.new_tensor([kinds.signs(g) for g in SYMMETRIES[model.settings.symmetry]])
        if model.pretrained is not None and not model.wishes.fitted:
            old = partial(progress, "prior of old conditions")
            conditions = augmented_conditions(model.pretrained, conditions, generator, learning, signs, old)
        model.wishes.learn(conditions, generator, learning, signs, partial(progress, "prior of conditions"))
    _fit_maps(model, batches, generator, how, progress)
    return replace(fit, notes=_fit_texture(model, batches, generator, how, progress))


def _fit_maps(model: Any, batches: Sequence[Batch], generator: Generator, how: PriorSteps, progress: Progress) -> None:
    """Fit the prior of each map; those of an adapted model only if enough items are free of noise."""
    steps = how.map_steps
    if adapted := model.pretrained is not None:
        quiet = sum(int(noise_free(one).sum()) for one in batches)
        if quiet < FEWEST_MAPS:
            return
        steps = steps_further(quiet, steps)
    for number, flow in enumerate(model.map_flows):
        name = f"map {number + 1} of {len(model.map_flows)}"
        rows = posterior_maps(model, number, batches, generator, partial(progress, f"posteriors of {name}"))
        active = flow.active.flatten() > 0 if adapted else rows.channel_kl > LEAST
        draw, named = partial(rows.draw, generator), partial(progress, f"prior of {name}")
        fit_map_flow(flow, draw, active, steps, generator, how.precision, named)


def _fit_texture(
    model: Any, batches: Sequence[Batch], generator: Generator, how: PriorSteps, progress: Progress
) -> tuple[str, ...]:
    """Fit the texture, if there is one and if enough items are free of noise: noise would be taken for texture. Returns
    notes."""
    texture = model.networks.writer.texture
    if texture is None:
        return ()
    quiet = sum(int(noise_free(one).sum()) for one in batches)
    if quiet < FEWEST_MAPS:
        few = (
            f"a texture is fitted to {FEWEST_MAPS:,} or more training images without noise, found {quiet:,}: draws "
            "have none. Add images without noise, or leave `texture` out"
        )
        return () if texture.fitted else (few,)
    some = concatenate(_some([one.select(noise_free(one)) for one in batches]))
    draw = partial(texture_draws, model, some, generator)
    fit_texture(texture, draw, how.map_steps // 2, partial(progress, "texture"))
    return ()


def texture_draws(model: Any, items: Batch, generator: Generator, step: int) -> Draws:
    """Two draws with texture under one sample of the posterior of each of `TEXTURES` items, the images, and the
    deviation that is allowed around the image without texture."""
    chosen = torch.randint(len(items), (TEXTURES,), generator=generator)
    some, networks = model.oriented(items.select(chosen), generator), model.networks
    with torch.no_grad():
        found = networks.infer(some, model.settings.dropout(some.condition, generator), generator)
        allowed = observed(found.image, Batch({**some.fields, IMAGE: found.image}), model.settings.misfit)
    above, shape = found.above[-1], (TEXTURES, *networks.map_shapes[-1])
    draws = []
    for _ in range(2):
        texture = networks.writer.texture(above, standard_normal(shape, generator, above))
        made = found.light.textured(cropped(texture, some[IMAGE].shape[-1]))
        draws.append(convolved(made, some.fields.get(PSF)))
    return draws[0], draws[1], some[IMAGE], allowed.log_std.exp()


def _some(batches: Sequence[Batch]) -> list[Batch]:
    """At most `MOST_MAPS` evenly spaced items."""
    sizes = list(map(len, batches))
    chosen = torch.zeros(sum(sizes), dtype=torch.bool)
    chosen[evenly_spaced(len(chosen), MOST_MAPS)] = True
    return [one.select(here) for one, here in zip(batches, chosen.split(sizes), strict=True) if here.any()]


def noise_free(batch: Batch) -> Bool[Tensor, " batch"]:
    """Which images have no noise in any pixel of any band."""
    return batch[VARIANCE].flatten(1).amax(1) == 0


@dataclass(frozen=True)
class MapPosteriors:
    """Posteriors of one map of many items, [item channel y x]; above: the decoder's features above it."""

    mean: Tensor
    log_std: Tensor
    above: Tensor
    condition: Condition

    @property
    def channel_kl(self) -> Float[Tensor, " channel"]:
        """KL(q || N(0, I)) of each channel in nats, averaged over items."""
        prior = DiagonalGaussian(torch.zeros_like(self.mean), torch.zeros_like(self.mean))
        return DiagonalGaussian(self.mean, self.log_std).kl_per_dimension(prior).sum((2, 3)).mean(0)

    def draw(self, generator: Generator, step: int) -> tuple[Tensor, Tensor, Condition]:
        """Draws u ~ q of `MAPS` items, with the features above it and the condition."""
        chosen = torch.randint(len(self.mean), (MAPS,), generator=generator)
        mean, std, above = self.mean[chosen], self.log_std[chosen].exp(), self.above[chosen]
        condition = None if self.condition is None else self.condition[chosen]
        return mean + std * standard_normal(mean.shape, generator, mean), above, condition


@torch.no_grad()
def posterior_maps(
    model: Any, number: int, batches: Sequence[Batch], generator: Generator, progress: FitProgress
) -> MapPosteriors:
    """Posteriors of map `number` for at most `MOST_MAPS` evenly spaced items, in random orientations, each with its
    complete condition, as in sampling.

    Only noise-free items are used, if there are any: the posterior of a map that noise hides equals its prior, and
    draws should not look like that.
    """
    quiet = [one.select(noise_free(one)) for one in batches]
    kept = [one for one in quiet if len(one)] or batches
    shape, found, parts = model.networks.map_shapes[number], [], _some(kept)
    for done, one in enumerate(parts, 1):
        some = model.oriented(one, generator)
        seen = model.networks.infer(some, some.condition, generator)
        posterior = seen.posteriors[1 + number]
        mean, log_std = (values.unflatten(1, shape) for values in (posterior.mean, posterior.log_std))
        found.append((mean, log_std, seen.above[number], some.condition))
        progress(done, len(parts), None)
    *columns, conditions = zip(*found, strict=True)
    mean, log_std, above = map(torch.cat, columns)
    return MapPosteriors(mean, log_std, above, None if conditions[0] is None else torch.cat(conditions))


@torch.no_grad()
def posteriors(
    model: Any, batches: Sequence[Batch], generator: Generator, progress: FitProgress
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Means and log standard deviations of the codes of many items, and their conditions, each [item ...].

    A code depends on the condition: each item is used with its complete condition, with none, and with what dropout
    leaves.
    """
    rows: list[tuple[DiagonalGaussian, Condition]] = []
    for done, one in enumerate(batches, 1):
        views: list[Condition] = model.settings.dropout.views(one.condition, generator)
        rows += zip(model.networks.code_posteriors(one, views), views, strict=True)
        progress(done, len(batches), None)
    conditions = [condition for _, condition in rows if condition is not None]
    columns = torch.cat(conditions) if conditions else None
    return torch.cat([q.mean for q, _ in rows]), torch.cat([q.log_std for q, _ in rows]), columns
