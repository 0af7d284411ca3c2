"""Sinks of rows: a table, lines, or structures. Files are written completely or not at all; "-" is stdout."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Protocol

from sciencegen.api.models.completion import Completer
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import NameSuffixes
from sciencegen.data.writers import Refused, TableWriter, line_of
from sciencegen.domains.base import Domain
from sciencegen.files import atomic_write
from sciencegen.items import Cell, Origin, Refusal


class Sink(Protocol):
    """An output for rows. `close(kept)` returns the rows that it could not hold."""

    def open(self) -> None: ...

    def write(self, columns: Mapping[str, Sequence[Cell]]) -> None: ...

    def close(self, kept: bool) -> list[Refused]: ...


class TableSink:
    """Writes a table. cell: converts an item's text to that of a table. exact: as in `TableWriter`."""

    def __init__(
        self, output: str, columns: Sequence[str], cell: Callable[[str], str] = str, exact: Collection[str] = ()
    ) -> None:
        self._columns, self._writer, self._stack = tuple(columns), TableWriter(output, exact), ExitStack()
        self._cell = cell

    def open(self) -> None:
        self._stack.enter_context(self._writer)

    def write(self, columns: Mapping[str, Sequence[Cell]]) -> None:
        chosen = {name: columns[name] for name in self._columns}
        if "item" in chosen:
            chosen["item"] = [self._cell(text) for text in chosen["item"]]
        self._writer.write(chosen)

    def close(self, kept: bool) -> list[Refused]:
        if not kept:
            self._stack.__exit__(Discard, Discard(), None)
            return []
        if self._writer.rows == 0:
            self._writer.write({name: [] for name in self._columns})
        self._stack.close()
        return []


class Discard(Exception):
    """Makes a context discard its incomplete file."""


class LineSink:
    """Writes one item per line, followed by a space and its id, if rows have ids."""

    def __init__(self, output: str) -> None:
        self._output, self._stack = output, ExitStack()
        self._file: IO[str] | None = None

    def open(self) -> None:
        self._file = self._stack.enter_context(atomic_write(self._output))

    def write(self, columns: Mapping[str, Sequence[Cell]]) -> None:
        assert self._file is not None  # `open` comes first
        ids = columns.get("id") or [""] * len(columns["item"])
        self._file.writelines(line_of(item, name) for item, name in zip(columns["item"], ids, strict=True))

    def close(self, kept: bool) -> list[Refused]:
        if kept:
            self._stack.close()
        else:
            self._stack.__exit__(Discard, Discard(), None)
        return []


class ColumnAsItems:
    """Hands rows to another output with the texts of a column as its items. The column itself is left out."""

    def __init__(self, sink: Sink, column: str) -> None:
        self._sink, self._column = sink, column

    def open(self) -> None:
        """Open the other output."""
        self._sink.open()

    def write(self, columns: Mapping[str, Sequence[Cell]]) -> None:
        """Write rows."""
        others = {name: cells for name, cells in columns.items() if name != self._column}
        self._sink.write({**others, "item": columns[self._column]})

    def close(self, kept: bool) -> list[Refused]:
        """Close the other output."""
        return self._sink.close(kept)


class StructureSink:
    """Writes the domain's own format when it is closed; until then all items are in memory."""

    def __init__(
        self, domain: str, output: str, columns: Sequence[str], complete: Completer | None,
        origin: Origin | None = None, numbers: NameSuffixes | None = None,
    ) -> None:  # fmt: skip
        self._domain, self._output, self._complete = domain_of(domain), output, complete
        self._origin, self._numbers = origin, numbers
        self._rows: dict[str, list[Cell]] = {name: [] for name in columns}

    def open(self) -> None:
        return

    def write(self, columns: Mapping[str, Sequence[Cell]]) -> None:
        for name, values in self._rows.items():
            values.extend(columns[name])

    def close(self, kept: bool) -> list[Refused]:
        if not kept:
            return []
        return write_structures(self._domain, self._output, self._rows, self._complete, self._origin, self._numbers)


def write_structures(
    domain: Domain, output: str | Path, table: Mapping[str, Sequence[Cell]], complete: Completer | None = None,
    origin: Origin | None = None, numbers: NameSuffixes | None = None,
) -> list[Refused]:  # fmt: skip
    """Write the items of a table, with its other columns, in the domain's own format. Items that can't be completed are
    written without structures, unless `complete.needed`. Returns the rows without an item; they are left out, and the
    other rows keep their numbers.
    """
    parsed = [domain.items.parse(text) for text in table["item"]]
    rows = [row for row, item in enumerate(parsed) if not isinstance(item, Refusal)]
    if complete is not None:
        needed = complete.needed
        for row, one in zip(rows, complete([parsed[row] for row in rows]), strict=True):
            if needed or not isinstance(one, Refusal):
                parsed[row] = one
        rows = [row for row in rows if not isinstance(parsed[row], Refusal)]
    items = [parsed[row] for row in rows]
    names = table.get("id") or [str(number) for number in range(1, len(parsed) + 1)]
    ends = numbers(items) if numbers is not None else [""] * len(items)
    values = {name: [column[row] for row in rows] for name, column in table.items() if name not in ("item", "id")}
    called = [f"{names[row]}{end}" for row, end in zip(rows, ends, strict=True)]
    domain.items.write(Path(output), items, called, values, origin)
    refused = ((row, item) for row, item in enumerate(parsed) if isinstance(item, Refusal))
    return [(row + 1, table["item"][row], item.reason) for row, item in refused]
