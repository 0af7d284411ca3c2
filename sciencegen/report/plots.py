"""Plots of searches and campaigns, for pages as SVG elements, and for papers and notebooks as figures of matplotlib.

What both show is drawn once: curves, a front, a diagonal. A page's plot is a function that paints on the axes of
`canvas.plot`, in placeholder colours; a paper's is a `styled` function that returns a figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.figures import style as paper
from sciencegen.figures.style import COLUMN, DASHES, PAGE, PALE, new_figure, single_axes, styled
from sciencegen.items import Cell
from sciencegen.report.canvas import COLOUR, CONTROL_HUES, HUES, Overlay, cloud, finite_points, marks, plot
from sciencegen.report.content import CheckedPredictions, GoalAxis, Points, Rounds, SearchCurve, require_length
from sciencegen.report.text import clean, number, readable, with_unit

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

MAX_STEPS = 200
"""Points of one curve after thinning."""
CONTROL_DASHES = ((0, (4, 2.2)), (0, (1.2, 1.8)), (0, (6, 2, 1.2, 2)))

# Two objectives against each other.


def front_corners(points: Points | np.ndarray, x: GoalAxis, y: GoalAxis) -> Float[np.ndarray, "corner 2"]:
    """The corners of a front by increasing x: its points that are not dominated in these two of all objectives."""
    signs = np.array([x.sign, y.sign])
    found = finite_points(points)
    found = found[np.lexsort((found * signs)[:, ::-1].T)[::-1]]  # best x first, best y first among equals
    gain = found[:, 1] * signs[1]
    corners = found[np.r_[True, gain[1:] > np.maximum.accumulate(gain)[:-1]]] if len(found) else found
    return corners[np.argsort(corners[:, 0], kind="stable")]


def draw_front(axes: Axes, points: Points | np.ndarray, x: GoalAxis, y: GoalAxis, line: Mapping[str, Any]) -> None:
    """The border of what a front dominates: a union of rectangles, so the steps are on the front's worse side."""
    turn = "steps-post" if x.direction == "minimize" else "steps-pre"
    axes.plot(*front_corners(points, x, y).T, drawstyle=turn, **line)


def pareto(
    x: GoalAxis, y: GoalAxis, points: Points, front: Sequence[bool], scored: Points = (), labels: Sequence[str] = ()
) -> Markup:  # fmt: skip
    """Candidates by two objectives among everything scored, the front as a staircase."""
    require_length("pareto", len(points), front=front, labels=labels)
    best = np.asarray(front, dtype=bool)

    def paint(axes: Axes) -> list[Overlay]:
        own = np.asarray(points, dtype=float).reshape(-1, 2)[best]
        draw_front(axes, own, x, y, {"color": COLOUR["front"], "linewidth": 1.3})
        for side, goal in (("x", x), ("y", y)):
            arrow = "better →" if goal.direction == "maximize" else "← better"
            unit = f"{goal.unit}, {arrow}" if goal.unit else arrow
            axes.set(**{f"{side}label": clean(with_unit(readable(goal.name), unit))})
        axes.margins(0.05)
        rest = marks(points, labels, "candidate", ~best)
        return [cloud(scored, "training"), rest, marks(points, labels, "front", best)]

    told = f"{int(best.sum())} of {len(best)} candidates are on the front"
    description = f"Pareto plot of {y.name} against {x.name}: {told}."
    return plot(f"pareto {x.name} {y.name}", description, paint, (5.2, 3.8))


@styled
def pareto_figure(
    points: Float[np.ndarray, "item 2"], feasible: Bool[np.ndarray, " item"], front: Bool[np.ndarray, " item"],
    candidates: Float[np.ndarray, "candidate 2"], goals: tuple[GoalAxis, GoalAxis],
) -> Figure:  # fmt: skip
    """Scored items by two goals. feasible: those that meet all goals; front: those of them that no other one surpasses
    in both. candidates: those that were chosen."""
    figure, axes = single_axes(height=3.0)
    clouds = (("misses a goal", points[~feasible], PALE, 5), ("meets all goals", points[feasible], paper.SERIES[5], 7))
    for label, own, colour, size in clouds:
        if np.isfinite(own).all(1).any():
            axes.scatter(
                own[:, 0], own[:, 1], s=size, color=colour, linewidths=0, label=label, rasterized=len(own) > 5000
            )
    if front.any():
        line = {"color": paper.SERIES[0], "linewidth": 1.0, "label": "Pareto front", "zorder": 4}
        draw_front(axes, points[front], *goals, line)
    if len(candidates):
        x, y = candidates.T
        axes.scatter(
            x, y, s=16, facecolor="none", edgecolor=paper.SERIES[1], linewidths=0.9, label="candidates", zorder=5
        )
    ways = {"maximize": ", higher is better", "minimize": ", lower is better", None: ""}
    for goal, side, draw in zip(goals, "xy", (axes.axvline, axes.axhline), strict=True):
        for limit in {goal.low, goal.high}:
            if np.isfinite(limit):
                draw(limit, color=paper.MUTED, linewidth=0.7, linestyle=DASHES[1], zorder=1)
        axes.set(**{f"{side}label": with_unit(readable(goal.name), goal.unit) + ways[goal.direction]})
    axes.margins(MARGIN)
    figure.legend(loc="outside upper center", ncols=2, handletextpad=0.4, columnspacing=1.5)
    return figure


# Progress by the number of scored or measured items.


def draw_curves(
    axes: Axes, curves: Sequence[SearchCurve], pens: Sequence[Mapping[str, Any]], *, steps: bool, opacity: float = 0.16
) -> None:  # fmt: skip
    """Curves with their bands. pens: the properties of each line. steps: whether a value holds until the next one."""
    for curve, pen in zip(curves, pens, strict=True):
        calls, values = np.asarray(curve.calls, dtype=float), np.asarray(curve.values, dtype=float)
        if len(curve.lower) and len(curve.upper):
            band = {"step": "post"} if steps else {}
            axes.fill_between(calls, curve.lower, curve.upper, color=pen["color"], alpha=opacity, linewidth=0, **band)  # type: ignore[arg-type]
        axes.plot(calls, values, drawstyle="steps-post" if steps else "default", **pen)


def curve_roles(curves: Sequence[SearchCurve]) -> list[str]:
    """The colour role of each curve: methods in the palette, controls in greys."""
    methods, controls, roles = 0, 0, []
    for curve in curves:
        roles.append(f"control-{controls % CONTROL_HUES + 1}" if curve.control else f"series-{methods % HUES + 1}")
        controls, methods = controls + curve.control, methods + (not curve.control)
    return roles


def trace(statistic: str, curves: Sequence[SearchCurve], unit: str, axis: str) -> Markup:
    """Progress of each search against the number of distinct scored items, or of draws; controls dashed."""
    pens = [
        # each control has its own pattern, which can be recognized without colours
        {"color": COLOUR[role], "linewidth": 1.5, "linestyle": CONTROL_DASHES[int(role[-1]) - 1]}
        if role.startswith("control")
        else {"color": COLOUR[role], "linewidth": 2.0, "linestyle": "-"}
        for role in curve_roles(curves)
    ]

    def paint(axes: Axes) -> None:
        draw_curves(axes, [_thinned(curve) for curve in curves], pens, steps=True)
        axes.margins(x=0.01)
        axes.set(xlabel=axis, ylabel=clean(with_unit(statistic, unit)))

    ends = ", ".join(f"{curve.name} ends at {number(curve.values[-1])}" for curve in curves if len(curve.values))
    return plot(f"trace {statistic}", f"{statistic} against {axis}: {ends}.", paint, (5.2, 3.4))


def _thinned(curve: SearchCurve) -> SearchCurve:
    """At most `MAX_STEPS` points of a curve."""
    size = len(curve.calls)
    chosen = np.unique(np.linspace(0, max(size - 1, 0), min(size, MAX_STEPS)).round().astype(int))
    sides = (np.asarray(one, dtype=float) for one in (curve.calls, curve.values, curve.lower, curve.upper))
    calls, values, lower, upper = (one[chosen] if len(one) else one for one in sides)
    return SearchCurve(curve.name, calls.tolist(), values.tolist(), lower.tolist(), upper.tolist())


AVERAGED = 10
"""Scores in a mean; curves begin with as many scored items."""
MARGIN = 0.06
"""Free space around the points, as a share of their range."""


@styled
def trace_figure(trace: Mapping[str, Sequence[Cell]], method: str) -> Figure:
    """The mean of the ten best scores by the number of scored items. trace: columns method, call, top_10. method: the
    one that found the candidates; others are controls."""
    figure, axes = single_axes()
    methods, calls = np.asarray(trace["method"], object), np.asarray(trace["call"], float)
    best = np.array([np.nan if one is None else one for one in trace["top_10"]], float)
    names = [method, *(name for name in dict.fromkeys(methods.tolist()) if name != method)]
    shown = (calls >= AVERAGED) | (calls.max() < AVERAGED)
    curves = [SearchCurve(name, *(side[(methods == name) & shown] for side in (calls, best))) for name in names]
    draw_curves(
        axes, curves, _pens([readable(method), *(f"{readable(one)} (control)" for one in names[1:])]), steps=True
    )
    axes.set(xlabel="scored items", ylabel="mean of the ten best scores")
    axes.margins(y=MARGIN)
    _finish_curves(axes)
    if names[1:]:
        figure.legend(loc="outside upper center", ncols=2, columnspacing=1.2)
    return figure


@styled
def campaigns_figure(table: Mapping[str, Sequence[Cell]], threshold: float) -> Figure:
    """Mean of the best by the number of measured items, with a band from the worst to the best campaign. table: columns
    method, round, measured, best. threshold: a fraction that a line marks."""
    figure, axes = single_axes()
    methods = np.asarray(table["method"], object)
    rounds, measured, best = (np.asarray(table[name], float) for name in ("round", "measured", "best"))
    curves = []
    for method in dict.fromkeys(methods.tolist()):
        own = [(methods == method) & (rounds == one) for one in np.unique(rounds)]
        x, mean = ([values[some].mean() for some in own] for values in (measured, best))
        curves.append(
            SearchCurve(method, x, mean, [best[some].min() for some in own], [best[some].max() for some in own])
        )
    pens = [{**pen, "marker": "o", "markersize": 2.5} for pen in _pens([curve.name for curve in curves])]
    draw_curves(axes, curves, pens, steps=False, opacity=0.12)
    axes.axhline(threshold, color=paper.MUTED, linewidth=0.7, linestyle=DASHES[1], zorder=1)
    axes.set(xlabel="measured items", ylabel="best, of the table's best")
    _finish_curves(axes)
    figure.legend(loc="outside upper center", ncols=4, handlelength=1.6, columnspacing=1.2)
    return figure


def _pens(names: Sequence[str]) -> list[dict[str, Any]]:
    """A colour and a pattern for each curve, the first on top."""
    return [
        {
            "label": name,
            "color": paper.SERIES[place % len(paper.SERIES)],
            "linestyle": DASHES[place % len(DASHES)],
            "zorder": 9 - place,
        }
        for place, name in enumerate(names)
    ]


def _finish_curves(axes: Axes) -> None:
    axes.set_xlim(left=0)
    axes.grid(axis="y", color=PALE, linewidth=0.4)
    axes.set_axisbelow(True)


# What draws have of a value that was requested.


PAGE_DIAGONAL = {"color": COLOUR["muted"], "linewidth": 1, "linestyle": (0, (4, 3))}
PAPER_DIAGONAL = {"color": paper.MUTED, "linewidth": 0.8, "linestyle": DASHES[1], "zorder": 1}


def draw_diagonal(axes: Axes, values: Sequence[np.ndarray], line: Mapping[str, Any]) -> None:
    """The line of equal values, over the range of all values."""
    every = np.concatenate([value[np.isfinite(value)] for value in values])
    if len(every):
        axes.plot([every.min(), every.max()], [every.min(), every.max()], **line)


def calibration(
    name: str, rows: Sequence[Mapping[str, float]], tolerance: float | None = None, unit: str = ""
) -> Markup:  # fmt: skip
    """Observed against requested values; on the diagonal where the model follows its condition."""
    asked, got = (np.array([row[key] for row in rows], float) for key in ("asked", "got"))

    def paint(axes: Axes) -> None:
        ends = np.array([np.nanmin(asked), np.nanmax(asked)]) if asked.size else np.array([0.0, 1.0])
        if tolerance is not None:
            band = (ends - tolerance, ends + tolerance)
            axes.fill_between(ends, *band, color=COLOUR["requested"], alpha=0.16, linewidth=0)
        draw_diagonal(axes, [ends], PAGE_DIAGONAL)
        if rows and "lower" in rows[0]:
            low, high = ([row[key] for row in rows] for key in ("lower", "upper"))
            axes.vlines(asked, low, high, color=COLOUR["candidate"], linewidth=2.2, alpha=0.45)
        axes.plot(asked, got, "o", color=COLOUR["candidate"], markersize=5)
        axes.set(xlabel=clean(with_unit(f"{name} asked", unit)), ylabel=clean(with_unit(f"{name} got", unit)))
        axes.margins(0.08)

    pairs = ", ".join(f"{number(row['asked'])} gave {number(row['got'])}" for row in rows)
    return plot(f"calibration {name}", f"{name}, asked and got: {pairs}.", paint, (3.9, 3.1))


@styled
def conditions_figure(calibration: Mapping[str, Sequence[Mapping[str, float]]], units: Mapping[str, str]) -> Figure:
    """Mean and central 80% of raw draws for each requested value, a panel for each condition. calibration: of
    `evaluate`. units: by condition."""
    across = min(len(calibration), 3)
    down = math.ceil(len(calibration) / across)
    figure = new_figure(COLUMN if across == 1 else PAGE, 2.7 * down * (1 if across < 3 else 0.9))
    for place, (name, given) in enumerate(calibration.items(), 1):
        axes = figure.add_subplot(down, across, place)
        rows = [row for row in sorted(given, key=lambda row: row["asked"]) if row["got"] == row["got"]]
        asked, got, low, high = (np.array([row[key] for row in rows]) for key in ("asked", "got", "lower", "upper"))
        draw_diagonal(axes, [asked, low, high], PAPER_DIAGONAL)
        _draw_bars(axes, asked, got, (np.maximum(got - low, 0), np.maximum(high - got, 0)), "mean, 80% of draws")
        unit = units.get(name, "")
        axes.set_xlabel(with_unit(f"requested {readable(name)}", unit))
        axes.set_ylabel(with_unit(f"{readable(name)} of draws", unit))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left")  # of all panels
    return figure


def _draw_bars(
    axes: Axes, x: np.ndarray, y: np.ndarray, lengths: tuple[np.ndarray, np.ndarray], label: str
) -> None:  # fmt: skip
    """Points with bars in the first colour of papers."""
    axes.errorbar(
        x, y, np.stack(lengths), fmt="o", color=paper.SERIES[0], markersize=4, capsize=2.5, elinewidth=1.0, label=label
    )  # fmt: skip


# Predictions beside measurements.


def agreement(record: CheckedPredictions) -> Markup:
    """Measured against predicted with each interval as a line; on the diagonal the two agree."""
    kept, named = record.inside, readable(record.name)
    points = np.stack([np.asarray(side, dtype=float) for side in (record.predicted, record.measured)], 1)

    def paint(axes: Axes) -> list[Overlay]:
        room = 0.15 * (np.ptp(points) or 1.0)
        draw_diagonal(axes, [points], PAGE_DIAGONAL)
        groups = ((kept, "candidate"), (~kept, "front"))
        for flags, role in groups:
            low, high = (np.asarray(side, dtype=float)[flags] for side in (record.lower, record.upper))
            axes.hlines(points[flags, 1], low, high, color=COLOUR[role], linewidth=1.1, alpha=0.3)
        axes.set_xlabel(clean(with_unit(f"{named} predicted", record.unit)))
        axes.set_ylabel(clean(with_unit(f"{named} measured", record.unit)))
        axes.margins(0.05)
        axes.set_xlim(points[:, 0].min() - room, points[:, 0].max() + room)  # an interval may reach far beyond
        return [marks(points, record.labels, kind, flags, record.table_rows) for flags, kind in groups]

    share = f"{int(kept.sum())} of {len(kept)} measured values lie in their {100 * record.level:.0f} % interval"
    return plot("agreement", f"{named}, predicted and measured: {share}.", paint, (5.2, 3.8))


COVERAGE_BINS = 8
FEWEST_IN_BIN = 10
"""Least number of predictions in a bin."""
LEVEL = 0.9
"""Of the intervals of shares."""
MOST_BARS = 400
"""Predictions with an interval; of more, evenly spaced ones have one."""


@styled
def predictions_figure(record: CheckedPredictions, name: str) -> Figure:
    """Predictions against measurements, with intervals; and the share of intervals that hold the measured value, by the
    size of the prediction."""
    figure = new_figure(PAGE, 3.0)
    left, right = figure.subplots(1, 2)
    named = readable(name)
    _draw_predictions(left, record)
    left.set(xlabel=f"measured {named}", ylabel=f"predicted {named}")
    _draw_coverage(right, record)
    right.set(xlabel=f"predicted {named}", ylabel="share of intervals that hold the value")
    return figure


def _draw_predictions(axes: Axes, record: CheckedPredictions) -> None:
    measured, predicted, low, high = _arrays(record)
    rows = np.unique(np.linspace(0, len(measured) - 1, min(MOST_BARS, len(measured))).astype(int))
    draw_diagonal(axes, [measured, predicted], PAPER_DIAGONAL)
    label = f"{record.level:.0%} interval"
    axes.vlines(measured[rows], low[rows], high[rows], color=PALE, linewidth=0.6, zorder=0, label=label)
    for name, own, colour in zip(("inside", "outside"), (record.inside, ~record.inside), paper.SERIES[:2], strict=True):
        axes.scatter(measured[own], predicted[own], s=5, linewidths=0, color=colour, label=f"{name} ({own.sum()})")
    error = np.sqrt(np.mean((predicted - measured) ** 2))
    axes.set_title(f"n = {len(measured)}, RMSE = {error:.3g}", loc="left")
    axes.legend(loc="upper left", markerscale=1.6, handletextpad=0.4)


def _arrays(record: CheckedPredictions) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(side, float) for side in (record.measured, record.predicted, record.lower, record.upper))


def _draw_coverage(axes: Axes, record: CheckedPredictions) -> None:
    """The share in bins of equally many predictions, with its binomial interval (Wilson 1927)."""
    from scipy.stats import binomtest

    predicted, covered = np.asarray(record.predicted, float), record.inside
    count = max(1, min(COVERAGE_BINS, len(predicted) // FEWEST_IN_BIN))
    bins = np.array_split(np.argsort(predicted, kind="stable"), count)
    centres = np.array([np.median(predicted[rows]) for rows in bins])
    shares = np.array([covered[rows].mean() for rows in bins])
    found = [binomtest(int(covered[rows].sum()), len(rows)).proportion_ci(LEVEL, "wilson") for rows in bins]
    low, high = np.array([(one.low, one.high) for one in found]).T
    nominal = f"nominal, {record.level:.0%}"
    axes.axhline(record.level, color=paper.MUTED, linewidth=0.8, linestyle=DASHES[1], label=nominal)
    _draw_bars(axes, centres, shares, (shares - low, high - shares), "held-out items")
    axes.set_ylim(min(0.5, float(low.min()) - 0.05), 1.02)
    axes.set_title(f"all: {covered.mean():.1%}", loc="left")
    axes.legend(loc="lower left")


# A campaign's measured values by round, with the best so far.

SPREAD = 0.3
"""Greatest horizontal offset of a point from its round, so that points with equal values don't overlap."""


def rounds(record: Rounds) -> Markup:
    """A point for each measured item, a bar at each round's median, and the best so far as a staircase."""
    best, own = record.best_so_far(), np.asarray(record.rounds)
    values = np.asarray(record.values, dtype=float)

    def paint(axes: Axes) -> list[Overlay]:
        edges = [*(one - 0.5 for one in best), max(best) + 0.5]
        axes.stairs(list(best.values()), edges, baseline=None, color=COLOUR["front"], linewidth=2)
        for one in best:
            axes.hlines(np.median(values[own == one]), one - SPREAD, one + SPREAD, color=COLOUR["ink"], linewidth=1.6)
        axes.set_xticks(list(best))
        axes.set_xlabel("round")
        axes.set_ylabel(clean(with_unit(readable(record.name), record.unit)))
        axes.margins(0.03, 0.06)
        points = np.stack([own + _offsets(own, values), values], 1)
        return [marks(points, record.labels, "candidate", table_rows=record.table_rows)]

    description = ", ".join(f"{number(value)} after round {one}" for one, value in best.items())
    return plot("rounds", f"{readable(record.name)} by round; the best so far is {description}.", paint, (5.2, 3.8))


def _offsets(own: np.ndarray, values: Float[np.ndarray, " item"]) -> Float[np.ndarray, " item"]:
    """Horizontal offsets within a round, far apart for similar values (multiples of the golden ratio, modulo 1)."""
    offsets = np.zeros(len(values))
    for one in set(own.tolist()):
        ranked = np.flatnonzero(own == one)[np.argsort(values[own == one], kind="stable")]
        if len(ranked) > 1:
            offsets[ranked] = SPREAD * (2 * (np.arange(len(ranked)) * 0.618034 % 1) - 1)
    return offsets


# The figure of a plate's layout: a circle for each well, with the predicted values and the controls.

CELL = 0.85
"""Diameter of a well in the distance of two wells."""


@styled
def plates_figure(
    table: Mapping[str, Sequence[Cell]], wells: Sequence[tuple[int, int]], shape: tuple[int, int], control: str,
    target: str,
) -> Figure:  # fmt: skip
    """One plate below the other.

    table: columns plate, predicted and source. wells: row and column of each, from 0. shape: rows and columns of a
    plate. control: the source of controls.
    """
    rows, columns = shape
    plates = np.asarray(table["plate"], int)
    numbers = np.unique(plates)
    figure = new_figure(PAGE, (PAGE * rows / columns + 0.4) * len(numbers))
    values = np.asarray(table["predicted"], float)
    ends = (float(np.nanmin(values)), float(np.nanmax(values))) if np.isfinite(values).any() else (0.0, 1.0)
    panels = figure.subplots(len(numbers), 1, squeeze=False)[:, 0]
    for plate, axes in zip(numbers, panels, strict=True):
        own = np.flatnonzero(plates == plate).tolist()
        _frame(axes, rows, columns, f"plate {plate}")
        is_control = [table["source"][row] == control for row in own]
        places = np.array([wells[row] for row in own]).reshape(-1, 2)
        _draw(axes, places, values[own], np.array(is_control, bool), ends)
    if np.isfinite(values).any():
        figure.colorbar(_scale(ends), ax=list(panels), label=f"{target}, predicted", shrink=0.6)
    return figure


def _frame(axes: Axes, rows: int, columns: int, title: str) -> None:
    axes.set(xlim=(-0.6, columns - 0.4), ylim=(rows - 0.4, -0.6), aspect="equal", title=title)
    axes.set_xticks(range(columns), [str(column + 1) for column in range(columns)])
    axes.set_yticks(range(rows), [chr(ord("A") + row) for row in range(rows)])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row in range(rows):
        axes.scatter(range(columns), [row] * columns, s=2, color=PALE)


def _draw(axes: Axes, places: np.ndarray, values: np.ndarray, controls: np.ndarray, ends: tuple[float, float]) -> None:
    """The used wells of a plate; controls have a ring."""
    from matplotlib.patches import Circle

    scale = _scale(ends)
    for (row, column), value, is_control in zip(places, values, controls, strict=True):
        colour = scale.to_rgba(value) if np.isfinite(value) else PALE
        edge = (
            {"edgecolor": paper.SERIES[1], "linewidth": 1.8}
            if is_control
            else {"edgecolor": paper.MUTED, "linewidth": 0.4}
        )
        axes.add_patch(Circle((column, row), CELL / 2, facecolor=colour, **edge))
    if controls.any():
        axes.text(
            1, -0.02, "ring: control", transform=axes.transAxes, color=paper.INK, fontsize=7, ha="right", va="top"
        )


def _scale(ends: tuple[float, float]) -> ScalarMappable:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(*ends), "viridis")
