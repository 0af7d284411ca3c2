"""What the columns of a file hold: numbers or texts, found by one pass over all of its cells, in constant memory."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sciencegen.domains.tables.array_cells import cell_of_list
from sciencegen.domains.tables.rows import TableCell

MISSING = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "--", "."})
"""Texts of a missing cell, in lower case."""
MOST_CATEGORIES = 100
"""A column with more different texts holds no categories."""
MOSTLY = 0.9
"""A column with this share of numbers among its cells is one of numbers; texts in it are errors."""
MANY = 0.01
"""Marks of missing values of this share of a column's cells are told of columns of texts."""
FEWEST_NUMBERED = 10
"""Rows from which a column that counts them is told."""
_CODE = re.compile(r"[+-]?0\d")
"""A number with a leading zero is a code, such as a post code."""
_LIKE_NUMBER = re.compile(r"[^\w\s]?\s?\d")


@dataclass
class ColumnCells:
    """Counts of a column's cells.

    numbers, texts: nonempty cells that are numbers, and others; codes: numbers with a leading zero; arrays: texts that
    begin as a list; marks: the different marks of a missing value, with their counts. categories: different cells, at
    most `MOST_CATEGORIES` + 1. next: one more than the last number, NaN if the numbers don't count up by 1.
    """

    numbers: int = 0
    texts: int = 0
    codes: int = 0
    arrays: int = 0
    marks: Counter[str] = field(default_factory=Counter)
    categories: dict[str, None] = field(default_factory=dict)
    next: float | None = None

    def add(self, cell: str, decimal: str = ".") -> None:
        """Count one cell."""
        if is_missing(cell):
            if cell:
                self.marks[cell] += 1
            return
        value = _float(cell, decimal)
        if value is None:
            self.texts += 1
            self.arrays += cell.startswith("[")
        else:
            self.next = value + 1 if self.next in (None, value) else math.nan
            self.numbers += 1
            self.codes += _CODE.match(cell) is not None
        if len(self.categories) <= MOST_CATEGORIES:
            self.categories[cell] = None

    @property
    def numbers_rows(self) -> bool:
        """Whether the cells are whole numbers that count the rows, from 0 or 1 on, without gaps."""
        if self.next is None or self.texts or self.numbers < FEWEST_NUMBERED:
            return False
        return self.next in (self.numbers, self.numbers + 1) and not self.marks

    @property
    def holds_arrays(self) -> bool:
        """Whether the column is one of arrays."""
        return self.arrays > 0 and self.arrays >= MOSTLY * (self.numbers + self.texts)

    @property
    def has_doubtful_gaps(self) -> bool:
        """Whether marks of missing values are so many among texts that they may be a category, such as None."""
        marked = self.marks.total()
        return self.texts > 0 and not self.numeric and marked >= MANY * (marked + self.texts + self.numbers)

    @property
    def numeric(self) -> bool:
        """Whether the column is one of numbers."""
        if self.codes:
            return False
        return self.numbers > 0 and self.numbers >= MOSTLY * (self.numbers + self.texts)


def is_missing(cell: str) -> bool:
    """Whether a cell is empty, or a usual mark of a missing value."""
    return not cell or (len(cell) < 5 and cell.lower() in MISSING)


def count_cells(records: Iterable[Sequence[str]], width: int, decimal: str = ".") -> list[ColumnCells]:
    """The counts of each column of records that have as many cells as the header."""
    columns = [ColumnCells() for _ in range(width)]
    for record in records:
        if len(record) == width:
            for column, cell in zip(columns, record, strict=True):
                column.add(cell.strip(), decimal)
    return columns


def cell_of(text: str, numeric: bool, decimal: str = ".") -> TableCell | ValueError:
    """The content of a cell; a ValueError for a text in a column of numbers, or a number that isn't finite."""
    if is_missing(text):
        return None
    if not numeric:
        return text
    found = _float(text, decimal)
    if found is None or not math.isfinite(found):
        return ValueError(text)
    return int(found) if found.is_integer() and text.lstrip("+-").isdigit() and abs(found) < 2**53 else found


def array_cell(text: str) -> TableCell | ValueError:
    """The array in a cell, as JSON."""
    if is_missing(text):
        return None
    try:
        found = json.loads(text, parse_constant=float)
    except (ValueError, RecursionError):
        return ValueError(text)
    return cell_of_list(found) if isinstance(found, list) else ValueError(text)


def are_like_numbers(cells: Sequence[TableCell]) -> bool:
    """Whether most texts among cells begin as a number, such as dates, `5 kg` and `$5`."""
    texts = [str(cell) for cell in cells if isinstance(cell, str)]
    return 2 * sum(_LIKE_NUMBER.match(text) is not None for text in texts) > len(texts)


def example_with_unit(categories: Sequence[str]) -> str | None:
    """A text of a category whose texts may be meant as numbers, such as '5 kg' or a date; None if they aren't like
    numbers, or all are codes such as '007'."""
    if not are_like_numbers(categories):
        return None
    return next((text for text in categories if _float(text, ".") is None), None)


def _float(text: str, decimal: str) -> float | None:
    if "_" in text:  # Python would read 2020_01 as a number
        return None
    try:
        return float(text.replace(",", ".") if decimal == "," else text)
    except ValueError:
        return None
