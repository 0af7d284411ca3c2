"""Read tables of measurements, and turn them into entries of a campaign's journal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from sciencegen.api.campaign.journal_items import NOT_RECORDED, names_ids_alone, rows_by_id
from sciencegen.api.campaign.request import MeasurementReading
from sciencegen.api.science import (
    Numbering,
    ReadItems,
    columns_of,
    describe,
    name_conflicts,
    names_of,
    read_rows_of,
)
from sciencegen.api.sources.tables import all_rows, open_source, reference_row_of_card, without_target
from sciencegen.config import PrepareSettings
from sciencegen.data.tables import READ_TABLES, read_table
from sciencegen.data.workbooks import file_of, is_workbook, naming_sheets, sheet_as_csv, sheet_notes, sheet_of
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.errors import DataError, unknown_name
from sciencegen.files import found_at
from sciencegen.items import Row, bound_of
from sciencegen.optimization.journal import Entry

ROUND, ERROR = "round", "_sd"


@dataclass(frozen=True)
class MeasuredRow:
    """A row of a lab's table. value: None if the cell is empty (proposed, not measured) or holds no number; in the
    second case the row is among the refused ones too. round: None if unknown. bound: as in `journal.Entry`."""

    text: str
    key: str
    name: str
    value: float | None
    error: float | None
    round: int | None
    bound: str = ""


@dataclass(frozen=True)
class MeasuredTable:
    """source: the file's name. target: the column of values. rows: those that hold an item; refused: the others, and
    rows whose value is no number. notes: messages about refused rows."""

    source: str
    target: str
    rows: list[MeasuredRow]
    refused: list[Refused]
    unmeasured: int
    notes: list[str]


def read_measured(
    science: Domain, path: str | Path, reading: MeasurementReading, reference: Reference | None = None
) -> MeasuredTable:
    """Read a table with the column `reading.target`, and optionally `<target>_sd` and `round`.

    reference: names of variants refer to it; rows that are no variants of it are refused.
    """
    file, target = Path(path), reading.target
    if (named := sheet_of(file)) is not None:
        file, reading = file_of(file), replace(reading, sheet=named)
    if reading.sheet is not None:
        return _read_sheet(science, file, reading, reading.sheet, reference)
    with naming_sheets(file):
        rows = [_with_bound(row, target) for row in _rows(science, file, reading, reference)]
        if not reading.several and not any(target in row.values for row in rows):
            raise _no_values(science, file, reading, rows, reference)
    if {f"{target}_lower", f"{target}_upper"} <= {name for row in rows for name in row.values}:
        raise DataError(
            f"Expected measured values in column '{target}' of {file}, got some with {target}_lower and "
            f"{target}_upper, as predictions have. Hand in what a lab measured; if this was, drop these two columns."
        )
    pairs, refused = describe(ReadItems(science.name, reference), rows, reading.threads)
    names = names_of(science, reference)
    twice = name_conflicts(names, [(row, text) for row, (text, _, _) in pairs])
    numbering = Numbering(names)
    numbering.look([row.text for row in rows], [row.text for row, _ in pairs], len(refused))
    pairs, refused = twice.agreeing(pairs), numbering.hinted(refused) + twice.refused
    refused += [(row.line, row.text, reason) for row, _ in pairs for reason in _no_numbers(row, target)]
    found = [
        MeasuredRow(text, key, name, row.values.get(target), _error(row, target), _round(row), _sign(row, target))
        for row, (text, key, name) in pairs
    ]
    source = "stdin" if str(path) == "-" else _one_line(file.name) if file.is_file() else str(path)
    unmeasured = sum(target not in row.values and target not in row.unread for row, _ in pairs)
    workbook = sheet_notes(file) if is_workbook(file) and file.is_file() else []
    notes = [*workbook, *numbering.notes, *twice.notes, *_bound_notes(found)]
    return MeasuredTable(source, target, found, sorted(refused), unmeasured, notes)


def _bound_notes(rows: Sequence[MeasuredRow]) -> list[str]:
    bounds = [f"{row.bound}{row.value:g}" for row in rows if row.bound]
    if not bounds:
        return []
    return [f"{len(bounds)} of the values are bounds, such as {bounds[0]}: they are recorded and used as such"]


def _read_sheet(
    science: Domain, path: Path, reading: MeasurementReading, sheet: str, reference: Reference | None
) -> MeasuredTable:
    """`read_measured` of one sheet of a workbook."""
    with sheet_as_csv(path, sheet) as copy:
        table = read_measured(science, copy, replace(reading, sheet=None), reference)
    return replace(table, source=_one_line(path.name), notes=[*sheet_notes(path, sheet), *table.notes])


def _rows(science: Domain, path: Path, reading: MeasurementReading, reference: Reference | None) -> Iterator[Row]:
    """Rows of a file, of a dataset by its name, or of a CSV table on standard input."""
    if str(path) == "-":
        return read_table(path, columns_of(science, reference), reading.column, with_cells=True)
    if path.is_file():
        if reading.plates and names_ids_alone(path, columns_of(science, reference), reading.column):
            return without_target(science, rows_by_id(path, reading.plates), reading.target)
        rows = read_rows_of(science, path, reading.column, reference, whole=reference is not None)
        return without_target(science, rows, reading.target)
    if path.suffix or path.exists():
        raise DataError(f"Expected a table of measurements at {path}, found {found_at(path)}. Check the path.")
    wanted = PrepareSettings(
        source=str(path), sample=reading.sample, limit=reading.limit, offline=reading.offline
    )  # fmt: skip
    opened, _ = open_source(science.name, wanted)
    return chain(all_rows(opened), reference_row_of_card(science.name, str(path), reading.target))


def _no_values(
    science: Domain, path: Path, reading: MeasurementReading, rows: Sequence[Row], reference: Reference | None
) -> DataError:
    """The error for a target column that is missing, is empty, or holds no number."""
    target, remedy = reading.target, "Fill in what was measured, or name the column with `target`."
    if path.is_file() and path.name.lower().endswith(READ_TABLES):
        rows = list(read_table(path, columns_of(science, reference), reading.column, with_cells=True))
    held = [row.cells[target] for row in rows if target in row.cells]
    cells = ["" if cell is None or cell != cell else str(cell).strip() for cell in held]
    if not cells:
        columns = sorted({name for row in rows for name in row.values}) or ["none found"]
        return DataError(f"{unknown_name(f'column of numbers in {path}', target, columns)} {remedy}")
    first = next((f"the first that isn't empty holds '{cell[:40]}'" for cell in cells if cell), "all are empty")
    return DataError(f"Expected values in column '{target}' of {path}, no row has one yet: {first}. {remedy}")


def _no_numbers(row: Row, target: str) -> Iterator[str]:
    """Reasons why values of a row are not used."""
    if target in row.unread and target not in row.values:
        yield f"{row.why_no_number(target)}{NOT_RECORDED}"
    if target + ERROR in row.unread:
        yield f"{row.why_no_number(target + ERROR)}: left out"
    if row.values.get(target + ERROR, 0) < 0:
        yield f"{target}{ERROR} is {row.values[target + ERROR]:g}, expected 0 or more: left out"


def _with_bound(row: Row, target: str) -> Row:
    """The row, with the bound of a censored value among the values; the cell stays in `unread`."""
    found = bound_of(row.unread.get(target, ""))
    return row if found is None else replace(row, values={**row.values, target: found.value})


def _sign(row: Row, target: str) -> str:
    """That of a bound, "" for a number."""
    found = bound_of(row.unread.get(target, ""))
    return "" if found is None else found.sign


def _error(row: Row, target: str) -> float | None:
    error = row.values.get(target + ERROR)
    return None if error is None or error < 0 else error


def _round(row: Row) -> int | None:
    number = row.values.get(ROUND)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


def _one_line(name: str) -> str:
    """A file's name as the journal holds it: on one line, and in UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n").replace("\r", "\\r")


def measured_entries(table: MeasuredTable, proposed: Mapping[str, int], default: int) -> list[Entry]:
    """Journal entries of measurements. proposed: key -> the round in which the campaign proposed an item."""
    return [
        Entry(
            row.round if row.round is not None else proposed.get(row.key, default),
            row.text, "measured", value=row.value, value_sd=row.error, source=table.source, name=row.name,
            target=table.target, bound=row.bound,
        )
        for row in table.rows
        if row.value is not None
    ]  # fmt: skip


def awaiting_entries(table: MeasuredTable, known: Collection[str]) -> dict[str, Entry]:
    """Key -> journal entry of rows that have a round but no value and aren't in the journal: a plate that was proposed
    without a journal. Rows without a round may belong to a partly measured library, so they are left out."""
    measured = {row.key for row in table.rows if row.value is not None}
    return {
        row.key: Entry(row.round, row.text, "proposed", name=row.name, target=table.target)
        for row in table.rows
        if row.round is not None and row.value is None and row.key not in known and row.key not in measured
    }
