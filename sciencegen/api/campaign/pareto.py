"""The history of a design round with several measured targets, and what it says of the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.api.campaign.candidates import log_notes, plate_search, refusals
from sciencegen.api.campaign.history import CampaignState, History, read_history, state_of
from sciencegen.api.campaign.journal_items import measurements_of
from sciencegen.api.campaign.notes import crowded_letters, item_notes
from sciencegen.api.campaign.proposal import Proposed, plate_columns, proposed_of, wells_of
from sciencegen.api.campaign.request import CONTROL, ProposeRequest, without_controls
from sciencegen.api.science import name_column
from sciencegen.api.search.tables import left_open_counts
from sciencegen.errors import DataError
from sciencegen.items import Cell, Item, none_if_nan
from sciencegen.optimization.candidates import CandidatePool
from sciencegen.optimization.goals import Goal, target_names
from sciencegen.optimization.journal import Entry
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.pareto import hypervolume, in_unit_box, nondominated_ranks
from sciencegen.optimization.pareto_plate import MeasuredTargets, ParetoPlate, next_pareto_plate
from sciencegen.progress import Report

KeyOf = Callable[[Item], str]
"""`ItemIO.key` of a domain."""


@dataclass(frozen=True)
class ParetoState:
    """The state of the campaign, and the measurements of each target. The values in `state` are ranks: 0 for the Pareto
    front, -1 for the next one.

    values: key of an item -> its values by target. ranks: key -> front of each item that has all targets and meets the
    constraints, 0 for the Pareto front.
    """

    state: CampaignState
    targets: MeasuredTargets
    values: Mapping[str, Mapping[str, float]]
    ranks: Mapping[str, int]

    @property
    def front(self) -> int:
        """Number of items on the Pareto front."""
        return list(self.ranks.values()).count(0)

    @property
    def complete(self) -> int:
        """Number of items that have all targets."""
        return sum(len(own) == len(self.targets.measured) for own in self.values.values())


def pareto_state(request: ProposeRequest, log: Log) -> ParetoState:
    """Read the history of each target, and combine them."""
    science, names = request.domain, target_names(request.targets)
    histories = {}
    for name in names:
        reading = replace(request.history.reading, target=name, several=True)
        sources = replace(request.history, reading=reading)
        histories[name] = read_history(science, sources, request.reference, log)
        log = _silent if histories[name].journal.measured else log
    _check_columns(request, histories)
    state = state_of(request, combined(list(histories.values())))
    usable = {science.items.key(one.item) for one in state.known}
    measured = {
        name: [
            one for one in measurements_of(science, history.journal, history.keys)
            if science.items.key(one.item) in usable
        ]
        for name, history in histories.items()
    }  # fmt: skip
    values = values_of(science.items.key, measured)
    ranks = front_ranks(values, request.targets)
    known = [
        replace(one, value=-ranks.get(science.items.key(one.item), len(ranks)), limits=None) for one in state.known
    ]
    return ParetoState(replace(state, known=known), MeasuredTargets(request.targets, measured), values, ranks)


def _silent(text: str) -> None:
    """Notes on a table are the same for its other targets."""


def _check_columns(request: ProposeRequest, histories: Mapping[str, History]) -> None:
    """Raise an error for targets without a value where others have some."""
    without = [name for name, history in histories.items() if not history.journal.measured]
    if without and (len(without) < len(histories) or request.history.tables):
        raise DataError(
            f"Expected measured values of {', '.join(histories)}, found none of {', '.join(without)}. Name a goal's "
            "column as the tables do, or hand in a table that has it."
        )


def combined(histories: Sequence[History]) -> History:
    """One history of all targets. Rows without a value of one target are measured if they have one of another."""
    keys = {text: key for one in histories for text, key in one.keys.items()}
    measured = {keys[entry.item] for one in histories for entry in one.entries if entry.kind == "measured"}
    entries = [entry for one in histories for entry in one.entries if entry.kind == "measured"]
    planned = [entry for one in histories for entry in one.entries if entry.kind != "measured"]
    unproposed = frozenset.intersection(*(one.unproposed for one in histories)) - measured
    return History(
        [*entries, *planned], keys, list(dict.fromkeys(one for history in histories for one in history.refused)),
        [entry for one in histories for entry in one.new], unproposed,
    )  # fmt: skip


def gains_of(values: Mapping[str, float], goals: Sequence[Goal]) -> list[float] | None:
    """The objectives' gains of an item; None if it lacks a target or misses a constraint."""
    if any(goal.name not in values for goal in goals):
        return None
    if not all(goal.satisfied(values[goal.name]) for goal in goals if goal.is_constraint):
        return None
    return [goal.gain(values[goal.name]) for goal in goals if goal.is_objective]


def values_of(key: KeyOf, measured: Mapping[str, Sequence[Measurement]]) -> dict[str, dict[str, float]]:
    """Key of an item -> its values by target."""
    found: dict[str, dict[str, float]] = {}
    for name, some in measured.items():
        for one in some:
            found.setdefault(key(one.item), {})[name] = one.value
    return found


def front_ranks(values: Mapping[str, Mapping[str, float]], goals: Sequence[Goal]) -> dict[str, int]:
    """`ParetoState.ranks`."""
    gains = {item: gains_of(own, goals) for item, own in values.items()}
    whole = {item: one for item, one in gains.items() if one is not None}
    ranks = nondominated_ranks(np.array(list(whole.values()), float)).tolist() if whole else []
    return dict(zip(whole, ranks, strict=True))


def dominated_volume(values: Mapping[str, Mapping[str, float]], goals: Sequence[Goal]) -> float:
    """Hypervolume of the measured items above the worst value of each objective, as a share of the box of the best and
    the worst values; NaN without an item that has all targets."""
    known = (gains_of(own, goals) for own in values.values())
    every = [one for one in known if one is not None]
    if not every:
        return math.nan
    scaled = in_unit_box(np.array(every, float))
    return hypervolume(scaled, np.zeros(scaled.shape[1]))


# A plate with several targets: its table, its entries in the journal, its notes and its summary.

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


# Choose a plate for several measured targets.

Log = Callable[[str], None]


def plan_pareto_plate(request: ProposeRequest, log: Log, report: Report) -> Proposed:
    """`propose.plan_plate` for several targets."""
    campaign = pareto_state(request, log)
    state = campaign.state
    search = plate_search(request, state, log, report)
    controls, number = request.controls, state.history.next_round
    options = without_controls(request.plate.campaign, request.domain, search.pool, controls)
    waiting = [*state.waiting, *controls]
    picked = next_pareto_plate(
        search.space, campaign.targets, waiting, options, search.generator, search.sources, controls
    )  # fmt: skip
    plate = _with_controls(picked, controls)
    items = pareto_table(request, plate, state, search.pool)
    notes = pareto_notes(request, plate, items, campaign)
    entries = pareto_entries(items, number, request, name_column(state.reference))
    refused = refusals(request, state, search)
    table, layout = wells_of(request, items, len(picked.items), number, notes)
    log_notes(notes, log)
    summary = pareto_summary(request, plate, items, campaign, notes, len(refused)) | layout
    return proposed_of(request, state, table, refused, summary, entries)


def _with_controls(plate: ParetoPlate, controls: Sequence[Item]) -> ParetoPlate:
    """The plate with the controls at its end."""
    if not controls:
        return plate
    return replace(
        plate,
        items=[*plate.items, *controls],
        sources=[*plate.sources, *[CONTROL] * len(controls)],
        predicted=_joined(plate.predicted, plate.extra, len(controls)),
        feasible=np.append(plate.feasible, np.full(len(controls), np.nan)),
    )


def _joined(
    plate: Mapping[str, Float[np.ndarray, "3 item"]], controls: Mapping[str, Float[np.ndarray, "3 item"]], count: int
) -> dict[str, Float[np.ndarray, "3 item"]]:
    nothing = np.full((3, count), np.nan)
    return {name: np.concatenate([own, controls.get(name, nothing)], 1) for name, own in plate.items()}
