"""The result of a search: its candidates, its files, and figures of how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sciencegen.api.models.completion import Completer
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import NameSuffixes
from sciencegen.api.writing.output_record import Ingredients, Written, check_record, write_record
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import (
    check_complete,
    check_endings,
    csv_beside,
    write_candidates,
    write_json,
    write_rejected,
    write_structures,
)
from sciencegen.data.writers import Refused, write_table
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.files import claim_output, reserved
from sciencegen.items import Cell, Json, Origin
from sciencegen.optimization.goals import Goal, parse_goals
from sciencegen.optimization.objective import Evaluation
from sciencegen.optimization.pareto import nondominated

if TYPE_CHECKING:
    import pandas as pd

    from sciencegen.figures.style import Figure
    from sciencegen.report.content import GoalAxis


# The files of a search: candidates, their structures, and details.

DETAILS = ("trace.csv", "scored.parquet", "summary.json")
"""Files in the folder of details: progress, scored items and summary."""

Table = Mapping[str, Sequence[Cell]]
"""Columns by name."""


@dataclass(frozen=True)
class SearchFiles:
    """output: the candidates, as Parquet and CSV, or as CSV only. structures: their structures. details: a folder for
    `DETAILS`."""

    output: str
    structures: str | None = None
    details: str | None = None

    @property
    def paths(self) -> list[str]:
        """All files that may be written, except the rejects."""
        within = [] if self.details is None else [str(Path(self.details) / name) for name in DETAILS]
        structures = [] if self.structures is None else [self.structures]
        return [self.output, *csv_beside(self.output), *structures, *within]

    def claim(self, domain: str, overwrite: bool, complete: str | None = None) -> None:
        """Raise an error for files that exist or can't be written. complete: the completing model."""
        for path in self.paths:
            claim_output(path, overwrite)
            check_record(path)
        check_endings(domain, self.output, self.structures)
        check_complete(complete, self.output, self.structures)


@dataclass(frozen=True)
class SearchRecord:
    """Results of a search. domain: name of the domain, or of the form that the model generates. table: the candidates.
    trace: method, call, top_10, feasible. scored: all scored items. failed: items that could not be scored. complete:
    computes structures of candidates for files, or None. name_suffixes: suffixes of names in such files. made_of: for
    the records beside the files of candidates."""

    domain: str
    table: Table
    trace: Table
    scored: Table
    failed: Sequence[Refused]
    summary: Json
    complete: Completer | None = None
    name_suffixes: NameSuffixes | None = None
    origin: Origin | None = None
    made_of: Ingredients | None = None

    def write(self, files: SearchFiles, overwrite: bool = False) -> None:
        """Write the files, with a record beside each file of candidates."""
        domain, (complete, suffixes, origin) = domain_of(self.domain), self._how
        refused = write_candidates(domain, files.output, self.table, complete, overwrite, suffixes, origin)
        for path in (files.output, *csv_beside(files.output)):
            self._record(path, refused)
        if files.structures is not None:
            lost = write_structures(domain, files.structures, self.table, complete, origin, suffixes)
            write_rejected(files.structures, lost)
            self._record(files.structures, lost)
        if files.details is not None:
            trace, scored, summary = (Path(files.details) / name for name in DETAILS)
            write_table(trace, self.trace)
            write_table(scored, self.scored)
            write_json(str(summary), self.summary)
        write_rejected(files.output, [*self.failed, *refused])

    def _record(self, output: str, refused: Sequence[Refused]) -> None:
        """Write the record of a file of candidates. Its rows depend on each other, so they have no draws."""
        if self.made_of is not None:
            write_record(output, self.made_of, Written(len(next(iter(self.table.values()), ())) - len(refused)))

    @property
    def _how(self) -> tuple[Completer | None, NameSuffixes | None, Origin | None]:
        return self.complete, self.name_suffixes, self.origin


def write_failures(domain: str, output: str, trace: Sequence[Evaluation]) -> None:
    """Write the rejects of a search in which no item could be scored."""
    science = domain_of(domain)
    write_rejected(output, [(e.call, science.items.text(e.item), e.failure or "") for e in trace])


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
        from sciencegen.report.plots import trace_figure

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
        from sciencegen.report.plots import pareto_figure

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
        from sciencegen.report.content import GoalAxis

        own = [goal for goal in goals if goal.name == name]
        known = domain_of(self.record.domain).properties.get(name)
        direction = next((goal.direction for goal in own if goal.direction), None)
        low, high = max(goal.low for goal in own), min(goal.high for goal in own)
        return GoalAxis(name, known.unit if known else "", direction, low, high)
