"""The figure of replayed campaigns: the best value by the number of measured items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.figures.style import DASHES, MUTED, PALE, SERIES, single_axes, styled
from sciencegen.items import Cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
