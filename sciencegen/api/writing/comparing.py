"""Rows of an output and the same rows made again, compared field by field."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from sciencegen.api.models.folder import find_model, resolve_device
from sciencegen.api.writing.output_record import (
    OutputRecord,
    file_checksums,
    located,
    model_checksums,
    record_path,
    text_sha256,
    versions_here,
)
from sciencegen.api.writing.writer import LINES
from sciencegen.config import Settings, build_settings
from sciencegen.data.damage import open_binary
from sciencegen.data.number_ranges import NumberRanges
from sciencegen.data.tables import is_parquet, read_records
from sciencegen.data.writers import WRITTEN_TABLES
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Cells
from sciencegen.errors import ConfigError, IncompatibleError
from sciencegen.files import sha256_of
from sciencegen.items import Json, Refusal
from sciencegen.items import Row as ItemRow

# Which ingredients of an output differ from those that are here now.

NOTHING = "nothing"
COMPUTER = ("platform", "processor")
"""Facts of `versions_here` that can't be installed."""


@dataclass(frozen=True)
class Difference:
    """An ingredient that differs.

    ingredient: such as "numpy". expected: what the record has; found: what is here. remedy: a sentence. prevents:
    whether rows can't be made again with it.
    """

    ingredient: str
    expected: str
    found: str
    remedy: str
    prevents: bool = False

    def __str__(self) -> str:
        return f"{self.ingredient}: expected {self.expected}, found {self.found}. {self.remedy}"


def differences(record: OutputRecord, output: Path, kind: type[Settings]) -> list[Difference]:
    """All differences of an output's ingredients. kind: of the settings of its verb."""
    found = [*_of_settings(record, output, kind), *_of_versions(record, output), *_of_output(record, output)]
    if any(one.prevents for one in found):  # the settings say which models and files there are
        return found
    settings = located(record.settings, output.parent)
    return [*_of_models(record, settings), *_of_files(record, settings), *_of_device(record), *found]


def _of_settings(record: OutputRecord, output: Path, kind: type[Settings]) -> Iterator[Difference]:
    place = record_path(output)
    remedy = f"{place} was edited after {output.name} was written: restore it."
    if record.seed != record.settings.get("seed"):
        yield Difference("seed", str(record.seed), str(record.settings.get("seed")), remedy, True)
    for name, value in (("settings", record.settings), ("draws", record.draws)):
        expected, found = record.sha256.get(name, NOTHING), text_sha256(value)
        if expected != found and (name != "settings" or record.seed == record.settings.get("seed")):
            yield Difference(name, _short(expected), _short(found), remedy, True)
    try:
        build_settings(kind, record.settings)
    except ConfigError as error:
        remedy = f"sciencegen {record.versions.get('sciencegen', '')} wrote {output.name}: replay it with that version."
        yield Difference("settings", f"those of {record.verb}", str(error), remedy, True)


def _of_models(record: OutputRecord, settings: Json) -> Iterator[Difference]:
    try:
        here = model_checksums(record.domain, settings)
        folder = str(find_model(record.domain, settings.get("model")))
    except (ConfigError, IncompatibleError, OSError) as error:
        yield Difference("model", "the model that made the rows", str(error), "Put it back where it was.", True)
        return
    for name, parts in record.models.items():
        where = folder if name == "model" else str(settings.get(name) or f"that completes items of {folder}")
        for part, expected in parts.items():
            found = here.get(name, {}).get(part, NOTHING)
            if found != expected:
                remedy = f"The model in {where} was changed or trained again: restore it, or make the output again."
                yield Difference(f"{part} of the {name}", _short(expected), _short(found), remedy, True)


def _of_files(record: OutputRecord, settings: Json) -> Iterator[Difference]:
    here = file_checksums(record.domain, settings)
    for name in sorted({*record.inputs, *here}):
        expected, found = record.inputs.get(name, NOTHING), here.get(name, NOTHING)
        if found != expected:
            given = settings.get("predictors", {}).get(name.removeprefix("predictor ")) or settings.get(name) or name
            missing = found == NOTHING
            remedy = f"{given} is missing: put it back." if missing else f"{given} was changed: restore it."
            yield Difference(f"file of `{name}`", _short(expected), _short(found), remedy, True)


def _of_device(record: OutputRecord) -> Iterator[Difference]:
    try:
        resolve_device(record.device)
    except ConfigError:
        remedy = f"Rows round differently on other devices: replay them on a computer with {record.device}."
        yield Difference("device", record.device, "no such device", remedy, True)


def _of_versions(record: OutputRecord, output: Path) -> Iterator[Difference]:
    here = versions_here()
    for name, expected in record.versions.items():
        found = here.get(name, NOTHING)
        if found == expected:
            continue
        if name in COMPUTER:
            remedy = f"Rounding may differ between computers: replay {output.name} on one such as wrote it."
        elif name == "python":
            remedy = f"Python {expected} wrote {output.name}: use an environment with it."
        else:
            remedy = f"{name} {expected} wrote {output.name}: pip install {name}=={expected}"
        yield Difference(name, expected, found, remedy)


def _of_output(record: OutputRecord, output: Path) -> Iterator[Difference]:
    expected, found = record.sha256.get("output", NOTHING), sha256_of(output)
    if found != expected:
        remedy = f"{output.name} was edited or replaced after it was written: rows that were changed or moved differ."
        yield Difference("output", _short(expected), _short(found), remedy)


def _short(digest: str) -> str:
    """A checksum for people."""
    return f"sha256 {digest[:12]}" if digest != NOTHING else NOTHING


# Rows of an output as they stand in the file, field by field, so that two files can be compared.

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


def _cells(science: Domain, cells: Cells, row: ItemRow) -> Fields:
    """The cells of an item that consists of cells: columns that were written beside them are cells too."""
    item = science.items.parse(row.text)
    if isinstance(item, Refusal):
        return {ITEM: f"no item: {item.reason}"}
    return {NAME: row.id} | {name: _number_or_text(cell) for name, cell in cells.of(item).items()}


def _with_contents(science: Domain, path: Path, cells: Iterator[Fields]) -> Iterator[Fields]:
    """Cells of a table whose items are in a file beside it."""
    for fields, row in zip(cells, science.items.read(path, None), strict=False):
        yield {**fields, ITEM: _content(science, row)} if ITEM in fields else fields


def _content(science: Domain, row: ItemRow) -> str:
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
    return name, _shortened(expected), _shortened(found)


def _shortened(text: str) -> str:
    start = text[:LONGEST].splitlines()[0] if text else ""
    return f"{start}... (sha256 {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]})"


Row = TypeVar("Row")
Differing = tuple[str, str, str]
"""Name of a field, its text in the file, and the text that was made again."""


@dataclass(frozen=True)
class Again:
    """A file of rows that were made again.

    science: of the items. count: None if it has all rows of the output; else it has the chosen ones, so many, except
    those that it could not hold (left_out, from 1).
    """

    science: Domain
    output: Path
    count: int | None = None
    left_out: NumberRanges | None = None

    def fields(self) -> Iterator[Fields | None]:
        """Its rows; None for one that it could not hold."""
        held = written_rows(self.science, self.output) if self.output.exists() else iter(())
        if self.count is None:
            return held
        missing = set(self.left_out or ())
        return (None if number in missing else next(held) for number in range(1, self.count + 1))


def compared(output: Path, again: Again, numbers: Iterable[int], every: bool) -> Iterator[tuple[int, list[Differing]]]:
    """(number, fields that differ) of rows of an output. numbers: the chosen ones, increasing from 1. every: whether
    they are all, so that a row that only one of two whole files has counts too."""
    rows = written_rows(again.science, output)
    if again.count is None:
        for number, pair in chosen(zip_longest(rows, again.fields()), None if every else numbers):
            yield number, _differing(*(pair or (None, None)))
        return
    for (number, row), other in zip(chosen(rows, numbers), again.fields(), strict=True):
        yield number, _differing(row, other)


def chosen(rows: Iterator[Row], numbers: Iterable[int] | None) -> Iterator[tuple[int, Row | None]]:
    """(number, row) of these increasing numbers, from 1; None for a row that isn't there. All rows without numbers."""
    if numbers is None:
        yield from enumerate(rows, 1)
        return
    before = 0
    for number in numbers:
        yield number, next(islice(rows, number - before - 1, None), None)
        before = number


def _differing(row: Fields | None, other: Fields | None) -> list[Differing]:
    if row is None or other is None:
        here, again = ("no such row" if one is None else "a row" for one in (row, other))
        return [("row", here, again)]
    return differing(row, other)
