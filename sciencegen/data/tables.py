"""Reading tables: CSV (also gzipped, tab- or semicolon-separated), Parquet and Excel, streamed row by row."""

from __future__ import annotations

import csv
import io
import math
import os
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import wraps
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciencegen.data.damage import LONGEST_LINE, little_memory, open_binary, reading, standard_input
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.workbooks import MOST_TIMES, file_of, is_workbook, most_unpacked, too_dense
from sciencegen.data.writers import WRITTEN_TABLES
from sciencegen.errors import DataError, unknown_name
from sciencegen.files import found_at
from sciencegen.items import Cell, Row, bound_of, number_of
from sciencegen.progress import TRIAL, part_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


# Records of a CSV text, each with its first line number; a stray quotation mark affects only its own record.

LONGEST_RECORD = 1000
"""Most lines of one quoted record; with more, or with more than `LONGEST_LINE` characters, the quotation mark counts as
unclosed and as an ordinary character."""

MOST_COLUMNS = 1 << 20
"""Most columns of a table."""
MOST_BLANK = 1 << 21
"""Most blank lines between two rows."""


def check_width(columns: int, source: str) -> None:
    """Raise a DataError for a table of more than `MOST_COLUMNS`."""
    if columns > MOST_COLUMNS:
        raise DataError(
            f"Expected at most {MOST_COLUMNS:,} columns in {source}, found {columns:,}. Keep those that are needed."
        )


def csv_records(text: Iterator[str], separator: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each record that isn't blank.

    A quotation mark that is never closed, or closed before the end of its cell, would include the following lines. In
    this case its line is read without quoting, and reading continues with the next line.
    """
    csv.field_size_limit(LONGEST_LINE)  # the library's own limit refuses an item of 128 KiB, which the domain may take
    lines, number, blank = _RecordLines(text), 1, 0
    reader = csv.reader(lines, delimiter=separator, strict=True)
    with reading("CSV", source):
        while True:
            lines.begin()
            try:
                cells = next(reader, None)
            except csv.Error:
                cells = next(csv.reader([lines.put_back()], delimiter=separator, quoting=csv.QUOTE_NONE))
                reader = csv.reader(lines, delimiter=separator, strict=True)
            if cells is None:
                return
            blank = 0 if cells else blank + 1
            if blank > MOST_BLANK:
                raise DataError(
                    f"Expected rows in {source}, found {blank:,} blank lines before line {number}. Remove them."
                )
            if cells:
                check_width(len(cells), f"line {number} of {source}")
                yield number, cells
            number += len(lines.lines_of_record)


class _RecordLines:
    """Lines of a text, which stop where a record gets too long; all but its first can be put back."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text, self._returned = text, deque[str]()
        self.lines_of_record: list[str] = []
        self._length = 0

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        if len(self.lines_of_record) >= LONGEST_RECORD or self._length > LONGEST_LINE:
            raise StopIteration
        self.lines_of_record.append(self._returned.popleft() if self._returned else next(self._text))
        self._length += len(self.lines_of_record[-1])
        return self.lines_of_record[-1]

    def begin(self) -> None:
        self.lines_of_record.clear()
        self._length = 0

    def put_back(self) -> str:
        """The record's first line; the others will be read again."""
        self._returned.extendleft(reversed(self.lines_of_record[1:]))
        del self.lines_of_record[1:]
        return self.lines_of_record[0]


# Roles of the columns of users' tables.

ID_COLUMNS = ("id", "name")
"""Columns with the names of a table's items, in upper or lower case."""


@dataclass(frozen=True)
class Columns:
    """Indices of a record's cells. items: the row's item is in the first of these that isn't empty. name_column: of the
    item's name. numbers, cells: by column name."""

    items: Sequence[int]
    name_column: int | None
    numbers: Mapping[str, int]
    cells: Mapping[str, int]


class NoItemColumn(DataError):
    """A table has no column of items; `columns` are the names of its columns."""

    def __init__(self, message: str, columns: Sequence[str]) -> None:
        super().__init__(message)
        self.columns = tuple(columns)


@dataclass(frozen=True)
class TableReading:
    """item_columns, column, with_cells: as in `read_table`. source: the file, for messages."""

    item_columns: Sequence[str]
    column: str | None
    source: str
    with_cells: bool = False

    def columns(self, names: Sequence[str], numeric: Collection[int], empty: Collection[int] = ()) -> Columns:
        """numeric: columns that may contain numbers; empty: those of them that were empty in all rows so far."""
        guess = next((name for index, name in enumerate(names) if index not in numeric), "")
        item = find_column(names, self.item_columns, self.column, self.source, guess)
        used = [item, *numeric] if not self.with_cells else range(len(names))
        check_distinct(names, {names[index].strip() for index in used}, self.source)
        lower = [name.strip().lower() for name in names]
        alternatives = [lower.index(name) for name in self.item_columns if self.column is None and name in lower]
        name_column = (lower.index(name) for name in ID_COLUMNS if name in lower and lower.index(name) != item)
        return Columns(
            [item, *(index for index in alternatives if index != item and (index in empty or index not in numeric))],
            next(name_column, None),
            {names[index].strip(): index for index in sorted(numeric) if index != item},
            {name.strip(): index for index, name in enumerate(names) if self.with_cells and name.strip()},
        )


def cells_by_column(rows: Sequence[Mapping[str, Cell]]) -> dict[str, list[Cell]]:
    """Rows as columns, in the order in which these occur first; None where a row has no such column.

    Examples
    --------
    >>> cells_by_column([{"a": 1}, {"a": 2, "b": "x"}])
    {'a': [1, 2], 'b': [None, 'x']}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def check_distinct(names: Sequence[str], used: Collection[str], source: str) -> None:
    """Raise an error if two columns have one of the names that are used: the values of one would be lost."""
    counts = Counter(name.strip() for name in names)
    if twice := next((name for name in counts if name and counts[name] > 1 and name in used), None):
        raise DataError(
            f"Expected columns of different names in {source}, found {counts[twice]} of the name {twice[:60]!r}. "
            "Rename or delete all but one."
        )


def find_column(names: Sequence[str], accepted: Sequence[str], column: str | None, source: str, guess: str = "") -> int:
    """Index of the item's column; the error names the columns found and the flag to pass."""
    lower = [name.strip().lower() for name in names]
    for candidate in [column] if column is not None else accepted:
        if candidate in names:
            return list(names).index(candidate)
        if candidate.strip().lower() in lower:
            return lower.index(candidate.strip().lower())
    expected = repr(column) if column is not None else " or ".join(map(repr, accepted))
    found = ", ".join(repr(name[:60]) for name in names[:30]) + (", ..." if len(names) > 30 else "")
    raise NoItemColumn(
        f"Expected column {expected} in {source}, found {found or 'none'}. "
        f"Pass `column` {(guess or next(iter(names), 'NAME'))[:60]} (the column that holds the items), "
        "or add a header line.",
        names,
    )


READ_TABLES = (*WRITTEN_TABLES, ".tsv", ".tsv.gz")
"""Endings of files for `read_table`; their format is recognized by the first bytes."""
Records = Iterator[tuple[int, list[str]]]
"""First line and cells of each record."""
PEEK_ROWS = 200
"""Number of rows by which columns of numbers are recognized."""
PEEK_LETTERS = 1 << 24
"""Fewer rows are enough if they have so many characters."""
PAGES_AT_ONCE, LARGEST_BATCH, FEWEST_ROWS = 1 << 20, 1 << 26, 8
"""Bytes of a column of Parquet that are read at once; most bytes of texts within lists in a block of rows; and the rows
that a block has in any case."""
TEXTS = ("NONE", "STRING", "ENUM", "JSON", "BSON")
"""Types of columns of Parquet whose bytes are texts."""
MOST_ROWS_ALIKE = 1 << 22
"""Rows, and values within lists, that any Parquet file may have: a few bytes can stand for billions of equal ones."""
MOST_WITHIN, MEMORY_OF_BATCH = 1 << 22, 1 << 28
"""Values within the lists of a block of rows; bytes of memory that reading a block takes."""


def in_trials(read: Callable[..., Iterator[Row]]) -> Callable[..., Iterator[Row]]:
    """A reader of a file's rows that reads evenly spaced ones in a trial (`progress.part_of`)."""

    @wraps(read)
    def reading_part(path: str | Path, *given: Any, **options: Any) -> Iterator[Row]:
        if TRIAL not in os.environ:
            return read(path, *given, **options)
        count = sum(1 for _ in read(path, *given, **options))
        wanted = set(evenly_spaced(count, part_of(count, f"rows of {path}")))
        return (row for place, row in enumerate(read(path, *given, **options)) if place in wanted)

    return reading_part


@in_trials
def read_table(
    path: str | Path, item_columns: Sequence[str], column: str | None = None, with_cells: bool = False
) -> Iterator[Row]:
    r"""Stream the rows of a .csv, .parquet or .xlsx file. The first two are recognized by the first bytes, not by the
    ending; of a workbook the first sheet is read that isn't empty, or that of `file.xlsx[Sheet]`.

    Parameters
    ----------
    path : str or Path
        "-" reads CSV from standard input.
    item_columns : sequence of str
        Possible names of the item's column, most preferred first, in upper or lower case. If a row's cell is empty
        there, the next of these columns is used.
    column : str, optional
        The item's column, chosen by the user.
    with_cells : bool
        Whether rows have all their `cells`, as text, or as numbers for columns of numbers in Parquet.

    Yields
    ------
    Row
        `values` has the numbers of the columns of numbers, `unread` the cells there that are not finite numbers.

    Raises
    ------
    DataError
        Errors about the file are raised by this call, before the first row.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "table.csv")
    >>> _ = path.write_text("smiles,activity\nCCO,1.5\nCCN,low\n")
    >>> first, second = read_table(path, ["smiles"])
    >>> first.text, first.values, second.unread
    ('CCO', {'activity': 1.5}, {'activity': 'low'})
    """
    if str(path) == "-":
        return _read_csv(standard_input(), TableReading(item_columns, column, "standard input", with_cells))
    path = Path(path)
    reading = TableReading(item_columns, column, str(path), with_cells)
    return _read_parquet(path, reading) if is_parquet(path) else _read_csv(open_binary(path), reading)


def read_lines(path: Path) -> Iterator[Row]:
    """Read a file with one item per line; a missing file is an error before the first row."""
    if not path.is_file():
        raise DataError(f"Expected a file at {path}, found {found_at(path)}.")
    return _read_lines(path)


def _read_lines(path: Path) -> Iterator[Row]:
    with io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", errors="replace") as lines:
        yield from (Row(number, line.strip()) for number, line in enumerate(lines, start=1))


def read_records(path: Path) -> tuple[list[str], str, Records]:
    """The header's names, the separator, and (first line, cells) of each record after the header of a CSV file."""
    return _open_csv(open_binary(path), str(path))


def typed_records(path: Path) -> tuple[list[str], set[int], Records]:
    """The header's names, the places of the columns that `read_table` reads as numbers, and the records, of a file that
    isn't Parquet."""
    names, separator, records = read_records(path)
    peeked, _, numbers, empty = _peek(names, separator, records)
    return [name.strip() for name in names], numbers | empty, chain(peeked, records)


def column_names(path: Path) -> list[str]:
    """The names of all columns of a table."""
    if is_parquet(path):
        return open_parquet(path).schema_arrow.names
    with open_binary(path) as binary:
        return [name.strip() for name in _open_csv(binary, str(path))[0]]


def number_columns(path: Path) -> list[str]:
    """The names of the columns that `read_table` reads as numbers."""
    if is_parquet(path):
        schema = open_parquet(path).schema_arrow
        return [schema.names[at] for at in sorted(_number_fields(schema))]
    names, numbers, _ = typed_records(path)
    return [names[at] for at in sorted(numbers)]


def no_numbers(source: str | Path, name: str, columns: Iterable[str]) -> DataError:
    """The error for a column that is not one of numbers, with its first cell if the source is a table."""
    path = Path(source)
    first_cell = _first_cell(path, name) if path.is_file() and path.name.lower().endswith(READ_TABLES) else ""
    first = f" Its first cell: {Row(0, '', unread={name: first_cell}).why_no_number(name)}." if first_cell else ""
    columns = list(columns) or ["none found"]
    return DataError(str(unknown_name(f"column of numbers in {source}", name, columns)) + first)


def _first_cell(path: Path, name: str) -> str:
    """The first nonempty cell of a column; "" if there is none, and for Parquet, whose columns are typed."""
    if is_parquet(path):
        return ""
    with open_binary(path) as binary:
        names, _, records = _open_csv(binary, str(path))
        place = [one.strip() for one in names].index(name) if name in map(str.strip, names) else len(names)
        cells = (row[place].strip() for _, row in islice(records, PEEK_ROWS) if place < len(row))
        return next(filter(None, cells), "")


def is_parquet(path: Path) -> bool:
    """Whether a table is Parquet, by its first bytes; an error if it is missing or empty."""
    if not file_of(path).is_file():
        raise DataError(f"Expected a table at {path}, found {found_at(path)}.")
    if is_workbook(path):
        return False
    with open_binary(path) as handle:
        start = handle.read(4)
    if not start:
        raise DataError(f"Expected a table in {path}, found an empty file.")
    return start == b"PAR1"


def lines_matching(path: Path, values: Mapping[str, str]) -> set[int]:
    """The lines of a comma-separated file on which every named column has the given text."""
    with io.TextIOWrapper(open_binary(path), encoding="utf-8-sig", newline="") as text:
        records = csv_records(text, ",", str(path))
        _, names = next(records, (1, []))
        places = {find_column(names, (), name, str(path)): value for name, value in values.items()}
        return {line for line, cells in records if all(cells[at : at + 1] == [value] for at, value in places.items())}


def _read_csv(binary: io.BufferedReader, reading: TableReading) -> Iterator[Row]:
    names, separator, records = _open_csv(binary, reading.source)
    peeked, decimal, numbers, empty = _peek(names, separator, records)
    columns = reading.columns(names, numbers | empty, empty)  # empty columns may contain numbers or items later
    return _csv_rows(chain(peeked, records), len(names), columns, separator, decimal)


def _peek(
    names: Sequence[str], separator: str, records: Records
) -> tuple[list[tuple[int, list[str]]], str, set[int], set[int]]:
    """The first records, the decimal mark, which columns have numbers in these records, and which are empty."""
    peeked, letters = [], 0
    for record in islice(records, PEEK_ROWS):
        peeked.append(record)
        letters += sum(map(len, record[1])) + len(record[1])
        if letters > PEEK_LETTERS:
            break
    decimal = "," if separator == ";" else "."
    filled = [[row[at] for _, row in peeked if at < len(row) and row[at].strip()] for at in range(len(names))]
    empty = {index for index, cells in enumerate(filled) if not cells}

    def is_numeric(cell: str) -> bool:
        return _number(cell, decimal) is not None or bound_of(_unread(cell, decimal)) is not None

    numbers = {index for index, cells in enumerate(filled) if any(map(is_numeric, cells))}
    return peeked, decimal, numbers, empty


def _open_csv(binary: io.BufferedReader, source: str) -> tuple[list[str], str, Records]:
    """The header's names, the separator, and the records after the header."""
    head = _head_of_text(binary, source)
    text = io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace", newline="")
    # the most frequent of the characters , ; tab | in the header line; a comma if there is none
    line = next(iter(head.decode("utf-8", "replace").lstrip("\ufeff\r\n").splitlines()), "")
    counts = {mark: line.count(mark) for mark in ",;\t|"}
    separator = max(counts, key=lambda mark: counts[mark]) if any(counts.values()) else ","
    records = csv_records(text, separator, source)
    header = next(records, None)
    if header is None:
        raise DataError(f"Expected a table in {source}, found only blank lines.")
    return header[1], separator, records


def _csv_rows(
    records: Iterable[tuple[int, list[str]]], width: int, columns: Columns, separator: str, decimal: str
) -> Iterator[Row]:
    """Rows of records. With more cells than the header, a record's cells are shifted and the item may be cut:
    it becomes a row with the whole record as its text, which the domain refuses."""
    for line, cells in records:
        if any(cell.strip() for cell in cells[width:]):
            yield Row(line, separator.join(cells))
            continue
        cells = [*map(str.strip, cells), *[""] * (width - len(cells))]
        parsed = {name: _number(cells[index], decimal) for name, index in columns.numbers.items() if cells[index]}
        yield Row(
            line,
            next((cells[index] for index in columns.items if cells[index]), ""),
            {name: number for name, number in parsed.items() if number is not None},
            "" if columns.name_column is None else cells[columns.name_column],
            {name: _unread(cells[columns.numbers[name]], decimal) for name, number in parsed.items() if number is None},
            {name: cells[index] for name, index in columns.cells.items()},
        )


def _head_of_text(binary: io.BufferedReader, source: str) -> bytes:
    """What a file begins with; an error if it is no text."""
    head = binary.peek(1 << 16)[: 1 << 16]
    if not head.strip():
        raise DataError(f"Expected a table in {source}, found an empty file.")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"Expected UTF-8 text in {source}, found UTF-16. Save it as 'CSV UTF-8'.")
    control = sum(byte < 9 or 13 < byte < 32 for byte in head[:4096])
    if b"\x00" in head.split(b"\n", 1)[0] or control > 0.1 * min(len(head), 4096):
        raise DataError(f"Expected a .csv or .parquet table in {source}, found a binary file. Export it as CSV.")
    return head


def _number(cell: str, decimal: str) -> float | None:
    """The number in a cell, or None, as in `number_of`."""
    return number_of(cell.replace(",", ".") if decimal == "," else cell)


def _unread(cell: str, decimal: str) -> str:
    """A cell that is no finite number; a bound with a decimal point."""
    pointed = cell.replace(",", ".") if decimal == "," else cell
    return cell if bound_of(pointed) is None else pointed


def _read_parquet(path: Path, reading: TableReading) -> Iterator[Row]:
    schema = open_parquet(path).schema_arrow
    return _parquet_rows(path, schema.names, reading.columns(schema.names, _number_fields(schema)))


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file, whose pages are read one by one. A text that is stored once for many rows is held once."""
    import pyarrow.parquet as pq

    with reading("a Parquet table", path):
        file = pq.ParquetFile(path)
        check_width(len(file.schema_arrow.names), str(path))  # the schema may be unreadable too
        groups = (file.metadata.row_group(at) for at in range(file.metadata.num_row_groups))
        texts = (one for one in file.schema if one.physical_type == "BYTE_ARRAY" and one.logical_type.type in TEXTS)
        flat = [one.path for one in texts if "." not in one.path]  # the library can't do it within lists
        size = path.stat().st_size
        if sum(group.total_byte_size for group in groups) > most_unpacked(size):
            raise too_dense(path, "write it anew without compression, or as .csv")
        if file.metadata.num_rows > max(MOST_ROWS_ALIKE, MOST_TIMES * size):
            raise DataError(
                f"Expected a number of rows that agrees with the {size} bytes of {path}, found "
                f"{file.metadata.num_rows:,}: they are alike, or it is damaged. Write each different row once."
            )
        if (within := _within(file.metadata)) > max(MOST_ROWS_ALIKE, MOST_TIMES * size):
            raise DataError(
                f"Expected a number of values within lists that agrees with the {size} bytes of {path}, found "
                f"{within:,}: they are alike, or it is damaged. Write it as .csv."
            )
        return pq.ParquetFile(path, metadata=file.metadata, read_dictionary=flat, buffer_size=PAGES_AT_ONCE)


def parquet_batches(path: Path, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Blocks of at most so many rows, or fewer if each may hold a long text within a list."""
    with reading("a whole Parquet table", path):
        file = open_parquet(path)
        groups = [file.metadata.row_group(at) for at in range(file.metadata.num_row_groups)]
        within = [at for at, one in enumerate(file.schema) if "." in one.path and one.physical_type == "BYTE_ARRAY"]
        largest = max((group.column(at).total_uncompressed_size for group in groups for at in within), default=1)
        rows = min(rows, max(FEWEST_ROWS, LARGEST_BATCH // max(1, largest)))
        each = max(1, _within(file.metadata) // max(1, file.metadata.num_rows))
        size = sum(group.total_byte_size for group in groups) // max(1, file.metadata.num_rows)
        rows = max(1, min(rows, MOST_WITHIN // each, LARGEST_BATCH // max(1, size)))
        batches = file.iter_batches(rows, columns=columns)
        while True:
            with little_memory(MEMORY_OF_BATCH):
                batch = next(batches, None)
            if batch is None:
                return
            if batch.nbytes > MEMORY_OF_BATCH:
                raise DataError(
                    f"Expected at most {MEMORY_OF_BATCH >> 20} MiB in {len(batch)} rows of {path}, found "
                    f"{batch.nbytes >> 20}. Write shorter texts and lists."
                )
            if (found := max(map(_values, batch.columns), default=0)) > MOST_WITHIN + len(batch):
                raise DataError(
                    f"Expected at most {MOST_WITHIN:,} values within the lists of {len(batch)} rows of {path}, found "
                    f"{found:,}. Write shorter lists."
                )
            yield batch


def _within(metadata: pq.FileMetaData) -> int:
    """The largest number of values of a column within lists, by the file's own account."""
    nested = [at for at in range(metadata.num_columns) if metadata.schema.column(at).max_repetition_level]
    groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
    return max((sum(group.column(at).num_values for group in groups) for at in nested), default=0)


def _values(array: pa.Array) -> int:
    """Values of an array, with those within its lists."""
    from pyarrow import types

    if types.is_struct(array.type):
        return max(map(_values, array.flatten()), default=len(array))
    if types.is_map(array.type):
        return len(array) + array.offsets[-1].as_py() - array.offsets[0].as_py()
    kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    return len(array) + (_values(array.flatten()) if any(is_kind(array.type) for is_kind in kinds) else 0)


def _number_fields(schema: pa.Schema) -> set[int]:
    from pyarrow import types

    kinds = (types.is_floating, types.is_integer, types.is_boolean, types.is_decimal)
    return {at for at, field in enumerate(schema) if any(is_kind(field.type) for is_kind in kinds)}


def _parquet_rows(path: Path, names: Sequence[str], columns: Columns) -> Iterator[Row]:
    named = [] if columns.name_column is None else [columns.name_column]
    needed = sorted({*columns.items, *named, *columns.numbers.values(), *columns.cells.values()})
    numeric, line = set(columns.numbers.values()), 0
    for batch in parquet_batches(path, 4096, [names[index] for index in needed]):
        cells_of = {at: _cells(batch.column(names[at]), at in numeric) for at in needed}
        for row in range(batch.num_rows):
            line += 1
            texts = (cells_of[at][row] for at in columns.items)
            numbers = ((name, cells_of[at][row]) for name, at in columns.numbers.items())
            parsed = {name: number for name, number in numbers if number is not None}
            yield Row(
                line,
                next((text for text in texts if text), ""),
                {name: float(number) for name, number in parsed.items() if math.isfinite(number)},
                _name(cells_of[named[0]][row]) if named else "",
                {name: str(number) for name, number in parsed.items() if math.isinf(number)},
                {name: _cell(cells_of[at][row]) for name, at in columns.cells.items()},
            )


def _cell(cell: Cell) -> Cell:
    """A cell that is copied: decimal numbers as texts, which keep all digits."""
    return str(cell) if isinstance(cell, Decimal) else cell


def _name(cell: str | float | None) -> str:
    """The name of an item as text, also from a column of numbers."""
    return "" if cell is None or cell != cell else str(cell)


def _cells(column: pa.ChunkedArray, numeric: bool) -> list:
    """Numbers, or cells as text, "" if missing; bytes that aren't UTF-8 (Parquet doesn't check) are replaced."""
    import pyarrow as pa

    kind = column.type
    if numeric and pa.types.is_floating(kind) and kind != pa.float64():
        # Converted to doubles, they would be printed with too many digits: 0.10000000149 for 0.1.
        return [None if cell is None else kind.to_pandas_dtype()(cell) for cell in column.to_pylist()]
    if numeric:
        return column.to_pylist()
    return parquet_texts(column)


def parquet_texts(column: pa.Array | pa.ChunkedArray) -> list[str]:
    """Cells as text, "" if missing; bytes that aren't UTF-8 (Parquet doesn't check) are replaced."""
    return [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)
        for value in parquet_values(column)
    ]


def parquet_values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """Cells as values of Python; a text that a column stores once is one object. Of a cell that Python can't hold, the
    number by which it is stored; what isn't UTF-8 in a text is replaced."""
    import pyarrow as pa

    if isinstance(column, pa.DictionaryArray):
        used = column.indices.unique()
        held = dict(zip(used.to_pylist(), map(_text_of, parquet_values(column.dictionary.take(used))), strict=True))
        return [held[at] for at in column.indices.to_pylist()]
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    try:
        return list(map(_text_of, column.cast(pa.large_binary()).to_pylist())) if is_text else column.to_pylist()
    except (OverflowError, ValueError, KeyError):  # a date that Python can't hold, an unknown time zone
        return [_python_value(cell) for cell in column]


def _text_of(value: object) -> object:
    """Text of the bytes of a text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _python_value(cell: pa.Scalar) -> object:
    try:
        return cell.as_py()
    except (OverflowError, ValueError, KeyError):
        return cell.value


# Labels of items by their names: read from the names by the domain, or from a user's table.


def grouped(
    readers: Mapping[str, Callable[[str], str]], requested: str, names: Sequence[str], numbers: Iterable[str] = ()
) -> tuple[str, list[str]]:
    """The title of the labels, and a label for each name, "" if it has none. numbers: what else may be requested.

    A table is searched for an item's full name, then for the name without range (`BLAT_ECOLX` of `BLAT_ECOLX/24-286`).
    """
    if requested in readers:
        found, what = [readers[requested](name) for name in names], requested
    elif Path(requested).is_file():
        what, table = read_labels(Path(requested))
        found = [table.get(name) or table.get(name.partition("/")[0], "") for name in names]
    else:
        raise unknown_name("number, label or table to colour by", requested, [*numbers, *readers])
    if not any(found):
        example = f"such as '{next(filter(None, names))}'" if any(names) else "but none has one: prepare the data again"
        raise DataError(f"Expected labels for some items by their names, {example}; found none in '{requested}'.")
    return what, found


def read_labels(path: Path) -> tuple[str, dict[str, str]]:
    """Read a table with a column `name` or `id` and a first other column, of labels: its title, and labels by name."""
    columns, accepted = column_names(path), ("name", *ID_COLUMNS)
    named = next((columns[at] for one in accepted for at, name in enumerate(columns) if name.lower() == one), None)
    label = next((name for name in columns if name != named), None)
    if named is None or label is None:
        raise DataError(f"Expected columns 'name' and a label in {path}, found {', '.join(columns) or 'nothing'}.")
    rows = read_table(path, accepted, named, with_cells=True)
    return label, {row.text: str(row.cells[label]) for row in rows if row.text}


# Files to which the cells of a table refer.


def referred_place(path: Path, table: Path, is_there: Callable[[Path], bool]) -> Path:
    """The place of a file that a table names.

    Parameters
    ----------
    path : Path
        As in the cell: absolute, or relative to the working directory or to the table.
    table : Path
    is_there : (path) -> bool

    Returns
    -------
    Path
        `path` itself or, if it isn't there, its place from the table's folder. A file with the table's name
        (`designs.fits` of `designs.csv`), which is written with it, is also found beside it, so that both can be moved.
        A file that is nowhere is returned as it is; one with the same name in another folder is another file.
    """
    if is_there(path):
        return path
    stem = next((table.name[: -len(end)] for end in READ_TABLES if table.name.lower().endswith(end)), table.name)
    names = [path, Path(path.name)] if path.stem == stem else [path]
    return next((place for name in names if is_there(place := table.parent / name)), path)
