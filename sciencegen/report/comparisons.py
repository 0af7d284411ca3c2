"""Where candidates and draws lie among the training set: histograms, the latent map, and charts of two quantities."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.data.statistics import evenly_spaced
from sciencegen.items import Direction
from sciencegen.report.canvas import COLOUR, HUES, MAX_CLOUD, Overlay, cloud, finite_points, marks, plot
from sciencegen.report.content import Axis, Chart, Points, require_length
from sciencegen.report.text import Bounds, clean, finite, goal_text, number, readable, with_unit

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

# The latent map.

SHADES = 8
"""Number of steps of a colour scale."""


def latent_map(
    candidates: Points, training: Points = (), labels: Sequence[str] = (), values: Sequence[float] = (),
    groups: Sequence[str] = (), value_name: str = "",
) -> Markup:  # fmt: skip
    """The training set as a cloud, the candidates as marks on it. labels: of candidates. values, groups: of training
    items, by which these have their colours."""
    require_length("latent_map", len(candidates), labels=labels)
    require_length("latent_map", len(training), values=values, groups=groups)

    def paint(axes: Axes) -> list[Overlay]:
        axes.set(xlabel="Latent axis 1", ylabel="Latent axis 2")
        axes.margins(0.04)
        return [*_training(training, values, groups), marks(candidates, labels, "candidate")]

    count = f"{len(candidates)} candidates among {len(training)} training items"
    coloured = f", coloured by {readable(value_name)}" if len(values) or len(groups) else ""
    return plot("latent map", f"Latent map of {count}{coloured}.", paint, (10.4, 5.2))


def value_range(values: Sequence[float]) -> tuple[float, float] | None:
    """The values of the first and the last colour: the 2% and 98% quantiles; None if these are equal."""
    numbers = finite(values)
    low, high = np.quantile(numbers, [0.02, 0.98]).tolist() if numbers else (0.0, 0.0)
    return (low, high) if high > low else None


def largest_groups(groups: Sequence[str]) -> list[tuple[str, int]]:
    """(name, items) of the groups that have a colour, the largest first; equal ones by name."""
    counts = Counter(group for group in groups if group)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:HUES]


def _training(training: Points, values: Sequence[float], groups: Sequence[str]) -> list[Overlay]:
    """Clouds of the training items: one for all; one per group, the smallest coloured one on top and those without
    colour below; or one per shade of the values, the highest on top."""
    points, numbers, bounds = np.asarray(training, float).reshape(-1, 2), np.asarray(values, float), value_range(values)
    if len(groups):
        own, names = np.asarray(groups), [name for name, _ in largest_groups(groups)]
        coloured = [cloud(points[own == name], f"series-{place}") for place, name in enumerate(names, 1)]
        return [cloud(points[~np.isin(own, names)], "training"), *coloured]
    if bounds is None:
        return [cloud(training, "training")]
    chosen = slice(None, None, math.ceil(len(numbers) / MAX_CLOUD))
    points, numbers = points[chosen], numbers[chosen]
    shades = np.round(SHADES * np.clip((numbers - bounds[0]) / (bounds[1] - bounds[0]), 0, 1))
    mixed = "color-mix(in oklab,var(--scale-high) {:.0f}%,var(--scale-low))"
    shaded = [(finite_points(points[shades == one]).tolist(), 100 * one / SHADES) for one in range(SHADES + 1)]
    clouds = [Overlay(own, "cloud valued", mixed.format(share)) for own, share in shaded if own]
    return [cloud(points[np.isnan(numbers)], "training"), *clouds]


# Histograms of a property: candidates, training data and draws.

BINS = 32
FARTHER = 8.0
"""The axis is logarithmic if the largest values are this many times farther from the median than the smallest ones, and
the values span more than a decade."""


def histogram(
    name: str, candidates: Sequence[float], training: Sequence[float], generated: Sequence[float] = (), unit: str = "",
    goal_range: Bounds | None = None, direction: Direction | None = None,
) -> Markup:  # fmt: skip
    """Histograms of the groups, each scaled to its highest bar, with the goal's range shaded."""
    groups = [("training", finite(training)), ("generated", finite(generated)), ("candidate", finite(candidates))]
    present = [values for _, values in groups if values]
    decades = spans_decades(present)
    edges = np.geomspace(min(map(min, present)), max(map(max, present)), BINS + 1) if decades else _bin_edges(present)

    def paint(axes: Axes) -> None:
        _shade(axes, goal_range, edges[0], edges[-1])
        for role, values in groups:
            if values:
                _paint_group(axes, role, values, edges)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, 1.06)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(clean(with_unit(readable(name), unit)))
        if decades:
            _name_decades(axes, edges[-1] / edges[0])
        else:
            axes.locator_params(axis="x", nbins=6)

    medians = ", ".join(f"{role} median {number(float(np.median(values)))}" for role, values in groups if values)
    requested = goal_text(goal_range, direction)
    goal = f"; requested {requested}" if requested else ""
    return plot(f"distribution {name}", f"Distribution of {name}: {medians}{goal}.", paint, (3.9, 2.5))


def _paint_group(axes: Axes, role: str, values: Sequence[float], edges: np.ndarray) -> None:
    """A histogram, scaled to its highest bar. Values beyond the edges are counted in the outermost bins."""
    counts = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    height, fill = counts / counts.max(), {"training": 0.45, "generated": 0.0, "candidate": 0.35}[role]
    axes.stairs(height, edges, fill=True, color=COLOUR[role], alpha=fill, linewidth=0)
    axes.stairs(height, edges, color=COLOUR[role], linewidth=0.8 if role == "training" else 1.5)


def _name_decades(axes: Axes, ratio: float) -> None:
    """A logarithmic axis with plain numbers; also between decades if there are few of these."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log", subs=[])
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if ratio < 1e3 else (1.0,)))
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.xaxis.set_minor_formatter(NullFormatter())


def spans_decades(groups: Sequence[Sequence[float]]) -> bool:
    """Whether all numbers are positive and those of the largest group so skewed that most would be in a few bins."""
    if not groups or min(map(min, groups)) <= 0:
        return False
    low, middle, high = np.quantile(max(groups, key=len), [0.02, 0.5, 0.98])
    return bool(high > 10 * low and high - middle > FARTHER * (middle - low))


def _bin_edges(groups: Sequence[Sequence[float]]) -> np.ndarray:
    """Common bins: one per whole number; else equal bins over the range with 99.8 % of every group."""
    if not groups:
        return np.linspace(0.0, 1.0, 2)
    low = min(np.quantile(values, 0.001) for values in groups)
    high = max(np.quantile(values, 0.999) for values in groups)
    all_whole = all(float(value).is_integer() for values in groups for value in values)
    if all_whole and high - low <= 2 * BINS:
        return np.arange(math.floor(low) - 0.5, math.ceil(high) + 1)
    if high - low < 1e-12 * max(abs(low), abs(high), 1e-12):
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _shade(axes: Axes, goal_range: Bounds | None, start: float, end: float) -> None:
    """The goal's range as a pale band with lines at its ends; an open side extends to the end of the axis."""
    if goal_range is None:
        return
    low, high = (start if goal_range[0] is None else goal_range[0]), (end if goal_range[1] is None else goal_range[1])
    axes.axvspan(max(low, start), min(high, end), color=COLOUR["requested"], alpha=0.13, linewidth=0)
    for edge in goal_range:
        if edge is not None and start <= edge <= end:
            axes.axvline(edge, color=COLOUR["requested"], linewidth=1.1)


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


Contours = tuple[Density, list[float]]
"""The density of the training points, and the levels of the contours that hold `SHARES` of them."""


def contours_of(record: Chart) -> Contours | None:
    """None if there are too few points for contours, or so many outside of the axes that the widest doesn't exist."""
    points = finite_points(record.training)
    if not record.contours or len(points) < FEWEST:
        return None
    low, high = np.array([ends(record.x), ends(record.y)]).T
    inside = ((points >= low) & (points <= high)).all(1)
    if float(inside.mean()) <= max(SHARES):
        return None
    found = density(points, record.x, record.y)
    return found, levels(found, points, SHARES)


def chart(record: Chart, contours: Contours | None) -> Markup:
    """The SVG element of a chart. contours: in place of the training points."""
    most = None if contours is None else OVER_CONTOURS

    def paint(axes: Axes) -> list[Overlay]:
        overlays: list[Overlay] = []
        if contours is not None:
            _paint_contours(axes, contours)
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


def shares_within(record: Chart, contours: Contours) -> list[tuple[str, float]]:
    """Of each group the share of points inside the widest contour."""
    found, (widest, *_) = contours
    groups = {"draws": record.generated, "candidates": record.candidates}
    points = {name: finite_points(own) for name, own in groups.items()}
    return [(name, float((found.at(own) >= widest).mean())) for name, own in points.items() if len(own)]


def _paint_contours(axes: Axes, contours: Contours) -> None:
    found, at = contours
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
