"""Figures of a search: how the best scores grow, and how two goals compete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.figures.style import DASHES, MUTED, PALE, SERIES, single_axes, styled
from sciencegen.items import Cell, Direction
from sciencegen.report.markup import readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
        _draw_front(axes, points[front], goals)
    if len(candidates):
        x, y = candidates.T
        axes.scatter(x, y, s=16, facecolor="none", edgecolor=SERIES[1], linewidths=0.9, label="candidates", zorder=5)
    _draw_limits(axes, goals)
    axes.set_xlabel(goals[0].label)
    axes.set_ylabel(goals[1].label)
    axes.margins(MARGIN)
    figure.legend(loc="outside upper center", ncols=2, handletextpad=0.4, columnspacing=1.5)
    return figure


def _draw_front(axes: Axes, front: Float[np.ndarray, "item 2"], goals: tuple[GoalAxis, GoalAxis]) -> None:
    """The border of what is dominated, as steps through the points of the front."""
    ordered = front[np.lexsort((front[:, 1], front[:, 0]))]
    where: Literal["pre", "post"] = "post" if goals[0].direction == "minimize" else "pre"
    axes.step(ordered[:, 0], ordered[:, 1], where=where, color=SERIES[0], linewidth=1.0, label="Pareto front", zorder=4)


def _draw_limits(axes: Axes, goals: tuple[GoalAxis, GoalAxis]) -> None:
    for goal, draw in zip(goals, (axes.axvline, axes.axhline), strict=True):
        for limit in {goal.low, goal.high}:
            if np.isfinite(limit):
                draw(limit, color=MUTED, linewidth=0.7, linestyle=DASHES[1], zorder=1)
