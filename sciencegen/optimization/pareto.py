"""Pareto sets: non-dominated sorting, crowding, hypervolume. Larger is better in every column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.optimization.objective import Evaluation

Gains = Float[np.ndarray, "item goal"]


def nondominated(gains: Gains) -> Bool[np.ndarray, " item"]:
    """Rows that no other row dominates; equal rows stay together."""
    keep = np.ones(len(gains), bool)
    for row in np.lexsort(-gains.T[::-1]):  # best first column first, to drop most rows early
        if keep[row]:
            keep &= ~(
                (gains[row] >= gains).all(-1) & (gains[row] > gains).any(-1)
            )  # at least as good, better somewhere
    return keep


def nondominated_ranks(gains: Gains) -> Int[np.ndarray, " item"]:
    """Front of each row, 0 for the Pareto set (Deb et al. 2002, non-dominated sorting)."""
    ranks = np.full(len(gains), -1)
    rank, left = 0, np.arange(len(gains))
    while len(left):
        front = nondominated(gains[left])
        ranks[left[front]] = rank
        left, rank = left[~front], rank + 1
    return ranks


def crowding_distance(gains: Gains, ranks: Int[np.ndarray, " item"]) -> Float[np.ndarray, " item"]:
    """Within each front, the normalized side lengths of the box between a row's neighbours; infinite at the ends."""
    distance = np.zeros(len(gains))
    for rank in np.unique(ranks):
        members = np.flatnonzero(ranks == rank)
        for column in gains[members].T:
            order = np.argsort(column, kind="stable")
            span = column[order[-1]] - column[order[0]] or 1.0
            distance[members[order[[0, -1]]]] = np.inf
            distance[members[order[1:-1]]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance


def hypervolume(gains: Gains, reference: Sequence[float] | Float[np.ndarray, " goal"]) -> float:
    """Volume dominated by the rows above `reference`, exact, by slicing along the last column (While et al. 2006)."""
    gains, floor = np.asarray(gains, float), np.asarray(reference, float)
    gains = gains[(gains > floor).all(1)]
    if not len(gains):
        return 0.0
    if gains.shape[1] == 1:
        return float(gains.max() - floor[0])
    order = np.argsort(-gains[:, -1], kind="stable")
    heights = np.append(gains[order, -1], floor[-1])
    slices = (
        (heights[row] - heights[row + 1]) * hypervolume(gains[order[: row + 1], :-1], floor[:-1])
        for row in range(len(order))
        if heights[row] > heights[row + 1]
    )
    return float(sum(slices))


def in_unit_box(gains: Gains) -> Gains:
    """Each column scaled to its range, 0 to 1; 0 where all rows are equal.

    Examples
    --------
    >>> in_unit_box(np.array([[2.0, 5.0], [4.0, 5.0]])).tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    span = np.ptp(gains, 0)
    return (gains - gains.min(0)) / np.where(span > 0, span, 1.0)


def pareto_set(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """The feasible evaluations that no feasible one dominates, in order of call."""
    feasible = [e for e in evaluations if e.feasible]
    if not feasible or not feasible[0].gains:
        return feasible
    keep = nondominated(np.array([e.gains for e in feasible], float))
    return [e for e, kept in zip(feasible, keep, strict=True) if kept]


def are_optimal(chosen: Sequence[Evaluation], among: Sequence[Evaluation]) -> list[bool]:
    """Whether each of some evaluations is in the Pareto set of others."""
    front = {evaluation.key for evaluation in pareto_set(among)}
    return [evaluation.key in front for evaluation in chosen]
