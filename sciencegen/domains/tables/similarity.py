"""Similarity of rows, and features of rows whose table isn't known."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import cdist

from sciencegen.domains.tables.array_cells import array_of
from sciencegen.domains.tables.rows import TableCell, TableRow, number

SLOTS = 64
"""Number of hashed features."""


def similarity(rows: Sequence[TableRow], references: Sequence[TableRow]) -> Float[np.ndarray, "row reference"]:
    """The mean agreement of two rows' cells, 1 for equal rows (Gower 1971, with the distance of Canberra for numbers).

    Equal categories agree by 1, others by 0; numbers x and y by 1 - |x - y| / (|x| + |y|), which needs no range of the
    data; arrays by 1 - sum |x - y| / sum (|x| + |y|), and those of different shapes by 0. A column that is missing in
    both rows doesn't count, and one that is missing in one agrees by 0.
    """
    names = list(dict.fromkeys(name for row in (*rows, *references) for name in row))
    total, count = np.zeros((len(rows), len(references))), np.zeros((len(rows), len(references)))
    for name in names:
        first, second = ([row.get(name) for row in group] for group in (rows, references))
        one, other = (np.array([cell is not None for cell in cells], bool) for cells in (first, second))
        known = one[:, None] | other[None]
        total += np.where(known, _agreement(first, second), 0.0)
        count += known
    return total / np.maximum(count, 1)


def _agreement(first: Sequence[TableCell], second: Sequence[TableCell]) -> Float[np.ndarray, "row reference"]:
    """Of each pair of cells, 0 where one is missing."""
    x, y = (np.array([number(cell) for cell in cells], float) for cells in (first, second))
    size = np.abs(x)[:, None] + np.abs(y)[None]
    near = 1 - np.abs(x[:, None] - y[None]) / np.where(size == 0, 1, size)
    texts, others = (
        np.array([cell if isinstance(cell, str) else "" for cell in cells], object) for cells in (first, second)
    )
    same = (texts[:, None] == others[None]) & (texts[:, None] != "")
    found = np.where(same, 1.0, np.nan_to_num(near, nan=0.0))
    is_array = any(isinstance(cell, list) for cell in (*first, *second))
    return found + _agreement_of_arrays(first, second) if is_array else found


def _agreement_of_arrays(first: Sequence[TableCell], second: Sequence[TableCell]) -> Float[np.ndarray, "row reference"]:
    """Of each pair of arrays of one shape, 0 for others; unknown numbers count as 0."""
    result = np.zeros((len(first), len(second)))
    one, other = ([array_of(cell) if isinstance(cell, list) else None for cell in cells] for cells in (first, second))
    for shape in {cell.shape for cell in one if cell is not None}:
        rows, columns = (_with_shape(cells, shape) for cells in (one, other))
        if not columns:
            continue
        x, y = (np.nan_to_num(np.stack(list(part.values())).reshape(len(part), -1)) for part in (rows, columns))
        size = np.abs(x).sum(1)[:, None] + np.abs(y).sum(1)[None]
        agreement = 1 - cdist(x, y, "cityblock") / np.where(size == 0, 1, size)
        result[np.ix_(list(rows), list(columns))] = agreement
    return result


def _with_shape(cells: Sequence[np.ndarray | None], shape: tuple[int, ...]) -> dict[int, np.ndarray]:
    """Place -> array of this shape."""
    return {at: cell for at, cell in enumerate(cells) if cell is not None and cell.shape == shape}


def hashed_features(rows: Sequence[TableRow]) -> Float[np.ndarray, "row feature"]:
    """Features by hashed names (Weinberger et al. 2009): damped numbers, and 1 for each category."""
    table = np.zeros((len(rows), SLOTS), np.float32)
    for at, row in enumerate(rows):
        for name, cell in row.items():
            if isinstance(cell, str):
                table[at, _slot(f"{name}\0{cell}")] += 1.0
            elif isinstance(cell, list):
                flat = np.arcsinh(np.nan_to_num(array_of(cell).ravel()))
                places = (_slot(name) + np.arange(flat.size)) % SLOTS
                np.add.at(table[at], places, flat / math.sqrt(flat.size))
            elif cell is not None:
                table[at, _slot(name)] += math.asinh(number(cell))
    return table


def _slot(name: str) -> int:
    return zlib.crc32(name.encode("utf-8", "replace")) % SLOTS
