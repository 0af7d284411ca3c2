"""Backtest: replay design campaigns on a measured table, against random, greedy and one-shot ones."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sciencegen import __version__
from sciencegen.api.campaign.candidates import edit_features, features_for, marks_for, unlike_lengths
from sciencegen.api.campaign.journal_items import awaited_keys
from sciencegen.api.campaign.notes import contradictions
from sciencegen.api.propose import Bench
from sciencegen.api.writing.results import Result
from sciencegen.api.writing.writer import OutputWriter, TableSink
from sciencegen.config import BacktestSettings, Batched, ProposeSettings, Reading, build_settings, flat
from sciencegen.data.threads import inference_threads
from sciencegen.data.writers import Refused
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.files import atomic_write
from sciencegen.items import Cell, Json, none_if_nan
from sciencegen.optimization.backtest import (
    METHODS,
    BestScale,
    Landscape,
    ReplayedRound,
    best_scale,
    landscape_of,
    replay,
    replay_statistics,
)
from sciencegen.optimization.candidates import CampaignSpace
from sciencegen.optimization.measurements import settled_values
from sciencegen.optimization.process import Run, lifted_space
from sciencegen.options import takes

if TYPE_CHECKING:
    from sciencegen.figures.style import Figure

OWN = ("repeats", "methods", "threshold")
"""Settings that `propose` doesn't have. A campaign doesn't depend on them."""

Log = Callable[[str], None]
Case = tuple[str, int]
"""Method and repeat."""
Rounds = dict[Case, list[ReplayedRound]]


# Finished campaigns of a backtest that was stopped, in a hidden file beside its output, so that it can go on.
#
#     {"sciencegen": "0.3.0", "format": ["number", "measured", ...], "table": "<sha256 of the measurements>", ...}
#     {"method": "propose", "repeat": 1, "rounds": [[1, 96, 0.51, null, null, null, null, null, null], ...]}
#
# The first line says what the campaigns depend on, and the names of a plate's numbers. Each other one is a campaign:
# the numbers of a `ReplayedRound` for each of its plates.


def unfinished_path(output: str | Path) -> Path | None:
    """The file beside an output; None for standard output."""
    return None if str(output) == "-" else Path(output).with_name(f".{Path(output).name}.unfinished")


def is_unfinished(output: str | Path) -> bool:
    """Whether a stopped backtest left campaigns for this output."""
    path = unfinished_path(output)
    return path is not None and path.is_file()


class FinishedCampaigns:
    """The finished campaigns of one backtest. `add` appends one to the file and waits until the disk has it.

    path: None keeps them in memory alone. identity: everything that they depend on. force: ignore campaigns of another
    backtest instead of raising an error.
    """

    def __init__(self, path: Path | None, identity: Mapping[str, Json], force: bool = False) -> None:
        self.path, self._appends = path, False
        self._identity = json.loads(json.dumps(identity))
        self.rounds: dict[Case, list[ReplayedRound]] = {}
        if path is not None and path.is_file():
            try:
                self.rounds = _read(path, self._identity)
            except (ConfigError, DataError):
                if not force:
                    raise

    def add(self, case: Case, rounds: Sequence[ReplayedRound]) -> None:
        """Keep a campaign. The first call writes the file anew, without an incomplete line or another backtest."""
        self.rounds[case] = list(rounds)
        if self.path is None:
            return
        if not self._appends:
            with atomic_write(self.path) as file:
                file.write(f"{json.dumps(self._identity)}\n")
                file.writelines(_line_of(one, some) for one, some in self.rounds.items())
            self._appends = True
            return
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(_line_of(case, rounds))
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Call it once the output is written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _read(path: Path, identity: Mapping[str, Json]) -> dict[Case, list[ReplayedRound]]:
    """The campaigns of the same backtest. An incomplete last line is dropped."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    if lines and (other := _difference(lines[0], identity)):
        raise ConfigError(
            f"Expected the settings of the unfinished backtest in {path}, got {other}. Pass the same ones to go on, "
            "`force` to begin anew, or another `output`."
        )
    return dict(_campaign_of(line, f"line {number} of {path}") for number, line in enumerate(lines[1:], start=2))


def _difference(line: str, identity: Mapping[str, Json]) -> str:
    """What differs from the identity in a line, in words; "" if nothing does."""
    try:
        found = json.loads(line)
        before = {name: found.get(name) for name in identity}
        settings, own = before.pop("settings"), identity["settings"]
        differing = {name: (settings.get(name), value) for name, value in own.items() if settings.get(name) != value}
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"another file there: {line[:40]!r}"
    if differing:
        name, (there, here) = next(iter(differing.items()))
        return f"`{name}` {here} for {there}"
    other = [name for name, value in before.items() if value != identity[name]]
    return f"another {other[0]}" if other else ""


def _line_of(case: Case, rounds: Sequence[ReplayedRound]) -> str:
    method, repeat = case
    cells = [[none_if_nan(number) for number in astuple(one)] for one in rounds]
    return json.dumps({"method": method, "repeat": repeat, "rounds": cells}) + "\n"


def _campaign_of(line: str, place: str) -> tuple[Case, list[ReplayedRound]]:
    try:
        found = json.loads(line)
        rounds = [
            ReplayedRound(int(number), int(measured), *(math.nan if one is None else float(one) for one in others))
            for number, measured, *others in found["rounds"]
        ]
        return (str(found["method"]), int(found["repeat"])), rounds
    except (ValueError, TypeError, KeyError):
        raise DataError(
            f"Expected a finished campaign in {place}, found {line[:40]!r}. Pass `force`, or remove the file."
        ) from None


# The campaigns.


@dataclass(frozen=True)
class BacktestPlan:
    """A backtest, resolved. landscape: the measured items, replicates averaged. scale: from values to fractions of the
    best one. table_notes: on the table."""

    settings: BacktestSettings
    bench: Bench
    landscape: Landscape
    scale: BestScale
    table_notes: Sequence[str]
    methods: tuple[str, ...]

    @property
    def cases(self) -> list[Case]:
        """Every campaign, in the order in which they run: repeats one after the other."""
        return [(method, repeat) for repeat in range(1, self.settings.repeats + 1) for method in self.methods]

    @property
    def plates(self) -> int:
        return len(self.cases) * self.settings.rounds

    def campaigns(
        self, finished: FinishedCampaigns, advance: Callable[[int], None] = lambda plates: None
    ) -> Iterator[Case]:
        """Run the campaigns that aren't finished; yields each case. advance: called with the number of plates done."""
        inference_threads(self.settings.threads)
        for case in self.cases:
            if case in finished.rounds:
                advance(self.settings.rounds)
            else:
                method, repeat = case
                rounds = []
                seed = (self.settings.seed, repeat)
                for one in replay(self.landscape, method, self.bench.settings_of, self.settings.rounds, seed):
                    rounds.append(one)
                    advance(1)
                finished.add(case, rounds)
            yield case

    def cells(self, case: Case, rounds: Sequence[ReplayedRound]) -> dict[str, list[Cell]]:
        """The rows of a campaign."""
        rows = [(*case, *astuple(one)) for one in self._fractions(rounds)]
        return {name: list(column) for name, column in zip(BACKTEST_COLUMNS, zip(*rows, strict=True), strict=True)}

    def identity(self) -> Json:
        """Everything that a campaign depends on."""
        measured = self.landscape.measured
        values = [
            (
                one.text,
                one.value,
                one.error,
                one.replicates,
                *([one.limits] if one.limits else []),
                *([one.parameters] if one.parameters else []),
            )
            for one in measured
        ]
        apart = {*OWN, *Batched.model_fields, *Reading.__annotations__, "target", "column", "sheet"} - {"seed"}
        chosen, space = {name: one for name, one in flat(self.settings).items() if name not in apart}, self.bench.space
        return {
            "sciencegen": __version__,
            "format": [one.name for one in fields(ReplayedRound)],
            "table": hashlib.sha256(json.dumps(values).encode()).hexdigest(),
            "settings": chosen | {"wild_type": space and self.bench.science.items.text(space.origin)},
        }

    def summary(self, rounds: Rounds) -> dict[str, Any]:
        """Counts, and for each method the statistics of its campaigns."""
        methods: dict[str, dict[str, Any]] = {}
        history = self.bench.history
        for method in self.methods:
            own = [self._fractions(some) for (name, _), some in rounds.items() if name == method]
            if own:
                methods[method] = _plain(asdict(replay_statistics(own, self.settings.threshold)))
        return {
            "campaigns": sum(one["campaigns"] for one in methods.values()),
            "items": len(self.landscape.measured),
            "best_value": self.scale.best,
            "zero": self.scale.zero,
            "threshold": self.settings.threshold,
            "unmeasured": len(awaited_keys(history.journal, history.keys)),
            "refused": len(history.refused),
            "seed": self.settings.seed,
            **self.bench.measured_ledger(),
            "methods": methods,
            "notes": list(self.notes),
        }

    def _fractions(self, rounds: Sequence[ReplayedRound]) -> list[ReplayedRound]:
        return [replace(one, best=self.scale.fraction(one.best)) for one in rounds]

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages on the table and on what `best` means."""
        if not self.scale.is_median:
            return tuple(self.table_notes)
        end = "lowest" if self.settings.minimize else "highest"
        return (
            *self.table_notes,
            f"`best` counts from the table's median ({self.scale.zero:g}, fraction 0) to its {end} value "
            f"({self.scale.best:g}, fraction 1), since a fraction of that value alone has no meaning",
        )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """NaN as None."""
    return {
        name: list(map(none_if_nan, value)) if isinstance(value, list) else none_if_nan(value)
        for name, value in values.items()
    }


def _check_enough(settings: BacktestSettings, table: str, known: int, refused: Sequence[Refused]) -> None:
    batch, rounds = settings.batch, settings.rounds
    if known >= batch * rounds:
        return
    reason = f" ({len(refused)} rows are refused, the first: {refused[0][2]})" if refused else ""
    most = f"`batch` {known // rounds}" if known >= rounds else "fewer `rounds`"
    raise DataError(
        f"Expected at least {batch * rounds:,} different measured items in {table} for {rounds} plates of {batch}, got "
        f"{known:,}{reason}. Pass {most}, or a larger table."
    )


def resolve_backtest(
    domain: str, table: str | Path, settings: BacktestSettings, log: Log = lambda text: None
) -> BacktestPlan:
    """Check the settings, read the table and compute its features."""
    for method in settings.methods:
        if method not in METHODS:
            raise unknown_name("method", method, METHODS)
    shared = {name: value for name, value in flat(settings).items() if name not in OWN}
    bench = Bench(domain, ProposeSettings(**shared, measured=(str(table),), plausible=False), log=log)
    science, known, history = bench.science, bench.every[bench.target], bench.history
    _check_enough(settings, str(table), len(known), history.refused)
    log(f"computing the features of {len(known):,} measured items")
    # All measured items are candidates, whatever patterns and plausibility: they have been made.
    origin, items = bench.origin, [one.item for one in known]
    edits = edit_features(science, origin, items)
    features, _ = features_for(science, origin, items, edits)
    marks = marks_for(science, bench.space, settings.further.maximum_share)
    space = CampaignSpace(science.items.key, features, science.similarity.matrix, marks=marks)
    if bench.process:
        settings_of = [bench.process.setting(one.parameters) for one in known]
        process = replace(bench.process, measured=tuple(dict.fromkeys(settings_of)))
        known_runs = [replace(one, item=Run(one.item, own)) for one, own in zip(known, settings_of, strict=True)]
        landscape = landscape_of(lifted_space(space, process), known_runs, bench.minimize)
    else:
        landscape = landscape_of(space, known, bench.minimize)
    notes = contradictions(history.discordant(known))
    notes += unlike_lengths(science, origin, items, edits)
    asked = settings.batch * settings.rounds
    if 2 * asked > len(known):
        notes.append(
            f"each campaign measures {asked:,} of {len(known):,} items: methods hardly differ where most of a table is "
            "measured. Smaller plates, fewer rounds or a larger table tell them apart"
        )
    scale = best_scale(np.array(settled_values(known, bench.minimize)), bench.minimize)
    methods = tuple(name for name in METHODS if name in (settings.methods or METHODS))
    return BacktestPlan(settings, bench, landscape, scale, notes, methods)


# The result of a backtest: a row for each replayed campaign and round, and a figure.

BACKTEST_COLUMNS = (
    "method", "repeat", "round", "measured", "best", "held", "hits", "hits_expected", "hits_low", "hits_high",
    "beats_best",
)  # fmt: skip


def open_campaigns(output: str) -> OutputWriter:
    """The writer of the rows, which are no items: a table, whatever the domain. A wrong ending is an error."""
    return OutputWriter(output, TableSink(output, BACKTEST_COLUMNS))


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
        from sciencegen.report.plots import campaigns_figure

        return campaigns_figure(
            {name: self.table[name].tolist() for name in BACKTEST_COLUMNS}, self.summary["threshold"]
        )


@takes(BacktestSettings)
def backtest(domain: str, table: str | Path, **options: object) -> Backtested:
    r"""Replay design campaigns on a table of measured items, to see how soon `propose` finds the best of them.

    The table's items are the only candidates. The first plate is random, the same for all methods of a repeat; later
    ones are chosen from the values of the earlier ones.

    Parameters
    ----------
    domain : str
        Such as "proteins".
    table : str or Path
        A table of measured items with the column `target`, or a dataset by name.

    Returns
    -------
    Backtested
        A row for each campaign and round: `method`, `repeat`, `round`, `measured`, the number of items measured so far,
        `best`, the best value so far as a fraction of the table's maximum, `held`, the share of the plate's values
        inside their 90% intervals, `hits`, the number of values that reach `hit`, `hits_expected`, `hits_low` and
        `hits_high`, its forecast with a 90% interval, and `beats_best`, the probability of a better value than all
        before. `summary` has statistics of each method.

    Raises
    ------
    ConfigError
        For unknown settings or methods.
    DataError
        For a table with fewer measured items than the plates hold.

    Notes
    -----
    If the table's maximum is not above 0, or with `minimize`, `best` is (median - value) / (median - best value): 0 is
    the table's median.

    References
    ----------
    Wu, Kan, Lewis, Wittmann, Arnold, Machine learning-assisted directed protein evolution with combinatorial libraries,
    PNAS 116, 2019.

    Examples
    --------
    >>> import sciencegen as sg, pathlib, tempfile
    >>> table = pathlib.Path(tempfile.mkdtemp(), "table.csv")
    >>> rows = [f"MK{a}{b},{i}\n" for i, a in enumerate("ACDE") for b in "VL"]
    >>> _ = table.write_text("item,value\n" + "".join(rows))
    >>> found = sg.backtest("proteins", table, batch=3, rounds=2, repeats=1, methods=["greedy", "random"], threads=1)
    >>> found.table[["method", "round", "measured"]].values.tolist()
    [['greedy', 1, 3], ['greedy', 2, 6], ['random', 1, 3], ['random', 2, 6]]
    """
    import pandas as pd

    plan = resolve_backtest(domain, table, build_settings(BacktestSettings, dict(options)))
    finished = FinishedCampaigns(None, plan.identity())
    parts = [plan.cells(case, finished.rounds[case]) for case in plan.campaigns(finished)]
    columns = {name: [cell for part in parts for cell in part[name]] for name in BACKTEST_COLUMNS}

    def write(path: Path, overwrite: bool) -> None:
        with open_campaigns(str(path)) as writer:
            writer.write(columns)
            writer.reject(plan.bench.history.refused)

    return Backtested(pd.DataFrame(columns), plan.summary(finished.rounds), plan.notes, write)
