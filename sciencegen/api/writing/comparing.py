"""Rows of an output and the same rows made again, compared field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from typing import TypeVar

from sciencegen.api.writing.written_rows import Fields, differing, written_rows
from sciencegen.data.number_ranges import NumberRanges
from sciencegen.domains.base import Domain

Row = TypeVar("Row")
Differing = tuple[str, str, str]
"""Name of a field, its text in the file, and the text that was made again."""


@dataclass(frozen=True)
class Again:
    """A file of rows that were made again.

    science: of the items. count: None if it has all rows of the output; else it has the chosen ones, so many, except
    those that it could not hold (left_out, from 1).
    """

    science: Domain
    output: Path
    count: int | None = None
    left_out: NumberRanges | None = None

    def fields(self) -> Iterator[Fields | None]:
        """Its rows; None for one that it could not hold."""
        held = written_rows(self.science, self.output) if self.output.exists() else iter(())
        if self.count is None:
            return held
        missing = set(self.left_out or ())
        return (None if number in missing else next(held) for number in range(1, self.count + 1))


def compared(output: Path, again: Again, numbers: Iterable[int], every: bool) -> Iterator[tuple[int, list[Differing]]]:
    """(number, fields that differ) of rows of an output. numbers: the chosen ones, increasing from 1. every: whether
    they are all, so that a row that only one of two whole files has counts too."""
    rows = written_rows(again.science, output)
    if again.count is None:
        for number, pair in chosen(zip_longest(rows, again.fields()), None if every else numbers):
            yield number, _differing(*(pair or (None, None)))
        return
    for (number, row), other in zip(chosen(rows, numbers), again.fields(), strict=True):
        yield number, _differing(row, other)


def chosen(rows: Iterator[Row], numbers: Iterable[int] | None) -> Iterator[tuple[int, Row | None]]:
    """(number, row) of these increasing numbers, from 1; None for a row that isn't there. All rows without numbers."""
    if numbers is None:
        yield from enumerate(rows, 1)
        return
    before = 0
    for number in numbers:
        yield number, next(islice(rows, number - before - 1, None), None)
        before = number


def _differing(row: Fields | None, other: Fields | None) -> list[Differing]:
    if row is None or other is None:
        here, again = ("no such row" if one is None else "a row" for one in (row, other))
        return [("row", here, again)]
    return differing(row, other)
