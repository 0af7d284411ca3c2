"""Draws a `Chart`: density or points of the training set, points of draws and of candidates, and a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.data.statistics import evenly_spaced
from sciencegen.report.content import Axis, Chart, Points, ReportContent
from sciencegen.report.markup import clean, element, escape, number, readable, with_unit
from sciencegen.report.plots import COLOUR, Overlay, cloud, finite_points, marks, plot
from sciencegen.report.sections import figure, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


# Density of points in a plane, and contours that hold given shares of them.

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


SHARES = (0.98, 0.9, 0.5)
"""Shares of the training points inside the contours, the widest first."""
OPACITY = (0.22, 0.4, 0.62)
OVER_CONTOURS = 1200
"""Maximum number of points of a group over contours."""
FEWEST = 50
"""Minimum number of training points for contours; fewer are drawn as points."""


def has_contours(record: Chart) -> bool:
    """Whether there are enough points for contours, and so few outside of the axes that the widest contour exists."""
    points = finite_points(record.training)
    if not record.contours or len(points) < FEWEST:
        return False
    low, high = np.array([ends(record.x), ends(record.y)]).T
    inside = ((points >= low) & (points <= high)).all(1)
    return float(inside.mean()) > max(SHARES)


def chart(record: Chart) -> str:
    """The SVG element of a chart."""
    contoured = has_contours(record)
    most = OVER_CONTOURS if contoured else None

    def paint(axes: Axes) -> list[Overlay]:
        overlays: list[Overlay] = []
        if contoured:
            _contours(axes, record)
        else:
            overlays.append(cloud(record.training, "training"))
        if record.line is not None:
            axes.plot(*finite_points(record.line.points).T, color=COLOUR["ink"], linewidth=1.2)
        overlays.append(cloud(_few(record.generated, most), "generated"))
        if len(record.labels):
            overlays.append(marks(record.candidates, record.labels, "candidate"))
        else:
            overlays.append(cloud(_few(record.candidates, most), "candidate"))
        _set_up(axes, record)
        return overlays

    counts = f"{len(record.candidates)} points of candidates, {len(record.training)} of the training set"
    size = (4.6, 4.5) if record.x.periodic and record.y.periodic else (4.9, 3.7)
    description = f"{record.title}: {record.y.name} against {record.x.name}; {counts}."
    return plot(f"chart {record.title}", description, paint, size)


def _few(points: Points, most: int | None) -> Points:
    """Evenly spaced points, so few that contours below them are seen; all without contours."""
    return points if most is None else [points[row] for row in evenly_spaced(len(points), most)]


def shares_within(record: Chart) -> list[tuple[str, float]]:
    """Of each group the share of points inside the widest contour; [] without contours."""
    if not has_contours(record):
        return []
    found, (widest, *_) = _density(record)
    groups = {"draws": record.generated, "candidates": record.candidates}
    points = {name: finite_points(own) for name, own in groups.items()}
    return [(name, float((found.at(own) >= widest).mean())) for name, own in points.items() if len(own)]


def _density(record: Chart) -> tuple[Density, list[float]]:
    """The density of the training points, and the levels of the contours."""
    points = finite_points(record.training)
    found = density(points, record.x, record.y)
    return found, levels(found, points, SHARES)


def _contours(axes: Axes, record: Chart) -> None:
    found, at = _density(record)
    # contourf needs increasing levels; those of few points may be equal
    edges = [*np.maximum.accumulate(np.array(at) * (1 + 1e-9 * np.arange(len(at)))), found.values.max() * 1.01]
    x, y, values = found.padded()
    fills = [(COLOUR["training"], opacity) for opacity in OPACITY]
    axes.contourf(x, y, values.T, levels=edges, colors=fills)


def _set_up(axes: Axes, record: Chart) -> None:
    """Labels, limits and ticks."""
    for axis, side in ((record.x, "x"), (record.y, "y")):
        axes.set(**{f"{side}label": clean(with_unit(readable(axis.name), axis.unit))})
        if axis.low is not None or axis.high is not None:
            axes.set(**{f"{side}lim": (axis.low, axis.high)})
        if axis.tick is not None and axis.low is not None and axis.high is not None:
            ticks = np.arange(axis.low, axis.high + axis.tick / 2, axis.tick)
            axes.set(**{f"{side}ticks": ticks, f"{side}ticklabels": [number(one) for one in ticks.tolist()]})
    axes.margins(0.05)
    if record.x.periodic and record.y.periodic:
        axes.set_aspect("equal")


# The section of a domain's charts.


def charts_section(content: ReportContent) -> str:
    """A panel for each chart with its legend and note; "" without charts."""
    panels = [figure(chart(record), _caption(record)) for record in content.charts]
    return element("div", "".join(panels), class_="panels large") if panels else ""


def _caption(record: Chart) -> str:
    held = ", ".join(f"{100 * share:.0f}" for share in sorted(SHARES))
    known = ("dot training", "training set")
    if has_contours(record):
        known = ("training", f"training set: contours hold {held} %")
    entries = [known] if len(record.training) else []
    entries += [("dot generated", "draws of the model")] if len(record.generated) else []
    entries += [("dot candidate", "candidates")] if len(record.candidates) else []
    entries += [("line ink", record.line.name)] if record.line is not None else []
    words = [record.note, *_within(record)]
    return f"<b>{escape(record.title)}</b> {escape(' '.join(filter(None, words)))}{legend(entries)}"


def _within(record: Chart) -> list[str]:
    """A sentence on the points inside the widest contour."""
    found = [f"{name} {number(100 * share, 1)} %" for name, share in shares_within(record)]
    return [f"Points inside the contour of {100 * max(SHARES):.0f} %: {', '.join(found)}."] if found else []
