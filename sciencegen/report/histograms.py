"""Histograms of a property: candidates, training data and draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.report.canvas import COLOUR, plot
from sciencegen.report.content import Bounds, Distribution
from sciencegen.report.markup import clean, finite, goal_text, number, readable, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 32
FARTHER = 8.0
"""The axis is logarithmic if the largest values are this many times farther from the median than the smallest ones, and
the values span more than a decade."""


def histogram(record: Distribution) -> str:
    """Histograms of the groups, each scaled to its highest bar, with the goal's range shaded."""
    groups = [
        ("training", finite(record.training)),
        ("generated", finite(record.generated)),
        ("candidate", finite(record.candidates)),
    ]
    present = [values for _, values in groups if values]
    decades = spans_decades(present)
    edges = _decade_edges(present) if decades else _bin_edges(present)

    def paint(axes: Axes) -> None:
        _shade(axes, record.goal_range, edges[0], edges[-1])
        for role, values in groups:
            if values:
                _paint_group(axes, role, values, edges)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(0, 1.06)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(clean(with_unit(readable(record.name), record.unit)))
        if decades:
            _name_decades(axes, edges[-1] / edges[0])
        else:
            axes.locator_params(axis="x", nbins=6)

    medians = ", ".join(f"{role} median {number(float(np.median(values)))}" for role, values in groups if values)
    requested = goal_text(record.goal_range, record.direction) if record.goal_range or record.direction else ""
    goal = f"; requested {requested}" if requested else ""
    return plot(f"distribution {record.name}", f"Distribution of {record.name}: {medians}{goal}.", paint, (3.9, 2.5))


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


def _decade_edges(groups: Sequence[Sequence[float]]) -> np.ndarray:
    return np.geomspace(min(map(min, groups)), max(map(max, groups)), BINS + 1)


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
