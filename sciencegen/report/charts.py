"""Draws a `Chart`: density or points of the training set, points of draws and of candidates, and a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sciencegen.data.spacing import evenly_spaced
from sciencegen.report.canvas import COLOUR, Overlay, plot
from sciencegen.report.chart_content import Chart, Points
from sciencegen.report.density import Density, density, ends, levels
from sciencegen.report.markup import clean, number, readable, with_unit
from sciencegen.report.plots import cloud, finite_points, marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
