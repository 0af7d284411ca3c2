"""Density of points in a plane, and contours that hold given shares of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.report.chart_content import Axis

CELLS = 90
"""Cells of the grid along each axis."""
BANDWIDTH = 2.0
"""Standard deviation of the Gaussian kernel, in cells: 8 degrees of 360."""


@dataclass(frozen=True)
class Density:
    """A density on the centres of a grid. values: [x y], relative."""

    x: Axis
    y: Axis
    values: Float[np.ndarray, "x y"]

    def centres(self, axis: Axis) -> Float[np.ndarray, " cell"]:
        """Positions of the grid along an axis."""
        low, high = ends(axis)
        return low + (np.arange(CELLS) + 0.5) * (high - low) / CELLS

    def at(self, points: Float[np.ndarray, "point 2"]) -> Float[np.ndarray, " point"]:
        """The density in the cell of each point; 0 outside of the grid."""
        cells = np.stack([_cells(points[:, 0], self.x), _cells(points[:, 1], self.y)])
        inside = ((cells >= 0) & (cells < CELLS)).all(0)
        i, j = np.where(inside, cells, 0)
        return np.where(inside, self.values[i, j], 0.0)

    def padded(self) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "x y"]]:
        """The grid with a further cell at each end, so that contours reach the frame: of the other end on a periodic
        axis, else of the value 0."""
        values = _padded(_padded(self.values, self.x).T, self.y).T
        return _longer(self.centres(self.x)), _longer(self.centres(self.y)), values


def density(points: Float[np.ndarray, "point 2"], x: Axis, y: Axis) -> Density:
    """Kernel density of points: a Gaussian of `BANDWIDTH` cells, which goes on at the other end of a periodic axis."""
    from scipy.ndimage import gaussian_filter1d

    values = np.histogram2d(points[:, 0], points[:, 1], CELLS, (ends(x), ends(y)))[0]
    for at, axis in enumerate((x, y)):
        mode = "wrap" if axis.periodic else "constant"
        values = gaussian_filter1d(values, BANDWIDTH, axis=at, mode=mode)
    return Density(x, y, values)


def levels(found: Density, points: Float[np.ndarray, "point 2"], shares: Sequence[float]) -> list[float]:
    """For each share, the density that this share of the points exceeds or equals."""
    return np.quantile(found.at(points), [1 - share for share in shares], method="lower").tolist()


def _longer(centres: Float[np.ndarray, " cell"]) -> Float[np.ndarray, " padded"]:
    step = centres[1] - centres[0]
    return np.concatenate([[centres[0] - step], centres, [centres[-1] + step]])


def _padded(values: Float[np.ndarray, "cell other"], axis: Axis) -> Float[np.ndarray, "padded other"]:
    none = np.zeros((1, values.shape[1]))
    first, last = (values[-1:], values[:1]) if axis.periodic else (none, none)
    return np.concatenate([first, values, last])


def ends(axis: Axis) -> tuple[float, float]:
    """Both ends of an axis of a chart with contours."""
    assert axis.low is not None  # `Chart` checks it
    assert axis.high is not None
    return axis.low, axis.high


def _cells(values: Float[np.ndarray, " point"], axis: Axis) -> np.ndarray:
    low, high = ends(axis)
    cells = np.floor((values - low) / (high - low) * CELLS)
    return np.where(values == high, CELLS - 1, cells).astype(int)
