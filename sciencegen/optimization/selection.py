"""Selection of results: the best candidates that differ from one another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.objective import Evaluation
from sciencegen.optimization.quotas import Marks, Quota
from sciencegen.optimization.ranking import best_first
from sciencegen.optimization.variety import DiversityFilter

Similarity = Callable[[Sequence[Any], Sequence[Any]], Float[np.ndarray, "item reference"]]


def select(
    evaluations: Sequence[Evaluation],
    n: int,
    similarity: Similarity,
    max_similarity: float = 1.0,
    diversity: float = 0.0,
    pool: int = 5000,
    variety: DiversityFilter | None = None,
) -> list[Evaluation]:
    """At most n evaluations, best first, no two more similar than `max_similarity`.

    Greedy: each pick is the item with the greatest (1 - diversity) * rank + diversity * distance to the picked ones,
    rank from 1 (best) to 0; diversity 1 is max-min picking (Gonzalez 1985), 0 takes the best that differs enough.
    Feasible items are picked first and infeasible ones fill the remaining places; failed ones are never picked. Only
    the best max(pool, n) items are considered. With `variety` no class holds more than its share of n, as long as there
    are others; then the limit rises by one item at a time.
    """
    ordered = [evaluations[i] for i in best_first(evaluations)] if evaluations else []
    ordered = [e for e in ordered if e.failure is None][: max(pool, n)]
    quota = None if variety is None else variety.quota(n)
    picked: list[Evaluation] = []
    for feasible in (True, False):
        group = [e for e in ordered if e.feasible is feasible]
        marks = [()] * len(group) if variety is None else variety.marks([e.item for e in group])
        limit = None if quota is None else _Limit(quota, marks)
        picked += _greedy(group, n - len(picked), similarity, max_similarity, diversity, picked, limit)
    order = {e.key: place for place, e in enumerate(ordered)}
    return sorted(picked, key=lambda e: order[e.key])


class _Limit:
    """Which items of a group a quota allows."""

    def __init__(self, quota: Quota, marks: Sequence[Marks]) -> None:
        self._quota, self._marks = quota, marks
        self.allowed = np.array([quota.allows(own) for own in marks], bool)

    def add(self, row: int) -> None:
        self._quota.add(self._marks[row])
        self.allowed &= np.array([self._quota.allows(own) for own in self._marks], bool)

    def rise(self, rows: Iterable[int]) -> None:
        """Raise the limit until one of these rows is allowed."""
        self._quota.raise_limit(1 - max(self._quota.room_for(self._marks[row]) for row in rows))
        self.allowed = np.array([self._quota.allows(own) for own in self._marks], bool)


def _greedy(
    group: Sequence[Evaluation], n: int, similarity: Similarity, max_similarity: float, diversity: float,
    before: Sequence[Evaluation], limit: _Limit | None,
) -> list[Evaluation]:  # fmt: skip
    if not group or n <= 0:
        return []
    if max_similarity >= 1.0 and diversity == 0.0 and limit is None:
        return list(group[:n])
    items = [e.item for e in group]
    rank = np.linspace(1.0, 0.0, len(group)) if len(group) > 1 else np.ones(1)
    nearest = similarity(items, [e.item for e in before]).max(1) if before else np.zeros(len(group))
    taken = np.zeros(len(group), bool)
    picked: list[Evaluation] = []
    while len(picked) < n:
        left = ~taken & (nearest <= max_similarity)
        if not left.any():
            break
        if limit is not None and not (left & limit.allowed).any():
            limit.rise(np.flatnonzero(left).tolist())
        value = (1 - diversity) * rank + diversity * (1 - nearest)
        best = int(np.argmax(np.where(left if limit is None else left & limit.allowed, value, -np.inf)))
        picked.append(group[best])
        nearest = np.maximum(nearest, similarity(items, [group[best].item])[:, 0])
        taken[best] = True
        if limit is not None:
            limit.add(best)
    return picked
