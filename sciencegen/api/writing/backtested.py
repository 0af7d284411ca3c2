"""The result of a backtest: a row for each replayed campaign and round, and a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sciencegen.api.writing.results import Result
from sciencegen.api.writing.sinks import TableSink
from sciencegen.api.writing.writer import OutputWriter

if TYPE_CHECKING:  # it takes most of a second to import
    from sciencegen.figures.style import Figure

COLUMNS = (
    "method", "repeat", "round", "measured", "best", "held", "hits", "hits_expected", "hits_low", "hits_high",
    "beats_best",
)  # fmt: skip


def open_campaigns(output: str) -> OutputWriter:
    """The writer of the rows, which are no items: a table, whatever the domain. A wrong ending is an error."""
    return OutputWriter(output, TableSink(output, COLUMNS))


@dataclass(frozen=True)
class Backtested(Result):
    """Replayed campaigns, a row for each campaign and round."""

    def plot_campaigns(self) -> Figure:
        r"""The best value found by the number of measured items: mean, least and greatest of each method's campaigns.

        Returns
        -------
        matplotlib.figure.Figure
            Of the width of a journal's column; save it by `savefig`.

        Examples
        --------
        >>> import sciencegen as sg, pathlib, tempfile
        >>> table = pathlib.Path(tempfile.mkdtemp(), "table.csv")
        >>> rows = [f"MK{a}{b},{i}\n" for i, a in enumerate("ACDE") for b in "VL"]
        >>> _ = table.write_text("item,value\n" + "".join(rows))
        >>> found = sg.backtest("proteins", table, batch=3, rounds=2, repeats=1, methods="random", threads=1)
        >>> found.plot_campaigns().axes[0].get_xlabel()
        'measured items'
        """
        from sciencegen.report.figures.campaigns import campaigns_figure

        return campaigns_figure({name: self.table[name].tolist() for name in COLUMNS}, self.summary["threshold"])
