"""Items of a table that are no text for a cell: they go to a file beside it, and the cells say where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sciencegen.errors import ConfigError
from sciencegen.items import Origin, Refusal

ENDINGS = (".csv.gz", ".csv", ".parquet", ".pq")


def needs_companion(science: Any) -> bool:
    """Whether a domain's items are too large for a table's cells (galaxies: images)."""
    return bool(getattr(science, "companion", ""))


class Companion:
    """The file beside a table: `catalogue.fits` of `catalogue.csv`. Nothing is written for items that stand in a file
    already, such as those that were read from one; standard output has no file beside it, so there texts stay."""

    def __init__(self, science: Any, output: str | Path, overwrite: bool = False, origin: Origin | None = None) -> None:
        self.science, self.output, self.origin = science, str(output), origin
        stem = next((self.output[: -len(end)] for end in ENDINGS if self.output.lower().endswith(end)), self.output)
        self.path = Path(f"{stem}{science.companion}")
        ours = Path(self.output).exists() or not self.path.exists()  # else it is somebody's own file
        self._allowed = ours or overwrite
        self._items: list[Any] = []
        self._names: list[str] = []
        self._values: dict[str, list[Any]] = {}

    def cells(self, columns: Mapping[str, Sequence[Any]]) -> list[str]:
        """What stands in the table's column `item`; texts that are no item stay."""
        return [self._cell(text, row, columns) for row, text in enumerate(columns["item"])]

    def _cell(self, text: str, row: int, columns: Mapping[str, Sequence[Any]]) -> str:
        item = self.science.parse(text) if text else Refusal("empty")
        if isinstance(item, Refusal):
            return text
        if known := self.science.cell(item):
            return known
        return text if self.output == "-" else self._keep(item, row, columns)

    def _keep(self, item: Any, row: int, columns: Mapping[str, Sequence[Any]]) -> str:
        if not self._allowed:
            raise ConfigError(
                f"Expected no file at {self.path}, where the items of {self.output} go, but it exists. "
                "Pass --force to overwrite it, or another -o."
            )
        number = len(self._items)
        self._items.append(item)
        self._names.append(str(columns["id"][row]) if "id" in columns else str(number + 1))
        for name, cells in columns.items():
            if name not in ("item", "id"):
                self._values.setdefault(name, []).append(cells[row])
        return self.science.placed(self.path, number)

    def write(self) -> None:
        """The file, if any item needs it."""
        if self._items:
            self.science.write(self.path, self._items, self._names, self._values, self.origin)

    def remove(self) -> None:
        """The file, where it may be overwritten."""
        if self._allowed:
            self.path.unlink(missing_ok=True)


class CompanionSink:
    """A table whose items go to a file beside it."""

    def __init__(self, table: Any, columns: Sequence[str], companion: Companion) -> None:
        self._table, self._columns, self.companion = table, tuple(columns), companion

    def open(self) -> None:
        self._table.open()

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        chosen = {name: columns[name] for name in self._columns}
        self._table.write({**chosen, "item": self.companion.cells(chosen)} if "item" in chosen else chosen)

    def close(self, kept: bool) -> Any:
        if kept:
            self.companion.write()
        return self._table.close(kept)
