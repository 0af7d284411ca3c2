"""Fit the priors of a trained autoencoder of images to its posteriors: the priors of codes, of each latent map, and of
missing values of a condition; and its texture.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, cast

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch, concatenate
from sciencegen.data.observation import IMAGE, PSF, VARIANCE
from sciencegen.data.statistics import evenly_spaced
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import DescentSettings, FitProgress, Progress, descend, no_progress
from sciencegen.networks.pixels import SYMMETRIES, ConditionKinds, SymmetricNorm, convolved, cropped, turned
from sciencegen.networks.pyramid import Draws, fit_texture
from sciencegen.networks.shared_noise import standard_normal
from sciencegen.networks.unet import UNetDenoiser, UNetSettings
from sciencegen.vae.conditions import Condition as Known
from sciencegen.vae.conditions import ConditionImputation
from sciencegen.vae.flows import GO_ON, PriorFit, PriorFitSettings, fit_prior, steps_further
from sciencegen.vae.image_networks import observed
from sciencegen.vae.posteriors import DiagonalGaussian

# A learned prior of latent maps, for draws that follow the trained model's posteriors instead of N(0, I).
#
#     du/dt = v(u, t; h, c),    u(0) ~ N(0, I),    u(1) ~ p(u | h, c)
#     loss = E |v((1 - t) e + t u, t; h, c) - (u - e)|^2,    e ~ N(0, I), t ~ U(0, 1)
#
# Flow matching along straight lines (Lipman et al. 2023, eq. 23; Liu et al. 2023, eq. 1). h are the decoder's features
# above the map. A posterior's u is sparse and concentrated at knots of the image, unlike standard normal numbers. A
# channel that the model does not use is N(0, I) and is not changed. The network also gets the map rotated by 180
# degrees: the object in the middle of an image, such as a galaxy with its arms, is often symmetric under this rotation,
# which convolutions alone hardly detect.

MAP, OPPOSITE, ABOVE = "map", "opposite", "above"
HALF_TURN = 2
"""Number of the rotation by 180 degrees among the elements of D4."""
NEAREST = 1e-3
"""Least distance of t from 0 and 1 in the network's input."""
MULTIPLIERS = (1, 2, 2)
"""Of the network's width, from the map's resolution to coarser ones."""
LEAST = 0.5
"""Least KL divergence from N(0, I) of a channel for which a flow is fitted: nats, summed over the map."""

Precision = Literal["float32", "bfloat16"]
Map = Float[Tensor, "batch channel y x"]
Above = Float[Tensor, "batch width y x"]
Condition = Float[Tensor, "batch property"] | None


class MapFlow(nn.Module):
    """shape: of the map. above: channels of the features above it. steps: of Heun's method, two evaluations each.

    active: [channel] 1 if the flow changes a channel, 0 if it leaves the channel as it is; all 0 before the fit.
    """

    active: Tensor

    def __init__(self, shape: Sequence[int], above: int, conditions: ConditionKinds, width: int, steps: int) -> None:
        super().__init__()
        channels, side, _ = shape
        levels = [multiplier for level, multiplier in enumerate(MULTIPLIERS) if side % 2**level == 0]
        settings = UNetSettings(width=width, multipliers=tuple(levels), patch=1, known=128)
        self.network = UNetDenoiser(MAP, shape, conditions, {OPPOSITE: channels, ABOVE: above}, settings)
        self.norm, self.steps = SymmetricNorm(above, (0,)), steps
        self.register_buffer("active", torch.zeros(channels, 1, 1))

    def velocity(self, u: Map, t: Float[Tensor, " batch"], above: Above, condition: Condition) -> Map:
        """The velocity v, 0 in inactive channels. The network gets t as the log ratio of signal and noise power."""
        seen, log_snr = self.active * u, 2 * torch.logit(t, eps=NEAREST)
        given = {MAP: seen, OPPOSITE: turned(seen, HALF_TURN), ABOVE: functional.silu(self.norm(above))}
        return self.active * self.network(given, log_snr, condition, None)[MAP].to(u)

    def loss(self, u: Map, above: Above, condition: Condition, generator: Generator) -> Tensor:
        """Squared error, summed over active channels, averaged over positions."""
        noise = standard_normal(u.shape, generator, u)
        t = torch.rand(len(u), generator=generator, device=generator.device).to(u)
        share = t[:, None, None, None]
        missed = self.velocity((1 - share) * noise + share * u, t, above, condition) - self.active * (u - noise)
        return missed.square().sum(1).mean()

    def forward(self, noise: Map, above: Above, condition: Condition) -> Map:
        """Standard normal noise to a map, by Heun's method with even steps in t; unchanged before the fit."""
        if not self.active.any():
            return noise
        u, step = noise, 1 / self.steps
        for number in range(self.steps):
            at = [torch.full_like(u[:, 0, 0, 0], min(1.0, (number + more) * step)) for more in (0, 1)]
            first = self.velocity(u, at[0], above, condition)
            second = self.velocity(u + step * first, at[1], above, condition)
            u = u + step * (first + second) / 2
        return u


def fit_map_flow(
    flow: MapFlow,
    draw: Callable[[int], tuple[Map, Above, Condition]],
    active: Bool[Tensor, " channel"],
    steps: int,
    generator: Generator,
    precision: Precision = "float32",
    progress: FitProgress = no_progress,
) -> list[float]:
    """Fit in place to what `draw(step)` gives: maps of a trained posterior, the features above them, the condition.
    Returns the losses of all steps. precision: of matrix products; bfloat16 is twice as fast on hardware with it."""
    flow.active.copy_(active[:, None, None])
    if not active.any():
        return []

    def loss(step: int) -> Tensor:
        u, above, condition = draw(step)
        with torch.autocast(u.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            return flow.loss(u, above, condition, generator)

    flow.train()
    losses = descend(flow.parameters(), loss, steps, DescentSettings(), progress)
    flow.eval()
    return losses


# Initialize an autoencoder of images with the weights of a trained one whose condition has other columns.
#
# Layers that take a condition keep the weights of shared columns; those of new columns start at 0. So before training,
# the new model equals the trained one, except that it does not impute columns that were removed.
#
# With few conditions, a new density p(c | known) overfits. The trained model's, continued on them, predicts similar
# conditions well, but has no input for a new column. So the new model's density is fitted to many draws of the trained
# one, to which new columns are added by predictive mean matching (Little 1988, section 2): a linear regression on the
# shared columns finds the few items that are most similar to a draw, and the draw gets the new columns of one of them.

MANY = 10_000
"""Conditions to which the new density is fitted; with so many items or more, no draws are needed."""
DONORS, MOST_DONORS = 5, 2000
"""Number of nearest items of which one is the donor of a draw's new columns; most items to choose from."""
RIDGE = 1.0
"""Penalty of the regression on standardized columns."""


@dataclass(frozen=True)
class Pretrained:
    """The trained model whose weights were copied. wishes: its p(c | known). columns: for each column of the new
    model, its number in the trained one, None for a new column."""

    wishes: ConditionImputation
    columns: tuple[int | None, ...]

    @property
    def shared(self) -> tuple[list[int], list[int]]:
        """Columns of both models: their numbers in the new one and in the trained one."""
        both = [(here, there) for here, there in enumerate(self.columns) if there is not None]
        return [here for here, _ in both], [there for _, there in both]


@torch.no_grad()
def warm_start(trained: Any, fresh: Any, columns: Sequence[int | None]) -> None:
    """Copy the weights of one `ImageVAE` to another, in place; columns: as in `Pretrained`."""
    pretrained = fresh.pretrained = Pretrained(copy.deepcopy(trained.wishes), tuple(columns))
    here = fresh.state_dict()
    for name, value in trained.state_dict().items():
        if name in here and not name.startswith("wishes."):
            _copy_padded(value, here[name])
    if pretrained.columns == tuple(range(trained.conditions.count)):
        fresh.wishes.load_state_dict(trained.wishes.state_dict())
    for old, new in zip(_condition_layers(trained), _condition_layers(fresh), strict=True):
        if old is not None and new is not None:
            _copy_columns(old, new, pretrained, trained.conditions.count)
    if trained.prior.reader is not None and fresh.prior.reader is None:
        fresh.prior.start_unconditional(trained.prior)


def _copy_padded(old: Tensor, new: Tensor) -> None:
    """Copy weights; those of additional inputs, which come last, are 0."""
    if old.shape == new.shape:
        new.copy_(old)
    elif old.ndim == 2 and len(old) == len(new) and old.shape[1] < new.shape[1]:
        new.zero_()[:, : old.shape[1]] = old


def _condition_layers(model: Any) -> list[nn.Linear | None]:
    """Layers whose last inputs are a condition's features: its columns, then whether each is known. None: a layer that
    does not exist without a condition."""
    networks = model.networks
    mlps = [networks.posterior.head, networks.known, networks.flux_bend]
    mlps += [flow.network.known for flow in model.map_flows]
    plain = [networks.flux, model.prior.reader]
    if networks.profiles is not None:
        mlps.append(networks.profiles.bend)
        plain.append(networks.profiles.plain)
    return [*plain, *(None if mlp is None else cast(nn.Linear, mlp.hidden[0]) for mlp in mlps)]


def _copy_columns(old: nn.Linear, new: nn.Linear, pretrained: Pretrained, count: int) -> None:
    """Copy the weights of shared columns; the others are 0. count: number of the trained model's columns."""
    here, there = (torch.tensor(numbers, dtype=torch.long) for numbers in pretrained.shared)
    other = new.in_features - 2 * len(pretrained.columns)
    new.weight[:, other:] = 0
    new.weight[:, :other] = old.weight[:, :other]
    for place, before in ((other, other), (other + len(pretrained.columns), other + count)):
        new.weight[:, place + here] = old.weight[:, before + there]


def augmented_conditions(
    pretrained: Pretrained,
    few: Float[Tensor, "row property"],
    generator: Generator,
    settings: PriorFitSettings,
    signs: Float[Tensor, "orientation property"],
    progress: FitProgress = no_progress,
) -> Float[Tensor, "item property"]:
    """Many complete conditions similar to `few`, which may have missing values. Returns `few` itself if it has many
    rows, or if others cannot be drawn. Further arguments: of `ConditionImputation.learn`."""
    (here, there), wishes = pretrained.shared, pretrained.wishes
    whole = few[~few.isnan().any(1)]
    if not wishes.fitted or not here or not 0 < len(whole) < MANY:
        return few
    known, turns = (one.new_full((len(one), wishes.count), torch.nan) for one in (whole, signs))
    known[:, there], turns[:, there] = whole[:, here], signs[:, here]
    known = _drawn(wishes, known, generator)
    wishes.learn(known, generator, settings, turns.nan_to_num(1.0), progress)
    made = few.new_full((MANY, len(pretrained.columns)), torch.nan)
    made[:, here] = _drawn(wishes, few.new_full((MANY, wishes.count), torch.nan), generator)[:, there]
    new = [number for number, there in enumerate(pretrained.columns) if there is None]
    if new:
        donors = whole[evenly_spaced(len(whole), MOST_DONORS)]
        made[:, new] = matched(donors[:, here], donors[:, new], made[:, here], generator)
    return made


@torch.no_grad()
def _drawn(wishes: ConditionImputation, known: Known, generator: Generator) -> Known:
    return wishes(standard_normal(known.shape, generator, known), known)


def matched(
    known: Float[Tensor, "donor known"],
    given: Float[Tensor, "donor given"],
    like: Float[Tensor, "item known"],
    generator: Generator,
) -> Float[Tensor, "item given"]:
    """For each item the `given` values of one of the donors whose predicted means are nearest to the item's."""
    centre, mean = known.mean(0), given.mean(0)
    x, y = known - centre, given - mean
    slope = torch.linalg.solve(x.T @ x + RIDGE * torch.eye(x.shape[1]).to(x), x.T @ y)
    scale = (y - x @ slope).square().mean(0).sqrt().clamp(min=1e-6)
    distance = torch.cdist((like - centre) @ slope / scale, x @ slope / scale)
    near = distance.topk(min(DONORS, len(known)), largest=False).indices
    one = torch.randint(near.shape[1], (len(near), 1), generator=generator, device=generator.device)
    return given[near.gather(1, one.to(near.device))[:, 0]]


MAPS = 64
"""Batch size for a map's prior."""
TEXTURES = 24
"""Batch size for the texture."""
MOST_MAPS = 24_000
"""Most items to which a map's prior or a texture is fitted: 1.2 GB for maps of 16 x 16 and 32 channels of features."""
FEWEST_MAPS = 1000
"""Least number of noise-free items to fit a texture, or to continue the fit of an adapted model's maps. With fewer, the
old ones stay, and draws have the knots and arms of the old items: nothing can be learned of a map that noise hides."""


def fit_priors(
    model: Any, batches: Sequence[Batch], generator: Generator, steps: int, batch: int, map_steps: int,
    precision: Precision, progress: Progress,
) -> PriorFit:  # fmt: skip
    """Fit an `ImageVAE`'s priors in place; returns the fit of the code's. Those of an adapted model continue from their
    weights. steps, batch: of the priors of codes and of conditions. map_steps, precision: of each map's prior; the
    texture takes half as many steps."""
    count, fresh = sum(map(len, batches)), model.pretrained is None
    mean, log_std, condition = posteriors(model, batches, generator, partial(progress, "posteriors"))
    settings = replace(
        PriorFitSettings() if fresh else GO_ON, steps=steps if fresh else steps_further(count, steps),
        batch=batch, dropout=ConditionDropout(),  # `posteriors` has applied dropout
    )  # fmt: skip
    named = partial(progress, "prior of codes")
    fit = fit_prior(model.prior, mean, condition, generator, log_std=log_std, settings=settings, progress=named)
    if condition is not None:
        conditions = torch.cat([one.condition for one in batches if one.condition is not None])
        kinds, learning = (
            model.conditions,
            PriorFitSettings(steps=steps, batch=batch, dropout=model.settings.dropout),
        )
        signs = conditions.new_tensor([kinds.signs(g) for g in SYMMETRIES[model.settings.symmetry]])
        if model.pretrained is not None and not model.wishes.fitted:
            old = partial(progress, "prior of old conditions")
            conditions = augmented_conditions(model.pretrained, conditions, generator, learning, signs, old)
        model.wishes.learn(conditions, generator, learning, signs, partial(progress, "prior of conditions"))
    _fit_maps(model, batches, generator, map_steps, precision, progress)
    return replace(fit, notes=_fit_texture(model, batches, generator, map_steps // 2, progress))


def _fit_maps(
    model: Any, batches: Sequence[Batch], generator: Generator, steps: int, precision: Precision, progress: Progress
) -> None:
    """Fit the prior of each map; those of an adapted model only if enough items are free of noise."""
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
        fit_map_flow(flow, draw, active, steps, generator, precision, named)


def _fit_texture(
    model: Any, batches: Sequence[Batch], generator: Generator, steps: int, progress: Progress
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
    fit_texture(texture, draw, steps, partial(progress, "texture"))
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
