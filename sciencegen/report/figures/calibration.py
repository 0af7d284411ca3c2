"""Figures of calibration: what draws have of a value that was requested, and predictions beside measurements."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.figures.style import (
    COLUMN,
    DASHES,
    MUTED,
    PAGE,
    PALE,
    SERIES,
    new_figure,
    styled,
)  # fmt: skip
from sciencegen.report.markup import readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BINS = 8
FEWEST = 10
"""Least number of predictions in a bin."""
LEVEL = 0.9
"""Of the intervals of shares."""
MOST_BARS = 400
"""Predictions with an interval; of more, evenly spaced ones have one."""


@dataclass(frozen=True)
class Predictions:
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
def predictions_figure(record: Predictions, name: str) -> Figure:
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


def _draw_predictions(axes: Axes, record: Predictions) -> None:
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


def _draw_coverage(axes: Axes, record: Predictions) -> None:
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
