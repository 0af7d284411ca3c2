"""A plate with several targets: its table, its entries in the journal, its notes and its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.notes import crowded_letters, item_notes
from sciencegen.api.campaign.pareto import ParetoState, dominated_volume
from sciencegen.api.campaign.plate_files import plate_columns
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.search.left_open import left_open_counts
from sciencegen.items import Cell, none_if_nan
from sciencegen.optimization.candidate_sources import CandidatePool
from sciencegen.optimization.goals import target_names
from sciencegen.optimization.journal import Entry
from sciencegen.optimization.pareto_plate import ParetoPlate

PREDICTED, LOWER, UPPER, FEASIBLE = "predicted_", "lower_", "upper_", "feasible"
"""Prefixes of the plate's columns of each target, and the column of the probability that all constraints are met."""


def pareto_table(
    request: ProposeRequest, plate: ParetoPlate, state: CampaignState, pool: CandidatePool | None
) -> dict[str, list[Cell]]:
    """The plate's columns; those of the targets are empty, for the laboratory to fill in."""
    predicted: dict[str, list[Cell]] = {}
    for name, numbers in plate.predicted.items():
        parts = zip((PREDICTED, LOWER, UPPER), numbers, strict=True)
        predicted |= {prefix + name: cells.tolist() for prefix, cells in parts}
    if any(goal.is_constraint for goal in request.targets):
        predicted[FEASIBLE] = plate.feasible.tolist()
    return plate_columns(request, plate, list(plate.predicted), predicted, state, pool)


def pareto_entries(table: Mapping[str, list[Any]], number: int, request: ProposeRequest, named: str) -> list[Entry]:
    """A journal entry for each item and target."""
    directions = {goal.name: goal.direction for goal in request.targets if goal.is_objective}
    names = table[named] if named else [""] * len(table["item"])
    found = []
    for target in target_names(request.targets):
        columns = [table[prefix + target] for prefix in (PREDICTED, LOWER, UPPER)]
        for item, source, name, *numbers in zip(table["item"], table["source"], names, *columns, strict=True):
            predicted, lower, upper = map(none_if_nan, numbers)
            direction = directions.get(target) or ""
            found.append(
                Entry(number, item, "proposed", None, None, predicted, lower, upper, source, name, target, direction)
            )
    return found


def pareto_notes(
    request: ProposeRequest, plate: ParetoPlate, table: Mapping[str, list[Any]], campaign: ParetoState
) -> list[str]:
    """Notes on a plate."""
    science, state = request.domain, campaign.state
    known = [science.items.text(one.item) for one in state.known]
    found = crowded_letters(science, table["item"], known, state.reference)
    found += item_notes(request, plate, table)
    whole = len(campaign.ranks)
    if state.known and not whole:
        found.append("no measured item has all targets and meets the constraints: the plate is picked by predictions")
    elif whole:
        found.append(
            f"{campaign.front} of {whole} measured items with all targets that meet the constraints are on the front"
        )
    if lacking := len(state.known) - campaign.complete:
        found.append(f"{lacking} of {len(state.known)} measured items lack a target; its model predicts them")
    return found


def pareto_summary(
    request: ProposeRequest, plate: ParetoPlate, table: Mapping[str, list[Any]], campaign: ParetoState,
    notes: Sequence[str], refused: int,
) -> dict[str, Any]:  # fmt: skip
    """Counts and settings that the plate is based on."""
    state = campaign.state
    return {
        "round": state.history.next_round,
        "proposed": len(plate.items),
        "candidates": plate.candidate_count,
        "measured": len(state.known),
        "front": campaign.front,
        "hypervolume": none_if_nan(dominated_volume(campaign.values, request.targets)),
        "pending": len(state.waiting),
        "surrogates": dict(plate.surrogates),
        "correlations": {name: none_if_nan(one) for name, one in plate.correlations.items()},
        "refused": refused,
        "sources": {name: plate.sources.count(name) for name in dict.fromkeys(plate.sources)},
        "left_open": left_open_counts(request.domain, table),
        "seed": request.plate.seed,
        "notes": [*state.notes, *notes],
    }
