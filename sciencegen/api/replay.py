"""Replay: make rows of an output again from the record beside it, and compare them with the file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import count, islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sciencegen.api.generate import resolve_generate
from sciencegen.api.models.folder import find_model, resolve_device
from sciencegen.api.optimize import SearchFiles, resolve_optimize, search
from sciencegen.api.sampling.generation import Generation, redraw
from sciencegen.api.science import domain_of
from sciencegen.api.writing.output_record import (
    NOT_RECORDED,
    OutputRecord,
    file_checksums,
    located,
    model_checksums,
    read_record,
    record_path,
    text_sha256,
    versions_here,
)
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import LINES, PICTURES, check_table, writes_structures
from sciencegen.config import GenerateSettings, OptimizeSettings, ReplaySettings, Settings, as_texts, build_settings
from sciencegen.data.damage import open_binary
from sciencegen.data.number_ranges import NumberRanges
from sciencegen.data.tables import is_parquet, read_records
from sciencegen.data.writers import WRITTEN_TABLES, write_table
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Cells
from sciencegen.errors import ConfigError, DataError, IncompatibleError, UnknownNameError
from sciencegen.files import found_at, is_replaceable_store, sha256_of
from sciencegen.items import Json, Refusal
from sciencegen.items import Row as ItemRow
from sciencegen.options import takes
from sciencegen.plugins import CodeRefused, functions_in, no_code
from sciencegen.records import ledger
from sciencegen.scoring.plugins import has_module

if TYPE_CHECKING:
    import pandas as pd


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
        if science.sidecar is None:
            return cells
        beside = zip(cells, science.items.read(path, None), strict=False)  # the items are in a file beside the table
        return ({**one, ITEM: _content(science, row)} if ITEM in one else one for one, row in beside)
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


# Rows that were made again beside those of the file.

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


# The verb: rows to make again, and what was found.

COLUMNS = ("row", "result", "column", "expected", "found")
SAME, DIFFERS = "same", "differs"
TOGETHER = 256
"""Rows that are written at once."""
NAMING = ("goals", "where", "include", "steer")
"""Settings that may name functions."""

Rows = int | str | Iterable[int] | None
"""Which rows to make again, from 1: a number, numbers, a text such as "1-20,35", or None for all."""


@dataclass(frozen=True)
class Replayed(Result):
    """Rows of an output that were made again.

    `table` has a line for each row that is the same, and one for each field of a row that differs: `row`, `result`
    (same, differs), `column`, `expected` (in the file), `found` (made again).

    Parameters
    ----------
    differences : tuple of Difference
        Ingredients that are not as the record says, each with `ingredient`, `expected`, `found`, `remedy`, and
        `prevents`: whether rows can't be made again. If one does, the table is empty.
    """

    differences: tuple[Difference, ...] = field(default=(), kw_only=True)

    @property
    def same(self) -> bool:
        """Whether all rows are the same."""
        return self.summary["same"] == self.summary["rows"]


@dataclass(frozen=True)
class ReplayRequest:
    """Rows to make again.

    record: of the file. rows: numbers from 1; None: all. how: to make them. differences: of the ingredients. code: the
    programs and functions that the record names.
    """

    file: Path
    record: OutputRecord
    rows: NumberRanges | None
    how: ReplaySettings
    differences: tuple[Difference, ...]
    code: tuple[str, ...]

    @property
    def settings(self) -> Json:
        """Settings to make rows again: those of the record, with paths as they are now."""
        recorded = {name: one for name, one in self.record.settings.items() if name not in NOT_RECORDED}
        here = {"device": self.record.device, "threads": self.how.threads}
        return {**located(recorded, self.file.parent), **here}

    @property
    def numbers(self) -> NumberRanges:
        """Numbers of the rows to make again."""
        return NumberRanges(((1, self.record.rows),) if self.record.rows else ()) if self.rows is None else self.rows

    @property
    def prevented(self) -> bool:
        """Whether rows can't be made again."""
        return bool(self.reasons)

    @property
    def reasons(self) -> str:
        """The ingredients that prevent it, by name."""
        return ", ".join(one.ingredient for one in self.differences if one.prevents)


@takes(ReplaySettings)
def replay(file: str | Path, rows: Rows = None, **options: object) -> Replayed:
    """Make rows of an output again from the record beside it, and compare them with the file, byte for byte.

    The record `<file>.provenance.json` names what the rows depend on: settings, seed, models, files, device, versions
    of software, and the computer. What differs is found first. Rows are made again unless a model, file, setting or
    device is another one.

    Parameters
    ----------
    file : str or Path
        A file that `generate` or `optimize` wrote.
    rows : int, str or sequence of int, optional
        Numbers from 1, as `17`, `[1, 2]` or `"1-20,35"`; all by default. A row of `generate` takes as long as a few,
        wherever it stands. Rows of `optimize`, with building blocks, or with coordinates by a model of conformers
        depend on the others, so all are made.

    Returns
    -------
    Replayed
        `same` says whether all rows are; `table` which, and what differs; `differences` the ingredients.

    Raises
    ------
    ConfigError
        If the record names programs or functions and `run_programs` is false; the message lists them.
    DataError
        If the file or its record is missing, or has no such row.
    IncompatibleError
        For a record of a newer version, or a damaged one.

    Examples
    --------
    >>> import sciencegen as sg, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> file = sg.generate("molecules", 3, seed=1, include="qed", threads=1).write(folder / "hits.csv")
    >>> sg.replay(file, 2, threads=1).table["result"].tolist()
    ['same']
    """
    return replayed(resolve_replay(file, rows, build_settings(ReplaySettings, options)))


def resolve_replay(file: str | Path, rows: Rows, settings: ReplaySettings) -> ReplayRequest:
    """Read the record of a file and find what differs from it; wrong rows, and code that may not run, are an error."""
    path = Path(file)
    if not path.is_file() and not is_replaceable_store(path):
        there = found_at(path)
        raise DataError(f"Expected an output of `generate` or `optimize` at {path}, found {there}. Check the path.")
    if path.suffix.lower() in PICTURES:
        raise ConfigError(
            f"Expected a file of rows, {path} is a picture. Write the rows, `-o hits.csv`, and replay them."
        )
    record, chosen = read_record(path), numbers_of(rows)
    if record.verb not in MAKE:
        raise IncompatibleError(f"Expected the record of {' or '.join(MAKE)} for {path}, found one of {record.verb}.")
    if chosen is not None and chosen.ranges[-1][1] > record.rows:
        raise DataError(f"Expected rows up to {record.rows}, as many as {path} has, got {chosen.ranges[-1][1]}.")
    programs, functions = named_code(record)
    if programs and not settings.run_programs:
        raise _refused(path, [*programs, *functions])
    found = differences(record, path, MAKE[record.verb].settings)
    return ReplayRequest(path, record, chosen, settings, tuple(found), (*programs, *functions))


def named_code(record: OutputRecord) -> tuple[list[str], list[str]]:
    """The programs and the functions of the user's that a record names. Names of the form `module:function` are among
    them if there is such a module, unless the domain has them; a model's own may be. Only the domain is imported."""
    given = record.settings.get("oracles")
    oracles = given.values() if isinstance(given, dict) else ()
    programs = [f"the program '{one['command']}'" for one in oracles if isinstance(one, dict) and "command" in one]
    naming = [one for name in NAMING if isinstance(one := record.settings.get(name), str | list)]
    words = dict.fromkeys(word for one in naming for text in as_texts(one) for word in functions_in(str(text)))
    functions = [word for word in words if has_module(word) and not _is_own(record.domain, word)]
    return programs, [f"the function '{word}'" for word in functions]


def _refused(file: Path, code: Iterable[str]) -> ConfigError:
    return ConfigError(
        f"Expected a record without programs and functions, that of {file} names {'; '.join(code)}. Pass "
        "`run_programs` to run them, if you trust whoever wrote the record."
    )


def _is_own(domain: str, name: str) -> bool:
    """Whether a domain has an oracle of this name, such as dock:EGFR."""
    try:
        domain_of(domain).oracles.find(name)
    except UnknownNameError:
        return False
    except ConfigError:  # it is known, but can't be used here
        return True
    return True


def numbers_of(rows: Rows) -> NumberRanges | None:
    """The numbers of rows; None for all."""
    if rows is None:
        return None
    try:
        text = rows if isinstance(rows, str) else ",".join(map(str, [rows] if isinstance(rows, int) else rows))
        numbers = NumberRanges.parse(text)
    except (ValueError, TypeError):
        raise ConfigError(f"Expected numbers of rows such as 17 or 1-20,35, got {str(rows)[:40]!r}.") from None
    if not numbers.ranges or numbers.ranges[0][0] < 1:
        raise ConfigError(f"Expected numbers of rows from 1, got {text[:40] or 'none'}.")
    return numbers


def replayed(request: ReplayRequest, advance: Callable[[int], None] = lambda rows: None) -> Replayed:
    """Make the rows again and compare them. advance: called with the number of rows compared."""
    import pandas as pd

    lines: list[tuple[int, str, str, str, str]] = []
    same = total = 0
    for number, parts in () if request.prevented else _compared(request):
        total, same = total + 1, same + (not parts)
        lines += [(number, DIFFERS, *one) for one in parts] or [(number, SAME, "", "", "")]
        advance(1)
    if request.prevented:
        total = len(request.numbers)
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    counts = {
        "same": same,
        "differ": 0 if request.prevented else total - same,
        "not_made": total if request.prevented else 0,
    }
    changed = [one.ingredient for one in request.differences]
    summary = {"rows": total, **counts, "ingredients": changed, **ledger("rows", total, counts)}
    return Replayed(
        table, summary, tuple(map(str, request.differences)), _writer(table), differences=request.differences
    )


def _writer(table: pd.DataFrame) -> Callable[[Path, bool], None]:
    def write(path: Path, overwrite: bool) -> None:
        check_table(str(path), "rows that were made again")
        write_table(path, {name: table[name].tolist() for name in COLUMNS})

    return write


def _compared(request: ReplayRequest) -> Iterator[tuple[int, list[Differing]]]:
    """(number, fields that differ) of each row."""
    with TemporaryDirectory() as folder:
        try:
            with nullcontext() if request.how.run_programs else no_code():
                again = MAKE[request.record.verb].rows(request, Path(folder) / request.file.name)
        except CodeRefused as error:
            raise _refused(request.file, dict.fromkeys([*request.code, error.what])) from None
        yield from compared(request.file, again, request.numbers, every=request.rows is None)


def _generate(request: ReplayRequest, output: Path) -> Again:
    """Rows of a generation: the draws of the chosen ones, or all where they depend on each other."""
    settings = build_settings(GenerateSettings, request.settings)
    made = resolve_generate(request.record.domain, settings)
    science, record = made.draws.model.domain, request.record
    if record.draws is None:
        generation = Generation(made.draws)
        made.write(generation, made.open(str(output)), generation)
        return Again(science, output)
    left = set(NumberRanges.parse(record.left_out))
    present = (number for number in count(1) if number not in left)  # those of the rows before some were left out
    numbers = [number for _, number in chosen(present, request.numbers) if number is not None]
    draws = list(NumberRanges.parse(record.draws).at(number - 1 for number in numbers))
    writer, drawn = made.open(str(output), names=True), zip(numbers, redraw(made.draws, draws), strict=True)
    with writer:
        while rows := list(islice(drawn, TOGETHER)):
            table = {name: [row[name] for _, row in rows] for name in made.draws.columns}
            names = {"id": [str(number) for number, _ in rows]} if writes_structures(str(output)) else {}
            writer.write({**table, **names})
    return Again(science, output, len(numbers), writer.left_out_rows)


def _optimize(request: ReplayRequest, output: Path) -> Again:
    """The candidates of a search, which is done again."""
    settings = build_settings(OptimizeSettings, request.settings)
    made = resolve_optimize(request.record.domain, settings)
    search(made).write(SearchFiles(str(output)))
    return Again(made.model.domain, output)


class Verb(NamedTuple):
    """settings: their type. rows: makes rows again, in a file of the same ending."""

    settings: type[Settings]
    rows: Callable[[ReplayRequest, Path], Again]


MAKE = {"generate": Verb(GenerateSettings, _generate), "optimize": Verb(OptimizeSettings, _optimize)}
"""By the verb of a record."""
