"""Selection of results: the best candidates that differ from one another."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sciencegen.optimization.objective import Evaluation
from sciencegen.optimization.pareto import crowding_distance, nondominated_ranks

# Ranking of evaluations: a scale-free order, and the targets of surrogates.


def best_first(evaluations: Sequence[Evaluation]) -> Int[np.ndarray, " item"]:
    """Indices from best to worst: feasible before infeasible before failed (Deb 2000).

    Feasible ones are ordered by their objective, several by Pareto front and crowding (NSGA-II, Deb et al. 2002),
    infeasible ones by their violation. Ties keep their order.
    """
    feasible = np.array([e.feasible for e in evaluations], bool)
    quality = np.array([-e.violation for e in evaluations], float)
    spread = np.zeros(len(evaluations))
    if feasible.any():
        gains = np.array([e.gains for e in evaluations if e.feasible], float)
        quality[feasible], spread[feasible] = _quality(gains)
    return np.lexsort((-spread, -quality, ~feasible))


def _quality(gains: Float[np.ndarray, "item goal"]) -> tuple[np.ndarray, np.ndarray]:
    if gains.shape[1] == 0:
        return np.zeros(len(gains)), np.zeros(len(gains))
    if gains.shape[1] == 1:
        return gains[:, 0], np.zeros(len(gains))
    ranks = nondominated_ranks(gains)
    return -ranks.astype(float), crowding_distance(gains, ranks)


def desirability(
    evaluations: Sequence[Evaluation], weights: Float[np.ndarray, " goal"] | None = None
) -> Float[np.ndarray, " item"]:
    """Normal quantiles of the ranks in the same order: targets of surrogates, independent of units and outliers.

    Several objectives are joined by an augmented Chebyshev sum, after Knowles 2006 (ParEGO), of gains instead of costs:
    u = min_i w_i g_i + 0.05 sum_i w_i g_i, with `weights` w_i (equal by default) and each gain g_i scaled to 0..1 over
    the feasible ones.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    feasible = np.array([e.feasible for e in evaluations], bool)
    ranks = np.empty(len(evaluations))
    ranks[~feasible] = rankdata([-e.violation for e in evaluations if not e.feasible])
    if feasible.any():
        gains = np.array([e.gains for e in evaluations if e.feasible], float)
        ranks[feasible] = (~feasible).sum() + rankdata(_chebyshev(gains, weights))
    return ndtri((ranks - 0.5) / max(len(ranks), 1))


def _chebyshev(gains: Float[np.ndarray, "item goal"], weights: np.ndarray | None) -> Float[np.ndarray, " item"]:
    count = gains.shape[1]
    if count == 0:
        return np.zeros(len(gains))
    if count == 1:
        return gains[:, 0]
    low, high = gains.min(0), gains.max(0)
    weighted = (
        (gains - low)
        / np.where(high > low, high - low, 1.0)
        * (np.full(count, 1 / count) if weights is None else weights)
    )
    return weighted.min(1) + 0.05 * weighted.sum(1)


def random_weights(
    evaluations: Sequence[Evaluation], generator: np.random.Generator
) -> Float[np.ndarray, " goal"] | None:
    """Weights for one round, uniform on the simplex; None for fewer than two objectives."""
    count = max((len(e.gains) for e in evaluations), default=0)
    return generator.dirichlet(np.ones(count)) if count > 1 else None


# Quotas of a set: how many of its items may share a mark, such as a letter at a position or a scaffold.

Marks = Collection[Hashable]


class Quota:
    """Counts the marks of a growing set; no mark may occur more than `limit` times.

    Parameters
    ----------
    limit : float
        Greatest number of items that share one mark; infinity for no limit.

    Examples
    --------
    >>> quota = Quota(1)
    >>> quota.add(["A"])
    >>> quota.allows(["A", "B"]), quota.allows(["B"])
    (False, True)
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._counts: Counter[Hashable] = Counter()

    def room_for(self, marks: Marks) -> float:
        """How many items with these marks can be added; below 1, by how much the limit must rise until one can."""
        return min((self._limit - self._counts[mark] for mark in marks), default=float("inf"))

    def raise_limit(self, by: float) -> None:
        self._limit += by

    def allows(self, marks: Marks) -> bool:
        """Whether an item with these marks can be added."""
        return all(self._counts[mark] < self._limit for mark in marks)

    def add(self, marks: Marks) -> None:
        self._counts.update(marks)


def quota_limit(share: float, count: int) -> float:
    """Greatest number of items that is at most `share` of `count`, but at least 1; infinity for a share of 1.

    Examples
    --------
    >>> quota_limit(0.25, 96), quota_limit(0.01, 10), quota_limit(1, 10)
    (24, 1, inf)
    """
    return float("inf") if share >= 1 else max(1, int(share * count + 1e-9))


def first_within_quota(marks: Sequence[Marks], count: int, share: float) -> list[int]:
    """Indices of the first `count` items, given the marks of each, among which no mark exceeds the share.

    Examples
    --------
    >>> first_within_quota([["A"], ["A"], ["B"], ["C"]], count=2, share=0.5)
    [0, 2]
    """
    quota, chosen = Quota(quota_limit(share, count)), list[int]()
    for index, own in enumerate(marks):
        if len(chosen) == count:
            break
        if quota.allows(own):
            quota.add(own)
            chosen.append(index)
    return chosen


def spread(
    marks: Sequence[Marks],
    count: int,
    quota: Quota,
    accept: Callable[[int, Sequence[int]], bool] = lambda index, chosen: True,
) -> list[int]:
    """Indices of at most `count` items, given the marks of each, that are within a quota as long as there are others;
    then its limit rises by the least that lets an item in, the first of these. In the order of the choice.

    accept: (index, those chosen before) -> whether an item is chosen when the quota allows it; each is asked for once.

    Examples
    --------
    >>> spread([["A"], ["A"], ["A"], ["B"]], count=3, quota=Quota(1))
    [0, 3, 1]
    """
    chosen, left = list[int](), list(range(len(marks)))
    while left and len(chosen) < count:
        waiting: list[int] = []
        for index in left:
            if len(chosen) == count:
                break
            if not quota.allows(marks[index]):  # nor before the limit rises
                waiting.append(index)
            elif accept(index, chosen):
                quota.add(marks[index])
                chosen.append(index)
        left = waiting
        if left and len(chosen) < count:
            quota.raise_limit(1 - max(quota.room_for(marks[index]) for index in left))
    return chosen


# A diversity filter: a limit to how many items of one class a search keeps as parents, scores, and returns.
#
# Blaschke et al., J. Cheminform. 2020, 12, 68 count the good molecules of each scaffold, and score further ones of a
# full scaffold as zero. Here the limit is a share of each set that a search chooses: of its parents, of the items that
# it scores in a round, and of its results. An item beyond the limit is chosen only after all others that qualify.

Item = Any
Classify = Callable[[Sequence[Item]], Sequence[Hashable]]
"""(items) -> the class of each; items of equal labels are in one class, items of "" in none."""


class DiversityFilter:
    """Limits the share of a set of items that one class may hold.

    Parameters
    ----------
    classes : sequence of callable
        Kinds of classes, each (items) -> a label for each. Each label of each kind has the same limit.
    key : callable
        item -> its identity, by which labels are kept.
    share : float
        Greatest share of a set, in (0, 1).

    Examples
    --------
    >>> filter = DiversityFilter([lambda items: [item[0] for item in items]], str, 0.5)
    >>> filter.choose(["aa", "ab", "ac", "b"], 3)
    [0, 3, 1]
    """

    def __init__(self, classes: Sequence[Classify], key: Callable[[Item], str], share: float) -> None:
        self._classes, self._key, self.share = tuple(classes), key, share
        self._known: dict[str, Marks] = {}

    def marks(self, items: Sequence[Item]) -> list[Marks]:
        """The classes of each item, as marks of a quota."""
        keys = [self._key(item) for item in items]
        new = {key: item for key, item in zip(keys, items, strict=True) if key not in self._known}
        labels = [kind(list(new.values())) for kind in self._classes] if new else []
        for key, *own in zip(new, *labels, strict=True):
            self._known[key] = [(kind, label) for kind, label in enumerate(own) if label != ""]
        return [self._known[key] for key in keys]

    def choose(self, items: Sequence[Item], count: int) -> list[int]:
        """Indices of `count` items, given best first, those within the limit before the others."""
        return spread(self.marks(items), count, self.quota(count))

    def quota(self, count: int) -> Quota:
        """An empty quota for a set of `count` items."""
        return Quota(quota_limit(self.share, count))


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
