"""Writing CSV and Parquet tables atomically, with equal bytes for equal content; and tables of rejected rows."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import tempfile
import zipfile
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np
from jaxtyping import Shaped

from sciencegen.data.workbooks import ENDING, SheetWriter, is_workbook
from sciencegen.errors import ConfigError, DataError, ShapeError
from sciencegen.files import atomic_write, turn_at
from sciencegen.items import REFUSED_ROW, Cell

if TYPE_CHECKING:
    import pyarrow as pa

WRITTEN_TABLES = (".csv", ".csv.gz", ".parquet", ".pq", ENDING)
"""Endings of tables that can be written; `tables.READ_TABLES` has those that can be read."""
LARGEST_WHOLE = 1e15
"""Whole numbers up to this limit are exact in float64."""
REJECT_COLUMNS = ("line", "item", "reason")
Refused = tuple[int, str, str]
"""A row of the rejects table."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How cells begin that a spreadsheet runs."""
LONGEST_REJECTED_ITEM = 200
LONGEST_REASON = 500
"""Most characters of an item and of a reason in the rejects table; a cell that was cut says so."""


def write_table(path: str | Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write named columns of equal length as .csv, .csv.gz, .parquet or .xlsx; "-" is CSV on standard output."""
    with TableWriter(path) as table:
        table.write(columns)


def is_parquet(path: str | Path) -> bool:
    """Whether a path ends in .parquet or .pq, in any case."""
    return str(path).lower().endswith((".parquet", ".pq"))


def beside(table: str | Path, ending: str) -> Path:
    """The path of another file beside a table, with this ending in place of the table's.

    Examples
    --------
    >>> beside("plate.2.csv.gz", ".echo.csv").name, beside("plate.fasta", ".order.csv").name
    ('plate.2.echo.csv', 'plate.order.csv')
    """
    path = Path(table)
    own = next((end for end in sorted(WRITTEN_TABLES, key=len, reverse=True) if path.name.lower().endswith(end)), "")
    return path.with_name((path.name[: -len(own)] if own else path.stem) + ending)


def line_of(item: str, name: object) -> str:
    """A line with an item and its id, without line breaks and a leading "|" in the id; empty if the item is ""."""
    return f"{item} {' '.join(str(name).split()).lstrip('| ')}".rstrip() + "\n" if item else "\n"


def write_text(path: Path, records: Iterable[str]) -> None:
    """Write records of text to a file atomically, gzipped if its name ends in .gz; equal records give equal bytes."""
    if not path.name.lower().endswith(".gz"):
        with atomic_write(path) as stream:
            stream.writelines(records)
        return
    with (
        atomic_write(path, "wb") as sink,
        gzip.GzipFile("", "wb", 9, sink, mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as stream,
    ):
        stream.writelines(records)


class TableWriter:
    """A table that grows by `write(columns)` and appears at its path when the `with` block ends without an error.

    Missing values are None or NaN: an empty cell in CSV, null in Parquet. Numbers have 7 digits in CSV, for
    readability, and are exact in Parquet and Excel. The first write fixes columns and types.

    exact: columns that have all their digits in CSV, too, such as those copied from a user's table.
    """

    def __init__(self, path: str | Path, exact: Collection[str] = ()) -> None:
        self.path, self.rows, self._exact = Path(path), 0, exact
        self._columns: tuple[str, ...] | None = None
        self._stack = ExitStack()
        self._parquet = is_parquet(self.path)
        self._writer: Any = None
        self._book: SheetWriter | None = None
        self._sink: Any = None
        if str(path) != "-" and not self.path.name.lower().endswith(WRITTEN_TABLES):
            raise ConfigError(f"Expected an output ending in .csv, .csv.gz, .parquet or .xlsx, got {path}.")

    def __enter__(self) -> TableWriter:
        if str(self.path) == "-":
            self._sink = sys.stdout
            return self
        book = is_workbook(self.path)
        binary = self._parquet or book or self.path.suffix.lower() == ".gz"
        self._sink = self._stack.enter_context(atomic_write(self.path, "wb" if binary else "w"))
        if book:
            self._book = SheetWriter(self._sink)
        elif binary and not self._parquet:
            # Without file name and time stamp, so that equal rows give equal bytes.
            packed = self._stack.enter_context(gzip.GzipFile("", "wb", 9, self._sink, mtime=0))
            self._sink = self._stack.enter_context(io.TextIOWrapper(packed, encoding="utf-8", newline=""))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._columns is None and kind is None:
            self.write({})
        if self._book is not None and kind is None:
            with self._stack.pop_all() as self._stack:
                self._book.close()
            return
        if self._book is not None:
            self._book.discard()
        self._stack.__exit__(kind, error, trace)

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Append rows; the columns must be those of the first call."""
        sizes = {name: len(values) for name, values in columns.items()}
        if len(set(sizes.values())) > 1:
            raise ShapeError(f"Expected columns of one length, got {sizes}.")
        first = self._columns is None
        self._columns = tuple(columns) if first else self._columns
        if tuple(columns) != self._columns:
            raise ShapeError(f"Expected the columns {self._columns}, got {tuple(columns)}.")
        self.rows += next(iter(sizes.values()), 0)
        if self._parquet:
            self._write_parquet(columns)
        elif self._book is not None:
            self._book.write([[*columns]] if first else [])
            self._book.write(zip(*columns.values(), strict=True))
        else:
            self._write_csv(columns, first)

    def _write_csv(self, columns: Mapping[str, Sequence[Any]], first: bool) -> None:
        if first:
            self._writer = csv.writer(self._sink, lineterminator="\n")
            self._writer.writerow(columns)
        texts = [_cells(values, name in self._exact) for name, values in columns.items()]
        self._writer.writerows(zip(*texts, strict=True))

    def _write_parquet(self, columns: Mapping[str, Sequence[Any]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = {name: _arrow(values) for name, values in columns.items()}
        if self._writer is None:
            schema = pa.schema(
                [(name, pa.float64() if pa.types.is_null(a.type) else a.type) for name, a in arrays.items()]
            )
            self._writer = pq.ParquetWriter(self._sink, schema, compression="zstd")
            self._stack.callback(self._writer.close)
        try:
            rows = pa.table(arrays).cast(self._writer.schema)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"Expected rows of the types of the first ones for {self.path}, got others: {error}. Write .csv."
            ) from None
        self._writer.write_table(rows)


def _arrow(values: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values if isinstance(values, np.ndarray) else list(values), from_pandas=True)
    except UnicodeEncodeError:
        return pa.array([utf8(value) if isinstance(value, str) else value for value in values], from_pandas=True)
    except OverflowError:  # whole numbers of more than 63 bits are texts, as in workbooks
        return pa.array([None if is_missing(value) else str(value) for value in values])


def utf8(text: str) -> str:
    """A text that can be written: bytes of a file's name that aren't UTF-8 are escaped, as in files of text."""
    return text.encode("utf-8", "backslashreplace").decode()


def _cells(values: Iterable[object], exact: bool) -> list[object]:
    return [_cell(value, exact) for value in values]


def _cell(value: object, exact: bool) -> object:
    """The text of a value: empty if missing, `true`/`false`, numbers by `number_text` or with all their digits."""
    if value is None or value != value:
        return ""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if not isinstance(value, (float, np.floating)):
        return value
    return str(value) if exact else number_text(value)  # str: the fewest digits that identify the number


def is_missing(value: Cell) -> bool:
    """Whether a cell says nothing: None, NaN, or a text of blanks.

    Examples
    --------
    >>> [is_missing(value) for value in (None, float("nan"), " ", 0, "a")]
    [True, True, True, False, False]
    """
    return value is None or value != value or str(value).strip() == ""


def number_text(value: float | np.floating) -> str:
    """A readable number: 7 significant digits, but whole numbers in full: 12 for 12.0, 0.3333333."""
    number = float(value)
    is_whole_number = number.is_integer() and abs(number) < LARGEST_WHOLE
    return str(int(number)) if is_whole_number else f"{number:.7g}"


def rejects_path(output: str | Path) -> Path:
    """The path of the table of refused rows: `<output>.rejects.csv`."""
    return Path(f"{output}.rejects.csv")


class RejectsWriter:
    """Streams refused rows to a table `line, item, reason`, which is written when the block ends, even if empty."""

    def __init__(self, path: str | Path) -> None:
        self.count = 0
        self.first: list[tuple[int, str]] = []
        self._table = TableWriter(path)

    def __enter__(self) -> RejectsWriter:
        self._table.__enter__()
        self._table.write({name: [] for name in REJECT_COLUMNS})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.__exit__(kind, error, trace)

    def add(self, line: int, item: str, reason: str) -> None:
        self.count += 1
        if len(self.first) < 3:
            self.first.append((line, printable(reason)))
        item = without_reason(item, reason)
        self._table.write({"line": [line], "item": [_told(item)], "reason": [_told(reason, LONGEST_REASON)]})


def without_reason(text: str, reason: str) -> str:
    """The item in the text of a row that a domain's reader refused, `# item: reason`; other texts are unchanged.

    Examples
    --------
    >>> [without_reason(text, "no number") for text in ("# A1G: no number", "A1G")]
    ['A1G', 'A1G']
    """
    return text.removesuffix(tail).removeprefix(REFUSED_ROW) if text.endswith(tail := f": {reason}") else text


def write_rejects(path: str | Path, rows: Iterable[tuple[int, str, str]]) -> int:
    """Write (line, item, reason) rows; returns how many."""
    with RejectsWriter(path) as rejects:
        for row in rows:
            rejects.add(*row)
    return rejects.count


def replace_rejects(path: Path, source: str, rows: Iterable[tuple[int, str, str]]) -> None:
    """Replace the rows of one source in a table `source, line, item, reason` of several sources by (line, item, reason)
    rows. A table without rows is deleted."""
    columns = ("source", *REJECT_COLUMNS)
    by_source: dict[str, list[tuple[str, ...]]] = {}
    with turn_at(path.absolute()):
        if path.is_file():
            with path.open(encoding="utf-8", newline="") as handle:
                for row in csv.DictReader(handle):
                    cells = tuple(row.get(name) or "" for name in columns)
                    by_source.setdefault(cells[0], []).append(cells)
        source = no_formula(source)
        by_source[source] = [(source, str(line), _told(item), _told(why, LONGEST_REASON)) for line, item, why in rows]
        kept = list(chain.from_iterable(by_source.values()))
        if kept:
            write_table(path, dict(zip(columns, map(list, zip(*kept, strict=True)), strict=True)))
        else:
            path.unlink(missing_ok=True)


def no_formula(text: str) -> str:
    """A cell for people, that no spreadsheet runs: an apostrophe goes before what could be a formula.

    Examples
    --------
    >>> [no_formula(text) for text in ("=HYPERLINK(1)", "@SUM(1)", "-1.5", "CCO")]
    ["'=HYPERLINK(1)", "'@SUM(1)", '-1.5', 'CCO']
    """
    if not text.startswith(FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def without_mark(text: str) -> str:
    """The text that `no_formula` has made a cell of."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def _told(text: str, longest: int = LONGEST_REJECTED_ITEM) -> str:
    return no_formula(printable(text, longest))


def printable(item: str, longest: int = LONGEST_REJECTED_ITEM) -> str:
    """An item as a cell: control characters are escaped, and a very long item is cut, with a note of its length."""
    text = "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in item[:longest])
    return text if len(item) <= longest else f"{text}... ({len(item)} characters)"


# Items that wait on disk for a file that is written at the end, so that memory doesn't grow with their number.

Item = TypeVar("Item")


class StoredItems(Sequence[Item], Generic[Item]):
    """A sequence of items, kept as texts in a temporary file and parsed when they are read."""

    def __init__(self, parse: Callable[[str], Item]) -> None:
        self._parse, self._ends = parse, array("Q", [0])
        self._file: IO[bytes] | None = None

    def append(self, text: str) -> None:
        """Add the item with this text."""
        if self._file is None:
            # Open as long as this object, and without a name, so that nothing is left of it.
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.seek(self._ends[-1])
        self._file.write(text.encode("utf-8", "surrogatepass"))
        self._ends.append(self._file.tell())

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> Item: ...

    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...

    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        row = range(len(self))[index]
        assert self._file is not None  # there is an item
        self._file.seek(self._ends[row])
        return self._parse(self._file.read(self._ends[row + 1] - self._ends[row]).decode("utf-8", "surrogatepass"))


# Writing .npz files whose texts are never held as an array: that takes four bytes for each letter of the longest.

BLOCK = 4096
"""Number of texts that are converted at once."""


def save_arrays(sink: IO[bytes], arrays: Mapping[str, Shaped[np.ndarray, "..."] | Sequence[str]]) -> None:
    """Write arrays and lists of texts as `numpy.savez` does, with equal bytes.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> save_arrays(file, {"x": np.arange(3), "name": ["a", "bc"]})
    >>> np.load(io.BytesIO(file.getvalue()))["name"]
    array(['a', 'bc'], dtype='<U2')
    """
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                if isinstance(array, np.ndarray):
                    np.lib.format.write_array(member, array, allow_pickle=False)
                else:
                    member.writelines(_texts(array))


def _texts(texts: Sequence[str]) -> Iterator[bytes]:
    """The parts of an array [text] in numpy's format."""
    dtype, header = np.dtype(f"<U{max(map(len, texts), default=0) or 1}"), io.BytesIO()
    about = {"descr": dtype.str, "fortran_order": False, "shape": (len(texts),)}
    np.lib.format.write_array_header_1_0(header, about)
    yield header.getvalue()
    for start in range(0, len(texts), BLOCK):
        yield np.array(texts[start : start + BLOCK], dtype).tobytes()
