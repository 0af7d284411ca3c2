"""Selection of results: the best candidates that differ from one another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.objective import Evaluation
from sciencegen.optimization.quotas import Marks, Quota, spread
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
    quota = Quota(math.inf) if variety is None else variety.quota(n)
    picked: list[Evaluation] = []
    for feasible in (True, False):
        group, wanted = [e for e in ordered if e.feasible is feasible], n - len(picked)
        if diversity and variety is None:
            picked += _greedy(group, wanted, similarity, max_similarity, diversity, picked)
            continue
        items = [e.item for e in group]
        marks: Sequence[Marks] = [()] * len(group) if variety is None else variety.marks(items)
        differs = _apart(items, [e.item for e in picked], similarity, max_similarity)
        picked += [group[row] for row in spread(marks, wanted, quota, differs)]
    order = {e.key: place for place, e in enumerate(ordered)}
    return sorted(picked, key=lambda e: order[e.key])


def _apart(
    items: Sequence[Any], before: Sequence[Any], similarity: Similarity, max_similarity: float
) -> Callable[[int, Sequence[int]], bool]:
    """The test whether an item differs enough from those of before and from the chosen ones."""

    def differs(row: int, chosen: Sequence[int]) -> bool:
        others = [*before, *(items[one] for one in chosen)]
        return max_similarity >= 1 or not others or similarity([items[row]], others).max() <= max_similarity

    return differs


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
