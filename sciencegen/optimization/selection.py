"""Selection of results: the best candidates that differ from one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    the best max(pool, n) items are considered. With `variety`, which takes the place of `diversity`, no class holds
    more than its share of n, as long as there are others; then the limit rises by one item at a time.
    """
    ordered = [evaluations[i] for i in best_first(evaluations)] if evaluations else []
    ordered = [e for e in ordered if e.failure is None][: max(pool, n)]
    quota = None if variety is None else variety.quota(n)
    picked: list[Evaluation] = []
    for feasible in (True, False):
        group, wanted = [e for e in ordered if e.feasible is feasible], n - len(picked)
        if variety is None or quota is None:
            picked += _greedy(group, wanted, similarity, max_similarity, diversity, picked)
        else:
            spread = _Spread(group, variety.marks([e.item for e in group]), quota)
            picked += spread.pick(wanted, similarity, max_similarity, picked)
    order = {e.key: place for place, e in enumerate(ordered)}
    return sorted(picked, key=lambda e: order[e.key])


class _Spread:
    """A group, best first, whose items are picked within a quota; it rises where no item is left within it."""

    def __init__(self, group: Sequence[Evaluation], marks: Sequence[Marks], quota: Quota) -> None:
        self._group, self._marks, self._quota = group, marks, quota

    def pick(
        self, n: int, similarity: Similarity, max_similarity: float, before: Sequence[Evaluation]
    ) -> list[Evaluation]:
        """At most n items, none more similar than `max_similarity` to another or to one of `before`."""
        references = [e.item for e in before]
        picked: list[Evaluation] = []
        left = list(range(len(self._group)))
        while left and len(picked) < n:
            waiting: list[int] = []
            for row in left:
                if len(picked) == n:
                    break
                if not self._quota.allows(self._marks[row]):  # nor before the quota rises
                    waiting.append(row)
                    continue
                item = self._group[row].item
                if references and similarity([item], references).max() > max_similarity:
                    continue
                self._quota.add(self._marks[row])
                references.append(item)
                picked.append(self._group[row])
            left = waiting
            if left and len(picked) < n:
                self._quota.raise_limit(1 - max(self._quota.room_for(self._marks[row]) for row in left))
        return picked


def _greedy(
    group: Sequence[Evaluation],
    n: int,
    similarity: Similarity,
    max_similarity: float,
    diversity: float,
    before: Sequence[Evaluation],
) -> list[Evaluation]:
    if not group or n <= 0:
        return []
    if max_similarity >= 1.0 and diversity == 0.0:
        return list(group[:n])
    items = [e.item for e in group]
    rank = np.linspace(1.0, 0.0, len(group)) if len(group) > 1 else np.ones(1)
    nearest = similarity(items, [e.item for e in before]).max(1) if before else np.zeros(len(group))
    taken = np.zeros(len(group), bool)
    picked: list[Evaluation] = []
    while len(picked) < n:
        value = (1 - diversity) * rank + diversity * (1 - nearest)
        value[taken | (nearest > max_similarity)] = -np.inf
        best = int(np.argmax(value))
        if value[best] == -np.inf:
            break
        picked.append(group[best])
        nearest = np.maximum(nearest, similarity(items, [group[best].item])[:, 0])
        taken[best] = True
    return picked
