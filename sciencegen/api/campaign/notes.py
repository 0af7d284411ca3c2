"""Notes on a plate for the user to read before it is measured, and its summary."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.api.campaign.controls import CONTROL
from sciencegen.api.campaign.forecasts import forecast_summary
from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.look_back import LookBack
from sciencegen.api.campaign.makeable import material_notes
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.science.letters import align
from sciencegen.api.search.left_open import left_open_counts, left_open_notes
from sciencegen.api.search.tables import IN_DOMAIN, score_columns
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.items import Item, none_if_nan
from sciencegen.optimization.campaign import Plate
from sciencegen.optimization.measurements import settled_values
from sciencegen.optimization.objective import score_safely
from sciencegen.optimization.pareto_plate import ParetoPlate
from sciencegen.scoring.oracles import Oracle

Table = Mapping[str, Sequence[Any]]

CROWDED = 0.5
"""Share of a plate with the same changed letter at a position, above which there is a note."""

MOSTLY = 0.8
"""Share of a plate with any change at the same position, above which there is a note."""

FEWEST = 4
"""Smallest plate with notes on letters."""

FEW_PLACES = 8
"""If a plate changes no more positions than this, each is changed often, and there is no note on positions."""

WEIGHS_COSTS = "noisy-ei"
"""The acquisition that weighs costs; the others only respect the limit."""

SHOWN = 8
"""Number of items that a note names."""

PREFIX = "predictor_"
"""Prefix of a plate's columns of predictions by predictors, since the target's own column is for the lab."""


def cost_notes(request: ProposeRequest) -> list[str]:
    """A note on costs that have no effect, or []."""
    plate = request.plate.campaign.plate
    if not request.supplied.cost or math.isfinite(plate.cost_limit) or plate.acquisition == WEIGHS_COSTS:
        return []
    return [f"costs have no effect: {plate.acquisition} only keeps `cost_limit`, which isn't set"]


def plate_notes(
    request: ProposeRequest, plate: Plate, table: Table, state: CampaignState, of_wild_type: Float[np.ndarray, "3 item"]
) -> list[str]:
    """All notes on a plate. of_wild_type: median, lower and upper end; without a column if it was not predicted."""
    science = request.domain
    known = [science.items.text(one.item) for one in state.known]
    found = _scale_notes(plate)
    found += crowded_letters(science, table["item"], known, state.reference)
    if state.space is not None and of_wild_type.size:
        measured = science.items.text(state.space.origin) in known
        picks = np.where(np.array(plate.sources) == CONTROL, np.nan, plate.predicted)  # without the controls
        wild = of_wild_type[:, 0].tolist()
        found += against_wild_type(table["id"], picks.tolist(), request.minimize, wild, measured)
    return found + item_notes(request, plate, table)


def item_notes(request: ProposeRequest, plate: Plate | ParetoPlate, table: Table) -> list[str]:
    """Notes on the items alone, whatever was measured: left-open parts, building blocks, predictors."""
    found = left_open_notes(request.domain, table, "items of the plate", "`where`")
    if request.blocks is not None:
        picked = [item for item, source in zip(plate.items, plate.sources, strict=True) if source != CONTROL]
        found += material_notes(request.blocks, picked)
    return found + by_predictors(table, list(request.predictors), request.target)


def _scale_notes(plate: Plate) -> list[str]:
    if plate.scale != "log-from-above":
        return []
    return [
        "most measured values lie close to the best one, and the model's scale ends just beyond it: predictions rank "
        "the plate, but don't tell by how much the best value will be exceeded"
    ]


def plate_summary(
    request: ProposeRequest, plate: Plate, table: Table, state: CampaignState, past: LookBack, notes: Sequence[str],
    refused: int,
) -> dict[str, Any]:  # fmt: skip
    """Counts and settings that the plate is based on."""
    values = settled_values(state.known, request.minimize)
    best = None if not values else min(values) if request.minimize else max(values)
    sources = {name: plate.sources.count(name) for name in dict.fromkeys(plate.sources)}
    return {
        "round": state.history.next_round,
        "proposed": len(plate.items),
        "candidates": plate.candidate_count,
        "measured": len(state.known),
        "best": best,
        "pending": len(state.waiting),
        "surrogate": plate.surrogate,
        "refused": refused,
        "log_likelihood": dict(plate.likelihoods),
        "sources": sources,
        "left_open": left_open_counts(request.domain, table),
        "seed": request.plate.seed,
        **forecast_summary(plate.forecast, past.outcomes),
        "correlation": none_if_nan(plate.correlation),
        "causes": list(past.causes),
        "notes": [*state.notes, *notes],
    }


def predicted_columns(predictors: Mapping[str, Oracle], items: Sequence[Item]) -> dict[str, list[Any]]:
    """predictor_<name>, _lower, _upper and _in_domain of each predictor."""
    columns: dict[str, list[Any]] = {}
    for name, oracle in predictors.items():
        columns |= score_columns(f"{PREFIX}{name}", score_safely(oracle, items) if items else [])
    return columns


def crowded_letters(
    science: Domain, plate: Sequence[str], measured: Sequence[str], reference: Reference | None
) -> list[str]:
    """Notes on letters at a position that most items of a plate share, and on positions that nearly all items change
    although the plate changes many; none without a reference."""
    sites = None if reference is None else align(science, [*plate, *measured], reference)
    if sites is None or len(plate) < FEWEST:
        return []
    changes = [_changes(sites.reference, row) for row in sites.rows]
    ours, known = (Counter(chain(*rows)) for rows in (changes[: len(plate)], changes[len(plate) :]))
    old = lambda place: f"{sites.reference[place]}{sites.columns[place]}"  # noqa: E731
    found, letters = [], set[int]()
    for (place, letter), count in ours.most_common():
        if count > CROWDED * len(plate):
            letters.add(place)
            found.append(
                f"{count} of the plate's {len(plate)} items carry {old(place)}{letter}, as {known[place, letter]} of "
                f"{len(measured)} measured ones do: if that is an error, so is most of the plate. `maximum_share` 0.25 "
                "spreads the risk"
            )
    for place, count in Counter(place for row in changes[: len(plate)] for place, _ in row).most_common():
        if count > MOSTLY * len(plate) and place not in letters and len({one for one, _ in ours}) > FEW_PLACES:
            before = sum(known[one] for one in known if one[0] == place)
            found.append(
                f"{count} of the plate's {len(plate)} items change {old(place)}, each to one of several letters, as "
                f"{before} of {len(measured)} measured ones do"
            )
    return found


def _changes(reference: str, row: str | None) -> list[tuple[int, str]]:
    return [(place, letter) for place, letter in enumerate(row or "") if letter != reference[place]]


def against_wild_type(
    ids: Sequence[str], predicted: Sequence[float], minimize: bool, wild: Sequence[float], measured: bool
) -> list[str]:
    """Notes on items that are predicted to be worse than the wild type, and on a wild type that was not measured. wild:
    its predicted median, lower and upper end."""
    median, lower, upper = wild
    if not np.isfinite(median):
        return []
    values = np.asarray(predicted, float)
    worse = values > median if minimize else values < median
    found = []
    if worse.any():
        side = "above" if minimize else "below"
        found.append(
            f"{worse.sum()} of the plate's {len(values)} items ({_some(ids, worse)}) are expected {side} the wild type "
            f"({median:.3g}): they are on the plate to improve the model"
        )
    if not measured:
        found.append(
            f"the wild type itself isn't among the measured items; it is expected at {median:.3g} ({lower:.3g} to "
            f"{upper:.3g}). Where its value is known, such as 0 of a scale that is relative to it, a row of its own "
            "(WT) with that value improves the model"
        )
    return found


def by_predictors(table: Table, predictors: Sequence[str], target: str) -> list[str]:
    """Notes on items outside a predictor's domain, and on items where the target's predictor and the model disagree.

    They agree on an item if the interval of each contains the value of the other.
    """
    found = []
    for name in predictors:
        inside = [cell for cell in table.get(f"{PREFIX}{name}{IN_DOMAIN}", ()) if cell is not None]
        if count := inside.count(False):
            found.append(
                f"{count} of the plate's {len(inside)} items are unlike all that the predictor '{name}' learned from "
                f"(column {PREFIX}{name}{IN_DOMAIN}), such as more changes at once than were measured. `where` "
                f"'{name} in domain' excludes them"
            )
        if name == target:
            found += _disagreement(table, name)
    return found


def _disagreement(table: Table, name: str) -> list[str]:
    plate, other = (
        np.array([table.get(column, [None] * len(table["item"])) for column in columns], float)
        for columns in (
            ("predicted", "lower", "upper"),
            (f"{PREFIX}{name}", f"{PREFIX}{name}_lower", f"{PREFIX}{name}_upper"),
        )
    )
    if not (known := np.isfinite(plate).all(0) & np.isfinite(other).all(0)).any():
        return []
    (value, lower, upper), (own, low, high) = plate[:, known], other[:, known]
    apart = (value < low) | (value > high) | (own < lower) | (own > upper)
    if not apart.any():
        return []
    named = _some(np.array(table["id"])[known].tolist(), apart)
    return [
        f"the plate's model and the predictor '{name}' disagree on {int(apart.sum())} of {len(apart)} items "
        f"({named}): one's value lies outside the other's interval (means of the plate "
        f"{value.mean():.3g} and {own.mean():.3g}). Trust the more cautious of the two until there is a "
        "measurement"
    ]


def _some(ids: Sequence[str], chosen: Bool[np.ndarray, " item"]) -> str:
    """The ids of the first chosen items."""
    named = [one for one, is_so in zip(ids, chosen.tolist(), strict=True) if is_so]
    return ", ".join(named[:SHOWN]) + (" ..." if len(named) > SHOWN else "")
