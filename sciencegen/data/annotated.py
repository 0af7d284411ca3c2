"""Reads AnnData files (.h5ad) as arrays by name: the columns of `obs`, and of `X` those of the variables' names."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen.data.damage import check_claim, check_part
from sciencegen.errors import DataError

if TYPE_CHECKING:
    import h5py

H5AD = ".h5ad"
"""The ending of AnnData's files, which are HDF5."""


def annotated_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a file by name, each with a value for each observation; `id` has the observations' names. `layers`,
    `obsm` and `uns` aren't read."""
    import h5py

    with h5py.File(path, "r") as file:
        found = {} if "obs" not in file else _frame(file["obs"], path)
        if "X" in file:
            variables = _frame(file["var"], path)["id"] if "var" in file else ()
            matrix = _matrix(file["X"], path)
            names = [str(name) for name in variables] or [f"x{at}" for at in range(matrix.shape[1])]
            if len(names) != matrix.shape[1]:
                raise DataError(f"Expected {matrix.shape[1]} names of variables in {path}, found {len(names)}.")
            if twice := sorted(found.keys() & set(names)):
                raise DataError(
                    f"Expected columns of `obs` and variables of different names in {path}, found two of the name "
                    f"'{twice[0]}'. Rename one."
                )
            found |= dict(zip(names, matrix.T, strict=True))
    return found, {}


def _whole(place: h5py.Dataset, path: Path) -> np.ndarray:
    """An array of the file itself, as texts if it holds some."""
    if place.is_virtual or place.external or place.file.filename != str(path):  # of a link to another file
        raise DataError(f"Expected the array {place.name} inside {path}, found it in another file. Copy it there.")
    size = math.prod(place.shape) * place.dtype.itemsize
    check_claim(path, math.prod(place.shape[:1]), size, path.stat().st_size)
    check_part(f"array {place.name} of {path}", size)
    return place.asstr()[...] if place.dtype.kind in "OS" else place[...]


def _frame(group: h5py.Group, path: Path) -> dict[str, np.ndarray]:
    """The columns of a data frame, its index as `id`; categories are texts."""
    index = str(group.attrs.get("_index", "_index"))
    found = {}
    for name in (index, *(name for name in group.attrs.get("column-order", ()) if name != index)):
        place = group[name]
        if hasattr(place, "keys"):  # a group
            if "categories" not in place:
                continue  # nullable numbers, and others without a plain array
            codes, texts = _whole(place["codes"], path), _whole(place["categories"], path).astype(str)
            known = (codes >= 0) & (codes < len(texts))  # others are missing
            column = np.append(texts.astype(object), "")[np.where(known, codes, -1)].astype(str)
        else:
            column = _whole(place, path)
        found["id" if name == index else str(name)] = column.astype(str) if column.dtype.kind == "O" else column
    return found


def _matrix(place: Any, path: Path) -> np.ndarray:
    """`X` [observation variable], dense."""
    if not hasattr(place, "keys"):
        return _whole(place, path)
    from scipy.sparse import csc_matrix, csr_matrix

    kind = csc_matrix if "csc" in str(place.attrs.get("encoding-type", "csr_matrix")) else csr_matrix
    shape = tuple(int(side) for side in place.attrs["shape"])
    parts = [_whole(place[name], path) for name in ("data", "indices", "indptr")]
    check_part(f"X of {path}", math.prod(shape) * parts[0].dtype.itemsize)
    matrix = kind(tuple(parts), shape=shape)
    matrix.check_format(full_check=True)
    return matrix.toarray()
