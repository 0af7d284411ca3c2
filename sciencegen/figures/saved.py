"""Figures that keep their style when they are saved."""

from __future__ import annotations

import matplotlib
from matplotlib.figure import Figure

SAVED = {
    "savefig.dpi": 300,
    "svg.fonttype": "none",
    "svg.hashsalt": "sciencegen",
    "pdf.fonttype": 42,  # TrueType; many journals refuse matplotlib's default, Type 3
    "ps.fonttype": 42,
}


class SavedFigure(Figure):
    """A figure whose fonts and resolution in files don't depend on the caller's settings of matplotlib."""

    def savefig(self, *arguments: object, **options: object) -> None:
        with matplotlib.rc_context(SAVED):  # type: ignore[arg-type]
            super().savefig(*arguments, **options)  # type: ignore[arg-type]
