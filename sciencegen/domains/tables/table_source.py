"""The record of a table in a file, and what its readers share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

import numpy as np

from sciencegen.domains.tables.cells import MOST_CATEGORIES
from sciencegen.domains.tables.rows import TableCell
from sciencegen.errors import DataError

Record = Sequence[TableCell | ValueError]
"""The cells of a row; a ValueError holds the text of a cell that is none of its column."""
Records = Iterator[tuple[int, Record | str]]
"""Line and cells of each record, or why it can't be used."""
NUMBERS = "iuf"
"""Kinds of arrays of numbers; Booleans are categories."""
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class TableSource:
    """names: of the columns. categories: the different texts of a column of texts, if there are few. records: starts to
    read from the first row."""

    names: Sequence[str]
    categories: Mapping[str, Sequence[str]]
    records: Callable[[], Records]


def check_distinct(names: Sequence[str], source: str) -> None:
    """Raise an error for two columns of one name: the cells of one would be lost."""
    if twice := next((name for name, count in Counter(names).items() if name and count > 1), None):
        raise DataError(
            f"Expected columns of different names in {source}, found two of the name '{twice}'. Rename one."
        )


def different(names: Sequence[str], blocks: Iterable[Sequence[Sequence[object]]]) -> dict[str, list[str]]:
    """The different texts of each column, if they are few. blocks: [block column] cells of consecutive rows."""
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    for block in blocks:
        for known, cells in zip(found.values(), block, strict=True):
            if len(known) <= MOST_CATEGORIES:
                known |= dict.fromkeys(str(cell) for cell in cells if cell is not None)
    return {name: sorted(known) for name, known in found.items() if len(known) <= MOST_CATEGORIES}


def records_of(blocks: Iterable[Sequence[Record]]) -> Records:
    """The rows of blocks of columns, numbered from 1."""
    return enumerate(chain.from_iterable(zip(*block, strict=True) for block in blocks), 1)


def number_cell(value: object) -> TableCell | ValueError:
    """A cell of a column of numbers: NaN is a missing number, and an infinity an error."""
    if value is None or value != value:
        return None
    if isinstance(value, Decimal):
        value = float(value)
    if not isinstance(value, int | float):
        return ValueError(str(value))
    return value if isinstance(value, int) or np.isfinite(value) else ValueError(str(value))
