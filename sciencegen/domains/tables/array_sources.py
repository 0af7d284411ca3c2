"""Tables in files of named arrays (.npz, .npy, .h5, .zarr): an array has a row for each item.

An array [row] is a column, an array [row column] that many columns, and records have a column for each field. An array
of more dimensions is a column of arrays. HDF5 and Zarr are read in blocks of rows; arrays of numpy are read whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from sciencegen.data import zarr_stores
from sciencegen.data.array_files import HDF5, check_returns, open_arrays
from sciencegen.data.damage import reading
from sciencegen.domains.tables.array_cells import MOST_DIMENSIONS, cells_of
from sciencegen.domains.tables.rows import TableCell
from sciencegen.domains.tables.table_source import (
    NUMBERS,
    ROWS_AT_ONCE,
    TableSource,
    check_distinct,
    different,
    number_cell,
    records_of,
)
from sciencegen.errors import DataError
from sciencegen.files import found_at

ARRAYS = (".npy", ".npz", *HDF5, *zarr_stores.ENDINGS)
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


def is_file_of_arrays(path: Path) -> bool:
    """Whether a path has the ending of a file of arrays."""
    return path.name.lower().endswith(ARRAYS)


def open_source(path: Path, wanted: Collection[str] | None = None) -> TableSource:
    """The table in a file of arrays. wanted: names of columns; arrays without one of them needn't fit the others."""
    if not path.exists() or (path.is_dir() and not zarr_stores.is_store(path)):
        raise DataError(f"Expected a table at {path}, found {found_at(path)}.")
    check_returns(path, _try)
    arrays = {name: array for name, array in _loaded(path) if _is_wanted(name, array, wanted)}
    zarr_stores.note_gaps(arrays.values())
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
    if not numeric and not _holds_texts(dtype) and not dtype.names:
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


def _holds_texts(dtype: np.dtype) -> bool:
    """Whether an array holds texts, Booleans or dates; not objects such as the ragged arrays of HDF5."""
    return dtype.kind in "USTbmM" or (dtype.kind == "O" and dict(dtype.metadata or {}).get("vlen", str) in (str, bytes))


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
