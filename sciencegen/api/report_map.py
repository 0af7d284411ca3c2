"""A run's latent map: candidates among the training items, which one of their numbers colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.latent import encode_rows
from sciencegen.api.report_sections import labels
from sciencegen.config import Resources
from sciencegen.data.tables import Row
from sciencegen.latent.geometry import principal_plane
from sciencegen.report.content import LatentMap

if TYPE_CHECKING:
    from sciencegen.api.report import RunContents

MAP_POINTS = 1000


def latent_map(run: RunContents) -> LatentMap | None:
    """Candidates on the plane in which the training items' latents vary most."""
    if run.model is None or run.training is None or not run.items:
        return None
    rows, split = run.training_sample(MAP_POINTS), run.training.splits[0]
    texts = run.training.items(split).take(rows)
    known, found = (_latents(run, group) for group in (texts, run.candidates["item"][: len(run.items)]))
    encoded, missing = np.isfinite(known).all(1), ~np.isfinite(found).all(1)
    known = known[encoded]
    if len(known) < 3 or missing.all():
        return None
    semantic = run.model.model.semantic_size
    plane = principal_plane(known[:, :semantic])
    points = np.where(missing[:, None], np.nan, plane.project(np.nan_to_num(found[:, :semantic])))
    note = f"The two axes hold {100 * sum(plane.shares):.0f} % of the variance."
    if missing.any():
        note += f" {missing.sum()} candidates have no latent and are not shown."
    name = _coloured_by(run)
    return LatentMap(
        points.tolist(), plane.project(known[:, :semantic]).tolist(), labels(run), note=note,
        values=run.training.values(split, [name])[rows, 0][encoded].tolist() if name else (),
        value_name=name, unit=run.domain.properties[name].unit if name in run.domain.properties else "",
    )  # fmt: skip


def _coloured_by(run: RunContents) -> str:
    """Which number of the training items tells most: a goal's, a column of the user's, else any but their weight."""
    assert run.training is not None
    assert run.model is not None
    known = [name for name in run.training.property_names if name != run.model.recipe.weight]
    wanted = [*(goal.name for goal in run.goals), *run.training.summary["columns"], *known]
    return next((name for name in wanted if name in known), "")


def _latents(run: RunContents, texts: list[str]) -> np.ndarray:
    """[item latent], a row of NaN where an item can't be encoded."""
    assert run.model is not None
    rows = [Row(line, text) for line, text in enumerate(texts, start=1)]
    encoded = encode_rows(run.model, rows, Resources(threads=run.settings.threads))
    latents = np.full((len(rows), run.model.space.size), np.nan)
    latents[encoded.index] = encoded.latent
    return latents
