"""Sections of a run's report: heat maps, logo, and the next plate with pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.criteria.checks import NOT_TARGETS
from sciencegen.api.science.letters import align, letters_of, picture
from sciencegen.api.writing.variant_scores import unit_of
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities.variants import ReferenceLike
from sciencegen.items import Cell
from sciencegen.report import heat_map_content as maps
from sciencegen.report.candidate_content import Candidates
from sciencegen.report.letters import logo_of
from sciencegen.report.site_content import HeatMap, Logo

if TYPE_CHECKING:
    from sciencegen.api.reports.contents import RunContents

LOGO_POINTS = 5000


def heat_maps(run: RunContents) -> list[HeatMap]:
    """Scores of single variants as maps of letters at sites; [] for a domain without letters."""
    letters, directions = letters_of(run.domain), {goal.name: goal.direction for goal in run.goals if goal.direction}
    if letters is None:
        return []
    return maps.of_variants(letters, run.variants, partial(unit_of, run.domain), directions)


def logo(run: RunContents) -> Logo | None:
    """Logos of candidates and of training data, with sampling weights if training uses them."""
    found = [str(text) for text in run.candidates["item"]]
    known, weights = _training(run) if run.training else ([], np.empty(0))
    letters, sites = letters_of(run.domain), align(run.domain, [*found, *known], run.frame)
    if letters is None or sites is None or not found:
        return None
    groups = {"candidates": range(len(found)), "training data": range(len(found), len(sites.rows))}
    return logo_of(letters, sites, groups, np.concatenate([np.ones(len(found)), weights]))


def _training(run: RunContents) -> tuple[list[str], np.ndarray]:
    """Evenly spaced texts of the training split, and their weights."""
    assert run.training is not None
    split, rows = run.training.splits[0], run.training_sample(LOGO_POINTS)
    family = run.model.recipe.family if run.model else None
    name = "" if family is None else family.weight
    weights = run.training.values(split, [name])[rows, 0] if name in run.training.property_names else np.ones(len(rows))
    return run.training.items(split).take(rows), np.nan_to_num(weights, nan=1.0)


def plate(run: RunContents) -> Candidates | None:
    """The next plate, as `propose` wrote it."""
    if not run.plate or not run.plate.get("item"):
        return None
    return plate_of(run.domain, run.plate, run.frame, run.settings.report.candidates)


def plate_of(
    science: Domain, table: Mapping[str, Sequence[Cell]], frame: ReferenceLike | None, shown: int
) -> Candidates:
    """A plate as a table with pictures. The lab's empty column is left out; its name labels the predictions."""
    empty = [name for name in table if not any(map(_has_value, table[name]))]
    targets = [name for name in empty if name not in (*NOT_TARGETS, "value")]
    target = f"predicted {targets[0]}" if targets else "predicted"
    names = {"predicted": target, "lower": f"{target}_lower", "upper": f"{target}_upper"}
    kept = {names.get(name, name): list(table[name])[:shown] for name in table if name not in empty}
    pictures = [picture(science, science.items.parse(text), frame) for text in kept["item"]]
    return Candidates.from_table(kept, pictures, total=len(table["item"]), noun="items")


def _has_value(cell: Cell) -> bool:
    return cell is not None and cell == cell and cell != ""
