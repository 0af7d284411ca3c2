"""Rows of users' tables, and which of a table's columns holds what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sciencegen.errors import DataError

ID_COLUMNS = ("id", "name")
"""Columns of a table that name its items, in any case."""


@dataclass(frozen=True)
class Columns:
    """Where in a record things stand. items: the first of these that isn't empty holds the row's item. named: its name.
    numbers, cells: by name."""

    items: Sequence[int]
    named: int | None
    numbers: Mapping[str, int]
    cells: Mapping[str, int]


class NoItemColumn(DataError):
    """A table without a column of items; `found` are the names of its columns."""

    def __init__(self, message: str, found: Sequence[str]) -> None:
        super().__init__(message)
        self.found = tuple(found)


@dataclass(frozen=True)
class TableReading:
    """item_columns, column: as of `read_table`. source: the file, in words. whole: rows with all their `cells`."""

    item_columns: Sequence[str]
    column: str | None
    source: str
    whole: bool = False

    def columns(self, names: Sequence[str], numeric: Collection[int], empty: Collection[int] = ()) -> Columns:
        """numeric: which columns may hold numbers; empty: of these, in which none was seen yet, nor anything else."""
        guess = next((name for index, name in enumerate(names) if index not in numeric), "")
        item = find_column(names, self.item_columns, self.column, self.source, guess)
        plain = [name.strip().lower() for name in names]
        further = [plain.index(name) for name in self.item_columns if self.column is None and name in plain]
        named = (plain.index(name) for name in ID_COLUMNS if name in plain and plain.index(name) != item)
        return Columns(
            [item, *(index for index in further if index != item and (index in empty or index not in numeric))],
            next(named, None),
            {names[index].strip(): index for index in sorted(numeric) if index != item},
            {name.strip(): index for index, name in enumerate(names) if self.whole and name.strip()},
        )


def find_column(names: Sequence[str], accepted: Sequence[str], column: str | None, source: str, guess: str = "") -> int:
    """Where the item's column is; the error names the columns found and the flag to pass."""
    plain = [name.strip().lower() for name in names]
    for wanted in [column] if column is not None else accepted:
        if wanted in names:
            return list(names).index(wanted)
        if wanted.strip().lower() in plain:
            return plain.index(wanted.strip().lower())
    expected = repr(column) if column is not None else " or ".join(map(repr, accepted))
    found = ", ".join(repr(name[:60]) for name in names[:30]) + (", ..." if len(names) > 30 else "")
    raise NoItemColumn(
        f"Expected column {expected} in {source}, found {found}. "
        f"Pass --item-column {guess or names[0][:60]} (the column that holds the items), or add a header line.",
        names,
    )
