"""Output files of the verbs, each written completely or not at all; "-" is stdout."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Protocol

from sciencegen.api.models.completion import Completer
from sciencegen.api.models.folder import Encoded
from sciencegen.api.science import NameSuffixes, columns_of, domain_of, plain_text
from sciencegen.data.number_ranges import NumberRanges
from sciencegen.data.tables import READ_TABLES, cells_by_column
from sciencegen.data.writers import (
    WRITTEN_TABLES,
    Refused,
    RejectsWriter,
    StoredItems,
    TableWriter,
    is_parquet,
    line_of,
    rejects_path,
    save_arrays,
    write_rejects,
    write_table,
)
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Cells, Sidecar
from sciencegen.errors import ConfigError, SciencegenError, Stopped
from sciencegen.files import atomic_write, is_input, remove_output, reserved
from sciencegen.items import Cell, Origin, Refusal
from sciencegen.latent.drawing import FIGURES, HEIGHT, WIDTH, caption, grid, shortened

# Sinks of rows: a table, lines, or structures. Files are written completely or not at all; "-" is stdout.


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


PICTURES = tuple(FIGURES)
"""Endings of pictures."""
MOST_PICTURES, ACROSS, MOST_LETTERS = 60, 4, 26
"""Items in a picture and in a row of it, and characters below each."""
INTERVAL = ("_lower", "_upper", "_in_domain")
"""Endings of the columns beside a predicted value."""


class PictureSink:
    """Draws the first items in one picture, with the values of their rows below them. table: for all rows."""

    def __init__(self, domain: str, output: str, columns: Sequence[str], table: Sink) -> None:
        self._science, self._output, self._columns, self._table = domain_of(domain), output, tuple(columns), table
        self._rows: list[dict[str, Cell]] = []

    def open(self) -> None:
        if is_input(Path(table_beside(self._output))):
            raise ConfigError(
                f"Expected another output than {self._output}: its rows go to {table_beside(self._output)}, which is "
                "read. Rename one."
            )
        self._table.open()

    def write(self, columns: Mapping[str, Sequence[Cell]]) -> None:
        self._table.write(columns)
        room = MOST_PICTURES - len(self._rows)
        cells = zip(*(columns[name][:room] for name in self._columns), strict=True)
        self._rows += [dict(zip(self._columns, one, strict=True)) for one in cells]

    def close(self, kept: bool) -> list[Refused]:
        left_out = self._table.close(kept)
        if not kept:
            return []
        items = [self._science.items.parse(str(row["item"])) if row["item"] else Refusal(NO_ITEM) for row in self._rows]
        pictures = ["" if isinstance(one, Refusal) else self._science.render(one, WIDTH, HEIGHT) for one in items]
        title = None if self._science.pictures is None else self._science.pictures.title
        names = ["" if title is None or isinstance(one, Refusal) else title(one) for one in items]
        grid(pictures, [self._caption(*one) for one in zip(self._rows, names, strict=True)], ACROSS).write(self._output)
        return left_out

    def _caption(self, row: Mapping[str, Cell], name: str) -> str:
        """The item's name, and the row's numbers, a predicted one with its interval; the item's text without either."""
        numbers = {name: cell for name, cell in row.items() if isinstance(cell, float) and not name.endswith(INTERVAL)}
        texts = [name] if name else []
        for column, value in numbers.items():
            ends = [row.get(f"{column}{end}") for end in INTERVAL[:2]]
            known = [value, *(end for end in ends if isinstance(end, float))]
            shown = [f"{one:.0f}" if abs(one) >= 1000 else f"{one:.3g}" for one in known]
            texts.append(f"{column} {shown[0]}" + (f" ({shown[1]} to {shown[2]})" if len(shown) == 3 else ""))
        while len(texts) > 1 and len(", ".join(texts)) > MOST_LETTERS:
            texts.pop()
        return ", ".join(texts) or shortened(caption(str(row["item"] or "")), MOST_LETTERS)


def table_beside(picture: str) -> str:
    """The table with the rows of a picture: hits.svg.csv."""
    return f"{picture}.csv"


NO_ITEM = "no item was decoded"
"""Why a row without an item is left out of a file of structures."""


def write_structures(
    domain: Domain, output: str | Path, table: Mapping[str, Sequence[Cell]], complete: Completer | None = None,
    origin: Origin | None = None, numbers: NameSuffixes | None = None,
) -> list[Refused]:  # fmt: skip
    """Write the items of a table, with its other columns, in the domain's own format. Items that can't be completed are
    written without structures, unless `complete.needed`. Returns the rows without an item; they are left out, and the
    other rows keep their numbers.
    """
    parsed = [domain.items.parse(text) if text else Refusal(NO_ITEM) for text in table["item"]]
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


# Items that don't fit into a table's cell as text: they go to a file beside it, to which the cells refer.

ENDINGS = (".csv.gz", ".csv", ".parquet", ".pq")
SHOWN = 40
"""Characters of an item on a terminal."""


class SidecarFile:
    """The file beside a table: `catalogue.fits` for `catalogue.csv`. Items that were read from a file are not written
    again. On standard output there is no such file, and cells hold the items' texts, on a terminal their starts."""

    def __init__(
        self,
        science: Domain,
        sidecar: Sidecar,
        output: str | Path,
        overwrite: bool = False,
        origin: Origin | None = None,
    ) -> None:
        self.science, self.sidecar, self.output, self.origin = science, sidecar, str(output), origin
        stem = next((self.output[: -len(end)] for end in ENDINGS if self.output.lower().endswith(end)), self.output)
        self.path = Path(f"{stem}{sidecar.ending}")
        self._expected = self.path.exists()
        ours = Path(self.output).exists() or not self._expected  # else it is a file of the user
        self._overwrite, self._allowed = overwrite, ours or overwrite
        self._items = StoredItems(science.items.parse)
        self._names: list[str] = []
        self._values: dict[str, list[Cell]] = {}

    def claim(self, inputs: Iterable[Path]) -> None:
        """Raise an error, before anything is computed, if the file can't be written or is one of the inputs."""
        if any(self.path.exists() and one.exists() and one.samefile(self.path) for one in inputs):
            raise ConfigError(
                f"Expected another file to read than {self.path}, where the items of {self.output} go. "
                "Pass another `output`."
            )
        if self.output != "-":
            self._check_allowed()

    def cells(self, columns: Mapping[str, Sequence[Cell]]) -> list[str]:
        """The cells of the table's column `item`; texts that are no item are unchanged."""
        return [self._cell(text, row, columns) for row, text in enumerate(columns["item"])]

    def _cell(self, text: str, row: int, columns: Mapping[str, Sequence[Cell]]) -> str:
        item = self.science.items.parse(text) if text else Refusal("empty")
        if isinstance(item, Refusal):
            return text
        if known := self.sidecar.cell(item):
            return known
        return printed(text) if self.output == "-" else self._keep(text, row, columns)

    def _check_allowed(self) -> None:
        if is_input(self.path):
            raise ConfigError(
                f"Expected another output than {self.output}: its items go to {self.path}, which is read. Rename one."
            )
        if not self._allowed:
            raise ConfigError(
                f"Expected no file at {self.path}, where the items of {self.output} go, but it exists. "
                "Pass `force` to overwrite it, or another `output`."
            )

    def _keep(self, text: str, row: int, columns: Mapping[str, Sequence[Cell]]) -> str:
        self._check_allowed()
        number = len(self._items)
        self._items.append(text)
        self._names.append(str(columns["id"][row]) if "id" in columns else str(number + 1))
        for name, cells in columns.items():
            if name not in ("item", "id"):
                self._values.setdefault(name, []).append(cells[row])
        return self.sidecar.text_at(self.path, number)

    def write(self) -> None:
        """Write the file, if there are items for it."""
        if self._items:
            with reserved(self.path):  # another call may write a table of another ending, with the same file
                if not self._expected and not self._overwrite and self.path.exists():
                    self._allowed = False
                self._check_allowed()
                self.science.items.write(self.path, self._items, self._names, self._values, self.origin)

    def remove(self) -> None:
        """Remove the file, if it may be overwritten."""
        if self._allowed:
            self.path.unlink(missing_ok=True)


def printed(text: str) -> str:
    """The text of an item on standard output: whole for programs, its first characters on a terminal."""
    return f"{text[:SHOWN]}..." if len(text) > SHOWN and sys.stdout.isatty() else text


class SidecarSink:
    """A table whose items go to a file beside it."""

    def __init__(self, table: TableSink, columns: Sequence[str], sidecar: SidecarFile) -> None:
        self._table, self._columns, self.sidecar = table, tuple(columns), sidecar

    def open(self) -> None:
        self._table.open()

    def write(self, columns: Mapping[str, Sequence[Cell]]) -> None:
        chosen = {name: columns[name] for name in self._columns}
        self._table.write({**chosen, "item": self.sidecar.cells(chosen)} if "item" in chosen else chosen)

    def close(self, kept: bool) -> list[Refused]:
        try:
            if kept:
                self.sidecar.write()
        except BaseException:
            self._table.close(False)
            raise
        return self._table.close(kept)


# Tables of items that consist of cells (`Domain.cells`): a column for each cell, in place of the items' texts.

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
    dates = {name for name, cells in own.items() if any(isinstance(cell, str) for cell in cells)}  # not their numbers
    return {**own, **others, **{name: cells for name, cells in columns.items() if name in own and name not in dates}}


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


# Checks of output names before there is anything to write.

LINES = (".smi", ".txt")
"""Endings of files with one item per line."""


def check_endings(domain: str, output: str, structures: str | None = None) -> None:
    """Raise an error for files that `write_candidates` and `write_structures` can't write."""
    if output != "-" and not output.lower().endswith((*WRITTEN_TABLES, *PICTURES)):
        check_ending(domain, "`output`", output, (*WRITTEN_TABLES[:3], *PICTURES))
    if structures is not None:
        check_ending(domain, "`structures`", structures)


def check_table(output: str, what: str) -> None:
    """Raise an error for an output that is no table, for results that need one."""
    if output != "-" and not output.lower().endswith(WRITTEN_TABLES):
        raise ConfigError(f"Expected `output` to end in .csv or .parquet for {what}, got {output}.")


def check_complete(model: str | None, *outputs: str | None) -> None:
    """Raise an error if a completing model is given and no output can hold structures."""
    if model is not None and not any(one is not None and writes_structures(one) for one in outputs):
        given = ", ".join(one for one in outputs if one is not None)
        raise ConfigError(f"Expected a file of structures (.sdf) with `complete`, got {given}, which holds none.")


def check_ending(domain: str, setting: str, output: str, others: Sequence[str] = ()) -> None:
    """Raise an error for an ending that the domain can't write. others: endings that are accepted too."""
    science = domain_of(domain)
    if not _writes(science, Path(output).name):
        own = [
            ending
            for ending in science.items.formats
            if ending not in READ_TABLES and _writes(science, f"x{ending}", SciencegenError)
        ]
        raise ConfigError(f"Expected {setting} to end in {', '.join([*others, *own])}, got {output}.")


def _writes(science: Domain, name: str, refusal: type[SciencegenError] = ConfigError) -> bool:
    """Whether a domain can write files with this name; it is tested by writing a file without items. refusal: what says
    that it can't; other errors, such as that of a library that isn't installed, are raised."""
    with TemporaryDirectory() as folder:
        try:
            science.items.write(Path(folder) / name, [], [], {})
        except refusal:
            return False
    return True


def writes_structures(output: str) -> bool:
    """Whether an output is in a domain format of structures: no table, no lines of text and no picture."""
    return output != "-" and not output.lower().endswith((*WRITTEN_TABLES, *LINES, *PICTURES))


def input_ending(domain: str, ending: str | None, first_line: str = "", column: str | None = None) -> str:
    """The format of stdin: the user's `ending`, else .csv if the first line has a column of items (by default or by
    `column`) or of variants, else the domain's first format.
    """
    science = domain_of(domain)
    if ending is None:
        line = next(iter(first_line.splitlines()), "")  # of old Macs' line ends, it is the whole text
        cells = {cell.strip(' "') for cell in re.split("[,;\t]", line.strip().lower())}
        known = {*columns_of(science, science.variants is not None), (column or science.items.columns[0]).lower()}
        return ".csv" if cells & known and ".csv" in science.items.formats else science.items.formats[0]
    ending = ending if ending.startswith(".") else f".{ending}"
    if ending not in science.items.formats:
        raise ConfigError(f"Expected `format` {', '.join(science.items.formats)}, got {ending}.")
    return ending


@dataclass(frozen=True)
class OutputOptions:
    """complete: computes structures of items, or None. origin: their provenance. overwrite: replace a file beside the
    table even if it may belong to the user. exact: columns of a table whose numbers keep all digits. name_suffixes:
    suffixes of names in the domain's own files."""

    complete: Completer | None = None
    origin: Origin | None = None
    overwrite: bool = False
    exact: Collection[str] = ()
    name_suffixes: NameSuffixes | None = None


def open_output(domain: str, output: str, columns: Sequence[str], options: OutputOptions | None = None) -> OutputWriter:
    """The writer for the ending of `output`: a table, lines, a picture, or the domain's structures."""
    options = options or OutputOptions()
    name, science = output.lower(), domain_of(domain)
    if output == "-" or name.endswith(WRITTEN_TABLES):
        return OutputWriter(output, _table_sink(domain, output, columns, options))
    if name.endswith(LINES) and name.endswith(science.items.formats):
        return OutputWriter(output, LineSink(output))
    if name.endswith(PICTURES):
        table = _table_sink(domain, table_beside(output), columns, options)
        return OutputWriter(output, PictureSink(domain, output, columns, table))
    check_ending(domain, "`output`", output, (*WRITTEN_TABLES[:3], *PICTURES))
    return OutputWriter(
        output, StructureSink(domain, output, columns, options.complete, options.origin, options.name_suffixes)
    )


def _table_sink(domain: str, output: str, columns: Sequence[str], options: OutputOptions) -> Sink:
    science, exact = domain_of(domain), options.exact
    if science.sidecar is not None:
        sidecar = SidecarFile(science, science.sidecar, output, options.overwrite, options.origin)
        return SidecarSink(TableSink(output, columns, exact=exact), columns, sidecar)
    if science.cells is not None and "item" in columns:
        return CellsSink(science, output, columns, exact)
    return TableSink(output, columns, partial(_cell, domain), exact)


class OutputWriter:
    """Writes rows to `output`, and refusals to `<output>.rejects.csv` except for stdout. Ctrl-C keeps finished rows,
    and no file if there are none.

    left_out: rows that the output could not hold, by reason, known after closing; left_out_rows: which, from 1.
    """

    def __init__(self, output: str, sink: Sink) -> None:
        self.output, self._sink = output, sink
        self.left_out, self.left_out_rows = Counter[str](), NumberRanges(())
        self._rejects: RejectsWriter | None = None
        self._stack = ExitStack()
        self._wanted, self._written = True, False

    def with_items_of(self, column: str) -> OutputWriter:
        """The same output, whose items are the texts of a column."""
        return OutputWriter(self.output, ColumnAsItems(self._sink, column))

    def __enter__(self) -> OutputWriter:
        self._sink.open()
        return self

    def __exit__(self, kind: Any, *error: Any) -> None:
        stopped = kind is not None and issubclass(kind, KeyboardInterrupt | Stopped)
        kept = self._wanted and (kind is None or (stopped and self._written))
        try:
            left_out = self._sink.close(kept)
            self.left_out = Counter(reason for _, _, reason in left_out)
            self.left_out_rows = NumberRanges.of(sorted({row for row, _, _ in left_out}))
            self.reject(left_out)
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        if kind is None or kept:
            self._stack.close()
        else:
            self._stack.__exit__(kind, *error)

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        if len(next(iter(columns.values()), ())):
            self._written = True
            self._sink.write(columns)

    def reject(self, refused: Iterable[Refused]) -> None:
        """List refused rows; the file is created with the first of them."""
        for row in refused:
            if self.output == "-":
                break
            if self._rejects is None:
                self._rejects = self._stack.enter_context(RejectsWriter(rejects_path(self.output)))
            self._rejects.add(*row)

    def remove(self) -> None:
        """Call it after closing, if there are no usable rows: no empty file may block the next run, and no earlier file
        may be taken for this run's output."""
        if self.output != "-":
            remove_output(self.output)
            if isinstance(self._sink, PictureSink):
                remove_output(table_beside(self.output))
            if isinstance(self._sink, SidecarSink):
                self._sink.sidecar.remove()

    def give_up(self) -> None:
        """There are no usable rows: discard the output, keep the rejects."""
        self._wanted = False


def left_out_by_reason(left_out: Counter[str]) -> dict[str, Any]:
    """The entry of a summary for rows that an output could not hold: reason -> their number; none without such rows.

    Examples
    --------
    >>> left_out_by_reason(Counter(["no item was decoded", "no item was decoded"]))
    {'left_out': {'no item was decoded': 2}}
    """
    return {"left_out": dict(left_out.most_common())} if left_out else {}


def _cell(domain: str, text: str) -> str:
    """The text of an item in tables: for forms that of the plain item, which every verb can read."""
    science = domain_of(domain)
    item = science.items.parse(text) if text and science.form is not None else Refusal("")
    return text if isinstance(item, Refusal) else plain_text(domain, item)


def write_lines(
    domain: str, output: str, table: Mapping[str, list[Cell]], origin: Origin | None = None, overwrite: bool = False
) -> None:
    """Write the column `item`, one per line, in order, with empty lines for missing items; or the table, by the
    output's ending."""
    if output != "-" and not output.lower().endswith(LINES):
        options = OutputOptions(origin=origin, overwrite=overwrite)
        with open_output(domain, output, list(table), options) as writer:
            writer.write(table)
        return
    lines = "".join(f"{item}\n" for item in table["item"])
    if output == "-":
        sys.stdout.write(lines)
        return
    with atomic_write(output) as file:
        file.write(lines)


def write_rejected(output: str, refused: Sequence[Refused]) -> None:
    """Write `<output>.rejects.csv`, if rows were refused."""
    if output != "-" and refused:
        write_rejects(rejects_path(output), refused)


def write_latents(domain: str, output: str, encoded: Encoded) -> None:
    """Write an .npz with `latent`, `index`, `item`, `name` and what the model infers, without pickles; equal latents
    give equal bytes. An item that was read from a file is given by its place there (`stamps.fits[3]`)."""
    science, items = domain_of(domain), encoded.item
    if science.sidecar is not None:
        items = SidecarFile(science, science.sidecar, "-").cells({"item": items})
    with atomic_write(output, "wb") as file:
        texts = {"item": items, "name": encoded.name}
        save_arrays(file, {"latent": encoded.latent, "index": encoded.index, **texts, **encoded.inferred})


def write_json(output: str, values: Mapping[str, Any]) -> None:
    """Write indented JSON, completely or not at all; values of other types are written as text."""
    text = json.dumps(values, indent=2, default=str) + "\n"
    if output == "-":
        sys.stdout.write(text)
        return
    with atomic_write(output) as file:
        file.write(text)


def csv_beside(output: str) -> list[str]:
    """The CSV file beside candidates in Parquet, as a list."""
    return [str(Path(output).with_suffix(".csv"))] if is_parquet(output) else []


def write_candidates(
    domain: Domain, output: str, table: Mapping[str, Sequence[Any]], complete: Completer | None = None,
    overwrite: bool = False, numbers: NameSuffixes | None = None, origin: Origin | None = None,
) -> list[Refused]:  # fmt: skip
    """Write a table (for Parquet also a CSV), a picture and its table, or structures, by the output's ending; returns
    the refused items."""
    if output == "-" or output.lower().endswith(WRITTEN_TABLES):
        if domain.sidecar is not None:
            sidecar = SidecarFile(domain, domain.sidecar, output, overwrite, origin)
            table = {**table, "item": sidecar.cells(table)}
            sidecar.write()
        else:
            table = {**table, "item": [_cell(domain.name, text) for text in table["item"]]}
            own = {} if domain.cells is None else cells_of(domain, domain.cells, table["item"])
            table |= {name: cells for name, cells in own.items() if name not in table}
        write_table(output, table)
        for beside in csv_beside(output):
            write_table(beside, table)
        return []
    if output.lower().endswith(PICTURES):
        with open_output(domain.name, output, list(table), OutputOptions(origin=origin, overwrite=overwrite)) as writer:
            writer.write(table)
        return []
    return write_structures(domain, output, table, complete, origin, numbers)
