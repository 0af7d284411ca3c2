"""Selection of results: the best candidates that differ from one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.objective import Evaluation
from sciencegen.optimization.ranking import best_first

Similarity = Callable[[Sequence[Any], Sequence[Any]], Float[np.ndarray, "item reference"]]


def select(
    evaluations: Sequence[Evaluation],
    n: int,
    similarity: Similarity,
    max_similarity: float = 1.0,
    diversity: float = 0.0,
    pool: int = 5000,
) -> list[Evaluation]:
    """At most n evaluations, best first, no two more similar than `max_similarity`.

    Greedy: each pick is the item with the greatest (1 - diversity) * rank + diversity * distance to the picked ones,
    rank from 1 (best) to 0; diversity 1 is max-min picking (Gonzalez 1985), 0 takes the best that differs enough.
    Feasible items are picked first and infeasible ones fill the remaining places; failed ones are never picked. Only
    the best max(pool, n) items are considered.
    """
    ordered = [evaluations[i] for i in best_first(evaluations)] if evaluations else []
    ordered = [e for e in ordered if e.failure is None][: max(pool, n)]
    picked: list[Evaluation] = []
    for feasible in (True, False):
        group = [e for e in ordered if e.feasible is feasible]
        picked += _greedy(group, n - len(picked), similarity, max_similarity, diversity, picked)
    order = {e.key: place for place, e in enumerate(ordered)}
    return sorted(picked, key=lambda e: order[e.key])


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
