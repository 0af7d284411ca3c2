"""The latent map of a run: candidates among training items, which are coloured by a property."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.reports.contents import latents_of
from sciencegen.api.reports.sections import labels
from sciencegen.data.labels import grouped
from sciencegen.latent.geometry import principal_axes
from sciencegen.report.content import LatentMap

if TYPE_CHECKING:
    from sciencegen.api.reports.contents import RunContents

NOTHING = 0.02
"""Smallest useful variance of the posterior means along the widest latent axis, relative to the prior's variance of 1.
Below it the axis holds less than a hundredth of a nat about items: -log(1 - 0.02) / 2."""


def latent_map(run: RunContents) -> LatentMap | None:
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
    record = LatentMap(points.tolist(), plane.project(known[:, :semantic]).tolist(), labels(run), note=note)
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
