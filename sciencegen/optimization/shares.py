"""What too many of a set may not have in common: a letter at a position, a scaffold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence

Marks = Collection[Hashable]


class Shares:
    """How many of a growing set bear each mark. most: that may bear one."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._counts: Counter[Hashable] = Counter()

    def allow(self, marks: Marks) -> bool:
        """Whether the set may grow by an item of these marks."""
        return all(self._counts[mark] < self._most for mark in marks)

    def add(self, marks: Marks) -> None:
        self._counts.update(marks)


def most_of(share: float, count: int) -> float:
    """Of so many items: the whole number within the share, one at least; no limit to a share of 1."""
    return float("inf") if share >= 1 else max(1, int(share * count + 1e-9))


def first_within(marks: Sequence[Marks], count: int, share: float) -> list[int]:
    """Places of the first so many items, of these marks, of which no more than the share bear one."""
    shares, chosen = Shares(most_of(share, count)), list[int]()
    for place, own in enumerate(marks):
        if len(chosen) == count:
            break
        if shares.allow(own):
            shares.add(own)
            chosen.append(place)
    return chosen
