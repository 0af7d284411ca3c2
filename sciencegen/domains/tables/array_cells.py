"""Cells that hold an array of numbers: nested lists, with None for an unknown number, as in JSON."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Shaped

ArrayCell = list["ArrayCell | float | int | None"]
"""[time], [time channel], [height width] or [height width channel]."""

LARGEST = 1e18
"""Greatest magnitude of a number: the square of a greater one overflows in single precision."""
MOST_NUMBERS = 1 << 18
"""Most numbers of a cell."""
MOST_DIMENSIONS = 3
DIGITS = {2: 4, 4: 7}
"""Bytes of a number -> its decimal digits, of less than double precision."""


def array_of(cell: ArrayCell) -> Float[np.ndarray, "..."]:
    """The numbers, NaN for an unknown one."""
    return np.array(cell, dtype=np.float64)


def problem(cell: object) -> str:
    """Why a list is no array of numbers, "" if it is one."""
    try:
        values = np.array(cell)
    except (ValueError, OverflowError):
        return "lists of different lengths, or too deep"
    if values.size == 0:
        return "an empty list"
    if values.ndim > MOST_DIMENSIONS or values.size > MOST_NUMBERS:
        shape = f"an array of {values.ndim} dimensions and {values.size} numbers"
        return f"{shape}, expected at most {MOST_DIMENSIONS} and {MOST_NUMBERS}"
    if values.dtype.kind in "iub":
        return ""
    if values.dtype.kind == "O":  # None, or integers of more than 64 bits
        known = [one for one in values.ravel() if one is not None]
        if not all(isinstance(one, int | float) for one in known):
            return "a list of something else than numbers"
        values = np.array(known, np.float64) if all(abs(one) <= LARGEST for one in known) else np.array([np.inf])
    if values.dtype.kind != "f":
        return "a list of something else than numbers"
    return "" if (np.abs(values) <= LARGEST).all() else f"a number that isn't finite or exceeds {LARGEST:g}"


def plain_array(cell: ArrayCell) -> ArrayCell:
    """The same array for equal numbers, whole or real: 3 for 3.0."""
    return [
        plain_array(one) if isinstance(one, list) else int(one) if isinstance(one, float) and one.is_integer() else one
        for one in cell
    ]


def shortest(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Numbers as doubles, without the digits that single and half precision don't have: 0.1, not 0.10000000149."""
    double = values.astype(np.float64)
    if values.dtype.itemsize not in DIGITS:
        return double
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = 10.0 ** (DIGITS[values.dtype.itemsize] - 1 - np.floor(np.log10(np.abs(double))))
        rounded = np.rint(double * scale) / scale
    return np.where(np.isfinite(rounded), rounded, double)


def cells_of(rows: Shaped[np.ndarray, "row ..."]) -> list[ArrayCell | ValueError | None]:
    """The cells of an array; a ValueError for one with an infinity, None for one of unknown numbers only."""
    if rows.dtype.kind in "iub":
        return rows.astype(np.int64 if rows.dtype.kind == "b" else rows.dtype).tolist()
    double = shortest(rows)
    return double.tolist() if np.isfinite(double).all() else [_cell(one) for one in double]


def _cell(values: Float[np.ndarray, "..."]) -> ArrayCell | ValueError | None:
    if np.isinf(values).any():
        return ValueError("an infinite number")
    unknown = np.isnan(values)
    if unknown.all():
        return None
    objects = values.astype(object)
    objects[unknown] = None
    return objects.tolist()


def cell_of_list(found: list[object] | None) -> ArrayCell | ValueError | None:
    """The cell of a list in a file; NaN counts as unknown."""
    if found is None:
        return None
    try:
        values = np.array(found)
        values = values.astype(np.float64) if values.dtype.kind == "O" else values
    except (ValueError, TypeError, OverflowError):
        return ValueError("lists of different lengths, or of something else than numbers")
    if values.dtype.kind not in "iubf":
        return ValueError(problem(found))
    return cells_of(values[None])[0]
