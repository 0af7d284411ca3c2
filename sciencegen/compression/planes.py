"""Codes a stack of tiles of equal shape, plane by plane and in waves: the pixels of all tiles with equal SKEW y + x at
once, so that arrays are wide and neighbours known.

What is known of a pixel are those of earlier waves in its plane, and all of up to two earlier planes (Network).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.compression.distribution import Placed, place
from sciencegen.compression.network import FRACTION, LARGEST_CELL, OWN_BORDER, Network, bounded, compand, positions
from sciencegen.compression.symbols import Coder, code_cells

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


class Neighbours:
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
    near = Neighbours(cells.shape, centred)
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
