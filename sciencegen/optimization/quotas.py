"""Quotas of a set: how many of its items may share a mark, such as a letter at a position or a scaffold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Sequence

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
