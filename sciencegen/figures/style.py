"""The style of figures: sizes in inches for a column of a journal, small sans-serif type, and colours that readers with
a colour deficiency can tell apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, ParamSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P = ParamSpec("P")

COLUMN, PAGE = 3.5, 7.2
"""Inches: width of a column and of a page of a journal."""
SERIES = ("#0072b2", "#c44e00", "#00875f", "#b2559a", "#b98500", "#3a9fd8")
CLASSES = ("#55832a", "#9a7000", "#2f6db5", "#c0392b", "#22807e", "#757575", "#8457a8")
BELOW, EVEN, ABOVE = "#b3450a", "#efeee9", "#0b5fa5"
INK, MUTED, PALE = "#1d2329", "#5b646e", "#c9ced4"
DASHES = ("-", (0, (4, 2)), (0, (1.2, 1.6)), (0, (6, 2, 1.2, 2)))

STYLE: dict[str, Any] = {
    "text.parse_math": False,  # a '$' in a name doesn't start a formula
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.7,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "figure.dpi": 150,
}

SAVED: dict[str, Any] = {
    "savefig.dpi": 300,
    "svg.fonttype": "none",
    "svg.hashsalt": "sciencegen",
    "pdf.fonttype": 42,  # TrueType; many journals refuse matplotlib's default, Type 3
    "ps.fonttype": 42,
}


def styled(make: Callable[P, Figure]) -> Callable[P, Figure]:
    """A function whose figure has this style, whatever the caller's own settings of matplotlib."""

    @wraps(make)
    def call(*arguments: P.args, **options: P.kwargs) -> Figure:
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(STYLE)  # type: ignore[arg-type]
            return make(*arguments, **options)

    return call


@cache
def saved_figure() -> type[Figure]:
    """The class of figures whose fonts and resolution in files don't depend on the caller's settings of matplotlib."""
    import matplotlib
    from matplotlib.figure import Figure

    class SavedFigure(Figure):
        def savefig(self, *arguments: object, **options: object) -> None:
            with matplotlib.rc_context(SAVED):  # type: ignore[arg-type]
                super().savefig(*arguments, **options)  # type: ignore[arg-type]

    return SavedFigure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, which no window shows. width, height: inches."""
    return saved_figure()(figsize=(width, height), layout="constrained")


def single_axes(width: float = COLUMN, height: float = 2.6) -> tuple[Figure, Axes]:
    """A figure with one pair of axes."""
    figure = new_figure(width, height)
    return figure, figure.add_subplot()
