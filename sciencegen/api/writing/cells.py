"""Tables of items that consist of cells (`Domain.cells`): a column for each cell, in place of the items' texts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sciencegen.api.writing.sinks import TableSink
from sciencegen.data.rows import cells_by_column
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Cells
from sciencegen.items import Cell, Refusal

Columns = Mapping[str, Sequence[Cell]]


def with_cells(science: Domain, columns: Columns) -> dict[str, Sequence[Cell]]:
    """The columns with the items' cells in place of `item`; unchanged for domains whose items are texts.

    A column of a cell's name replaces it, and indicators of cells (`city:Oslo`) are left out; texts that are no items
    have empty cells.
    """
    if science.cells is None or "item" not in columns:
        return dict(columns)
    own = cells_of(science, science.cells, columns["item"])
    others = {name: cells for name, cells in columns.items() if name != "item" and name.partition(":")[0] not in own}
    return {**own, **others, **{name: cells for name, cells in columns.items() if name in own}}


def cells_of(science: Domain, cells: Cells, texts: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The cells of items by column, in the order in which the columns occur first."""
    parsed = [science.items.parse(str(text)) if text else Refusal("empty") for text in texts]
    return cells_by_column([{} if isinstance(item, Refusal) else cells.of(item) for item in parsed])


class CellsSink:
    """A table whose items are written as cells; their columns are those of the first rows."""

    def __init__(self, science: Domain, output: str, columns: Sequence[str], exact: Collection[str] = ()) -> None:
        self._science, self._output, self._columns, self._exact = science, output, tuple(columns), exact
        self._table: TableSink | None = None
        self._names: tuple[str, ...] = ()

    def open(self) -> None:
        return

    def write(self, columns: Columns) -> None:
        found = with_cells(self._science, {name: columns[name] for name in self._columns})
        if self._table is None:
            self._begin(tuple(found))
        assert self._table is not None  # `_begin` made it
        empty = [None] * len(next(iter(columns.values()), ()))
        self._table.write({name: found.get(name, empty) for name in self._names})

    def _begin(self, names: tuple[str, ...]) -> None:
        own = [name for name in names if name not in self._columns]
        self._names, self._table = names, TableSink(self._output, names, exact=[*self._exact, *own])
        self._table.open()

    def close(self, kept: bool) -> list[Refused]:
        if self._table is None:
            if not kept:
                return []
            self._begin(self._columns)
        assert self._table is not None  # `_begin` made it
        return self._table.close(kept)
