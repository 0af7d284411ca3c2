"""Figures of matplotlib for papers and notebooks, with the colours of the report on a white page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.figures.style import (
    ABOVE,  # fmt: skip
    BELOW,  # fmt: skip
    CLASSES,  # fmt: skip
    COLUMN,  # fmt: skip
    DASHES,  # fmt: skip
    EVEN,  # fmt: skip
    INK,  # fmt: skip
    MUTED,  # fmt: skip
    PAGE,  # fmt: skip
    PALE,  # fmt: skip
    SERIES,  # fmt: skip
    new_figure,  # fmt: skip
    single_axes,
    styled,  # fmt: skip
)
from sciencegen.items import Cell, Direction
from sciencegen.report.content import HeatMap, Logo
from sciencegen.report.letters import heights, scale_of
from sciencegen.report.markup import readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure


# Figures of calibration: what draws have of a value that was requested, and predictions beside measurements.

BINS = 8
FEWEST = 10
"""Least number of predictions in a bin."""
LEVEL = 0.9
"""Of the intervals of shares."""
MOST_BARS = 400
"""Predictions with an interval; of more, evenly spaced ones have one."""


@dataclass(frozen=True)
class PlottedPredictions:
    """Predictions of items that the predictor didn't learn from. level: nominal share of values in the intervals."""

    measured: Float[np.ndarray, " item"]
    predicted: Float[np.ndarray, " item"]
    lower: Float[np.ndarray, " item"]
    upper: Float[np.ndarray, " item"]
    level: float

    @property
    def covered(self) -> np.ndarray:
        """[item] whether the interval holds the measured value."""
        return (self.lower <= self.measured) & (self.measured <= self.upper)


@styled
def conditions_figure(calibration: Mapping[str, Sequence[Mapping[str, float]]], units: Mapping[str, str]) -> Figure:
    """Mean and central 80% of raw draws for each requested value, a panel for each condition. calibration: of
    `evaluate`. units: by condition."""
    names = list(calibration)
    across = min(len(names), 3)
    width = COLUMN if across == 1 else PAGE
    figure = new_figure(width, 2.7 * math.ceil(len(names) / across) * (1 if across < 3 else 0.9))
    for place, name in enumerate(names, 1):
        axes = figure.add_subplot(math.ceil(len(names) / across), across, place)
        _draw_condition(axes, readable(name), units.get(name, ""), calibration[name])
    return figure


def _draw_condition(axes: Axes, name: str, unit: str, rows: Sequence[Mapping[str, float]]) -> None:
    rows = [row for row in sorted(rows, key=lambda row: row["asked"]) if row["got"] == row["got"]]
    asked, got, low, high = (np.array([row[key] for row in rows]) for key in ("asked", "got", "lower", "upper"))
    _draw_diagonal(axes, asked, low, high)
    bars = np.stack([np.maximum(got - low, 0), np.maximum(high - got, 0)])
    axes.errorbar(
        asked,
        got,
        bars,
        fmt="o",
        color=SERIES[0],
        markersize=4,
        capsize=2.5,
        elinewidth=1.0,
        label="mean, 80% of draws",
    )
    suffix = f" ({unit})" if unit else ""
    axes.set_xlabel(f"requested {name}{suffix}")
    axes.set_ylabel(f"{name} of draws{suffix}")
    axes.legend(loc="upper left")


def _draw_diagonal(axes: Axes, *values: np.ndarray) -> None:
    """The line of equal values, over the range of all values."""
    every = np.concatenate([value[np.isfinite(value)] for value in values])
    if len(every):
        ends = [every.min(), every.max()]
        axes.plot(ends, ends, color=MUTED, linewidth=0.8, linestyle=DASHES[1], zorder=1)


@styled
def predictions_figure(record: PlottedPredictions, name: str) -> Figure:
    """Predictions against measurements, with intervals; and the share of intervals that hold the measured value, by the
    size of the prediction."""
    figure = new_figure(PAGE, 3.0)
    left, right = figure.subplots(1, 2)
    _draw_predictions(left, record)
    left.set_xlabel(f"measured {readable(name)}")
    left.set_ylabel(f"predicted {readable(name)}")
    _draw_coverage(right, record)
    right.set_xlabel(f"predicted {readable(name)}")
    right.set_ylabel("share of intervals that hold the value")
    return figure


def _draw_predictions(axes: Axes, record: PlottedPredictions) -> None:
    rows = np.unique(np.linspace(0, len(record.measured) - 1, min(MOST_BARS, len(record.measured))).astype(int))
    _draw_diagonal(axes, record.measured, record.predicted)
    axes.vlines(
        record.measured[rows], record.lower[rows], record.upper[rows], color=PALE, linewidth=0.6, zorder=0,
        label=f"{record.level:.0%} interval",
    )  # fmt: skip
    for label, own, colour in (("inside", record.covered, SERIES[0]), ("outside", ~record.covered, SERIES[1])):
        axes.scatter(
            record.measured[own], record.predicted[own], s=5, linewidths=0, color=colour, label=f"{label} ({own.sum()})"
        )
    error = np.sqrt(np.mean((record.predicted - record.measured) ** 2))
    axes.set_title(f"n = {len(record.measured)}, RMSE = {error:.3g}", loc="left")
    axes.legend(loc="upper left", markerscale=1.6, handletextpad=0.4)


def _draw_coverage(axes: Axes, record: PlottedPredictions) -> None:
    """The share in bins of equally many predictions, with its binomial interval (Wilson 1927)."""
    from scipy.stats import binomtest

    count = max(1, min(BINS, len(record.predicted) // FEWEST))
    bins = np.array_split(np.argsort(record.predicted, kind="stable"), count)
    centres = np.array([np.median(record.predicted[rows]) for rows in bins])
    shares = np.array([record.covered[rows].mean() for rows in bins])
    found = [binomtest(int(record.covered[rows].sum()), len(rows)).proportion_ci(LEVEL, "wilson") for rows in bins]
    low, high = np.array([(one.low, one.high) for one in found]).T
    axes.axhline(record.level, color=MUTED, linewidth=0.8, linestyle=DASHES[1], label=f"nominal, {record.level:.0%}")
    axes.errorbar(
        centres, shares, [shares - low, high - shares], fmt="o", color=SERIES[0], markersize=4, capsize=2.5,
        elinewidth=1.0, label="held-out items",
    )  # fmt: skip
    axes.set_ylim(min(0.5, float(low.min()) - 0.05), 1.02)
    axes.set_title(f"all: {record.covered.mean():.1%}", loc="left")
    axes.legend(loc="lower left")


# The figure of replayed campaigns: the best value by the number of measured items.


@styled
def campaigns_figure(table: Mapping[str, Sequence[Cell]], threshold: float) -> Figure:
    """Mean of the best by the number of measured items, with a band from the worst to the best campaign. table: columns
    method, round, measured, best. threshold: a fraction that a line marks."""
    figure, axes = single_axes()
    methods = np.asarray(table["method"], object)
    rounds, measured, best = (np.asarray(table[name], float) for name in ("round", "measured", "best"))
    for place, method in enumerate(dict.fromkeys(methods.tolist())):
        own = [(methods == method) & (rounds == number) for number in np.unique(rounds)]
        x, mean = ([values[some].mean() for some in own] for values in (measured, best))
        colour = SERIES[place % len(SERIES)]
        axes.fill_between(
            x, [best[some].min() for some in own], [best[some].max() for some in own], color=colour, alpha=0.12,
            linewidth=0,
        )  # fmt: skip
        axes.plot(
            x, mean, color=colour, linestyle=DASHES[place % len(DASHES)], marker="o", markersize=2.5, label=method,
            zorder=9 - place,
        )  # fmt: skip
    axes.axhline(threshold, color=MUTED, linewidth=0.7, linestyle=DASHES[1], zorder=1)
    axes.set_xlabel("measured items")
    axes.set_ylabel("best, of the table's best")
    axes.set_xlim(left=0)
    axes.grid(axis="y", color=PALE, linewidth=0.4)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=4, handlelength=1.6, columnspacing=1.2)
    return figure


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
    for number, axes in zip(numbers, panels, strict=True):
        own = np.flatnonzero(plates == number).tolist()
        _frame(axes, rows, columns, f"plate {number}")
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
        edge = {"edgecolor": SERIES[1], "linewidth": 1.8} if is_control else {"edgecolor": MUTED, "linewidth": 0.4}
        axes.add_patch(Circle((column, row), CELL / 2, facecolor=colour, **edge))
    if controls.any():
        axes.text(1, -0.02, "ring: control", transform=axes.transAxes, color=INK, fontsize=7, ha="right", va="top")


def _scale(ends: tuple[float, float]) -> ScalarMappable:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(*ends), "viridis")


# Figures of a search: how the best scores grow, and how two goals compete.

AVERAGED = 10
"""Scores in a mean; curves begin with as many scored items."""
MARGIN = 0.06
"""Free space around the points, as a share of their range."""


@dataclass(frozen=True)
class GoalAxis:
    """One quantity of a search. direction: which values are better, None if none are. low, high: ends of the range that
    is asked for, infinite where it is open."""

    name: str
    unit: str = ""
    direction: Direction | None = None
    low: float = -np.inf
    high: float = np.inf

    @property
    def label(self) -> str:
        """The name with its unit, and which way is better."""
        unit = f" ({self.unit})" if self.unit else ""
        better = {"maximize": ", higher is better", "minimize": ", lower is better", None: ""}[self.direction]
        return f"{readable(self.name)}{unit}{better}"


@styled
def trace_figure(trace: Mapping[str, Sequence[Cell]], method: str) -> Figure:
    """The mean of the ten best scores by the number of scored items. trace: columns method, call, top_10. method: the
    one that found the candidates; others are controls."""
    figure, axes = single_axes()
    methods, calls = np.asarray(trace["method"], object), np.asarray(trace["call"], float)
    best = np.array([np.nan if one is None else one for one in trace["top_10"]], float)
    others = [name for name in dict.fromkeys(methods.tolist()) if name != method]
    for place, name in enumerate([method, *others]):
        own = (methods == name) & ((calls >= AVERAGED) | (calls.max() < AVERAGED))
        colour, dashes = SERIES[place % len(SERIES)], DASHES[place % len(DASHES)]
        label = readable(name) if name == method else f"{readable(name)} (control)"
        axes.step(calls[own], best[own], where="post", color=colour, linestyle=dashes, label=label, zorder=9 - place)
    axes.set_xlabel("scored items")
    axes.set_ylabel("mean of the ten best scores")
    axes.set_xlim(left=0)
    axes.margins(y=MARGIN)
    axes.grid(axis="y", color=PALE, linewidth=0.4)
    axes.set_axisbelow(True)
    if others:
        axes.legend(loc="lower right")
    return figure


@styled
def pareto_figure(
    points: Float[np.ndarray, "item 2"], feasible: Bool[np.ndarray, " item"], front: Bool[np.ndarray, " item"],
    candidates: Float[np.ndarray, "candidate 2"], goals: tuple[GoalAxis, GoalAxis],
) -> Figure:  # fmt: skip
    """Scored items by two goals. feasible: those that meet all goals; front: those of them that no other one surpasses
    in both. candidates: those that were chosen."""
    figure, axes = single_axes(height=3.0)
    clouds = (("misses a goal", points[~feasible], PALE, 5), ("meets all goals", points[feasible], SERIES[5], 7))
    for label, cloud, colour, size in clouds:
        if np.isfinite(cloud).all(1).any():
            axes.scatter(
                cloud[:, 0], cloud[:, 1], s=size, color=colour, linewidths=0, label=label, rasterized=len(cloud) > 5000
            )
    if front.any():
        steps = points[front]  # through the points of the front: the border of what is dominated
        steps = steps[np.lexsort((steps[:, 1], steps[:, 0]))]
        where: Literal["pre", "post"] = "post" if goals[0].direction == "minimize" else "pre"
        axes.step(steps[:, 0], steps[:, 1], where=where, color=SERIES[0], linewidth=1.0, label="Pareto front", zorder=4)
    if len(candidates):
        x, y = candidates.T
        axes.scatter(x, y, s=16, facecolor="none", edgecolor=SERIES[1], linewidths=0.9, label="candidates", zorder=5)
    _draw_limits(axes, goals)
    axes.set_xlabel(goals[0].label)
    axes.set_ylabel(goals[1].label)
    axes.margins(MARGIN)
    figure.legend(loc="outside upper center", ncols=2, handletextpad=0.4, columnspacing=1.5)
    return figure


def _draw_limits(axes: Axes, goals: tuple[GoalAxis, GoalAxis]) -> None:
    for goal, draw in zip(goals, (axes.axvline, axes.axhline), strict=True):
        for limit in {goal.low, goal.high}:
            if np.isfinite(limit):
                draw(limit, color=MUTED, linewidth=0.7, linestyle=DASHES[1], zorder=1)


# Figures of letters at sites: a heat map of single changes, and a sequence logo.

MAP_STRIP, LOGO_STRIP = 80, 60
"""Sites of one strip; the following ones are in strips below."""
FRAME, WIDE, ROW = 0.9, 0.2, 0.082
"""Inches: width of labels and colour bar, of a site where there are few, and height of a row of a map."""
EVERY = 10
"""Every tenth site is numbered where there are many."""
FEW = 30
FREE = 2
"""Sites between the first number and the next."""


@styled
def heat_map_figure(record: HeatMap) -> Figure:
    """A cell for each letter at each site, coloured by its value, white without one. Dots: the reference."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    strips = _strips(len(record.columns), MAP_STRIP)
    figure = new_figure(_width(len(record.columns)), 0.35 + (ROW * len(record.rows) + 0.45) * len(strips))
    values, scale = np.asarray(record.values, float), scale_of(record)
    colours = LinearSegmentedColormap.from_list("changes", [BELOW, EVEN, ABOVE]).with_extremes(bad="#ffffff")
    norm = Normalize(scale.centre - scale.limit, scale.centre + scale.limit)
    panels = figure.subplots(len(strips), 1, squeeze=False)[:, 0]
    for axes, strip in zip(panels, strips, strict=True):
        cells = _padded(values[:, strip], MAP_STRIP if len(strips) > 1 else 0)
        drawn = axes.imshow(cells, cmap=colours, norm=norm, aspect="auto", interpolation="nearest")
        _mark_references(axes, record, strip)
        _label_sites(axes, record.columns[strip], record.reference[strip], cells.shape[1])
        axes.set_yticks(range(len(record.rows)), record.rows, fontsize=5)
        axes.tick_params(axis="y", length=0)
    unit = f" ({record.unit})" if record.unit else ""
    bar = figure.colorbar(drawn, ax=list(panels), extend="both", fraction=0.02, pad=0.01, aspect=30)
    bar.set_label(
        f"{readable(record.name)}{unit}"
        + (f", 0 is {record.centre_name}" if not record.centre and record.centre_name else "")
    )
    bar.outline.set_visible(False)
    panels[-1].set_xlabel("position")
    return figure


@styled
def logo_figure(record: Logo) -> Figure:
    """Letters stacked at each site with heights in bits, and the positions below; the groups are drawn in strips."""
    tall = {name: heights(np.asarray(counts)) for name, counts in record.counts.items()}
    strips = [(name, strip) for strip in _strips(len(record.columns), LOGO_STRIP) for name in tall]
    top = max((float(bits.sum(1).max()) for bits in tall.values()), default=0.0)
    figure = new_figure(_width(len(record.columns)), 0.5 + 1.25 * len(strips))
    panels = figure.subplots(len(strips), 1, squeeze=False)[:, 0]
    sites = min(LOGO_STRIP, len(record.columns))
    for axes, (name, strip) in zip(panels, strips, strict=True):
        _draw_stacks(axes, record, tall[name][strip])
        reference = record.reference[strip] if record.reference else [""] * len(record.columns[strip])
        _label_sites(axes, record.columns[strip], reference, sites)
        axes.set_xlim(-0.5, sites - 0.5)
        axes.set_ylim(0, max(1.0, 1.05 * top))
        axes.set_ylabel("bits")
        if len(tall) > 1:
            axes.set_title(readable(name), loc="left")
    panels[-1].set_xlabel("position")
    _name_classes(figure, record)
    return figure


def _name_classes(figure: Figure, record: Logo) -> None:
    """The colours of the classes, below the axes."""
    from matplotlib.patches import Patch

    colours = zip(record.classes, cycle(CLASSES))
    handles = [Patch(color=colour, label=name) for name, colour in colours]
    if handles:
        ncols = len(handles) if figure.get_size_inches()[0] > 6 else 4
        figure.legend(
            handles=handles, loc="outside lower center", ncols=ncols, handlelength=0.8, handleheight=0.8,
            handletextpad=0.4, columnspacing=1.2, fontsize=6.5,
        )  # fmt: skip


def _strips(count: int, width: int) -> list[slice]:
    return [slice(start, min(start + width, count)) for start in range(0, count, width)]


def _width(columns: int) -> float:
    """Inches: the width of a page, or less for few sites."""
    return PAGE if columns > FEW else max(COLUMN, FRAME + WIDE * columns)


def _padded(values: Float[np.ndarray, "row column"], width: int) -> Float[np.ndarray, "row column"]:
    """The last strip as wide as the others."""
    lacking = max(0, width - values.shape[1])
    return np.pad(values, ((0, 0), (0, lacking)), constant_values=np.nan)


def _mark_references(axes: Axes, record: HeatMap, strip: slice) -> None:
    rows = {letter: row for row, letter in enumerate(record.rows)}
    places = [(at, rows[letter]) for at, letter in enumerate(record.reference[strip]) if letter in rows]
    if places:
        x, y = np.array(places).T
        axes.scatter(x, y, s=3, color=INK, linewidths=0)


def _label_sites(axes: Axes, columns: Sequence[str], reference: Sequence[str], width: int) -> None:
    """Numbers of the sites below, and the reference's letters above the axes."""
    many = width > FEW
    ticks = [at for at, name in enumerate(columns) if not many or (name.isdecimal() and int(name) % EVERY == 0)] or [0]
    if ticks[0] > FREE:
        ticks.insert(0, 0)
    axes.spines["bottom"].set_bounds(-0.5, len(columns) - 0.5)
    axes.set_xticks(ticks, [columns[at] for at in ticks])
    axes.tick_params(length=2)
    for at, letter in enumerate(reference):
        axes.annotate(
            letter, (at, 1), (0, 1.5), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
            va="bottom", fontsize=5 if many else 7, color=MUTED, annotation_clip=False,
        )  # fmt: skip


def _draw_stacks(axes: Axes, record: Logo, bits: Float[np.ndarray, "column letter"]) -> None:
    """Letters as shapes, the highest on top."""
    from matplotlib.patches import PathPatch
    from matplotlib.transforms import Affine2D

    colours = {letter: CLASSES[at % len(CLASSES)] for at, own in enumerate(record.classes.values()) for letter in own}
    shapes = {letter: _shape(letter) for letter in record.letters}
    for column, tall in enumerate(bits):
        y = 0.0
        for place in np.argsort(tall, kind="stable"):
            height, letter = float(tall[place]), record.letters[place]
            if height <= 0 or not math.isfinite(height):
                continue
            move = Affine2D().scale(0.92, height).translate(column - 0.46, y)
            patch = PathPatch(move.transform_path(shapes[letter]), color=colours.get(letter, INK), linewidth=0)
            axes.add_patch(patch)
            y += height


def _shape(letter: str):  # type: ignore[no-untyped-def]  # matplotlib's Path, which is imported on use
    """The outline of a letter in a box of width and height 1 above the origin. A monospaced I has serifs and can be as
    wide as a W."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    outline = TextPath((0, 0), letter, size=100, prop=FontProperties(family="DejaVu Sans Mono", weight="bold"))
    box = outline.get_extents()
    return Affine2D().translate(-box.x0, -box.y0).scale(1 / box.width, 1 / box.height).transform_path(outline)
