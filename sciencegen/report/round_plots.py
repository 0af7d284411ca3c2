"""A campaign's plots: values by round with the best so far, and measured against predicted values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.report.canvas import COLOUR, Marks, plot
from sciencegen.report.markup import clean, number, readable, with_unit
from sciencegen.report.plots import marks
from sciencegen.report.round_content import Agreement, Rounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPREAD = 0.3
"""Greatest horizontal offset of a point from its round, so that points with equal values don't overlap."""


def best_so_far(record: Rounds) -> dict[int, float]:
    """Round -> the best value up to its end."""
    pick, values = (np.max if record.direction == "maximize" else np.min), np.asarray(record.values, dtype=float)
    rounds = np.asarray(record.rounds)
    return {one: float(pick(values[rounds <= one])) for one in sorted(set(rounds.tolist()))}


def rounds(record: Rounds) -> str:
    """A point for each measured item, a bar at each round's median, and the best so far as a staircase."""
    best, own = best_so_far(record), np.asarray(record.rounds)
    values = np.asarray(record.values, dtype=float)

    def paint(axes: Axes) -> list[Marks]:
        edges = [*(one - 0.5 for one in best), max(best) + 0.5]
        axes.stairs(list(best.values()), edges, baseline=None, color=COLOUR["front"], linewidth=2)
        for one in best:
            axes.hlines(np.median(values[own == one]), one - SPREAD, one + SPREAD, color=COLOUR["ink"], linewidth=1.6)
        axes.set_xticks(list(best))
        axes.set_xlabel("round")
        axes.set_ylabel(clean(with_unit(readable(record.name), record.unit)))
        axes.margins(0.03, 0.06)
        points = np.stack([own + _offsets(own, values), values], 1)
        return [marks(points.tolist(), record.labels, "candidate", table_rows=record.table_rows)]

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


def inside(record: Agreement) -> Bool[np.ndarray, " item"]:
    """Which measured values lie in their interval."""
    measured = np.asarray(record.measured, dtype=float)
    return (measured >= np.asarray(record.lower, dtype=float)) & (measured <= np.asarray(record.upper, dtype=float))


def agreement(record: Agreement) -> str:
    """Measured against predicted with each interval as a line; on the diagonal the two agree."""
    kept = inside(record)
    points = np.stack([np.asarray(side, dtype=float) for side in (record.predicted, record.measured)], 1)

    def paint(axes: Axes) -> list[Marks]:
        ends = np.array([points.min(), points.max()])
        room = 0.15 * (np.ptp(points) or 1.0)
        axes.plot(ends, ends, color=COLOUR["muted"], linewidth=1, linestyle=(0, (4, 3)))
        for flags, role in ((kept, "candidate"), (~kept, "front")):
            low, high = (np.asarray(side, dtype=float)[flags] for side in (record.lower, record.upper))
            axes.hlines(points[flags, 1], low, high, color=COLOUR[role], linewidth=1.1, alpha=0.3)
        axes.set_xlabel(clean(with_unit(f"{readable(record.name)} predicted", record.unit)))
        axes.set_ylabel(clean(with_unit(f"{readable(record.name)} measured", record.unit)))
        axes.margins(0.05)
        axes.set_xlim(points[:, 0].min() - room, points[:, 0].max() + room)  # an interval may reach far beyond
        pairs = ((kept, "candidate"), (~kept, "front"))
        return [marks(points.tolist(), record.labels, kind, flags, record.table_rows) for flags, kind in pairs]

    share = f"{int(kept.sum())} of {len(kept)} measured values lie in their {100 * record.level:.0f} % interval"
    return plot("agreement", f"{readable(record.name)}, predicted and measured: {share}.", paint, (5.2, 3.8))
