"""Results of a search as tables and as messages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sciencegen.api.search.left_open import left_open_columns, left_open_notes
from sciencegen.api.search.novelty import Known
from sciencegen.api.search.pooled import FOUND_BY
from sciencegen.domains.base import Domain
from sciencegen.optimization.benchmark import top_k_curve
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import Evaluation, score_safely
from sciencegen.optimization.variety import DiversityFilter
from sciencegen.scoring.oracles import Oracle, Score, measured_range

TRACE_POINTS = 100

IN_DOMAIN = "_in_domain"
"""Suffix of columns that tell whether an item is similar to a predictor's training items."""


def candidates_table(
    domain: Domain, picked: Sequence[Evaluation], names: Sequence[str], further: Mapping[str, Oracle], known: Known,
    called: Callable[[Sequence[Any]], dict[str, list[str | None]]],
) -> dict[str, list[Any]]:  # fmt: skip
    """rank, id, item, <property>, <property>_lower, <property>_upper, ..., novel, similarity_to_training, feasible.

    Without training items, there is no similarity_to_training.
    names: of the goals. further: additional oracles, for candidates only. called: a function from items to a column of
    their names, if they have names.
    """
    items = [evaluation.item for evaluation in picked]
    table: dict[str, list[Any]] = {"rank": list(range(1, len(items) + 1))}
    table["id"] = [f"candidate-{rank}" for rank in table["rank"]]
    table["item"] = [domain.items.text(item) for item in items]
    table |= called(items)
    for name in names:
        table |= score_columns(name, [evaluation.scores[name] for evaluation in picked])
    for name, oracle in further.items():
        if name not in table:
            table |= score_columns(name, score_safely(oracle, items) if items else [])
    table |= {name: cells for name, cells in left_open_columns(domain, items).items() if name not in table}
    table["novel"] = [known.is_new(item) for item in items]
    if known.items:
        table["similarity_to_training"] = known.nearest(items).tolist()
    table["feasible"] = [evaluation.feasible for evaluation in picked]
    return table


def score_columns(name: str, scores: Sequence[Score]) -> dict[str, list[Any]]:
    """Columns of values, with intervals and domain flags if the oracle gives them."""
    columns = {name: [score.value for score in scores]}
    if any(score.lower is not None or score.upper is not None for score in scores):
        columns |= {f"{name}_lower": [s.lower for s in scores], f"{name}_upper": [s.upper for s in scores]}
    if any(score.in_domain is not None for score in scores):
        columns[f"{name}{IN_DOMAIN}"] = [score.in_domain for score in scores]
    return columns


def trace_table(traces: Mapping[str, Sequence[Evaluation]]) -> dict[str, list[Any]]:
    """Mean of the ten best scores, and feasible items, by the number of calls, for each method."""
    rows: dict[str, list[Any]] = {"method": [], "call": [], "top_10": [], "feasible": []}
    for method, trace in traces.items():
        calls, means = top_k_curve(trace, 10, max(1, len(trace) // TRACE_POINTS))
        counted = np.cumsum([evaluation.feasible for evaluation in trace])
        rows["method"] += [method] * len(calls)
        rows["call"] += calls
        rows["top_10"] += means
        rows["feasible"] += [int(counted[call - 1]) for call in calls]
    return rows


def scored_table(domain: Domain, trace: Sequence[Evaluation], names: Sequence[str]) -> dict[str, list[Any]]:
    """All scored items, in the order of calls."""
    table: dict[str, list[Any]] = {"call": [e.call for e in trace], "item": [domain.items.text(e.item) for e in trace]}
    for name in names:
        values = [evaluation.scores[name].value for evaluation in trace]
        table[name] = [float("nan") if value is None else value for value in values]
    return table | {"feasible": [evaluation.feasible for evaluation in trace]}


def control_summary(trace: Sequence[Evaluation], n: int, variety: DiversityFilter | None = None) -> dict[str, Any]:
    """Numbers of scored and feasible items, and means of the best 10 and n feasible ones, None without any. With a
    limit to each class these are the best within it."""
    best = sorted((e for e in trace if e.feasible), key=lambda e: -e.scalar)

    def mean(count: int) -> float | None:
        chosen = range(len(best))[:count] if variety is None else variety.choose([e.item for e in best], count)
        return float(np.mean([best[row].scalar for row in chosen])) if best else None

    return {"scored": len(trace), "feasible": len(best), "top_10": mean(10), f"top_{n}": mean(n)}


def met_by(goals: Sequence[Goal], trace: Sequence[Evaluation], cautious: bool) -> dict[str, int]:
    """Constraint -> number of scored items that meet it. cautious: by the worse end of an interval."""
    scored = [evaluation.scores for evaluation in trace if evaluation.failure is None]
    return {
        goal.text: sum(goal.violation_of(scores[goal.name], cautious) == 0 for scores in scored)
        for goal in goals
        if not goal.is_objective
    }


def candidate_notes(
    domain: Domain, table: Mapping[str, Sequence[Any]], goals: Sequence[Goal], oracles: Mapping[str, Oracle]
) -> list[str]:
    """Notes on candidates beyond what predictors know, and on those that leave something open."""
    return [
        *outside(table),
        *beyond(table, goals, oracles),
        *left_open_notes(domain, table, "candidates", "the goal"),
    ]


def outside(table: Mapping[str, Sequence[Any]]) -> list[str]:
    """Notes on predictors with candidates outside their domain."""
    notes = []
    for name in (column.removesuffix(IN_DOMAIN) for column in table if column.endswith(IN_DOMAIN)):
        far = [rank for rank, inside in enumerate(table[f"{name}{IN_DOMAIN}"], 1) if inside is False]
        best = ", the best one too," if far[:1] == [1] else ""
        if far:
            notes.append(
                f"{len(far)} of {len(table['rank'])} candidates{best} are unlike all that the predictor '{name}' "
                f"learned from (column {name}{IN_DOMAIN}): its values and intervals may be wrong there. "
                f"The goal '{name} in domain' keeps a search inside"
            )
    return notes


def beyond(table: Mapping[str, Sequence[Any]], goals: Sequence[Goal], oracles: Mapping[str, Oracle]) -> list[str]:
    """Notes on objectives whose predictions exceed the best value in the predictor's training data."""
    notes = []
    for goal in (goal for goal in goals if goal.is_objective and table["rank"]):
        known = measured_range(oracles[goal.name])
        best = None if known is None else max(known, key=goal.gain)
        better = sum(goal.gain(value) > goal.gain(best) for value in table[goal.name]) if best is not None else 0
        if better:
            notes.append(
                f"{better} of {len(table['rank'])} candidates are predicted beyond the best '{goal.name}' that was "
                f"measured, {best:.4g}: an extrapolation, to be measured before it is believed"
            )
    return notes


def judged_by_intervals(goals: Sequence[Goal], table: Mapping[str, Sequence[Any]]) -> list[str]:
    """A note on which end of an interval was used for each goal."""
    ends = [f"'{goal.text}' by {_end(goal)}" for goal in goals if not goal.in_domain and f"{goal.name}_lower" in table]
    return [f"goals were judged by the worse end of the interval: {', '.join(ends)}"] if ends else []


def _end(goal: Goal) -> str:
    if goal.direction == "minimize" or (not goal.is_objective and goal.low == -math.inf):
        return f"{goal.name}_upper"
    return f"{goal.name}_lower" if goal.high == math.inf else f"{goal.name}_lower and {goal.name}_upper"


def shortfall(summary: Mapping[str, Any], n: int) -> str:
    """A message on why there are fewer candidates than n, with the most effective remedies."""
    unmet = summary["scored"] - summary["failed"] - summary["feasible"]
    met = sorted(summary["met_by"].items(), key=lambda pair: pair[1])
    goals = ", ".join(f"'{text}' is met by {count}" for text, count in met)
    hardest = met[0][0] if met else ""
    limit = f"{summary['maximum_similarity']:g}"
    causes = [
        (unmet, f"miss a goal ({goals})", f"loosen '{hardest}'"),
        (summary["failed"], "could not be scored", "see the file of rejects"),
        (
            summary["known"],
            "were known (training data, a predictor's table, or what the search began with)",
            "set `novel: false`",
        ),
        (summary["alike"], f"are more than {limit} similar to a better one", "raise `maximum_similarity`"),
    ]
    lost = sorted((cause for cause in causes if cause[0]), key=lambda cause: -cause[0])
    why = f", of which {'; '.join(f'{count} {what}' for count, what, _ in lost)}" if lost else ""
    among = f"{summary['scored']} scored items{' of the search and its controls' * (FOUND_BY in summary)}"
    remedy = " or ".join([*(remedy for *_, remedy in lost[:2]), "raise `budget`"])
    return (
        f"Found {summary['candidates']} of {n} candidates (all written) among {among}{why}. "
        f"{remedy[0].upper()}{remedy[1:]}."
    )


def short_plate(found: int, batch: int) -> str:
    """A message on a plate with fewer items than requested."""
    return (
        f"Found {found} of {batch} items that may be proposed (all written). Give a larger pool or a model, or loosen "
        "keep, forbid, space, where, the limit of cost, of similarity or of the share."
    )
