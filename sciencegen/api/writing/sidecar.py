"""Items that don't fit into a table's cell as text: they go to a file beside it, to which the cells refer."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sciencegen.api.writing.sinks import TableSink
from sciencegen.data.stored_items import StoredItems
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Sidecar
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Origin, Refusal
from sciencegen.locks import reserved

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
