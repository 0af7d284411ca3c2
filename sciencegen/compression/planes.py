"""Codes a stack of tiles of equal shape, plane by plane and in waves: the pixels of all tiles with equal SKEW y + x at
once, so that arrays are wide and neighbours known.

What is known of a pixel are those of earlier waves in its plane, and all of up to two earlier planes (Network).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple, Protocol

import constriction
import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.compression.network import (
    EXPERT_STEP,  # fmt: skip
    EXPERT_UNIT,  # fmt: skip
    FRACTION,  # fmt: skip
    LARGEST_CELL,
    OCTAVE,  # fmt: skip
    OWN_BORDER,
    SIGMA_UNIT,  # fmt: skip
    Network,  # fmt: skip
    PixelPrediction,  # fmt: skip
    bounded,
    compand,
    positions,
    shipped,  # fmt: skip
    shipped_network,  # fmt: skip
)
from sciencegen.errors import DataError

# Discretized distributions as tables of integers: what the range coder needs for each scale, fraction and shape.
#
# A pixel v with predicted mean m and scale S is coded in two parts, by z low bits so that S / 2^z < 3:
#
#     high = (v >> z) - floor(m / 2^z),   from a table of -REACH..REACH, whose ends mean "further away"
#     low  = v & (2^z - 1),   the first two bits from a table given high, the others as uniform
#
# The loss by uniform bits is below 0.001 bits. Tables come from cumulative distributions that are stored as integers,
# by integer interpolation, so that no rounding of a machine enters.

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


# Range coding of the integers of one pixel of many tiles at once, with `constriction`.
#
# Source: Bamler, Understanding entropy coding with asymmetric numeral systems, arXiv:2201.01741 (2022). Probabilities
# are integers in float32 whose sum is below 2^24, so that their normalization is exact.

LONGEST = 64
"""Largest number of bits of a distance beyond REACH."""
PIECE = 15
"""Bits that are coded as one uniform number."""
ROUGH_PIECE = 12
FEW = 1 << 22
"""Largest number of values that is coded as one uniform number."""
_TABLE = constriction.stream.model.Categorical(perfect=False)
_UNIFORM = constriction.stream.model.Uniform()


class Coder(Protocol):
    """Codes arrays of symbols. A writer takes them and returns them; a reader returns those that it reads."""

    def table(self, symbols: np.ndarray | None, probabilities: np.ndarray) -> np.ndarray: ...

    def uniform(self, symbols: np.ndarray | None, sizes: np.ndarray) -> np.ndarray: ...


class Writer:
    """Writes symbols to a stream."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()

    def table(self, symbols: np.ndarray | None, probabilities: np.ndarray) -> np.ndarray:
        assert symbols is not None
        if len(symbols):
            self._coder.encode(symbols.astype(np.int32), _TABLE, probabilities)
        return symbols

    def uniform(self, symbols: np.ndarray | None, sizes: np.ndarray) -> np.ndarray:
        assert symbols is not None
        some = sizes > 1
        if some.any():
            self._coder.encode(symbols[some].astype(np.int32), _UNIFORM, sizes[some].astype(np.int32))
        return symbols

    def content(self) -> bytes:
        """The stream."""
        return self._coder.get_compressed().astype("<u4").tobytes()


class Reader:
    """Reads symbols from a stream of `Writer`."""

    def __init__(self, content: bytes) -> None:
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(content, "<u4").astype(np.uint32))

    def table(self, symbols: np.ndarray | None, probabilities: np.ndarray) -> np.ndarray:
        if not len(probabilities):
            return np.zeros(0, np.int64)
        return self._read(_TABLE, probabilities)

    def uniform(self, symbols: np.ndarray | None, sizes: np.ndarray) -> np.ndarray:
        found, some = np.zeros(len(sizes), np.int64), sizes > 1
        if some.any():
            found[some] = self._read(_UNIFORM, sizes[some].astype(np.int32))
        return found

    def _read(self, model: constriction.stream.model.Model, parameters: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(self._coder.decode(model, parameters), np.int64)
        except AssertionError as error:  # so the library says that no writer makes such bytes
            raise DataError("Expected the bytes of a range coder, found others.") from error


def code_cells(coder: Coder, cells: Int[np.ndarray, " lane"] | None, placed: Placed) -> Int[np.ndarray, " lane"]:
    """Write or read integers whose distributions are `placed`."""
    shift, floor, row = placed
    high = None if cells is None else (cells >> shift) - floor
    symbols = None if high is None else bounded(high, -REACH, REACH) + REACH
    symbols = coder.table(symbols, high_table()[row])
    found = symbols - REACH
    if (far := np.flatnonzero(np.abs(found) == REACH)).size:
        beyond = None if high is None else np.abs(high[far]) - REACH
        found[far] += np.sign(found[far]) * _code_distance(coder, beyond, far.size)
    whole = (found + floor) << shift
    if (split := np.flatnonzero(shift)).size:
        low = None if cells is None else cells[split] & ((1 << shift[split]) - 1)
        whole[split] += _code_low(coder, low, shift[split], row[split] * SYMBOLS + symbols[split])
    return whole


def _code_low(coder: Coder, low: np.ndarray | None, shift: np.ndarray, entry: np.ndarray) -> np.ndarray:
    """The low bits: two by their table, the others as uniform."""
    table = low_table()
    rest = np.maximum(shift - 2, 0)
    entry = entry + np.where(shift > 1, len(table) // 2, 0)
    quarters = coder.table(None if low is None else low >> rest, table[entry])
    return (quarters << rest) + _code_bits(coder, low, rest)


def _code_distance(coder: Coder, distance: np.ndarray | None, count: int) -> np.ndarray:
    """A non-negative integer d below 2^62: the number of bits of d + 1, then those after the first."""
    number = None if distance is None else distance + 1
    bits = None if number is None else np.array([int(one).bit_length() - 1 for one in number], np.int64)
    bits = coder.uniform(bits, np.full(count, LONGEST))
    return np.left_shift(1, bits) + _code_bits(coder, number, bits) - 1


def _code_bits(coder: Coder, numbers: np.ndarray | None, bits: np.ndarray) -> np.ndarray:
    """The lowest bits of integers as uniform. bits: how many of each."""
    found = np.zeros(len(bits), np.int64)
    for start in range(0, int(bits.max(initial=0)), PIECE):
        size = 1 << bounded(bits - start, 0, PIECE)
        given = None if numbers is None else (numbers >> start) & (size - 1)
        found += coder.uniform(given, size) << np.minimum(start, bits)
    return found


def code_octave(coder: Coder, octaves: np.ndarray | None, count: int, last: int) -> np.ndarray:
    """Integers 0..last, each half as probable as the one before it."""
    halves = np.exp2(np.maximum(23 - np.arange(1, last + 2), 0)).astype(np.float32)
    return coder.table(octaves, np.ascontiguousarray(np.broadcast_to(halves, (count, last + 1))))


def code_below(coder: Coder, numbers: np.ndarray | None, sizes: np.ndarray) -> np.ndarray:
    """Integers that are uniform in 0..size - 1."""
    found, start = np.zeros(len(sizes), np.int64), np.zeros(len(sizes), np.int64)
    sizes = sizes.copy()
    while (large := sizes > FEW).any():
        piece = np.where(large, 1 << ROUGH_PIECE, 1)
        given = None if numbers is None else (numbers >> start) & (piece - 1)
        found += coder.uniform(given, piece) << start
        start[large] += ROUGH_PIECE
        sizes[large] = ((sizes[large] - 1) >> ROUGH_PIECE) + 1
    return found + (coder.uniform(None if numbers is None else numbers >> start, sizes) << start)


BORDER = OWN_BORDER
SKEW = OWN_BORDER + 1
"""Waves between a pixel and the one below it: the last neighbour in the row above is one wave earlier."""
SCALE_BINS = 96
"""Scales of the network, in 1 / OCTAVE octaves of sigma from -SCALE_ZERO, that have a correction of their own."""
SCALE_ZERO = 32


@dataclass(frozen=True)
class PlaneModel:
    """How a plane is predicted. sigma: noise in 1 / SIGMA_UNIT cells. sky: level of the background, which the network
    doesn't see, in 1 / FRACTION cells. scale, shape, shift [bin]: for each scale of the network, the scale in cells,
    the shape of the distribution, and what is added to the mean, in 1 / FRACTION cells."""

    network: Network
    sigma: int
    scale: Int[np.ndarray, " bin"]
    shape: Int[np.ndarray, " bin"]
    shift: Int[np.ndarray, " bin"]
    sky: int = 0

    @property
    def sky_cell(self) -> int:
        """The cell of pixels that have none."""
        return self.sky // FRACTION


def scale_bin(scale: Int[np.ndarray, " lane"]) -> Int[np.ndarray, " lane"]:
    """The bin of a network's scale."""
    return bounded(scale + SCALE_ZERO, 0, SCALE_BINS - 1)


Pixels = tuple[Int[np.ndarray, " pixel"], Int[np.ndarray, " pixel"]]
"""y and x of pixels of a tile."""


def waves(height: int, width: int) -> Iterator[Pixels]:
    """The pixels of each wave."""
    for wave in range(SKEW * (height - 1) + width):
        y = np.arange(max(0, -((width - 1 - wave) // SKEW)), min(height - 1, wave // SKEW) + 1)
        if y.size:
            yield y, wave - SKEW * y


class CausalPixels:
    """The known pixels of a stack [plane y x tile] above the sky, with a border of zeros, as the network takes them.
    centred: as in `code_stack`."""

    def __init__(self, shape: tuple[int, int, int, int], centred: bool) -> None:
        planes, self._height, width, self._lanes = shape
        self._centred = centred
        self._width = width + 2 * BORDER
        self._sigmas = np.ones(planes)
        self._plane = (self._height + 2 * BORDER) * self._width
        self._offsets = self._mirror = np.zeros((0, 1), np.int64)
        self.values = np.zeros((planes * self._plane, self._lanes), np.float64)
        self.companded = np.zeros((planes * self._plane, self._lanes), np.float32)

    def start(self, plane: int, sigma: int, network: Network) -> None:
        """Say the noise of a plane, and what predicts it, before its pixels."""
        self._sigmas[plane] = sigma
        none = -(1 << 60)  # planes that don't exist are the first's border
        own = [self._row(0, *one) for one in network.own]
        other = [self._row(-back, *one) if back <= plane else none
                 for back in range(1, network.planes + 1) for one in network.other]  # fmt: skip
        self._offsets = np.array(own + other, np.int64)[:, None]
        self._mirror = np.array([self._row(0, *one) for one in network.mirror], np.int64)[:, None]

    def _row(self, plane: int, y: int, x: int) -> int:
        return plane * self._plane + y * self._width + x

    def rows(self, plane: int, pixels: Pixels) -> Int[np.ndarray, " pixel"]:
        """The rows of pixels."""
        return plane * self._plane + (pixels[0] + BORDER) * self._width + pixels[1] + BORDER

    def put(self, rows: Int[np.ndarray, " pixel"], cells: Int[np.ndarray, "pixel lane"], sigma: int, sky: int) -> None:
        """Store pixels."""
        parts = cells * FRACTION - sky
        self.values[rows] = bounded(parts / FRACTION, -LARGEST_CELL, LARGEST_CELL)  # exact: a power of 2
        self.companded[rows] = compand(parts, sigma)

    def around(self, plane: int, pixels: Pixels) -> tuple[np.ndarray, np.ndarray]:
        """Values and companded values [input, pixel * lane] of the network's inputs. Values of earlier planes are in
        the noise of this one."""
        rows = self._inputs(plane, pixels)
        wide = (len(rows), len(pixels[0]) * self._lanes)
        values = self.values[rows].reshape(wide)
        for input_plane in range(plane):
            if self._sigmas[input_plane] != self._sigmas[plane]:
                of_it = rows[:, 0] // self._plane == input_plane
                ratio = FRACTION * self._sigmas[plane] / self._sigmas[input_plane]
                values[of_it] = np.floor(values[of_it] * ratio) / FRACTION
        return values, self.companded[rows].reshape(wide)

    def _inputs(self, plane: int, pixels: Pixels) -> Int[np.ndarray, "input pixel"]:
        """Rows of the network's inputs. Pixels around the mirror image that aren't known yet are the first border."""
        rows = np.maximum(self._offsets + self.rows(plane, pixels), 0)
        if not len(self._mirror):
            return rows
        y, x = pixels
        last = self._height - 1, self._width - 2 * BORDER - 1
        known = self._centred & (SKEW * (2 * y - last[0] - 1) + 2 * x > last[1] + 1)
        mirrored = self._mirror + self.rows(plane, (last[0] - y, last[1] - x))
        return np.concatenate([rows, np.where(known, mirrored, 0)])


Rest = Callable[[Coder, int, Pixels, Int[np.ndarray, " lane"] | slice, Int[np.ndarray, " lane"]], None]
"""(coder, plane, pixels, which of their numbers in all tiles, the cells of these): codes what cells leave open."""


def code_stack(
    coder: Coder, cells: Int[np.ndarray, "plane y x lane"], masks: Bool[np.ndarray, "plane y x lane"] | None,
    models: Sequence[PlaneModel], known: bool, rest: Rest, centred: bool = False,
) -> None:  # fmt: skip
    """Write cells, or read them into the array (known: False). masks: pixels that aren't coded; their cells are
    those of the sky.
    centred: whether each tile is an image, which may have an object at its centre."""
    near = CausalPixels(cells.shape, centred)
    height, width = cells.shape[1:3]
    where = places(height, width, centred)
    for plane, model in enumerate(models):
        near.start(plane, model.sigma, model.network)
        for pixels in waves(height, width):
            rows, found = near.rows(plane, pixels), np.ascontiguousarray(cells[plane][pixels])
            chosen = slice(None) if masks is None else np.flatnonzero(~masks[plane][pixels])
            placed = _placed(*near.around(plane, pixels), where[:, *pixels], model)
            each = found.reshape(-1)
            given = each[chosen] if known else None
            each[chosen] = code_cells(coder, given, Placed(*(field[chosen] for field in placed)))
            rest(coder, plane, pixels, chosen, each[chosen])
            cells[plane][pixels] = found
            near.put(rows, found, model.sigma, model.sky)


def places(height: int, width: int, centred: bool) -> Float[np.ndarray, "4 y x"]:
    """What the network knows of the places of pixels: nothing in a tile of a larger image."""
    y, x = np.mgrid[:height, :width]
    found = positions(y, x, height, width)
    return found if centred else np.zeros_like(found)


def _placed(values: np.ndarray, companded: np.ndarray, where: np.ndarray, model: PlaneModel) -> Placed:
    """Where pixels of all tiles are coded. where: their places."""
    mean, scale, _ = model.network.predict(values, companded, where, model.sigma)
    bins = scale_bin(scale)
    return place(mean + model.shift[bins] + model.sky, model.scale[bins], model.shape[bins])


# Fits the shipped predictor to a file: experts to the correlations of its noise, scales and shapes to residuals.
#
# All results are integers that the stream stores, so that only the writer computes with rounding numbers.

PLACES = 96
"""Pixels of a tile that are looked at."""
MOST_TILES = 300
RIDGE = 300.0
"""Prior precision of a correction of an expert's weight."""
DEGREES = 8
"""Degrees of freedom of the residuals to which experts are fitted."""
EXPERT_BITS = 8
"""Place of a corrected weight in the stream."""
STEPS = 12
"""Largest correction of a scale, in 1 / OCTAVE."""
CLIP, ROUNDS = 2.0, 8
"""Sigma around the sky that count for it, and steps to find it."""
CLIPPED, SHRINKAGE = 3.0, 100
FEWEST, MOST = 40, 4000
"""Pixels of a scale that are looked at."""


@dataclass(frozen=True)
class PixelSample:
    """Pixels of a plane at some places in all of `lanes` tiles, and what the network takes for them. targets: cells
    above the sky."""

    values: Float[np.ndarray, "input pixel"]
    companded: Float[np.ndarray, "input pixel"]
    places: Float[np.ndarray, "4 place"]
    targets: Float[np.ndarray, " pixel"]
    sigma: int
    lanes: int

    def predicted(self, network: Network) -> PixelPrediction:
        return network.predict(self.values, self.companded, self.places, self.sigma)


def calibrated(
    cells: Int[np.ndarray, "plane y x lane"], sigmas: list[int], centred: bool = False, coded: int = 0
) -> list[PlaneModel]:
    """Fit the sky and the models of each plane of a stack. sigmas: noise of each in 1 / SIGMA_UNIT cells. centred: as
    in `code_stack`. coded: pixels of each plane in the file: fitted experts must save more of their bits than they
    take."""
    step = max(1, cells.shape[3] // MOST_TILES)
    cells = cells[..., ::step]
    near = CausalPixels(cells.shape, centred)
    models = []
    for plane, sigma in enumerate(sigmas):
        near.start(plane, sigma, shipped_network(plane))
        sky = sky_level(cells[plane], sigma)
        y, x = np.divmod(np.arange(cells.shape[1] * cells.shape[2]), cells.shape[2])
        near.put(near.rows(plane, (y, x)), cells[plane, y, x], sigma, sky)
        fitted = _fit_plane(near, cells[plane] - sky / FRACTION, plane, sigma, centred, coded)
        models.append(replace(fitted, sky=sky))
    return models


def sky_level(cells: Int[np.ndarray, "*shape"], sigma: int) -> int:
    """The background of a plane in 1 / FRACTION cells: the mean of what lies within `CLIP` sigma of it, from the
    median. sigma: in 1 / SIGMA_UNIT cells."""
    cells = cells.reshape(-1)[:: max(1, cells.size >> 18)]
    level, reach = float(np.median(cells)), CLIP * max(sigma / SIGMA_UNIT, 0.5)
    for _ in range(ROUNDS):
        near = cells[np.abs(cells - level) <= reach]
        level = float(near.mean()) if near.size else level
    return round(level * FRACTION)


def _fit_plane(
    near: CausalPixels, above: Float[np.ndarray, "y x lane"], plane: int, sigma: int, centred: bool, coded: int
) -> PlaneModel:
    """above: cells above the sky."""
    network = shipped_network(plane)
    height, width, lanes = above.shape
    count = max(PLACES, PLACES * 100 // lanes)
    y, x = np.divmod(np.random.default_rng(plane).permutation(height * width)[:count], width)
    values, companded = near.around(plane, (y, x))
    targets = above[y, x].reshape(-1)
    pixels = PixelSample(values, companded, places(height, width, centred)[:, y, x], targets, sigma, lanes)
    if coded:
        network = _with_fitted_experts(network, pixels, coded)
    mean, scale, _ = pixels.predicted(network)
    return PlaneModel(network, sigma, *fit_bins(targets - mean / FRACTION, scale_bin(scale), sigma))


def cell_scale(sigma: int) -> int:
    """log2 of the noise in cells, in 1 / OCTAVE."""
    return round(OCTAVE * math.log2(sigma / SIGMA_UNIT))


def _with_fitted_experts(network: Network, pixels: PixelSample, coded: int) -> Network:
    """The network with w_k + (sum g_k x x' / S^2 + RIDGE / sigma^2)^-1 sum g_k x r / S^2 for each expert, from half of
    the tiles, if the other half tells that it saves more bits than it takes: weighted least squares, where r are
    residuals, with Student's t."""
    sigma, targets = pixels.sigma, pixels.targets
    half = np.arange(len(targets)) % pixels.lanes < (pixels.lanes + 1) // 2
    if half.all():
        return network
    before = pixels.predicted(network)
    variance = (sigma / SIGMA_UNIT) ** 2 * np.exp2(2 * np.clip(before.scale, -64, 160) / OCTAVE) + 1 / 12
    residuals = targets - before.mean / FRACTION
    weights = before.gates / before.gates.sum(0) / (variance + residuals**2 / DEGREES)
    inputs, unit = pixels.values[:, half], (sigma / SIGMA_UNIT) ** 2
    changes = np.zeros(network.experts.shape)
    for expert, weight in enumerate(weights[:, half]):
        product = (inputs * weight) @ inputs.T
        product[np.diag_indices_from(product)] += RIDGE / max(unit, 1 / 12) * unit
        changes[expert] = np.linalg.solve(product, inputs @ (weight * residuals[half]))
    fitted = network.with_changes(np.rint(changes * (EXPERT_UNIT / EXPERT_STEP)))
    after = targets - pixels.predicted(fitted).mean / FRACTION
    bits = [np.log1p(one[~half] ** 2 / (DEGREES * variance[~half])).mean() for one in (residuals, after)]
    saved = (bits[0] - bits[1]) * (DEGREES + 1) / (2 * math.log(2))
    return fitted if saved * coded > EXPERT_BITS * changes.size else network


def fit_bins(
    residuals: Float[np.ndarray, " pixel"], bins: np.ndarray, sigma: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scale, the shape and the shift of each bin that give its residuals the shortest code; bins with few residuals
    take scale and shape of the nearest bin."""
    steps, kinds, shift = (np.zeros(SCALE_BINS, np.int64) for _ in range(3))
    zero = cell_scale(sigma) - SCALE_ZERO
    filled = [one for one in range(SCALE_BINS) if (bins == one).sum() >= FEWEST]
    for one in filled:
        own = residuals[bins == one]
        reach = CLIPPED * (2.0 ** ((one + zero) / OCTAVE))
        middle = float(np.clip(own, -reach, reach).sum()) / (len(own) + SHRINKAGE)  # a mean, small where they are few
        shift[one] = round(FRACTION * middle)
        steps[one], kinds[one] = _best(own[:MOST] - middle, one + zero)
    for one in range(SCALE_BINS):
        if filled and one not in filled:
            nearest = min(filled, key=lambda other: abs(other - one))
            steps[one], kinds[one] = steps[nearest], max(kinds[nearest], 2)
        elif not filled:
            kinds[one] = 2
    return steps + np.arange(SCALE_BINS) + zero, kinds, shift


def _best(residuals: np.ndarray, scale: int) -> tuple[int, int]:
    """(correction of the scale, shape) with the highest likelihood; rounding of residuals adds 1/12 to the variance."""
    from scipy.special import gammaln

    steps = np.arange(-STEPS, STEPS + 1)
    variance = np.exp2(2 * (scale + steps[:, None]) / OCTAVE) + 1 / 12
    squares = residuals**2 / variance
    bits = []
    for degrees in shipped()["degrees"]:
        if degrees:
            log = gammaln((degrees + 1) / 2) - gammaln(degrees / 2) - np.log(degrees * np.pi) / 2
            each = log - (degrees + 1) / 2 * np.log1p(squares / degrees)
        else:
            each = -squares / 2 - np.log(2 * np.pi) / 2
        bits.append(-np.maximum(each - np.log(variance) / 2, -30.0).mean(1))
    shape, step = np.unravel_index(np.argmin(bits), (len(bits), len(steps)))
    return int(steps[step]), int(shape)
