"""Tables in files (.csv, .parquet, and files of arrays) as columns and records, which are streamed."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sciencegen.data import array_files
from sciencegen.data.annotated import H5AD
from sciencegen.data.array_files import HDF5, check_returns, open_arrays
from sciencegen.data.damage import reading
from sciencegen.data.tables import is_parquet, open_parquet, parquet_batches, parquet_texts, read_records
from sciencegen.domains.columns import are_dates
from sciencegen.domains.tables.rows import (
    MOST_CATEGORIES,
    MOST_DIMENSIONS,
    ColumnCells,
    TableCell,
    array_cell,
    cell_of,
    cell_of_list,
    cells_of,
    count_cells,
    date_cell,
)
from sciencegen.errors import DataError
from sciencegen.files import found_at

if TYPE_CHECKING:
    import pyarrow as pa


# The record of a table in a file, and what its readers share.

Record = Sequence[TableCell | ValueError]
"""The cells of a row; a ValueError holds the text of a cell that is none of its column."""
Records = Iterator[tuple[int, Record | str]]
"""Line and cells of each record, or why it can't be used."""
NUMBERS = "iuf"
"""Kinds of arrays of numbers; Booleans are categories."""
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class TableSource:
    """names: of the columns. categories: the different texts of a column of texts, if there are few. records: starts to
    read from the first row."""

    names: Sequence[str]
    categories: Mapping[str, Sequence[str]]
    records: Callable[[], Records]


def check_distinct(names: Sequence[str], source: str) -> None:
    """Raise an error for two columns of one name: the cells of one would be lost."""
    if twice := next((name for name, count in Counter(names).items() if name and count > 1), None):
        raise DataError(
            f"Expected columns of different names in {source}, found two of the name '{twice}'. Rename one."
        )


def different(names: Sequence[str], blocks: Iterable[Sequence[Sequence[object]]]) -> dict[str, list[str]]:
    """The different texts of each column, if they are few. blocks: [block column] cells of consecutive rows."""
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    for block in blocks:
        for known, cells in zip(found.values(), block, strict=True):
            if len(known) <= MOST_CATEGORIES:
                known |= dict.fromkeys(str(cell) for cell in cells if cell is not None)
    few = {name: known for name, known in found.items() if len(known) <= MOST_CATEGORIES and not are_dates(known)}
    return {name: sorted(known) for name, known in few.items()}


def records_of(blocks: Iterable[Sequence[Record]]) -> Records:
    """The rows of blocks of columns, numbered from 1."""
    return enumerate(chain.from_iterable(zip(*block, strict=True) for block in blocks), 1)


def number_cell(value: object) -> TableCell | ValueError:
    """A cell of a column of numbers: NaN is a missing number, and an infinity an error."""
    if value is None or value != value:
        return None
    if isinstance(value, Decimal):
        value = float(value)
    if not isinstance(value, int | float):
        return ValueError(str(value))
    return value if isinstance(value, int) or np.isfinite(value) else ValueError(str(value))


# Tables in files of named arrays (.npz, .npy, .h5, .zarr): an array has a row for each item.
#
# An array [row] is a column, an array [row column] that many columns, and records have a column for each field. An
# array of more dimensions is a column of arrays. HDF5 and Zarr are read in blocks of rows; arrays of numpy are read
# whole.

ARRAYS = (".npy", ".npz", *HDF5, H5AD, *array_files.ENDINGS)
ALONE = "x"
"""The name of an array without one."""
ID = "id"
"""A column of this name holds the rows' names, and isn't learned."""


class Rows(Protocol):
    """An array whose rows are read when they are sliced."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, index: slice, /) -> np.ndarray: ...


@dataclass(frozen=True)
class ArrayColumn:
    """A column in the array `array`. of: rows of the array to the column's part of them. numeric: whether it holds
    numbers, or arrays of them."""

    name: str
    array: str
    of: Callable[[np.ndarray], np.ndarray]
    numeric: bool


def open_array_source(path: Path, wanted: Collection[str] | None = None) -> TableSource:
    """The table in a file of arrays. wanted: names of columns; arrays without one of them needn't fit the others."""
    if not path.exists() or (path.is_dir() and not array_files.is_store(path)):
        raise DataError(f"Expected a table at {path}, found {found_at(path)}.")
    check_returns(path, _try)
    arrays = {name: array for name, array in _loaded(path) if _is_wanted(name, array, wanted)}
    array_files.note_gaps(arrays.values())
    columns = [one for name, array in arrays.items() for one in _columns(name, array.shape, array.dtype, path)]
    if not columns:
        raise DataError(f"Expected arrays with a row for each item at the top level of {path}, found none. Move them.")
    check_distinct([column.name for column in columns], str(path))
    sizes = {name: array.shape[0] for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(
            f"Expected arrays of one length in {path}, got {sizes}. Cut the longer ones, or name the columns to learn: "
            "`column` a,b,c."
        )
    size = next(iter(sizes.values()))

    def blocks(chosen: Sequence[ArrayColumn]) -> Iterator[list[list[TableCell | ValueError]]]:
        for start in range(0, size, ROWS_AT_ONCE) if chosen else ():
            parts = _parts(arrays, {column.array for column in chosen}, slice(start, start + ROWS_AT_ONCE), path)
            yield [_cells(column.of(parts[column.array])) for column in chosen]

    texts = [column for column in columns if not column.numeric]
    few = different([column.name for column in texts], blocks(texts))
    return TableSource([column.name for column in columns], few, lambda: records_of(blocks(columns)))


def _try(path: Path) -> None:
    with suppress(Exception):  # they are raised in the parent process, too
        for array in open_arrays(path, ALONE)[0].values():
            _ = array[:1]


def _loaded(path: Path) -> list[tuple[str, Rows]]:
    """The arrays of a file by name; an archive may hold two of one name."""
    if path.suffix.lower() not in (".npy", ".npz"):
        return list(open_arrays(path, ALONE)[0].items())
    with reading("arrays of numpy", path):
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return [(ALONE, found)]
        with found:
            check_distinct(found.files, str(path))
            if other := next((name for name in found.files if not isinstance(found[name], np.ndarray)), None):
                raise DataError(f"Expected only arrays of numpy in {path}, found another file, '{other}'. Take it out.")
            return [(name, found[name]) for name in found.files]


def _parts(arrays: Mapping[str, Rows], names: Collection[str], rows: slice, path: Path) -> dict[str, np.ndarray]:
    with reading("whole arrays", path):
        return {name: np.asarray(arrays[name][rows]) for name in names}


def _is_wanted(name: str, array: Rows, wanted: Collection[str] | None) -> bool:
    """Whether an array has one of the columns that are wanted, or the rows' names."""
    if wanted is None or name in wanted or name.lower() == ID:
        return True
    fields = array.dtype.names or ()
    more = range(array.shape[1]) if len(array.shape) == 2 else ()
    return any(field in wanted for field in fields) or any(f"{name}{at}" in wanted for at in more)


def _columns(
    name: str, shape: Sequence[int], dtype: np.dtype, path: Path, within: Sequence[str] = ()
) -> list[ArrayColumn]:
    """The columns of an array [row] or [row column], or of records. within: the array and its fields around it."""
    within = within or (name,)
    if dtype.subdtype is not None:
        return _columns(name, (*shape, *dtype.shape), dtype.base, path, within)
    if len(shape) == 1 and dtype.names:
        inner = ((field, dtype[field]) for field in dtype.names)
        return [one for field, kind in inner for one in _columns(field, shape, kind, path, (*within, field))]
    numeric = dtype.kind in NUMBERS
    vlen = dict(dtype.metadata or {}).get("vlen", str)  # of objects: another kind for the ragged arrays of HDF5
    texts = dtype.kind == "O" and vlen in (str, bytes)
    if not numeric and not texts and dtype.kind not in "USTbmM" and not dtype.names:
        raise DataError(f"Expected numbers or texts in '{name}' of {path}, found {dtype}. Leave that array out.")
    if len(shape) == 1:
        return [ArrayColumn(name, within[0], _Part(within[1:]), numeric)]
    if len(shape) == 2 and not dtype.names:
        return [ArrayColumn(f"{name}{at}", within[0], _Part(within[1:], at), numeric) for at in range(shape[1])]
    if 3 <= len(shape) <= MOST_DIMENSIONS + 1 and dtype.kind in f"{NUMBERS}b" and math.prod(shape[1:]) > 0:
        return [ArrayColumn(name, within[0], _Part(within[1:]), True)]
    raise DataError(
        f"Expected arrays [row], [row column] or [row ...] of at most {MOST_DIMENSIONS + 1} dimensions in {path}, "
        f"'{name}' has shape {tuple(shape)} of {dtype}. Leave that array out, or reshape it."
    )


@dataclass(frozen=True)
class _Part:
    """Rows of an array to those of a field (of a field, ...), and of a column in it."""

    fields: Sequence[str]
    column: int | None = None

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        for field in self.fields:
            rows = rows[field]
        return rows if self.column is None else rows[:, self.column]


def _cells(column: np.ndarray) -> list[TableCell | ValueError]:
    if column.ndim > 1:
        return list(cells_of(column))
    if column.dtype.kind in NUMBERS:
        double = column.astype(np.float64) if column.dtype.itemsize > 8 else column  # others have no Python number
        return [number_cell(value) for value in double.tolist()]
    if column.dtype.kind in "mM":  # nanoseconds have no Python date
        return [None if np.isnat(value) else str(value) for value in column]
    values = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in column.tolist())
    return [None if value is None or value == "" else str(value) for value in values]


_INDEX = re.compile(r"(Unnamed: \d+)?")
"""Names that pandas gives to columns of row numbers."""
LOST_LETTER = "\ufffd"
"""What stands for bytes that are no UTF-8."""


def open_source(path: Path, wanted: Collection[str] | None = None) -> TableSource:
    """The table in a file; errors about the file are raised here. wanted: names of columns, see `open_array_source`."""
    if path.name.lower().endswith(ARRAYS):
        return open_array_source(path, wanted)
    return _of_parquet(path) if is_parquet(path) else _of_csv(path, wanted)


def _of_csv(path: Path, wanted: Collection[str] | None) -> TableSource:
    names, separator, records = read_records(path)
    names, decimal = [name.strip() for name in names], "," if separator == ";" else "."
    check_names(names, str(path))
    counts = count_cells((cells for _, cells in records), len(names), decimal)
    pairs = zip(names, counts, strict=True)
    damaged = [name for name, count in pairs if any(LOST_LETTER in text for text in (name, *count.categories))]
    if damaged:
        warnings.warn(
            f"{path} isn't UTF-8: letters in {', '.join(damaged)} are lost, and texts that differ in them become "
            f"equal. Convert it, such as by `iconv -f latin1 -t utf-8 {path.name}`.",
            stacklevel=1,
        )
    learned = {name: count for name, count in zip(names, counts, strict=True) if wanted is None or name in wanted}
    _note_gaps(path, learned)
    _note_numbers(path, learned)
    _note_dates(path, learned)
    read_cell = [_reader(count, decimal) for count in counts]

    def rows() -> Records:
        for line, cells in read_records(path)[2]:
            if len(cells) != len(names):
                yield line, f"{len(cells)} cells, expected {len(names)}, as in the header"
            else:
                yield line, [read(cell.strip()) for read, cell in zip(read_cell, cells, strict=True)]

    return TableSource(names, _categories(names, counts), rows)


def _reader(count: ColumnCells, decimal: str) -> Callable[[str], TableCell | ValueError]:
    """What reads the cells of a column."""
    if count.holds_arrays:
        return array_cell
    if len(count.orders) == 1:
        return partial(date_cell, order=count.orders[0])
    return partial(cell_of, numeric=count.numeric, decimal=decimal)


def _note_dates(path: Path, counts: Mapping[str, ColumnCells]) -> None:
    """Say which columns are dates, and of which it can't be told."""
    dates = [name for name, count in counts.items() if len(count.orders) == 1]
    if dates:
        warnings.warn(
            f"{', '.join(dates)} in {path}: dates, learned as days since 1970-01-01 and written as dates "
            f"(YYYY-MM-DD; in conditions too).",
            stacklevel=1,
        )
    for name, count in counts.items():
        if len(count.orders) > 1:
            warnings.warn(
                f"'{name}' in {path} holds dates such as {next(iter(count.categories))!r}, of which day or month may "
                "come first: they are read as texts. Write them as YYYY-MM-DD.",
                stacklevel=1,
            )


def _note_numbers(path: Path, counts: Mapping[str, ColumnCells]) -> None:
    """Warn of columns that number the rows: they would be learned as any number."""
    for name, count in counts.items():
        if count.numbers_rows and name != ID and not is_index(name):
            warnings.warn(
                f"'{name}' in {path} counts the rows, and is read as a number like the others. If it only numbers "
                f"them, call it '{ID}' or leave it out.",
                stacklevel=1,
            )


def _note_gaps(path: Path, counts: Mapping[str, ColumnCells]) -> None:
    """Warn of texts such as None that count as missing, where they may be meant as a category."""
    for name, count in counts.items():
        if count.has_doubtful_gaps:
            shown = ", ".join(f"{mark!r} {times} times" for mark, times in count.marks.most_common(3))
            warnings.warn(
                f"{count.marks.total()} cells of '{name}' in {path} count as missing: {shown}. If one is a category, "
                "give it another name, such as 'no'.",
                stacklevel=1,
            )


def _categories(names: Sequence[str], counts: Sequence[ColumnCells]) -> dict[str, list[str]]:
    return {
        name: sorted(count.categories)
        for name, count in zip(names, counts, strict=True)
        if not count.numeric
        and not count.holds_arrays
        and len(count.orders) != 1
        and len(count.categories) <= MOST_CATEGORIES
    }


def check_names(names: Sequence[str], source: str) -> None:
    """Raise an error for a header of numbers, or two columns of one name."""
    if names and not any(isinstance(cell_of(name, True), ValueError | None) for name in names):
        raise DataError(
            f"Expected a header with the names of the columns in {source}, found numbers ({', '.join(names[:3])}, "
            "...). Add a first line of names."
        )
    check_distinct(names, source)


def _of_parquet(path: Path) -> TableSource:
    from pyarrow import types

    schema = open_parquet(path).schema_arrow
    names = list(schema.names)
    check_names(names, str(path))
    plain = (types.is_floating, types.is_integer, types.is_decimal)  # Booleans are categories
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    numeric, arrays = (
        [any(is_kind(schema.field(at).type) for is_kind in kinds) for at in range(len(names))]
        for kinds in (plain, lists)
    )

    as_json: set[int] = set()
    """Columns of arrays as texts."""

    def blocks(places: Sequence[int]) -> Iterator[list[list[TableCell | ValueError]]]:
        for batch in parquet_batches(path, ROWS_AT_ONCE, [names[at] for at in places]):
            kinds = zip(batch.columns, places, strict=True)
            yield [_parquet_cells(column, numeric[at], arrays[at], at in as_json) for column, at in kinds]

    texts = [at for at in range(len(names)) if not numeric[at] and not arrays[at]]
    first = next(blocks(texts), [])
    for at, cells in zip(texts, first, strict=False):
        if any(isinstance(cell, str) and isinstance(array_cell(cell), list) for cell in cells):
            as_json.add(at)
    texts = [at for at in texts if at not in as_json]
    few = different([names[at] for at in texts], blocks(texts))
    return TableSource(names, few, lambda: records_of(blocks(range(len(names)))))


def _parquet_cells(column: pa.Array, numeric: bool, arrays: bool, as_json: bool) -> list[TableCell | ValueError]:
    if arrays:
        return [cell_of_list(found) for found in column.to_pylist()]
    if numeric:
        return [number_cell(value) for value in column.to_pylist()]
    return [array_cell(text) if as_json else text or None for text in parquet_texts(column)]


def is_index(name: str) -> bool:
    """Whether a column holds row numbers, by its name."""
    return _INDEX.fullmatch(name) is not None
