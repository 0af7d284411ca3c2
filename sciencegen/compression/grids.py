"""Values of pixels as integers, cells, that are as wide as a fraction of the noise, and what a cell leaves open.

integers   v = (cell + offset) 2^shift + rest
multiples  floats that are rounded multiples of a step: v = (cell + offset) step, without a rest
floats     |v| in [a step, (a + 1) step), step a power of 2; cell = a, or -1 - a for a negative v; the rest is the
           number of the float among those of its type in the cell
lossy      v = (cell + offset) step, |error| <= step / 2
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int, Num

from sciencegen.compression.planes import Coder, code_below, code_octave

FARTHEST = 1 << 40
"""Cells beyond it are kept as exceptions."""
FINE = 16
"""Cells of floats are at least as narrow as the noise divided by this."""
COARSE = 1 << 12
"""Multiples are cells of their own if they are wider than the noise divided by this."""
ROUNDING, MOST_COARSE = 1 / 64, 1 / 8
"""Error in cells that the rounding of floats may add to that of a lossy grid, and the share of pixels of a greater one
with which nothing is lost."""
OCTAVES = 24
"""Octaves of floats below the first cell."""


@dataclass(frozen=True)
class CellGrid:
    """How a plane's values become cells. kind: that of the module's docstring. step: width of a cell. offset: in cells.
    shift: bits below a cell; of floats: bits at the end of all numbers that are 0. zeros: whether zeros are exceptions.
    """

    kind: Literal["integers", "multiples", "floats", "lossy"]
    step: float
    offset: int = 0
    shift: int = 0
    zeros: bool = False

    @property
    def has_rest(self) -> bool:
        """Whether a cell leaves something open."""
        return self.kind == "floats" or (self.kind == "integers" and self.shift > 0)


def chosen_grid(values: np.ndarray, sigma: float, error: float | None) -> CellGrid:
    """The grid of a sample of a plane's values. sigma: their noise. error: step of a lossy grid, None for lossless."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    middle = float(np.median(finite)) if finite.size else 0.0
    if error is not None and (values.dtype.kind == "f" or error > 1):
        zeros = values.dtype.kind == "f" and _many_zeros(values)
        grid = CellGrid("lossy", error, round(middle / error), zeros=zeros)
        if np.count_nonzero(_too_coarse(finite, grid)) <= MOST_COARSE * values.size:
            return grid
    if values.dtype.kind != "f":
        shift = max(0, math.ceil(math.log2(max(sigma, 1e-9) / 64)))
        return CellGrid("integers", float(1 << shift), int(middle) >> shift, shift)
    if (unit := _common_unit(finite)) > sigma / COARSE:
        return CellGrid("multiples", unit, round(middle / unit), zeros=_many_zeros(values) and unit < sigma / 64)
    step = 2.0 ** max(math.floor(math.log2(sigma / FINE)), np.finfo(values.dtype).minexp)
    sizes = magnitudes(finite)
    union = int(np.bitwise_or.reduce(sizes)) if sizes.size else 0
    shift = (union & -union).bit_length() - 1 if union else 0
    return CellGrid("floats", step, 0, shift, _many_zeros(values))


def _common_unit(values: np.ndarray) -> float:
    """A number of which nearly all values are multiples, up to rounding, 0 for none: the largest power of two that
    divides them, or the smallest value."""
    some = values[values != 0]
    if not some.size:
        return 0.0
    fractions, exponents = np.frexp(some.astype(np.float64))
    whole = np.ldexp(fractions, 53).astype(np.int64)
    trailing = np.frexp((whole & -whole).astype(np.float64))[1] - 1
    for unit in (float(np.abs(some).min()), float(np.ldexp(1.0, int((exponents - 53 + trailing).min())))):
        grid = CellGrid("multiples", unit)
        if np.count_nonzero(exceptions(values, grid)) <= values.size // 1000:
            return unit
    return 0.0


def _many_zeros(values: np.ndarray) -> bool:
    return int(np.count_nonzero(values == 0)) > values.size // 1000


def magnitudes(values: np.ndarray) -> Int[np.ndarray, "*shape"]:
    """The bits of floats without their sign; larger floats have larger ones."""
    width = values.dtype.itemsize
    return values.view(f"i{width}").astype(np.int64) & ((1 << (8 * width - 1)) - 1)


def exceptions(values: np.ndarray, grid: CellGrid) -> Bool[np.ndarray, "*shape"]:
    """Pixels that have no cell: no numbers, very far ones, and zeros where many pixels are zero."""
    if values.dtype.kind != "f":
        if grid.kind == "integers":
            return np.zeros(values.shape, bool)
        return np.abs(values / grid.step) >= FARTHEST
    with np.errstate(invalid="ignore", over="ignore"):
        found = ~(np.abs(values.astype(np.float64) / grid.step) < FARTHEST)
    if grid.kind == "lossy":
        found |= _too_coarse(values, grid)
    if grid.kind == "multiples":
        again = to_values(to_cells(values, grid)[0], None, grid, values.dtype)
        found |= again.view(f"i{again.itemsize}") != values.view(f"i{again.itemsize}")
    if grid.kind == "floats":
        found |= magnitudes(values) & ((1 << grid.shift) - 1) > 0  # the sample had no such number
    return found | (values == 0) if grid.zeros else found


def _too_coarse(values: np.ndarray, grid: CellGrid) -> Bool[np.ndarray, "*shape"]:
    """Pixels of a lossy grid whose floats lie so far from each other that rounding to one of them adds to the error;
    none of integers, whose rounding the largest error includes."""
    if values.dtype.kind != "f":
        return np.zeros(values.shape, bool)
    with np.errstate(invalid="ignore", over="ignore"):
        again = to_values(to_cells(values, grid)[0], None, grid, values.dtype).astype(np.float64)
        return np.abs(again - values.astype(np.float64)) > (0.5 + ROUNDING) * grid.step


def to_cells(values: np.ndarray, grid: CellGrid) -> tuple[Int[np.ndarray, "*shape"], Int[np.ndarray, "*shape"] | None]:
    """Cells, and the numbers within them (None for a lossy grid). Exceptions have any."""
    if grid.kind == "integers":
        return (values.astype(np.int64) >> grid.shift) - grid.offset, values.astype(np.int64) & ((1 << grid.shift) - 1)
    wide = np.where(np.isfinite(values), values, 0).astype(np.float64)
    wide = np.clip(wide / grid.step, -FARTHEST, FARTHEST)
    if grid.kind in ("lossy", "multiples"):
        return np.rint(wide).astype(np.int64) - grid.offset, None
    size = np.floor(np.abs(wide)).astype(np.int64)
    return np.where(np.signbit(values), -1 - size, size), magnitudes(values) >> grid.shift


def to_values(cells: np.ndarray, rest: np.ndarray | None, grid: CellGrid, kind: np.dtype) -> np.ndarray:
    """The inverse of `to_cells`."""
    if grid.kind == "multiples":
        with np.errstate(over="ignore", invalid="ignore"):
            return (cells + grid.offset).astype(kind) * kind.type(grid.step)
    if grid.kind == "lossy":
        values = (cells + grid.offset).astype(np.float64) * grid.step
        if kind.kind == "f":
            return values.astype(kind)
        limits = np.iinfo(kind)
        return np.clip(np.rint(values), limits.min, limits.max).astype(kind)
    assert rest is not None
    if grid.kind == "integers":
        return (((cells + grid.offset) << grid.shift) + rest).astype(kind)
    bits = rest << grid.shift
    values = bits.astype(f"i{kind.itemsize}").view(kind)
    return np.where(cells < 0, -values, values)


def code_rest(
    coder: Coder, rest: Int[np.ndarray, " lane"] | None, cells: Int[np.ndarray, " lane"], grid: CellGrid, kind: np.dtype
) -> Int[np.ndarray, " lane"]:
    """Write or read the numbers within cells."""
    if grid.kind == "integers":
        return code_below(coder, rest, np.full(len(cells), 1 << grid.shift))
    size = np.where(cells < 0, -1 - cells, cells)
    low, high = _first(size, grid, kind), _first(size + 1, grid, kind)
    if (inner := np.flatnonzero(size == 0)).size:
        below = grid.step * 2.0 ** -np.arange(OCTAVES, -1, -1)
        limits = np.concatenate([[0], _first_at(below, grid, kind)])  # first numbers of its octaves, from 0
        octave = None if rest is None else OCTAVES - np.searchsorted(limits[1:-1], rest[inner], "right")
        octave = OCTAVES - code_octave(coder, octave, inner.size, OCTAVES)
        low[inner], high[inner] = limits[octave], limits[octave + 1]
    return low + code_below(coder, None if rest is None else rest - low, np.maximum(high - low, 1))


def _first(size: np.ndarray, grid: CellGrid, kind: np.dtype) -> np.ndarray:
    return _first_at(size * grid.step, grid, kind)


def _first_at(values: np.ndarray, grid: CellGrid, kind: np.dtype) -> np.ndarray:
    """Number of the first float of a type that is not below `values`."""
    with np.errstate(over="ignore"):
        near = values.astype(kind)
    bits = magnitudes(near) + (near.astype(np.float64) < values)
    return (bits + (1 << grid.shift) - 1) >> grid.shift


# Noise of images without a map of it, and the number of bits that no code can save of it.

MAD = 1.4826
"""Standard deviation of a Gaussian in units of its median absolute deviation."""


COARSE_NOISE = 32.0
"""Noise in units of the step of the numbers, below which they are coarse."""
NOISE_BITS = 0.5 * math.log2(2 * math.pi * math.e)
"""Differential entropy of N(0, 1)."""


def noise_of(images: Num[np.ndarray, "image y x"]) -> float:
    """Standard deviation of the noise, 0 if it can't be told: from differences of pixels two apart.

    sigma = 1.4826 median |v[x + 2] - v[x]| / sqrt(2), which structures and correlated neighbours hardly change; of
    coarse numbers by the share of differences below a step (`_of_coarse`).
    """
    if images.shape[2] < 3:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        wide = images.astype(np.float64)
        differences = np.abs(wide[..., 2:] - wide[..., :-2])
    differences = differences[np.isfinite(differences)]
    if not differences.size:
        return 0.0
    some = differences[differences > 0]
    if not some.size:
        return 0.0
    if float(np.median(some)) < COARSE_NOISE * (unit := float(some.min())):
        return _of_coarse(differences, unit)
    middle = float(np.median(differences)) or float(differences.mean()) / 2  # of many zeros
    return MAD * middle / math.sqrt(2)


def _of_coarse(differences: np.ndarray, unit: float) -> float:
    """The noise of multiples of u by the share p of differences d below an edge (k + 1/2) u near their median.

    p = erf(edge / (s sqrt(2))),   s^2 = 2 sigma^2 + u^2 / 12, since rounding adds a uniform number on either side.
    """
    from scipy.special import erfinv

    middle = float(np.median(differences))
    edges = [edge for edge in (middle - unit / 2, middle + unit / 2) if edge > 0]
    shares = [float((differences < edge).mean()) for edge in edges]
    edge, share = min(zip(edges, shares, strict=True), key=lambda one: abs(one[1] - 0.5))
    spread = edge / (math.sqrt(2) * float(erfinv(min(max(share, 0.01), 0.99))))
    return math.sqrt(max((spread**2 - unit**2 / 12) / 2, (unit / 8) ** 2))


def noise_floor(sigma: float) -> float:
    """Entropy in bits of Gaussian noise that is rounded to integers: what a lossless code needs at least, on average.

    sigma: standard deviation in steps.

    >>> round(noise_floor(16.0), 3), round(noise_floor(1.0), 3)
    (6.047, 2.105)
    """
    if sigma <= 0:
        return 0.0
    if sigma > 64:
        return math.log2(sigma) + NOISE_BITS
    edges = np.arange(-math.ceil(10 * sigma) - 1, math.ceil(10 * sigma) + 2) - 0.5
    masses = np.diff([0.5 * math.erfc(-edge / sigma / math.sqrt(2)) for edge in edges])
    masses = masses[masses > 0]
    return float(-(masses * np.log2(masses)).sum())
