"""Whether a search has found something better than the items that a user gave it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sciencegen.domains.base import Domain
from sciencegen.items import Item
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import Evaluation

SHOWN = 5
"""Most starts that have a note each."""


def start_rows(
    domain: Domain, goals: Sequence[Goal], start: Sequence[Item], trace: Sequence[Evaluation],
    picked: Sequence[Evaluation], cautious: bool,
) -> list[dict[str, Any]]:  # fmt: skip
    """For each start item its text, whether it was scored, its values, whether it meets the constraints (feasible), and
    how many candidates are better, also by their values alone.

    A candidate is better if it is as good in every objective and better in one, by the worse end of its interval if
    `cautious` against the start's own value; any candidate is better than a start that misses a constraint.
    """
    scored = {evaluation.key: evaluation for evaluation in trace if evaluation.failure is None}
    aims = [goal for goal in goals if goal.is_objective]
    rows: list[dict[str, Any]] = []
    for item in start:
        found = scored.get(domain.items.key(item))
        row: dict[str, Any] = {"item": domain.items.text(item), "scored": found is not None}
        if found is not None:
            row |= {"feasible": found.feasible, **found.values, "better": _better(aims, picked, found, cautious)}
            row |= {"better_by_value": _better(aims, picked, found, False), "candidates": len(picked)}
        rows.append(row)
    return rows


def _better(aims: Sequence[Goal], picked: Sequence[Evaluation], start: Evaluation, cautious: bool) -> int:
    """How many candidates are better than a start."""
    return sum(not start.feasible or _is_better(aims, one, start, cautious) for one in picked)


def _is_better(aims: Sequence[Goal], one: Evaluation, start: Evaluation, cautious: bool) -> bool:
    reached = [goal.gain(goal.value_of(one.scores[goal.name], cautious)) for goal in aims]
    before = [goal.gain(goal.value_of(start.scores[goal.name], False)) for goal in aims]
    pairs = list(zip(reached, before, strict=True))
    return all(now >= then for now, then in pairs) and any(now > then for now, then in pairs)


def start_notes(rows: Sequence[dict[str, Any]], names: Sequence[str], cautious: bool) -> list[str]:
    """What to know of the start items: their values, and how many candidates are better."""
    if len(rows) > SHOWN:
        beaten = sum(bool(row.get("better")) for row in rows)
        return [f"of {len(rows)} starts {beaten} are worse than some candidate (`starts` in the summary)"]
    notes = []
    for row in rows:
        if not row["scored"]:
            why = "it fails a pattern, is implausible, or lies beyond the budget"
            notes.append(f"the start {row['item']} was not scored: {why}")
            continue
        values = ", ".join(f"{name} {row[name]:.4g}" for name in names if row.get(name) is not None)
        by = f" by the worse ends of their intervals, {row['better_by_value']} by their values" if cautious else ""
        missed = "" if row["feasible"] else ", misses a goal"
        count = f"{row['better']} of {row['candidates']} candidates are better{by}"
        notes.append(f"the start {row['item']} has {values}{missed}: {count}")
    return notes
