"""Splits by the values of a column, such as a position or a date: a held-out part that lies apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from sciencegen.api.science.workers import IN_THE_GAP, NO_POSITION
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import REFUSED_ROW, Row


@dataclass(frozen=True)
class SplitRanges:
    """Half-open ranges of a column's values. edges: between splits, in the order of their names. gap: width below each
    edge whose rows are left out."""

    column: str
    names: tuple[str, ...]
    edges: tuple[float, ...]
    gap: float

    def of(self, row: Row) -> tuple[str, str]:
        """The split of a row, and why it is left out, "" if it isn't."""
        value = row.values.get(self.column, math.nan)
        if not math.isfinite(value):
            return self.names[0], NO_POSITION
        split = int(np.searchsorted(self.edges, value, "right"))
        near = split < len(self.edges) and value > self.edges[split] - self.gap
        return self.names[split], IN_THE_GAP if near else ""

    def rows(self, rows: Iterator[Row], split: str) -> Iterator[Row]:
        """The rows of a split; those left out are marked as refused."""
        for row in rows:
            name, reason = self.of(row)
            if name == split:
                yield replace(row, text=f"{REFUSED_ROW}{row.text}: {reason}") if reason else row


def split_by_column(
    read: Callable[[], Iterator[Row]], column: str, fractions: Mapping[str, float], gap: float
) -> dict[str, Iterator[Row]]:
    """Rows by split: those with the lowest values of a column in the first one, and so on.

    Parameters
    ----------
    read : () -> rows
        Reads the rows; called once more for each split.
    column : str
        Of numbers.
    fractions : mapping of str to float
        Share of the rows of each split, in the order of the values.
    gap : float
        Rows of a split that are nearer than this to the next one are left out, in the column's unit, so that what
        overlaps isn't in both.

    Raises
    ------
    DataError
        For a column without numbers.
    """
    if len(fractions) < 2:
        raise ConfigError("Expected at least two `fractions` with `split_by`, such as {train: 0.8, test: 0.2}.")
    values = np.sort([value for row in read() if math.isfinite(value := row.values.get(column, math.nan))])
    if not len(values):
        raise DataError(f"Expected numbers in the column {column} to split by, found none.")
    places = np.rint(np.cumsum(list(fractions.values()))[:-1] * len(values)).astype(int)
    edges = tuple(float(values[min(place, len(values) - 1)]) for place in places)
    ranges = SplitRanges(column, tuple(fractions), edges, gap)
    return {name: ranges.rows(read(), name) for name in fractions}
