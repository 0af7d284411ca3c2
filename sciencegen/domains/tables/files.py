"""Read rows from a user's tables, and write rows as tables with the same columns."""

from __future__ import annotations

import csv
import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.data import array_files
from sciencegen.data.array_files import HDF5
from sciencegen.data.tables import READ_TABLES, cells_by_column, find_column, read_table
from sciencegen.data.workbooks import is_workbook, sheet_notes
from sciencegen.data.writers import WRITTEN_TABLES, TableWriter
from sciencegen.domains.capabilities import Objects
from sciencegen.domains.tables import rows as table_rows
from sciencegen.domains.tables.rows import (
    TableCell,
    TableRow,
    array_of,
    cell_of_list,
    cells_of,
    example_with_unit,
    number,
    refused,
)
from sciencegen.domains.tables.sources import ALONE, ARRAYS, ID, TableSource, is_index, number_cell, open_source
from sciencegen.errors import ConfigError, DataError
from sciencegen.files import STORE, atomic_folder, atomic_write
from sciencegen.items import Cell, Origin, Row
from sciencegen.optimization.goals import INDICATOR, indicator

if TYPE_CHECKING:
    import h5py


# Mappings and rows of numpy arrays as items: rows of a table.


def row_text(given: object) -> str | None:
    """The text of a mapping from names to cells, of a numpy record, or of a numpy array [column], whose columns are x0,
    x1, ... as those of a file .npy."""
    if isinstance(given, Mapping):
        named = {str(name): cell for name, cell in given.items()}
    elif isinstance(given, np.void) and given.dtype.names:
        named = {name: given[name] for name in given.dtype.names}
    elif isinstance(given, np.ndarray) and given.ndim == 1 and not given.dtype.names:
        named = {f"{ALONE}{at}": cell for at, cell in enumerate(given)}
    else:
        return None
    cells = {name: _cell(cell) for name, cell in named.items()}
    wrong = next((f"{cell} in '{name}'" for name, cell in cells.items() if isinstance(cell, ValueError)), None)
    return json.dumps(cells, ensure_ascii=False) if wrong is None else refused(cells, wrong)


def _cell(given: object) -> TableCell | ValueError:
    """The content of a cell; a ValueError with the reason why it can't be used."""
    if isinstance(given, np.ndarray) and given.ndim and given.dtype.kind in "iubf":
        return cells_of(given[None])[0]
    plain = given.tolist() if isinstance(given, np.ndarray | np.generic) else given
    if isinstance(plain, list | tuple):
        return cell_of_list(list(plain))
    if isinstance(plain, date):  # and datetime
        return plain.isoformat()
    if plain is None or isinstance(plain, bool | int | float | Decimal):
        return plain if isinstance(plain, bool) else number_cell(plain)
    return (plain or None) if isinstance(plain, str) else ValueError(f"a {type(plain).__name__}")


def mapping_of(row: TableRow) -> dict[str, object]:
    """The row as a dict, with numpy arrays for cells of arrays, in which unknown numbers are NaN."""
    return {name: array_of(cell) if isinstance(cell, list) else cell for name, cell in row.items()}


OBJECTS = Objects(kinds="mappings or numpy rows", text=row_text, of=mapping_of)


# Rows in files of arrays (.npz, .h5, .zarr): an array for each column, and one for columns `name0`, `name1`, ...

WRITTEN_ARRAYS = (".npz", *HDF5, STORE)
_NUMBERED = re.compile(r"(?P<name>.*?\D)(?P<place>0|[1-9]\d*)")
Columns = Mapping[str, Sequence[TableCell | Cell]]


def write_arrays(path: Path, columns: Columns) -> None:
    """Write columns as arrays. Unknown numbers are NaN, missing texts are ""; equal columns give equal bytes."""
    arrays = {name: _array(cells) for name, cells in columns.items()}
    arrays = _joined(arrays)
    if path.name.lower().endswith(STORE):
        with atomic_folder(path) as folder:
            array_files.write_zarr(folder, arrays)
        return
    if path.suffix.lower() == ".npz":
        with atomic_write(path, "wb") as sink:
            np.savez_compressed(sink, **arrays)  # type: ignore[arg-type]
        return
    if odd := next((name for name in arrays if "/" in name), None):
        raise ConfigError(f"Expected columns without a slash for {path}, got '{odd}'. Rename it, or write .npz.")
    _write_hdf5(path, arrays)


def _write_hdf5(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    import h5py

    with atomic_write(path, "wb") as sink, h5py.File(sink, "w") as file:
        for name, array in arrays.items():
            _add(file, name, array)


def _add(file: h5py.File, name: str, array: np.ndarray) -> None:
    """Add a data set; texts have a fixed length, as those of variable length need a file that is read too."""
    import h5py

    if array.dtype.kind == "U":
        array = np.char.encode(array, "utf-8")
        array = array.astype(h5py.string_dtype("utf-8", max(array.dtype.itemsize, 1)))
    file.create_dataset(name, data=array, track_times=False)


def _array(cells: Sequence[TableCell | Cell]) -> np.ndarray:
    """The cells of a column as an array [row ...]."""
    known = [cell for cell in cells if cell is not None]
    if any(isinstance(cell, list) for cell in known):
        return _stack(cells)
    if any(isinstance(cell, str) for cell in known):
        return np.array(["" if cell is None else str(cell) for cell in cells], np.str_)
    if known and all(isinstance(cell, bool) for cell in cells):
        return np.array(cells, bool)
    values = np.array([number(cell) for cell in cells], float)
    return values.astype(np.int64) if all(isinstance(cell, int) for cell in cells) else values


def _stack(cells: Sequence[TableCell | Cell]) -> np.ndarray:
    """Arrays of one shape; of others, those of another shape are unknown."""
    arrays = [array_of(cell) if isinstance(cell, list) else None for cell in cells]
    shapes = [one.shape for one in arrays if one is not None]
    shape = max(dict.fromkeys(shapes), key=shapes.count)
    unknown = np.full(shape, np.nan)
    stack = np.stack([unknown if one is None or one.shape != shape else one for one in arrays])
    return stack.astype(np.int64) if (stack == np.round(stack)).all() else stack


def _joined(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns of numbers `name0`, `name1`, ... as one array [row column], at the place of the first of them."""
    found: dict[str, dict[int, str]] = {}
    for name, array in arrays.items():
        match = _NUMBERED.fullmatch(name)
        if match is not None and array.ndim == 1 and array.dtype.kind in "if":
            found.setdefault(match["name"], {})[int(match["place"])] = name
    whole = {name: one for name, one in found.items() if set(one) == set(range(len(one))) and len(one) > 1}
    target = {member: name for name, one in whole.items() if name not in arrays for member in one.values()}
    result: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if name not in target:
            result[name] = array
        elif target[name] not in result:
            members = whole[target[name]]
            result[target[name]] = np.stack([arrays[members[at]] for at in range(len(members))], 1)
    return result


ITEM = "item"
"""The column of rows as JSON, in tables that sciencegen writes."""
FORMATS = (*READ_TABLES, *ARRAYS)
MOST_INDICATORS = 50
"""A column with more categories has no indicators among the numbers of a row."""


def read(path: Path, column: str | None = None) -> Iterator[Row]:
    """Stream the rows of a table.

    Parameters
    ----------
    path : Path
        A file with one of the endings `FORMATS`. Columns without a name, and `id`, aren't part of the items.
    column : str, optional
        The columns that the items consist of, separated by commas; by default all.

    Returns
    -------
    iterator of Row
        `values` has the numbers of columns of numbers, and the indicators of categories (`rows.indicator`). Errors
        about the file are raised by this call, before the first row.
    """
    source = open_source(path, None if column is None else _listed(column))
    if column in (None, ITEM) and _holds_items(source):
        return read_table(path, (ITEM,), ITEM)
    chosen = _chosen(source.names, column, str(path))
    for note in sheet_notes(path, remedy="save another as .csv to read it") if is_workbook(path) else ():
        warnings.warn(f"{path}: {note}.", stacklevel=1)
    _note_units(path, source, [source.names[at] for at in chosen])
    return _rows(source, chosen)


def _note_units(path: Path, source: TableSource, names: Sequence[str]) -> None:
    """Warn of columns of categories whose texts may be meant as numbers."""
    for name in names:
        texts = source.categories.get(name, ())
        if len(texts) > 1 and (example := example_with_unit(texts)) is not None:
            warnings.warn(
                f"'{name}' in {path} is read as a category of {len(texts)} texts, such as {example[:40]!r}. If these "
                "are numbers, write them without units, and dates as YYYY-MM-DD.",
                stacklevel=1,
            )


def _holds_items(source: TableSource) -> bool:
    """Whether a table has a column of rows as JSON."""
    if ITEM not in source.names:
        return False
    place = list(source.names).index(ITEM)
    first = next(source.records(), None)
    return first is not None and not isinstance(first[1], str) and str(first[1][place]).startswith("{")


def _chosen(names: Sequence[str], column: str | None, source: str) -> list[int]:
    """Places of the columns that items consist of."""
    if column is not None:
        return [find_column(names, (), name, source) for name in _listed(column)]
    found = [at for at, name in enumerate(names) if not is_index(name) and name.lower() != ID]
    if ITEM in names:
        raise DataError(
            f"Expected whole rows as JSON objects in the column '{ITEM}' of {source}, got something else. Rename the "
            "column, or name the columns to learn: `column` a,b,c."
        )
    if not found:
        raise DataError(f"Expected a table with columns in {source}, found {list(names)}. Add a line with their names.")
    return found


def _listed(column: str) -> list[str]:
    """Names of columns, separated by commas; those with a comma are quoted."""
    return [name.strip() for name in next(csv.reader([column], skipinitialspace=True), []) if name.strip()]


def _rows(source: TableSource, chosen: Sequence[int]) -> Iterator[Row]:
    names = [source.names[at] for at in chosen]
    named = next((at for at, name in enumerate(source.names) if name.lower() == ID and at not in chosen), None)
    few = {name: texts for name, texts in source.categories.items() if len(texts) <= MOST_INDICATORS}
    indicators = {name: {text: indicator(name, text) for text in few[name]} for name in names if name in few}
    for line, record in source.records():
        if isinstance(record, str):
            yield Row(line, table_rows.refused({}, record))
            continue
        called = "" if named is None or record[named] is None else str(record[named])
        row: dict[str, TableCell] = {}
        reason = ""
        for name, at in zip(names, chosen, strict=True):
            cell = record[at]
            if isinstance(cell, ValueError):
                reason = reason or Row(line, "", unread={name: str(cell)}).why_no_number(name)
            else:
                row[name] = cell
        if reason:
            cells = {name: record[at] for name, at in zip(names, chosen, strict=True)}
            yield Row(line, table_rows.refused(cells, reason), id=called)
            continue
        yield Row(line, table_rows.text(row), _values(row, indicators), called)


def _values(row: TableRow, indicators: Mapping[str, Mapping[str, str]]) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, cell in row.items():
        if cell is None or isinstance(cell, list):
            continue
        if not isinstance(cell, str):
            values[name] = number(cell)
        elif name in indicators:
            values |= {one: float(text == cell) for text, one in indicators[name].items()}
        elif not math.isnan(days := number(cell)):
            values[name] = days
    return values


def write(
    path: Path, items: Sequence[TableRow], names: Sequence[str], values: Mapping[str, Sequence[Cell]],
    origin: Origin | None = None,
) -> None:  # fmt: skip
    """Write rows as a table, or arrays, with their columns, followed by `values`. Arrays in a table are JSON."""
    endings = (*WRITTEN_TABLES, *WRITTEN_ARRAYS)
    if not path.name.lower().endswith(endings):
        raise ConfigError(f"Expected an output ending in {', '.join(endings)} for rows of a table, got {path}.")
    columns = cells_by_column(items)
    ids = {} if ID in columns or all(name.isdigit() for name in names) else {ID: list(names)}
    # without the indicators of categories, such as city:Oslo
    further = {name: cells for name, cells in values.items() if name.partition(INDICATOR)[0] not in columns}
    if path.name.lower().endswith(WRITTEN_ARRAYS):
        write_arrays(path, {**ids, **columns, **further})
        return
    with TableWriter(path, exact=columns) as table:
        table.write({**ids, **cells_by_column([table_rows.cells(item) for item in items]), **further})
