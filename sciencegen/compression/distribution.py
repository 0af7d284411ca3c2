"""Discretized distributions as tables of integers: what the range coder needs for each scale, fraction and shape.

A pixel v with predicted mean m and scale S is coded in two parts, by z low bits so that S / 2^z < 3:

    high = (v >> z) - floor(m / 2^z),   from a table of -REACH..REACH, whose ends mean "further away"
    low  = v & (2^z - 1),   the first two bits from a table given high, the others as uniform

The loss by uniform bits is below 0.001 bits. Tables come from cumulative distributions that are stored as integers, by
integer interpolation, so that no rounding of a machine enters.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from sciencegen.compression.network import FRACTION, OCTAVE, bounded, shipped

REACH = 16
"""Largest distance in cells of the high part."""
SYMBOLS = 2 * REACH + 1
FRACTIONS = 16
"""Parts of a cell to which the mean is rounded."""
COARSEST = 12
"""Index of the largest scale of a table, 2^(12 / 8) cells."""
FINEST = -24
SCALES = COARSEST - FINEST + 1
LARGEST_SHIFT = 40
GRID = 128
"""Samples of a cumulative distribution per unit of the scale."""
UNIT = 1 << 22
"""A probability of 1."""
LOWEST = 8
"""Least probability of a symbol."""


class Placed(NamedTuple):
    """Where pixels are coded: shift z, floor of the mean in 2^z cells, and the row of the table."""

    shift: Int[np.ndarray, " lane"]
    floor: Int[np.ndarray, " lane"]
    row: Int[np.ndarray, " lane"]


def place(mean: Float[np.ndarray, " lane"], scale: Int[np.ndarray, " lane"], shape: Int[np.ndarray, " lane"]) -> Placed:
    """Place pixels. mean: in 1 / FRACTION cells. scale: log2 of the scale in cells, in 1 / OCTAVE. shape: index of the
    cumulative distribution."""
    shift = bounded(-((COARSEST - scale) // OCTAVE), 0, LARGEST_SHIFT)
    level = bounded(scale - OCTAVE * shift, FINEST, COARSEST) - FINEST
    upper = mean.astype(np.int64) + FRACTION // 2  # cells are rounded: cell v holds v - 1/2 to v + 1/2
    floor = upper >> (6 + shift)
    part = (upper - (floor << (6 + shift))) >> (2 + shift)
    return Placed(shift, floor, (shape * SCALES + level) * FRACTIONS + part)


def shapes() -> int:
    """Number of shapes."""
    return len(shipped()["cumulative"])


def _scales() -> Int[np.ndarray, " scale"]:
    """2^(i / OCTAVE) cells in 1 / 1024, from FINEST to COARSEST."""
    return shipped()["scales"].astype(np.int64)


def _cumulative(shape: int, numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The cumulative distribution at numerator / denominator, in 1 / UNIT."""
    grid = shipped()["cumulative"][shape].astype(np.int64)
    half = (len(grid) - 1) // 2
    fixed = numerator * (GRID << 10) // denominator
    at = np.clip(fixed >> 10, -half, half - 1)
    part = np.clip(fixed - (at << 10), 0, 1 << 10)
    return grid[at + half] + ((grid[at + half + 1] - grid[at + half]) * part >> 10)


@cache
def high_table() -> Float[np.ndarray, "row symbol"]:
    """Probabilities of -REACH..REACH for each row of `place`, not normalized."""
    edges = np.arange(-REACH + 1, REACH + 1)
    return _probabilities(edges, 1).reshape(-1, SYMBOLS)


@cache
def low_table() -> Float[np.ndarray, "entry quarter"]:
    """Probabilities of the quarters of a cell, for two bits and for one: entry = (bits * rows + row) * SYMBOLS + high,
    where bits is 0 for one bit."""
    edges = np.arange(-4 * REACH, 4 * (REACH + 1) + 1)
    four = _probabilities(edges, 4)[..., 1:-1].reshape(-1, SYMBOLS, 4)
    two = np.zeros_like(four)
    two[..., 0], two[..., 1] = four[..., 0] + four[..., 1], four[..., 2] + four[..., 3]
    return np.stack([two, four]).reshape(-1, 4)


def _probabilities(edges: np.ndarray, parts: int) -> np.ndarray:
    """[shape scale fraction interval]: masses between the edges (in 1 / parts of a cell), and those beyond the ends."""
    fraction = 2 * np.arange(FRACTIONS)[:, None] + 1
    numerator = edges * (2 * FRACTIONS // parts) - fraction
    tables = []
    for shape in range(shapes()):
        cumulative = _cumulative(shape, numerator[None] * 1024, _scales()[:, None, None] * 2 * FRACTIONS)
        ends = np.zeros((*cumulative.shape[:2], 1), np.int64)
        masses = np.diff(np.concatenate([ends, cumulative, ends + UNIT], 2), axis=2)
        tables.append(np.maximum(masses, 0) + LOWEST)
    return np.stack(tables).astype(np.float32)
