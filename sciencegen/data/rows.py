"""Rows of users' tables, and which of a table's columns holds what."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sciencegen.errors import DataError

ID_COLUMNS = ("id", "name")
"""Columns of a table that name its items, in any case."""
BOUNDS = ("<", ">", "≤", "≥")
"""With which a measurement beyond an instrument's range begins."""
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""What may be either: 1,500."""
LONGEST_CELL = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a user's file. `line` counts from 1 as an editor does (Parquet, SDF: the record's number); `id` is
    the name that the file gives the item, "" where it gives none; `unread`: what columns of numbers hold that is
    neither a finite number nor nothing; `cells`: the whole row of a table, where that was asked for."""

    line: int
    text: str
    values: Mapping[str, float] = field(default_factory=dict)
    id: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    cells: Mapping[str, Any] = field(default_factory=dict)

    def why_no_number(self, column: str) -> str:
        """Why the row has none in a column."""
        if column not in self.unread:
            return f"no number in '{column}'"
        cell = self.unread[column]
        remedy = ""
        if cell.startswith(BOUNDS):
            remedy = "; a bound is no measurement and teaches nothing, leave the cell empty"
        elif DECIMAL_COMMA.fullmatch(cell):
            point = cell.replace(",", ".")
            point += f" or {cell.replace(',', '')}, whichever it is" if THOUSANDS.fullmatch(cell) else ""
            remedy = f"; write {point}, or part the table's cells by ; where commas are decimal marks"
        return f"'{cell[:LONGEST_CELL]}' in '{column}', expected a finite number or an empty cell{remedy}"


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
