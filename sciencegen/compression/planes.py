"""Codes a stack of tiles of equal shape: one pixel of all tiles at once, so that arrays are wide and neighbours known.

Pixels go plane by plane, row by row. What is known of a pixel are the pixels before it in its plane, and all of up to
two earlier planes (Network).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from sciencegen.compression.distribution import Placed, place
from sciencegen.compression.network import LARGEST_CELL, OWN_BORDER, Network, compand, positions
from sciencegen.compression.symbols import Coder, code_cells

BORDER = OWN_BORDER
SCALE_BINS = 96
"""Scales of the network, in 1 / OCTAVE octaves of sigma from -SCALE_ZERO, that have a correction of their own."""
SCALE_ZERO = 32


@dataclass(frozen=True)
class PlaneModel:
    """How a plane is predicted. sigma: noise in 1 / SIGMA_UNIT cells. scale, shape [bin]: for each scale of the
    network, the scale in cells and the shape of the distribution."""

    network: Network
    sigma: int
    scale: Int[np.ndarray, " bin"]
    shape: Int[np.ndarray, " bin"]


def scale_bin(scale: Int[np.ndarray, " lane"]) -> Int[np.ndarray, " lane"]:
    """The bin of a network's scale."""
    return np.clip(scale + SCALE_ZERO, 0, SCALE_BINS - 1)


class Neighbours:
    """The known pixels of a stack [plane y x tile], with a border of zeros, as the network takes them."""

    def __init__(self, shape: tuple[int, int, int, int]) -> None:
        planes, height, width, lanes = shape
        self._width, self._lanes = width + 2 * BORDER, lanes
        self._sigmas = np.ones(planes)
        self._plane = (height + 2 * BORDER) * self._width
        self.values = np.zeros((planes * self._plane, lanes), np.float64)
        self.companded = np.zeros((planes * self._plane, lanes), np.float32)

    def at(self, plane: int, y: int, x: int) -> int:
        """The row of a pixel."""
        return plane * self._plane + (y + BORDER) * self._width + x + BORDER

    def offsets(self, network: Network, plane: int) -> Int[np.ndarray, " input"]:
        """Rows of the network's inputs minus that of the pixel. Planes that don't exist are the first's border."""
        own = [dy * self._width + dx for dy, dx in network.own]
        other = []
        for back in range(1, network.planes + 1):
            for dy, dx in network.other:
                other.append(dy * self._width + dx - back * self._plane if back <= plane else -(1 << 60))
        return np.array(own + other, np.int64)

    def start(self, plane: int, sigma: int) -> None:
        """Say the noise of a plane before its pixels."""
        self._sigmas[plane] = sigma

    def put(self, start: int, cells: Int[np.ndarray, "pixel lane"], sigma: int) -> None:
        """Store pixels of successive rows."""
        stop = start + len(cells)
        np.clip(cells, -LARGEST_CELL, LARGEST_CELL, out=self.values[start:stop])
        self.companded[start:stop] = compand(cells, sigma)

    def around(self, start: int, count: int, offsets: Int[np.ndarray, " input"]) -> tuple[np.ndarray, np.ndarray]:
        """Values and companded values [input, count * lane] around `count` successive rows. Values of earlier planes
        are in the noise of this one."""
        rows = np.maximum(offsets[:, None] + np.arange(start, start + count), 0)
        wide = (len(offsets), count * self._lanes)
        values, plane = self.values[rows].reshape(wide), start // self._plane
        for input_plane in range(plane):
            if self._sigmas[input_plane] != self._sigmas[plane]:
                of_it = rows[:, 0] // self._plane == input_plane
                values[of_it] = np.floor(values[of_it] * self._sigmas[plane] / self._sigmas[input_plane])
        return values, self.companded[rows].reshape(wide)


Rest = Callable[[Coder, int, int, Int[np.ndarray, " lane"] | slice, Int[np.ndarray, " lane"]], None]
"""(coder, plane, number of the pixel, tiles, their cells): codes what cells leave open."""


def code_stack(
    coder: Coder, cells: Int[np.ndarray, "plane y x lane"], masks: Bool[np.ndarray, "plane y x lane"] | None,
    models: Sequence[PlaneModel], known: bool, rest: Rest, centred: bool = False,
) -> None:  # fmt: skip
    """Write cells, or read them into the array (known: False). masks: pixels that aren't coded; their cells are 0.
    centred: whether each tile is an image, which may have an object at its centre."""
    near = Neighbours(cells.shape)
    height, width = cells.shape[1:3]
    for plane, model in enumerate(models):
        near.start(plane, model.sigma)
        offsets, step = near.offsets(model.network, plane), width if known else 1
        for pixel in range(0, height * width, step):  # a row at once when it is known, else a pixel
            y, x = divmod(pixel, width)
            start = near.at(plane, y, x)
            if known:
                near.put(start, cells[plane, y], model.sigma)
            where = place_in(range(pixel, pixel + step), height, width, centred)
            placed = _placed(near, start, where, offsets, model)
            for one in range(step):
                lanes = _lanes(masks, plane, y, x + one)
                part = Placed(*(field.reshape(step, -1)[one][lanes] for field in placed))
                given = cells[plane, y, x + one]
                given[lanes] = code_cells(coder, given[lanes] if known else None, part)
                rest(coder, plane, pixel + one, lanes, given[lanes])
            if not known:
                near.put(start, cells[plane, y, x][None], model.sigma)


def place_in(pixels: Sequence[int], height: int, width: int, centred: bool) -> np.ndarray:
    """What the network knows of the places of pixels: nothing in a tile of a larger image."""
    y, x = np.divmod(np.array(pixels), width)
    found = positions(y, x, height, width)
    return found if centred else np.zeros_like(found)


def _placed(near: Neighbours, start: int, where: np.ndarray, offsets: np.ndarray, model: PlaneModel) -> Placed:
    """Where successive pixels of all tiles are coded. where: their places."""
    values, companded = near.around(start, where.shape[1], offsets)
    mean, scale, _ = model.network.predict(values, companded, where, model.sigma)
    bins = scale_bin(scale)
    return place(mean, model.scale[bins], model.shape[bins])


def _lanes(masks: np.ndarray | None, plane: int, y: int, x: int) -> np.ndarray | slice:
    """The tiles in which a pixel is coded."""
    return slice(None) if masks is None else np.flatnonzero(~masks[plane, y, x])
