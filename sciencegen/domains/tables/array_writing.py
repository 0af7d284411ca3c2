"""Rows in files of arrays (.npz, .h5, .zarr): an array for each column, and one for columns `name0`, `name1`, ..."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.data import zarr_stores
from sciencegen.data.array_files import HDF5
from sciencegen.domains.tables.array_cells import array_of
from sciencegen.domains.tables.rows import TableCell, number
from sciencegen.errors import ConfigError
from sciencegen.files import STORE, atomic_folder, atomic_write
from sciencegen.items import Cell

if TYPE_CHECKING:
    import h5py

WRITTEN_ARRAYS = (".npz", *HDF5, STORE)
_NUMBERED = re.compile(r"(?P<name>.*?\D)(?P<place>0|[1-9]\d*)")
Columns = Mapping[str, Sequence[TableCell | Cell]]


def write(path: Path, columns: Columns) -> None:
    """Write columns as arrays. Unknown numbers are NaN, missing texts are ""; equal columns give equal bytes."""
    arrays = {name: _array(cells) for name, cells in columns.items()}
    arrays = _joined(arrays)
    if path.name.lower().endswith(STORE):
        with atomic_folder(path) as folder:
            zarr_stores.write(folder, arrays)
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
