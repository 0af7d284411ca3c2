"""Rows of an output as they stand in the file, field by field, so that two files can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from sciencegen.api.writing.formats import LINES
from sciencegen.data.damage import open_binary
from sciencegen.data.tables import is_parquet, read_records
from sciencegen.data.writers import WRITTEN_TABLES
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Cells
from sciencegen.files import sha256_of
from sciencegen.items import Refusal, Row

Fields = Mapping[str, str]
"""A row: names of its parts, such as columns, and their texts in the file. Rows with equal fields have equal bytes."""

ITEM, NAME = "item", "id"
LONGEST = 60
"""Characters of a field that are shown."""


def written_rows(science: Domain, path: Path) -> Iterator[Fields]:
    """The rows of an output of `generate` or `optimize`.

    An item that stands in another file, such as a galaxy's stamp, is the checksum of its content there. Numbers of
    binary formats have all their digits.
    """
    if path.name.lower().endswith(WRITTEN_TABLES):
        cells = _parquet_rows(path) if is_parquet(path) else _csv_rows(path)
        return cells if science.sidecar is None else _with_contents(science, path, cells)
    own = science.items.fields(path)
    if own is not None:
        return own
    return _lines(path) if path.name.lower().endswith(LINES) else _items(science, path)


def _csv_rows(path: Path) -> Iterator[Fields]:
    names, _, records = read_records(path)
    for _, cells in records:
        further = {f"cell {at}": cells[at - 1] for at in range(len(names) + 1, len(cells) + 1)}
        yield dict(zip(names, cells, strict=False)) | further


def _parquet_rows(path: Path) -> Iterator[Fields]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(1024):
            for row in batch.to_pylist():
                yield {name: _number_or_text(cell) for name, cell in row.items()}


def _number_or_text(cell: object) -> str:
    """A text that identifies a cell; a whole number may be stored as a float."""
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return repr(float(cell))
    return "" if cell is None else str(cell)


def _lines(path: Path) -> Iterator[Fields]:
    with open_binary(path) as lines:
        yield from ({"line": line.decode("utf-8", "backslashreplace").removesuffix("\n")} for line in lines)


def _items(science: Domain, path: Path) -> Iterator[Fields]:
    for row in science.items.read(path, None):
        if science.cells is not None:
            yield _cells(science, science.cells, row)
            continue
        values = {name: repr(value) for name, value in row.values.items()}
        yield {NAME: row.id, ITEM: _content(science, row), **values}


def _cells(science: Domain, cells: Cells, row: Row) -> Fields:
    """The cells of an item that consists of cells: columns that were written beside them are cells too."""
    item = science.items.parse(row.text)
    if isinstance(item, Refusal):
        return {ITEM: f"no item: {item.reason}"}
    return {NAME: row.id} | {name: _number_or_text(cell) for name, cell in cells.of(item).items()}


def _with_contents(science: Domain, path: Path, cells: Iterator[Fields]) -> Iterator[Fields]:
    """Cells of a table whose items are in a file beside it."""
    for fields, row in zip(cells, science.items.read(path, None), strict=False):
        yield {**fields, ITEM: _content(science, row)} if ITEM in fields else fields


def _content(science: Domain, row: Row) -> str:
    """What identifies the item of a row with all its bytes: its text, or the checksum of a file of this item alone,
    since texts of items from files name these files, and keys may be coarser than items."""
    item = science.items.parse(row.text)
    if isinstance(item, Refusal):
        return f"no item: {item.reason}"
    if science.sidecar is None:
        return science.items.text(item)
    with TemporaryDirectory() as folder:
        place = Path(folder) / f"item{science.sidecar.ending}"
        science.items.write(place, [item], [ITEM], {})
        return sha256_of(place)


def differing(expected: Fields, found: Fields) -> list[tuple[str, str, str]]:
    """(name, expected, found) of each field that differs, as texts for people."""
    names = dict.fromkeys([*expected, *found])
    differ = (name for name in names if expected.get(name) != found.get(name))
    return [_shown(name, expected.get(name, ""), found.get(name, "")) for name in differ]


def _shown(name: str, expected: str, found: str) -> tuple[str, str, str]:
    """Long texts as their start and checksum."""
    if all(len(text) <= LONGEST and "\n" not in text for text in (expected, found)):
        return name, expected, found
    return name, _short(expected), _short(found)


def _short(text: str) -> str:
    start = text[:LONGEST].splitlines()[0] if text else ""
    return f"{start}... (sha256 {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]})"
