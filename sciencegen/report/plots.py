"""The report's plots, each a function from one record of `content` to an SVG element."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool

from sciencegen.report.canvas import COLOUR, CONTROLS, SERIES, Cloud, Marks, Overlay, plot
from sciencegen.report.content import Calibration, LatentMap, Objective, Pareto, Trace
from sciencegen.report.markup import clean, finite, number, readable, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_CLOUD = 4000
"""Most background points; more are thinned evenly, which makes the file smaller without a visible difference."""

MAX_STEPS = 200
"""Points of one curve after thinning."""

SHADES = 8
"""Number of steps of a colour scale."""
CONTROL_DASHES = ((0, (4, 2.2)), (0, (1.2, 1.8)), (0, (6, 2, 1.2, 2)))


def latent_map(record: LatentMap) -> str:
    """The training set as a cloud, the candidates as marks on it."""

    def paint(axes: Axes) -> list[Overlay]:
        axes.set_xlabel(clean(record.x_label))
        axes.set_ylabel(clean(record.y_label))
        axes.margins(0.04)
        return [*_training(record), marks(record.candidates, record.labels, "candidate")]

    count = f"{len(record.candidates)} candidates among {len(record.training)} training items"
    by_name = len(record.values) or len(record.groups)
    coloured = f", coloured by {readable(record.value_name)}" if by_name else ""
    return plot("latent map", f"Latent map of {count}{coloured}.", paint, (10.4, 5.2))


def value_range(record: LatentMap) -> tuple[float, float] | None:
    """The values of the first and the last colour: the 2% and 98% quantiles; None if these are equal."""
    values = finite(record.values)
    low, high = np.quantile(values, [0.02, 0.98]).tolist() if values else (0.0, 0.0)
    return (low, high) if high > low else None


def largest_groups(record: LatentMap) -> list[tuple[str, int]]:
    """(name, items) of the groups that have a colour, the largest first; equal ones by name."""
    counts = Counter(group for group in record.groups if group)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:SERIES]


def _grouped(record: LatentMap) -> list[Cloud]:
    """Clouds of the groups: those without colour below, the smallest coloured one on top."""
    points, groups = np.asarray(record.training, dtype=float).reshape(-1, 2), np.asarray(record.groups)
    names = [name for name, _ in largest_groups(record)]
    coloured = [cloud(points[groups == name].tolist(), f"series-{number}") for number, name in enumerate(names, 1)]
    return [cloud(points[~np.isin(groups, names)].tolist(), "training"), *coloured]


def _training(record: LatentMap) -> list[Cloud]:
    """Clouds of the training items: one, one per group, or one per shade of the values with the highest on top."""
    if len(record.groups):
        return _grouped(record)
    bounds, values = value_range(record), np.asarray(record.values, dtype=float)
    if bounds is None:
        return [cloud(record.training, "training")]
    points, chosen = np.asarray(record.training, dtype=float), slice(None, None, math.ceil(len(values) / MAX_CLOUD))
    points, values = points[chosen], values[chosen]
    shades = np.round(SHADES * np.clip((values - bounds[0]) / (bounds[1] - bounds[0]), 0, 1))
    groups = [(shade, points[shades == shade]) for shade in range(SHADES + 1)]
    mixed = "color-mix(in oklab,var(--scale-high) {:.0f}%,var(--scale-low))"
    clouds = [Cloud(finite_points(own).tolist(), mixed.format(100 * k / SHADES), "cloud valued") for k, own in groups]
    return [cloud(points[np.isnan(values)].tolist(), "training"), *(one for one in clouds if len(one.points))]


def finite_points(points: Sequence[Sequence[float]]) -> np.ndarray:
    """[point 2], only those with two finite coordinates."""
    array = np.asarray(points, dtype=float).reshape(-1, 2)
    return array[np.isfinite(array).all(axis=1)]


def cloud(points: Sequence[Sequence[float]], role: str) -> Cloud:
    """At most about `MAX_CLOUD` of the finite points, in the colour of a role."""
    array = finite_points(points)
    step = max(1, math.ceil(len(array) / MAX_CLOUD))
    return Cloud(array[::step].tolist(), f"var(--{role})")


def marks(
    points: Sequence[Sequence[float]],
    labels: Sequence[str],
    kind: str,
    keep: Sequence[bool] | Bool[np.ndarray, " point"] | None = None,
    table_rows: Sequence[int] = (),
) -> Marks:
    """Marks for the finite points (only those flagged by `keep`, if given). The table row of a point is its index,
    unless `table_rows` are given."""
    array = np.asarray(points, dtype=float).reshape(-1, 2)
    usable = np.isfinite(array).all(axis=1) & (True if keep is None else np.asarray(keep, dtype=bool))
    rows = np.flatnonzero(usable).tolist()
    names = [labels[row] if len(labels) else f"candidate {row + 1}" for row in rows]
    own_rows = [table_rows[row] for row in rows] if len(table_rows) else rows
    return Marks(array[usable].tolist(), names, own_rows, kind)


def pareto(record: Pareto) -> str:
    """Two objectives against each other, the front as a staircase."""
    front = np.asarray(record.front, dtype=bool)

    def paint(axes: Axes) -> list[Overlay]:
        # the region dominated by the front is a union of rectangles, so the steps are on its worse side
        turn = "steps-pre" if record.x.direction == "maximize" else "steps-post"
        axes.plot(*_staircase(record).T, drawstyle=turn, color=COLOUR["front"], linewidth=1.3)
        axes.set_xlabel(_objective_label(record.x))
        axes.set_ylabel(_objective_label(record.y))
        axes.margins(0.05)
        rest = marks(record.points, record.labels, "candidate", ~front)
        return [cloud(record.scored, "training"), rest, marks(record.points, record.labels, "front", front)]

    best = f"{int(front.sum())} of {len(front)} candidates are on the front"
    description = f"Pareto plot of {record.y.name} against {record.x.name}: {best}."
    return plot(f"pareto {record.x.name} {record.y.name}", description, paint, (5.2, 3.8))


def _staircase(record: Pareto) -> np.ndarray:
    """[corner 2] of the front by increasing x: its points that are not dominated in these two of all objectives."""
    signs = np.array([1.0 if axis.direction == "maximize" else -1.0 for axis in (record.x, record.y)])
    points = finite_points(np.asarray(record.points, dtype=float).reshape(-1, 2)[np.asarray(record.front, dtype=bool)])
    points = points[np.lexsort((points * signs)[:, ::-1].T)[::-1]]  # best x first, best y first among equals
    gain = points[:, 1] * signs[1]
    corners = points[np.r_[True, gain[1:] > np.maximum.accumulate(gain)[:-1]]] if len(points) else points
    return corners[np.argsort(corners[:, 0], kind="stable")]


def _objective_label(objective: Objective) -> str:
    arrow = "better →" if objective.direction == "maximize" else "← better"
    return clean(with_unit(readable(objective.name), f"{objective.unit}, {arrow}" if objective.unit else arrow))


def trace(record: Trace) -> str:
    """Progress of each search against the number of distinct scored items, or of draws; controls dashed."""

    def paint(axes: Axes) -> None:
        for curve, role, dashes in zip(record.curves, curve_roles(record), _dashes(record), strict=True):
            chosen = _thin(len(curve.calls))
            calls = np.asarray(curve.calls, dtype=float)[chosen]
            if len(curve.lower) and len(curve.upper):
                low, high = (np.asarray(side, dtype=float)[chosen] for side in (curve.lower, curve.upper))
                axes.fill_between(calls, low, high, step="post", color=COLOUR[role], alpha=0.16, linewidth=0)
            values = np.asarray(curve.values, dtype=float)[chosen]
            width = 1.5 if curve.control else 2.0
            axes.plot(calls, values, drawstyle="steps-post", color=COLOUR[role], linewidth=width, linestyle=dashes)
        axes.margins(x=0.01)
        axes.set_xlabel(record.axis)
        axes.set_ylabel(clean(with_unit(record.statistic, record.unit)))

    ends = ", ".join(f"{curve.name} ends at {number(curve.values[-1])}" for curve in record.curves if len(curve.values))
    return plot(f"trace {record.statistic}", f"{record.statistic} against {record.axis}: {ends}.", paint, (5.2, 3.4))


def curve_roles(record: Trace) -> list[str]:
    """The colour role of each curve: methods in the palette, controls in greys."""
    methods = controls = 0
    roles = []
    for curve in record.curves:
        if curve.control:
            roles.append(f"control-{controls % CONTROLS + 1}")
            controls += 1
        else:
            roles.append(f"series-{methods % SERIES + 1}")
            methods += 1
    return roles


def _dashes(record: Trace) -> list[Any]:
    """Solid for methods; each control has its own pattern, which can be recognized without colours."""
    return [CONTROL_DASHES[int(role[-1]) - 1] if role.startswith("control") else "-" for role in curve_roles(record)]


def _thin(length: int) -> np.ndarray:
    """Indices of at most MAX_STEPS points, including the first and the last."""
    return np.unique(np.linspace(0, length - 1, min(length, MAX_STEPS)).round().astype(int)) if length else np.arange(0)


def calibration(record: Calibration) -> str:
    """Observed against requested values; on the diagonal where the model follows its condition."""

    def paint(axes: Axes) -> None:
        requested, observed = (np.asarray(side, dtype=float) for side in (record.requested, record.observed))
        ends = np.array([np.nanmin(requested), np.nanmax(requested)]) if requested.size else np.array([0.0, 1.0])
        if record.tolerance is not None:
            band = (ends - record.tolerance, ends + record.tolerance)
            axes.fill_between(ends, *band, color=COLOUR["requested"], alpha=0.16, linewidth=0)
        axes.plot(ends, ends, color=COLOUR["muted"], linewidth=1, linestyle=(0, (4, 3)))
        if len(record.lower) and len(record.upper):
            axes.vlines(requested, record.lower, record.upper, color=COLOUR["candidate"], linewidth=2.2, alpha=0.45)
        axes.plot(requested, observed, "o", color=COLOUR["candidate"], markersize=5)
        axes.set_xlabel(clean(with_unit(f"{record.name} asked", record.unit)))
        axes.set_ylabel(clean(with_unit(f"{record.name} got", record.unit)))
        axes.margins(0.08)

    pairs = ", ".join(f"{number(a)} gave {number(g)}" for a, g in zip(record.requested, record.observed, strict=True))
    return plot(f"calibration {record.name}", f"{record.name}, asked and got: {pairs}.", paint, (3.9, 3.1))
