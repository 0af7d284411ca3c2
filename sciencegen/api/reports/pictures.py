"""Pictures of items in a run's report: training data and draws, and traversals of the latent space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.reports.contents import latents_of
from sciencegen.api.reports.sections import labels
from sciencegen.api.science import HEIGHT, WIDTH, picture
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.tables import grouped
from sciencegen.data.workers import is_refusal
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Compared
from sciencegen.items import Item, Refusal
from sciencegen.latent.geometry import latent_noise, principal_axes
from sciencegen.report.content import Chart, Gallery, LatentMapContent, Traversal
from sciencegen.report.markup import decimals, number

if TYPE_CHECKING:
    from sciencegen.api.reports.contents import RunContents

CHARTED = 300
"""Maximum number of items of each group in charts."""

DIRECTIONS, CONDITIONS = 3, 4
"""Number of rows of traversals along directions, and under conditions."""

DEVIATIONS = (-2, -1, 0, 1, 2)

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Quantiles of the training values that are requested of a condition."""


def gallery(run: RunContents) -> Gallery | None:
    """Evenly spaced training items and draws; None in domains without a gallery."""
    shown = 0 if run.domain.pictures is None else run.domain.pictures.gallery
    if not shown or run.training is None or not run.samples:
        return None
    texts = run.training.items(run.training.splits[0]).take(run.training_sample(shown))
    groups = {"training data": _parsed(run, texts), **_draws(run, shown)}
    if not all(groups.values()):
        return None
    drawn = iter(pictures_of(run.domain, [item for items in groups.values() for item in items]))
    return Gallery({name: [next(drawn) for _ in items] for name, items in groups.items()})


def charts(run: RunContents) -> Sequence[Chart]:
    """The domain's charts of candidates, draws and training items; [] in domains without."""
    make = None if run.domain.pictures is None else run.domain.pictures.charts
    if make is None:
        return []
    known = run.training.items(run.training.splits[0]).take(run.training_sample(CHARTED)) if run.training else []
    drawn = run.samples.get("item", [])
    draws = [drawn[row] for row in evenly_spaced(len(drawn), CHARTED)]
    return make(Compared(_parsed(run, known), _parsed(run, draws), run.items))


def _parsed(run: RunContents, texts: Sequence[str]) -> list[Any]:
    parsed = [run.domain.items.parse(text) for text in texts if text]
    return [item for item in parsed if not is_refusal(item)]


def _draws(run: RunContents, shown: int) -> dict[str, list[Any]]:
    """Draws from the table; if it holds noise-free items, also as the instrument would observe them."""
    texts = run.samples["item"]
    items = _parsed(run, [texts[row] for row in evenly_spaced(len(texts), shown)])
    observation = run.model.representation.observation if run.model else None
    if observation is None or observation.instrument is None:
        return {"draws of the model": items}
    if not run.settings.generate.noise_free:
        return {"draws of the model, as the instrument sees them": items}
    seen = observation.instrument.observed(items, run.settings.seed)
    return {
        "draws of the model, as the instrument would see them": seen,
        "the same draws, as the model makes them": items,
    }


def pictures_of(science: Domain, items: Sequence[Item | Refusal]) -> list[str]:
    """Pictures, on a common scale if the domain supports it; "" for refusals."""
    present = [item for item in items if not is_refusal(item)]
    alike = None if science.pictures is None else science.pictures.render_alike
    each = (picture(science, item, None) for item in present)
    drawn = iter(alike(present, WIDTH, HEIGHT)) if alike is not None else each
    return ["" if is_refusal(item) else next(drawn) for item in items]


def traversals(run: RunContents) -> list[Traversal]:
    """Traversals along latent directions and under changing conditions, in domains that show them."""
    if run.domain.pictures is None or not run.domain.pictures.traversals:
        return []
    if run.training is None or run.model is None or run.model.recipe.completes:
        return []
    from sciencegen.diffusion.model import DiffusionModel  # on use: needs torch

    if any(isinstance(one, DiffusionModel) for one in run.model.model.modules()):  # slow
        return []
    return [*_directions(run), *_conditions(run)]


def _directions(run: RunContents) -> list[Traversal]:
    """Traversals through the mean latent of training items, along their directions of largest variance."""
    assert run.model is not None
    known = run.training_latents[np.isfinite(run.training_latents).all(1)]
    if len(known) < 3:
        return []
    size = run.model.model.semantic_size
    axes = principal_axes(known[:, :size], DIRECTIONS)
    varied = [axis for axis, deviation in enumerate(axes.deviations) if deviation > 0]
    latents = np.repeat(known.mean(0, keepdims=True), len(varied) * len(DEVIATIONS), 0)
    latents[:, :size] = [row for axis in varied for row in axes.along(axis, np.array(DEVIATIONS))]
    pictures = _rows(pictures_of(run.domain, run.model.space.decode_items(latents)), len(DEVIATIONS))
    labels = [f"{number(step)} σ" if step else "mean" for step in DEVIATIONS]
    return [
        Traversal(f"direction {axis + 1}", labels, drawn, note=f"{100 * axes.shares[axis]:.0f} % of the variance")
        for axis, drawn in zip(varied, pictures, strict=True)
    ]


def _conditions(run: RunContents) -> list[Traversal]:
    """Traversals of one draw: for each condition, low to high quantiles of the training values are requested."""
    assert run.model is not None
    asked = _asked(run)
    if not asked:
        return []
    space, count = run.model.space, len(asked) * len(QUANTILES)
    conditions = [run.model.representation.condition({name: one}) for name, values in asked.items() for one in values]
    noise = latent_noise(run.settings.seed, 0, space.size)[:1]
    items = space.generate_items(np.repeat(noise, count, 0), np.stack(conditions).astype(np.float32))
    made, drawn = (_rows(each, len(QUANTILES)) for each in (items, pictures_of(run.domain, items)))
    rows = zip(asked.items(), made, drawn, strict=True)
    return [_condition(run, name, values, items, pictures) for (name, values), items, pictures in rows]


def _asked(run: RunContents) -> dict[str, list[float]]:
    """Condition -> quantiles of the training items' values; conditions with a goal first."""
    assert run.model is not None
    assert run.training is not None
    wanted, split = {goal.name for goal in run.goals}, run.training.splits[0]
    known = [name for name in run.model.space.properties if name in run.training.property_names]
    names = sorted(known, key=lambda name: name not in wanted)[:CONDITIONS]
    values = {name: run.training.values(split, [name])[:, 0] for name in names}
    return {
        name: np.nanquantile(cells, QUANTILES).tolist() for name, cells in values.items() if np.isfinite(cells).any()
    }


def _condition(
    run: RunContents, name: str, asked: Sequence[float], items: Sequence[Any], pictures: Sequence[str]
) -> Traversal:  # fmt: skip
    """The traversal of a condition, with measured values in addition to the requested ones."""
    places, prop = decimals(asked), run.domain.properties.get(name)
    labels = [number(value, places) for value in asked]
    if prop is None:
        return Traversal(name, labels, pictures)
    got = [math.nan if is_refusal(item) else float(run.domain.measure([item], [name])[0, 0]) for item in items]
    return Traversal(name, labels, pictures, [f"got {number(value, places)}" for value in got], prop.unit)


def _rows(values: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


# The latent map of a run: candidates among training items, which are coloured by a property.

NOTHING = 0.02
"""Smallest useful variance of the posterior means along the widest latent axis, relative to the prior's variance of 1.
Below it the axis holds less than a hundredth of a nat about items: -log(1 - 0.02) / 2."""


def latent_map(run: RunContents) -> LatentMapContent | None:
    """Project candidates onto the plane in which the latents of training items vary most; None for a diffusion model,
    whose latent is noise of the item's own size, and takes hundreds of network evaluations for each item."""
    if run.model is None or run.training is None or not run.items or _is_diffusion(run.model):
        return None
    split = run.training.splits[0]
    known, found = run.training_latents, latents_of(run, run.candidates["item"][: len(run.items)])
    encoded, missing = np.isfinite(known).all(1), ~np.isfinite(found).all(1)
    known = known[encoded]
    if len(known) < 3 or missing.all():
        return None
    semantic = run.model.model.semantic_size
    plane = principal_axes(known[:, :semantic])
    points = np.where(missing[:, None], np.nan, plane.project(np.nan_to_num(found[:, :semantic])))
    note = f"The two axes hold {100 * sum(plane.shares):.0f} % of the variance."
    if silent := says_nothing(known[:, :semantic]):
        note = silent
    if missing.any():
        note += f" {missing.sum()} candidates have no latent and are not shown."
    record = LatentMapContent(points.tolist(), plane.project(known[:, :semantic]).tolist(), labels(run), note=note)
    asked = run.settings.report.colour_by
    if asked is not None and asked not in run.training.property_names:
        called = run.training.names(split, run.latent_rows[encoded])
        name, groups = grouped(run.domain.items.labels, asked, called, run.training.property_names)
        return replace(record, groups=groups, value_name=name)
    name = asked or _coloured_by(run)
    values = run.training.values(split, [name])[run.latent_rows, 0][encoded].tolist() if name else ()
    unit = run.domain.properties[name].unit if name in run.domain.properties else ""
    return replace(record, values=values, value_name=name, unit=unit)


def _is_diffusion(loaded: LoadedModel) -> bool:
    from sciencegen.diffusion.model import DiffusionModel  # on use: needs torch
    from sciencegen.diffusion.sizes import SizedDiffusion

    return isinstance(loaded.model, DiffusionModel | SizedDiffusion)


def says_nothing(latents: np.ndarray) -> str:
    """A warning that latents [item latent] carry almost no information on items; "" if they do."""
    widest = float(np.linalg.eigvalsh(np.cov(latents, rowvar=False).reshape(latents.shape[1], -1))[-1])
    if widest >= NOTHING:
        return ""
    return (
        f"This latent carries next to nothing: items' centres vary by {widest:.2g} along its widest axis, where the "
        "prior's variance is 1. The model found nothing that items have in common beside its conditions, and being "
        "near each other on this map means nothing."
    )


def _coloured_by(run: RunContents) -> str:
    """The default property to colour by: the first of the goals' properties, the measured column, the user's columns,
    and any property except the sampling weight."""
    assert run.training is not None
    assert run.model is not None
    family = run.model.recipe.family
    weight = "" if family is None else family.weight
    known = [name for name in run.training.property_names if name != weight]
    measured = (run.training.summary.get("context") or {}).get("measured", "")
    wanted = [*(goal.name for goal in run.goals), measured, *run.training.summary["columns"], *known]
    return next((name for name in wanted if name in known), "")
