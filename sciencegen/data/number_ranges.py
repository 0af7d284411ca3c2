"""Increasing whole numbers as text, such as 0-3,5,8-9, which stays short for millions of them."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_DIGITS = 15
"""Of a number in a text."""
_RANGE = re.compile(rf"(\d{{1,{MOST_DIGITS}}})(?:-(\d{{1,{MOST_DIGITS}}}))?")


@dataclass(frozen=True)
class NumberRanges:
    """Increasing whole numbers from 0.

    Parameters
    ----------
    ranges : sequence of (first, last)
        Increasing, without overlaps.

    Examples
    --------
    >>> numbers = NumberRanges.of([0, 1, 2, 3, 5, 8, 9])
    >>> numbers.text, len(numbers), list(numbers.at([3, 4, 6]))
    ('0-3,5,8-9', 7, [3, 5, 9])
    >>> NumberRanges.parse("5,0-3") == NumberRanges.of([0, 1, 2, 3, 5])
    True
    """

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, numbers: Iterable[int]) -> NumberRanges:
        """The ranges of increasing numbers."""
        firsts, lasts = array("q"), array("q")
        for number in numbers:
            if lasts and number == lasts[-1] + 1:
                lasts[-1] = number
            else:
                firsts.append(number)
                lasts.append(number)
        return cls(tuple(zip(firsts, lasts, strict=True)))

    @classmethod
    def parse(cls, text: str) -> NumberRanges:
        """The numbers of a text, in increasing order, each once. Raises a ValueError for another text."""
        found = []
        for part in filter(None, (one.strip() for one in text.split(","))):
            match = _RANGE.fullmatch(part)
            first, last = (0, -1) if match is None else (int(match[1]), int(match[2] or match[1]))
            if last < first:
                raise ValueError(f"expected numbers such as 0-3,5, got {part[:40]!r}")
            found.append((first, last))
        return cls(tuple(_joined(sorted(found))))

    @property
    def text(self) -> str:
        """The numbers as text."""
        return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in self.ranges)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def at(self, places: Iterable[int]) -> Iterator[int]:
        """The numbers at increasing places, from 0, in one pass."""
        before, ranges = 0, iter(self.ranges)
        first, last = next(ranges, (0, -1))
        for place in places:
            while place - before > last - first:
                before += last - first + 1
                first, last = next(ranges)
            yield first + place - before


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges without overlaps and neighbours."""
    joined: list[tuple[int, int]] = []
    for first, last in ranges:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    return joined
