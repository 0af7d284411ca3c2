"""Output files of the verbs, each written completely or not at all; "-" is stdout."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sciencegen.api.models.completion import Completer
from sciencegen.api.models.encoding import Encoded
from sciencegen.api.science.forms import domain_of, plain_text
from sciencegen.api.science.naming import NameSuffixes, columns_of
from sciencegen.api.writing.cells import CellsSink, cells_of
from sciencegen.api.writing.formats import LINES, check_ending
from sciencegen.api.writing.sidecar import SidecarFile, SidecarSink
from sciencegen.api.writing.sinks import ColumnAsItems, LineSink, Sink, StructureSink, TableSink, write_structures
from sciencegen.data.array_writing import save_arrays
from sciencegen.data.number_ranges import NumberRanges
from sciencegen.data.writers import (
    WRITTEN_TABLES,
    Refused,
    RejectsWriter,
    is_parquet,
    rejects_path,
    replace_rejects,
    write_rejects,
    write_table,
)
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError, Stopped
from sciencegen.files import atomic_write, remove_output
from sciencegen.items import Origin, Refusal


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
    """The writer for the ending of `output`: a table, lines, or the domain's structures."""
    options = options or OutputOptions()
    exact, origin = options.exact, options.origin
    name, science = output.lower(), domain_of(domain)
    if output == "-" or name.endswith(WRITTEN_TABLES):
        if science.sidecar is not None:
            sidecar = SidecarFile(science, science.sidecar, output, options.overwrite, origin)
            return OutputWriter(output, SidecarSink(TableSink(output, columns, exact=exact), columns, sidecar))
        if science.cells is not None and "item" in columns:
            return OutputWriter(output, CellsSink(science, output, columns, exact))
        return OutputWriter(output, TableSink(output, columns, partial(_cell, domain), exact))
    if name.endswith(LINES) and name.endswith(science.items.formats):
        return OutputWriter(output, LineSink(output))
    check_ending(domain, "`output`", output, WRITTEN_TABLES[:3])
    return OutputWriter(output, StructureSink(domain, output, columns, options.complete, origin, options.name_suffixes))


class OutputWriter:
    """Writes rows to `output`, and refusals to `<output>.rejects.csv` except for stdout. Ctrl-C keeps finished rows,
    and no file if there are none.

    left_out: number of written rows that the output could not hold, known after closing; left_out_rows: which, from 1.
    """

    def __init__(self, output: str, sink: Sink) -> None:
        self.output, self._sink = output, sink
        self.left_out, self.left_out_rows = 0, NumberRanges(())
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
            self.left_out = len(left_out)
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
            if isinstance(self._sink, SidecarSink):
                self._sink.sidecar.remove()

    def give_up(self) -> None:
        """There are no usable rows: discard the output, keep the rejects."""
        self._wanted = False


def _cell(domain: str, text: str) -> str:
    """The text of an item in tables: for forms that of the plain item, which every verb can read."""
    science = domain_of(domain)
    item = science.items.parse(text) if text and science.form is not None else Refusal("")
    return text if isinstance(item, Refusal) else plain_text(domain, item)


def write_lines(
    domain: str, output: str, items: Sequence[str], origin: Origin | None = None, overwrite: bool = False
) -> None:
    """Write one item per line, in order, with empty lines for missing items; or a table, by the output's ending."""
    if output != "-" and not output.lower().endswith(LINES):
        options = OutputOptions(origin=origin, overwrite=overwrite)
        with open_output(domain, output, ["item"], options) as writer:
            writer.write({"item": list(items)})
        return
    lines = "".join(f"{item}\n" for item in items)
    if output == "-":
        sys.stdout.write(lines)
        return
    with atomic_write(output) as file:
        file.write(lines)


def write_rejected(output: str, refused: Sequence[Refused]) -> None:
    """Write `<output>.rejects.csv`, if rows were refused."""
    if output != "-" and refused:
        write_rejects(rejects_path(output), refused)


def keep_rejected(journal: str, source: str, refused: Sequence[Refused]) -> None:
    """Update `<journal>.rejects.csv`: the refused rows of this file are replaced, those of other files are kept."""
    replace_rejects(rejects_path(journal), source, refused)


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
    """Write a table (for Parquet also a CSV) or structures, by the output's ending; returns the refused items."""
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
    return write_structures(domain, output, table, complete, origin, numbers)
