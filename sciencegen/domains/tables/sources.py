"""Tables in files (.csv, .parquet, .npy, .npz) as columns and records. Records are streamed; arrays of numpy are read
whole."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.data.damage import reading
from sciencegen.data.tables import is_parquet, parquet_texts, read_records
from sciencegen.domains.tables.cells import MOST_CATEGORIES, ColumnCells, cell_of, count_cells
from sciencegen.domains.tables.rows import TableCell
from sciencegen.errors import DataError
from sciencegen.files import found_at

if TYPE_CHECKING:
    import pyarrow as pa

ARRAYS = (".npy", ".npz")
Record = Sequence[TableCell | ValueError]
"""The cells of a row; a ValueError holds the text of a cell that is none of its column."""
Records = Iterator[tuple[int, Record | str]]
"""Line and cells of each record, or why it can't be used."""
_INDEX = re.compile(r"(Unnamed: \d+)?")
"""Names that pandas gives to columns of row numbers."""
NUMBERS = "iuf"
"""Kinds of arrays of numbers; Booleans are categories."""
ROWS_AT_ONCE = 4096
LOST_LETTER = "\ufffd"
"""What stands for bytes that are no UTF-8."""


@dataclass(frozen=True)
class TableSource:
    """names: of the columns. categories: the different texts of a column of texts, if there are few. records: starts to
    read from the first row."""

    names: Sequence[str]
    categories: Mapping[str, Sequence[str]]
    records: Callable[[], Records]


def open_source(path: Path) -> TableSource:
    """The table in a file; errors about the file are raised here."""
    if path.suffix.lower() in ARRAYS:
        return _of_arrays(path)
    return _of_parquet(path) if is_parquet(path) else _of_csv(path)


def _of_csv(path: Path) -> TableSource:
    names, separator, records = read_records(path)
    names, decimal = [name.strip() for name in names], "," if separator == ";" else "."
    check_names(names, str(path))
    counts = count_cells((cells for _, cells in records), len(names), decimal)
    _check_letters(path, names, counts)
    numeric = [count.numeric for count in counts]

    def rows() -> Records:
        for line, cells in read_records(path)[2]:
            if len(cells) != len(names):
                yield line, f"{len(cells)} cells, expected {len(names)}, as in the header"
            else:
                pairs = zip(cells, numeric, strict=True)
                yield line, [cell_of(cell.strip(), is_number, decimal) for cell, is_number in pairs]

    return TableSource(names, _categories(names, counts), rows)


def _check_letters(path: Path, names: Sequence[str], counts: Sequence[ColumnCells]) -> None:
    """Warn of columns whose letters were lost, as the file's encoding is another one."""
    pairs = zip(names, counts, strict=True)
    damaged = [name for name, count in pairs if any(LOST_LETTER in text for text in (name, *count.categories))]
    if damaged:
        warnings.warn(
            f"{path} isn't UTF-8: letters in {', '.join(damaged)} are lost, and texts that differ in them become "
            f"equal. Convert it, such as by `iconv -f latin1 -t utf-8 {path.name}`.",
            stacklevel=1,
        )


def _categories(names: Sequence[str], counts: Sequence[ColumnCells]) -> dict[str, list[str]]:
    return {
        name: sorted(count.categories)
        for name, count in zip(names, counts, strict=True)
        if not count.numeric and len(count.categories) <= MOST_CATEGORIES
    }


def check_names(names: Sequence[str], source: str) -> None:
    """Raise an error for a header of numbers, or two columns of one name."""
    if names and all(cell_of(name, True) is not None and not _is_text(name) for name in names):
        raise DataError(
            f"Expected a header with the names of the columns in {source}, found numbers ({', '.join(names[:3])}, "
            "...). Add a first line of names."
        )
    _check_distinct(names, source)


def _check_distinct(names: Sequence[str], source: str) -> None:
    """Raise an error for two columns of one name: the cells of one would be lost."""
    if twice := next((name for name, count in Counter(names).items() if name and count > 1), None):
        raise DataError(
            f"Expected columns of different names in {source}, found two of the name '{twice}'. Rename one."
        )


def _is_text(name: str) -> bool:
    return isinstance(cell_of(name, True), ValueError)


def _of_parquet(path: Path) -> TableSource:
    import pyarrow.parquet as pq
    from pyarrow import types

    with reading("a Parquet table", path):
        schema = pq.ParquetFile(path).schema_arrow
        names = list(schema.names)
    check_names(names, str(path))
    plain = (types.is_floating, types.is_integer, types.is_decimal)  # Booleans are categories
    numeric = [any(is_kind(schema.field(at).type) for is_kind in plain) for at in range(len(names))]

    def blocks(places: Sequence[int]) -> Iterator[list[list[TableCell | ValueError]]]:
        with reading("a whole Parquet table", path):
            for batch in pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE, columns=[names[at] for at in places]):
                pairs = zip(batch.columns, (numeric[at] for at in places), strict=True)
                yield [_parquet_cells(column, is_number) for column, is_number in pairs]

    texts = [at for at, is_number in enumerate(numeric) if not is_number]
    few = _different([names[at] for at in texts], blocks(texts))
    return TableSource(names, few, lambda: _records(blocks(range(len(names)))))


def _parquet_cells(column: pa.Array, numeric: bool) -> list[TableCell | ValueError]:
    if numeric:
        return [_number(value) for value in column.to_pylist()]
    return [text or None for text in parquet_texts(column)]


def _different(names: Sequence[str], blocks: Iterable[Sequence[Sequence[object]]]) -> dict[str, list[str]]:
    """The different texts of each column, if they are few. blocks: [block column] cells of consecutive rows."""
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    for block in blocks:
        for known, cells in zip(found.values(), block, strict=True):
            if len(known) <= MOST_CATEGORIES:
                known |= dict.fromkeys(str(cell) for cell in cells if cell is not None)
    return {name: sorted(known) for name, known in found.items() if len(known) <= MOST_CATEGORIES}


def _records(blocks: Iterable[Sequence[Record]]) -> Records:
    """The rows of blocks of columns, numbered from 1."""
    return enumerate(chain.from_iterable(zip(*block, strict=True) for block in blocks), 1)


def _number(value: object) -> TableCell | ValueError:
    """A cell of a column of numbers: NaN is a missing number, and an infinity an error."""
    if value is None or value != value:
        return None
    if isinstance(value, Decimal):
        value = float(value)
    if not isinstance(value, int | float):
        return ValueError(str(value))
    return value if isinstance(value, int) or np.isfinite(value) else ValueError(str(value))


def _of_arrays(path: Path) -> TableSource:
    if not path.is_file():
        raise DataError(f"Expected a table at {path}, found {found_at(path)}.")
    with reading("arrays of numpy", path):
        arrays = _loaded(path)
    columns = [one for name, array in arrays for one in _columns(name, array, path)]
    names = [name for name, _ in columns]
    _check_distinct(names, str(path))
    sizes = {name: len(column) for name, column in columns}
    if len(set(sizes.values())) > 1:
        raise DataError(f"Expected arrays of one length in {path}, got {sizes}. Cut the longer ones.")

    def blocks(chosen: Sequence[np.ndarray]) -> Iterator[list[list[TableCell | ValueError]]]:
        for start in range(0, next(iter(sizes.values()), 0), ROWS_AT_ONCE):
            yield [_array_cells(column[start : start + ROWS_AT_ONCE]) for column in chosen]

    texts = {name: column for name, column in columns if column.dtype.kind not in NUMBERS}
    few = _different(list(texts), blocks(list(texts.values())))
    return TableSource(names, few, lambda: _records(blocks([column for _, column in columns])))


def _loaded(path: Path) -> list[tuple[str, np.ndarray]]:
    """The arrays of a file by name; an archive may hold two of one name."""
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        return [("x", found)]
    with found:
        if other := next((name for name in found.files if not isinstance(found[name], np.ndarray)), None):
            raise DataError(f"Expected only arrays of numpy in {path}, found another file, '{other}'. Take it out.")
        return [(name, found[name]) for name in found.files]


def _columns(name: str, array: np.ndarray, path: Path) -> list[tuple[str, np.ndarray]]:
    """The columns of an array [row] or [row column], or of records."""
    if array.ndim == 1 and array.dtype.names:
        return [one for field in array.dtype.names for one in _columns(field, array[field], path)]
    if array.ndim == 1:
        return [(name, array)]
    if array.ndim == 2 and not array.dtype.names:
        return [(f"{name}{at}", array[:, at]) for at in range(array.shape[1])]
    raise DataError(f"Expected arrays [row] or [row column] in {path}, '{name}' has shape {array.shape}.")


def _array_cells(column: np.ndarray) -> list[TableCell | ValueError]:
    if column.dtype.kind in NUMBERS:
        double = column.astype(np.float64) if column.dtype.itemsize > 8 else column  # others have no Python number
        return [_number(value) for value in double.tolist()]
    if column.dtype.kind in "mM":  # nanoseconds have no Python date
        return [None if np.isnat(value) else str(value) for value in column]
    values = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in column.tolist())
    return [None if value is None or value == "" else str(value) for value in values]


def is_index(name: str) -> bool:
    """Whether a column holds row numbers, by its name."""
    return _INDEX.fullmatch(name) is not None
