"""The figure of a plate's layout: a circle for each well, with the predicted values and the controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.figures.style import INK, MUTED, PAGE, PALE, SERIES, new_figure, styled
from sciencegen.items import Cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

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
