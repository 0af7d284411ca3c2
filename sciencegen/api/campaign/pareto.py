"""The history of a design round with several measured targets, and what it says of the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sciencegen.api.campaign.history import CampaignState, History, Log, read_history, state_of
from sciencegen.api.campaign.journal_items import measurements_of
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.errors import DataError
from sciencegen.items import Item
from sciencegen.optimization.goals import Goal, target_names
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.pareto import hypervolume, in_unit_box, nondominated_ranks
from sciencegen.optimization.pareto_models import MeasuredTargets

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
