"""Tables in files (.csv, .parquet, .npy, .npz) as columns and records. Records are streamed; arrays of numpy are read
whole."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sciencegen.data.damage import reading
from sciencegen.data.tables import is_parquet, read_records
from sciencegen.domains.tables.cells import MOST_CATEGORIES, ColumnCells, cell_of, count_cells
from sciencegen.domains.tables.rows import TableCell
from sciencegen.errors import DataError
from sciencegen.files import found_at

ARRAYS = (".npy", ".npz")
Record = Sequence[TableCell | ValueError]
"""The cells of a row; a ValueError holds the text of a cell that is none of its column."""
Records = Iterator[tuple[int, Record | str]]
"""Line and cells of each record, or why it can't be used."""
_INDEX = re.compile(r"(Unnamed: \d+)?")
"""Names that pandas gives to columns of row numbers."""
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
    named = [name for name in names if name]
    if twice := next((name for name in named if named.count(name) > 1), None):
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
    plain = (types.is_floating, types.is_integer)  # Booleans are categories
    numeric = [any(is_kind(schema.field(at).type) for is_kind in plain) for at in range(len(names))]

    def rows() -> Records:
        line = 0
        with reading("a whole Parquet table", path):
            for batch in pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE):
                columns = [_cells(batch.column(at).to_pylist(), numeric[at]) for at in range(len(names))]
                for record in zip(*columns, strict=True):
                    line += 1
                    yield line, record

    texts = [at for at, is_number in enumerate(numeric) if not is_number]
    found: dict[str, dict[str, None]] = {names[at]: {} for at in texts}
    with reading("a whole Parquet table", path):
        for batch in pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE, columns=[names[at] for at in texts]):
            for name, cells in zip(batch.schema.names, batch.columns, strict=True):
                if len(found[name]) <= MOST_CATEGORIES:
                    found[name] |= dict.fromkeys(str(cell) for cell in cells.unique().to_pylist() if cell is not None)
    return TableSource(names, {name: sorted(one) for name, one in found.items() if len(one) <= MOST_CATEGORIES}, rows)


def _cells(values: Sequence[object], numeric: bool) -> list[TableCell | ValueError]:
    """Cells of a typed column: NaN is a missing number, and an infinity an error."""
    if not numeric:
        return [None if value is None else str(value) for value in values]
    return [_number(value) for value in values]


def _number(value: object) -> TableCell | ValueError:
    if value is None or value != value:
        return None
    if not isinstance(value, int | float):
        return ValueError(str(value))
    return value if isinstance(value, int) or np.isfinite(value) else ValueError(str(value))


def _of_arrays(path: Path) -> TableSource:
    if not path.is_file():
        raise DataError(f"Expected a table at {path}, found {found_at(path)}.")
    with reading("arrays of numpy", path):
        found = np.load(path, allow_pickle=False)
        arrays = {"x": found} if isinstance(found, np.ndarray) else {name: found[name] for name in found.files}
    columns: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if array.ndim == 1 and array.dtype.names:
            columns |= {field: array[field] for field in array.dtype.names}
        elif array.ndim == 1:
            columns[name] = array
        elif array.ndim == 2:
            columns |= {f"{name}{at}": array[:, at] for at in range(array.shape[1])}
        else:
            raise DataError(f"Expected arrays [row] or [row column] in {path}, '{name}' has shape {array.shape}.")
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(f"Expected arrays of one length in {path}, got {sizes}. Cut the longer ones.")
    numeric = {name: column.dtype.kind in "iuf" for name, column in columns.items()}
    cells = {name: _cells(column.tolist(), numeric[name]) for name, column in columns.items()}
    few = {name: sorted({str(cell) for cell in cells[name] if cell is not None}) for name in cells if not numeric[name]}
    return TableSource(
        list(cells),
        {name: found for name, found in few.items() if len(found) <= MOST_CATEGORIES},
        lambda: enumerate(zip(*cells.values(), strict=True), 1),
    )


def is_index(name: str) -> bool:
    """Whether a column holds row numbers, by its name."""
    return _INDEX.fullmatch(name) is not None
