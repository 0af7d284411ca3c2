"""Reading tables: CSV (also gzipped, tab- or semicolon-separated) and Parquet, streamed row by row."""

from __future__ import annotations

import csv
import gzip
import io
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, repeat
from pathlib import Path

from sciencegen.data.records import csv_records, damage_named
from sciencegen.data.writers import WRITTEN_TABLES, RejectsWriter, TableWriter, rejects_path, write_rejects, write_table
from sciencegen.errors import DataError

__all__ = [
    "READ_TABLES",
    "WRITTEN_TABLES",
    "RejectsWriter",
    "Row",
    "TableWriter",
    "column_names",
    "find_column",
    "lines_where",
    "open_binary",
    "read_table",
    "rejects_path",
    "write_rejects",
    "write_table",
]

READ_TABLES = (*WRITTEN_TABLES, ".tsv", ".tsv.gz")
"""Endings of files that `read_table` is for; what they hold their first bytes tell."""
PEEK_ROWS = 200
"""How many rows decide which columns hold numbers."""
ID_COLUMNS = ("id", "name")
"""Columns of a table that name its items, in any case."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a user's file. `line` counts from 1 as an editor does (Parquet, SDF: the record's number); `id` is
    the name that the file gives the item, "" where it gives none."""

    line: int
    text: str
    values: Mapping[str, float] = field(default_factory=dict)
    id: str = ""


def read_table(path: str | Path, item_columns: Sequence[str], column: str | None = None) -> Iterator[Row]:
    """Stream the rows of a .csv or .parquet file; what the file is, its first bytes tell, not its ending.

    item_columns: accepted names of the item's column, most preferred first, in any case. column: the user's own choice.
    Columns of numbers come in `values`; an empty or non-finite cell is left out. "-" reads CSV from standard input.
    Errors about the file as a whole come from this call, before the first row.
    """
    if str(path) == "-":
        return _read_csv(sys.stdin.buffer, "standard input", item_columns, column)
    path = Path(path)
    if _is_parquet(path):
        return _read_parquet(path, item_columns, column)
    return _read_csv(open_binary(path), str(path), item_columns, column)


def column_names(path: Path) -> list[str]:
    """The names in a table's header, of items and texts too."""
    if _is_parquet(path):
        return _open_parquet(path).schema_arrow.names
    with open_binary(path) as binary:
        return [name.strip() for name in _open_csv(binary, str(path))[0]]


def _is_parquet(path: Path) -> bool:
    """What a table is, as its first bytes tell; an error where there is none."""
    if not path.is_file():
        raise DataError(f"Expected a table at {path}, found {'a folder' if path.is_dir() else 'nothing'}.")
    with open(path, "rb") as handle:
        start = handle.read(4)
    if not start:
        raise DataError(f"Expected a table in {path}, found an empty file.")
    return start == b"PAR1"


def open_binary(path: Path) -> io.BufferedIOBase:
    """The file's bytes, gunzipped if its first two bytes say gzip."""
    handle = open(path, "rb")  # noqa: SIM115 - the caller closes it
    is_gzip = handle.read(2) == b"\x1f\x8b"
    handle.seek(0)
    return gzip.GzipFile(fileobj=handle) if is_gzip else handle


def lines_where(path: Path, wanted: Mapping[str, str]) -> set[int]:
    """The lines of a comma-separated file on which every named column holds the wanted text."""
    with io.TextIOWrapper(io.BufferedReader(open_binary(path)), encoding="utf-8-sig", newline="") as text:
        records = csv_records(text, ",", str(path))
        _, names = next(records, (1, []))
        places = {find_column(names, (), name, str(path)): value for name, value in wanted.items()}
        return {line for line, cells in records if all(cells[at : at + 1] == [value] for at, value in places.items())}


class NoItemColumn(DataError):
    """A table without a column of items; `found` are the names of its columns."""

    def __init__(self, message: str, found: Sequence[str]) -> None:
        super().__init__(message)
        self.found = tuple(found)


def find_column(names: Sequence[str], accepted: Sequence[str], column: str | None, source: str, guess: str = "") -> int:
    """Where the item's column is; the error names the columns found and the flag to pass."""
    plain = [name.strip().lower() for name in names]
    for wanted in [column] if column is not None else accepted:
        if wanted in names:
            return list(names).index(wanted)
        if wanted.strip().lower() in plain:
            return plain.index(wanted.strip().lower())
    expected = repr(column) if column is not None else " or ".join(map(repr, accepted))
    found = ", ".join(repr(name[:60]) for name in names[:30]) + (", ..." if len(names) > 30 else "")
    raise NoItemColumn(
        f"Expected column {expected} in {source}, found {found}. "
        f"Pass --item-column {guess or names[0][:60]} (the column that holds the items), or add a header line.",
        names,
    )


def _read_csv(binary, source: str, item_columns: Sequence[str], column: str | None) -> Iterator[Row]:
    """Peek at the head: text or not, the separator, the columns, and which of them hold numbers."""
    names, separator, records = _open_csv(binary, source)
    peeked = list(islice(records, PEEK_ROWS))
    decimal = "," if separator == ";" else "."
    numeric = [index for index in range(len(names)) if _looks_numeric([row for _, row in peeked], index, decimal)]
    guess = next((name for index, name in enumerate(names) if index not in numeric), "")
    item = find_column(names, item_columns, column, source, guess)
    numbers = [(names[index].strip(), index) for index in numeric if index != item]
    return _csv_rows(chain(peeked, records), len(names), item, _id_column(names, item), numbers, separator, decimal)


def _open_csv(binary, source: str) -> tuple[list[str], str, Iterator[tuple[int, list[str]]]]:
    """The header's names, the separator, and the records after the header."""
    buffered = io.BufferedReader(binary) if isinstance(binary, gzip.GzipFile) else binary
    with damage_named(source):
        head = buffered.peek(1 << 16)[: 1 << 16]
    _check_is_text(head, source)
    csv.field_size_limit(1 << 30)  # a molecule of 1 MB is refused by its row's reason, not by the reader
    text = io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="replace", newline="")
    separator = _separator(head.decode("utf-8", "replace"))
    records = csv_records(text, separator, source)
    header = next(records, None)
    if header is None:
        raise DataError(f"Expected a table in {source}, found only blank lines.")
    return header[1], separator, records


def _id_column(names: Sequence[str], item: int) -> int | None:
    plain = [name.strip().lower() for name in names]
    return next((plain.index(name) for name in ID_COLUMNS if name in plain and plain.index(name) != item), None)


def _csv_rows(
    records, width: int, item: int, named: int | None, numbers: list[tuple[str, int]], separator: str, decimal: str
) -> Iterator[Row]:
    """A record with more cells than the header has shifted ones, and perhaps half an item: it is given whole, so that
    the domain refuses it."""
    for line, cells in records:
        if any(cell.strip() for cell in cells[width:]):
            yield Row(line, separator.join(cells))
            continue
        values = {}
        for name, index in numbers:
            if index < len(cells) and (number := _number(cells[index], decimal)) is not None:
                values[name] = number
        text, name = (cells[at].strip() if at is not None and at < len(cells) else "" for at in (item, named))
        yield Row(line, text, values, name)


def _check_is_text(head: bytes, source: str) -> None:
    if not head.strip():
        raise DataError(f"Expected a table in {source}, found an empty file.")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"Expected UTF-8 text in {source}, found UTF-16. Save it as 'CSV UTF-8'.")
    control = sum(byte < 9 or 13 < byte < 32 for byte in head[:4096])
    if b"\x00" in head.split(b"\n", 1)[0] or control > 0.1 * min(len(head), 4096):
        raise DataError(f"Expected a .csv or .parquet table in {source}, found a binary file. Export it as CSV.")


def _separator(head: str) -> str:
    """The character among , ; tab | that the header line holds most; a comma if none."""
    line = head.lstrip("\ufeff\r\n").splitlines()[0]
    counts = {mark: line.count(mark) for mark in ",;\t|"}
    return max(counts, key=lambda mark: counts[mark]) if any(counts.values()) else ","


def _number(cell: str, decimal: str) -> float | None:
    """The finite number in a cell, or None."""
    try:
        value = float(cell.replace(",", ".") if decimal == "," else cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _looks_numeric(rows: Sequence[Sequence[str]], index: int, decimal: str) -> bool:
    """False where the peeked cells are all something else than a number; an empty column may yet bring one."""
    cells = [row[index] for row in rows if index < len(row) and row[index].strip()]
    return not cells or any(_number(cell, decimal) is not None for cell in cells)


def _read_parquet(path: Path, item_columns: Sequence[str], column: str | None) -> Iterator[Row]:
    import pyarrow as pa

    file = _open_parquet(path)
    schema = file.schema_arrow
    numbers = [name for name in schema.names if _is_number(pa.types, schema.field(name).type)]
    guess = next((name for name in schema.names if name not in numbers), "")
    item = schema.names[find_column(schema.names, item_columns, column, str(path), guess)]
    named = _id_column(schema.names, schema.names.index(item))
    return _parquet_rows(file, path, item, None if named is None else schema.names[named], numbers)


def _open_parquet(path: Path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"Expected a Parquet table in {path}, found a damaged one: {error}. Get it again.") from error


def _is_number(types, kind) -> bool:
    return types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)


def _parquet_rows(file, path: Path, item: str, named: str | None, numbers: Sequence[str]) -> Iterator[Row]:
    import pyarrow as pa

    numbers = [name for name in numbers if name != item]
    line = 0
    try:
        for batch in file.iter_batches(4096, columns=list(dict.fromkeys([item, named or item, *numbers]))):
            columns = [batch.column(name).to_pylist() for name in numbers]
            ids = _texts(batch.column(named)) if named else repeat("")
            for index, (text, identity) in enumerate(zip(_texts(batch.column(item)), ids, strict=False)):
                line += 1
                cells = ((name, column[index]) for name, column in zip(numbers, columns, strict=True))
                values = {name: float(cell) for name, cell in cells if cell is not None and math.isfinite(cell)}
                yield Row(line, text, values, identity)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"Expected a whole Parquet table in {path}, found a damaged one: {error}.") from error


def _texts(column) -> Iterator[str]:
    """Cells as text, missing ones empty; bytes that aren't UTF-8 (Parquet doesn't check) are marked as in a CSV."""
    import pyarrow as pa

    kind = column.type
    cells = column.cast(pa.large_binary()) if pa.types.is_string(kind) or pa.types.is_large_string(kind) else column
    for cell in cells.to_pylist():
        yield cell.decode("utf-8", "replace") if isinstance(cell, bytes) else "" if cell is None else str(cell)
