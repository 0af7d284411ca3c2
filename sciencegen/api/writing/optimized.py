"""The result of a search: its candidates, its files, and figures of how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.science.forms import domain_of
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.search_files import SearchFiles, SearchRecord
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.locks import reserved
from sciencegen.optimization.goals import Goal, parse_goals
from sciencegen.optimization.pareto import nondominated

if TYPE_CHECKING:  # they take most of a second to import
    import pandas as pd

    from sciencegen.figures.style import Figure
    from sciencegen.report.figures.search import GoalAxis


@dataclass(frozen=True)
class Optimized(Result):
    """Ranked candidates.

    Parameters
    ----------
    trace : pandas.DataFrame
        Mean of the ten best scores by the number of scored items, for each method.
    scored : pandas.DataFrame
        All scored items, in order.
    """

    trace: pd.DataFrame = field(kw_only=True)
    scored: pd.DataFrame = field(kw_only=True)
    record: SearchRecord = field(kw_only=True, repr=False)

    def write(
        self,
        path: str | Path,
        overwrite: bool = False,
        *,
        structures: str | Path | None = None,
        details: str | Path | None = None,
    ) -> Path:
        """Write the files that the command writes.

        Parameters
        ----------
        path : str or Path
            File of the candidates: a table (.csv; .parquet and a .csv), or one of the domain's own formats.
        overwrite : bool
            Whether to replace existing files.
        structures : str or Path, optional
            A second file of the candidates, in the format of its ending.
        details : str or Path, optional
            A folder for `trace.csv`, `scored.parquet` and `summary.json`.

        Returns
        -------
        Path
            The file of the candidates.
        """
        files = SearchFiles(str(path), *(None if one is None else str(one) for one in (structures, details)))
        with reserved(*files.paths):
            files.claim(self.record.domain, overwrite)
            self.record.write(files, overwrite)
        return Path(path)

    def plot_trace(self) -> Figure:
        """How the search went: the mean of the ten best scores by the number of scored items, also of the controls.

        Returns
        -------
        matplotlib.figure.Figure
            Of the width of a journal's column; save it by `savefig`.

        Examples
        --------
        >>> import sciencegen as sg
        >>> found = sg.optimize("molecules", "maximize qed", budget=12, n=1, threads=1)
        >>> found.plot_trace().axes[0].get_xlabel()
        'scored items'
        """
        from sciencegen.report.figures.search import trace_figure

        return trace_figure(self.record.trace, str(self.summary["method"]))

    def plot_pareto(self, x: str | None = None, y: str | None = None) -> Figure:
        """All scored items by two goals: those that meet all goals, their Pareto front, and the candidates.

        Parameters
        ----------
        x, y : str, optional
            Names in two of the goals; by default the first two, objectives before constraints. A front is drawn if both
            are maximized or minimized.

        Returns
        -------
        matplotlib.figure.Figure
            Of the width of a journal's column; save it by `savefig`.

        Raises
        ------
        ConfigError
            For a search with one goal only, or a name that is in no goal.

        Examples
        --------
        >>> import sciencegen as sg
        >>> found = sg.optimize("molecules", ["maximize qed", "minimize sa"], budget=12, n=1, threads=1)
        >>> found.plot_pareto().axes[0].get_ylabel()
        'sa, lower is better'
        """
        from sciencegen.report.figures.search import pareto_figure

        first, second = self._two_goals(x, y)
        names = [first.name, second.name]
        points, feasible = self.scored[names].to_numpy(float), self.scored["feasible"].to_numpy(bool)
        front = np.zeros(len(points), bool)
        if first.direction and second.direction:
            signs = [-1.0 if one.direction == "minimize" else 1.0 for one in (first, second)]
            among = np.flatnonzero(feasible & np.isfinite(points).all(1))
            front[among[nondominated(points[among] * signs)]] = True
        return pareto_figure(points, feasible, front, self.table[names].to_numpy(float), (first, second))

    def _two_goals(self, x: str | None, y: str | None) -> tuple[GoalAxis, GoalAxis]:
        """The axes of a plot."""
        goals = parse_goals(self.summary["goals"])
        names = list(dict.fromkeys(goal.name for goal in sorted(goals, key=lambda goal: not goal.is_objective)))
        for name in filter(None, (x, y)):
            if name not in names:
                raise unknown_name("goal", name, names)
        first = x or next((name for name in names if name != y), None)
        second = y or next((name for name in names if name != first), None)
        if first is None or second is None:
            raise ConfigError(f"Expected two goals to plot, got {', '.join(names)} only. Use `plot_trace`.")
        return self._axis(first, goals), self._axis(second, goals)

    def _axis(self, name: str, goals: Sequence[Goal]) -> GoalAxis:
        from sciencegen.report.figures.search import GoalAxis

        own = [goal for goal in goals if goal.name == name]
        known = domain_of(self.record.domain).properties.get(name)
        direction = next((goal.direction for goal in own if goal.direction), None)
        low, high = max(goal.low for goal in own), min(goal.high for goal in own)
        return GoalAxis(name, known.unit if known else "", direction, low, high)
