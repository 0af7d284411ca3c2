"""Roles of the columns of users' tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sciencegen.errors import DataError
from sciencegen.items import Cell

ID_COLUMNS = ("id", "name")
"""Columns with the names of a table's items, in upper or lower case."""


@dataclass(frozen=True)
class Columns:
    """Indices of a record's cells. items: the row's item is in the first of these that isn't empty. name_column: of the
    item's name. numbers, cells: by column name."""

    items: Sequence[int]
    name_column: int | None
    numbers: Mapping[str, int]
    cells: Mapping[str, int]


class NoItemColumn(DataError):
    """A table has no column of items; `columns` are the names of its columns."""

    def __init__(self, message: str, columns: Sequence[str]) -> None:
        super().__init__(message)
        self.columns = tuple(columns)


@dataclass(frozen=True)
class TableReading:
    """item_columns, column, with_cells: as in `read_table`. source: the file, for messages."""

    item_columns: Sequence[str]
    column: str | None
    source: str
    with_cells: bool = False

    def columns(self, names: Sequence[str], numeric: Collection[int], empty: Collection[int] = ()) -> Columns:
        """numeric: columns that may contain numbers; empty: those of them that were empty in all rows so far."""
        guess = next((name for index, name in enumerate(names) if index not in numeric), "")
        item = find_column(names, self.item_columns, self.column, self.source, guess)
        used = [item, *numeric] if not self.with_cells else range(len(names))
        check_distinct(names, {names[index].strip() for index in used}, self.source)
        lower = [name.strip().lower() for name in names]
        alternatives = [lower.index(name) for name in self.item_columns if self.column is None and name in lower]
        name_column = (lower.index(name) for name in ID_COLUMNS if name in lower and lower.index(name) != item)
        return Columns(
            [item, *(index for index in alternatives if index != item and (index in empty or index not in numeric))],
            next(name_column, None),
            {names[index].strip(): index for index in sorted(numeric) if index != item},
            {name.strip(): index for index, name in enumerate(names) if self.with_cells and name.strip()},
        )


def cells_by_column(rows: Sequence[Mapping[str, Cell]]) -> dict[str, list[Cell]]:
    """Rows as columns, in the order in which these occur first; None where a row has no such column.

    Examples
    --------
    >>> cells_by_column([{"a": 1}, {"a": 2, "b": "x"}])
    {'a': [1, 2], 'b': [None, 'x']}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def check_distinct(names: Sequence[str], used: Collection[str], source: str) -> None:
    """Raise an error if two columns have one of the names that are used: the values of one would be lost."""
    counts = Counter(name.strip() for name in names)
    if twice := next((name for name in counts if name and counts[name] > 1 and name in used), None):
        raise DataError(
            f"Expected columns of different names in {source}, found {counts[twice]} of the name {twice[:60]!r}. "
            "Rename or delete all but one."
        )


def find_column(names: Sequence[str], accepted: Sequence[str], column: str | None, source: str, guess: str = "") -> int:
    """Index of the item's column; the error names the columns found and the flag to pass."""
    lower = [name.strip().lower() for name in names]
    for candidate in [column] if column is not None else accepted:
        if candidate in names:
            return list(names).index(candidate)
        if candidate.strip().lower() in lower:
            return lower.index(candidate.strip().lower())
    expected = repr(column) if column is not None else " or ".join(map(repr, accepted))
    found = ", ".join(repr(name[:60]) for name in names[:30]) + (", ..." if len(names) > 30 else "")
    raise NoItemColumn(
        f"Expected column {expected} in {source}, found {found or 'none'}. "
        f"Pass `column` {(guess or next(iter(names), 'NAME'))[:60]} (the column that holds the items), "
        "or add a header line.",
        names,
    )
