"""Backtest: replay design campaigns on a measured table, against random, greedy and one-shot ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sciencegen import __version__
from sciencegen.api.campaign.replays import Case, FinishedCampaigns, MeasuredPool, measured_pool
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.propose import campaign_settings, resolve
from sciencegen.api.writing.plates import BACKTEST_COLUMNS as COLUMNS
from sciencegen.api.writing.plates import Backtested, open_campaigns
from sciencegen.config import BacktestSettings, Batched, ProposeSettings, Reading, build_settings, flat
from sciencegen.data.threads import inference_threads
from sciencegen.errors import unknown_name
from sciencegen.items import Cell, Json, none_if_nan
from sciencegen.optimization.measurements import settled_values
from sciencegen.optimization.replay import METHODS, BestScale, ReplayedRound, best_scale, replay, replay_statistics
from sciencegen.options import takes

OWN = ("repeats", "methods", "threshold")
"""Settings that `propose` doesn't have. A campaign doesn't depend on them."""

Log = Callable[[str], None]
Rounds = dict[Case, list[ReplayedRound]]


def _silent(count: int) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class BacktestPlan:
    """A backtest, resolved. scale: from values to fractions of the best one."""

    settings: BacktestSettings
    request: ProposeRequest
    pool: MeasuredPool
    scale: BestScale
    methods: tuple[str, ...]

    @property
    def cases(self) -> list[Case]:
        """Every campaign, in the order in which they run: repeats one after the other."""
        return [(method, repeat) for repeat in range(1, self.settings.repeats + 1) for method in self.methods]

    @property
    def plates(self) -> int:
        return len(self.cases) * self.settings.rounds

    def campaigns(self, finished: FinishedCampaigns, advance: Callable[[int], None] = _silent) -> Iterator[Case]:
        """Run the campaigns that aren't finished; yields each case. advance: called with the number of plates done."""
        inference_threads(self.settings.threads)
        settings_of = partial(campaign_settings, self.request.plate)
        for case in self.cases:
            if case in finished.rounds:
                advance(self.settings.rounds)
            else:
                method, repeat = case
                rounds = []
                seed = (self.settings.seed, repeat)
                for one in replay(self.pool.landscape, method, settings_of, self.settings.rounds, seed):
                    rounds.append(one)
                    advance(1)
                finished.add(case, rounds)
            yield case

    def cells(self, case: Case, rounds: Sequence[ReplayedRound]) -> dict[str, list[Cell]]:
        """The rows of a campaign."""
        rows = [(*case, *astuple(one)) for one in self._fractions(rounds)]
        return {name: list(column) for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=True)}

    def identity(self) -> Json:
        """Everything that a campaign depends on."""
        measured = self.pool.landscape.measured
        values = [
            (one.text, one.value, one.error, one.replicates, *([one.limits] if one.limits else [])) for one in measured
        ]
        apart = {*OWN, *Batched.model_fields, *Reading.__annotations__, "target", "column", "sheet"} - {"seed"}
        chosen = {name: value for name, value in flat(self.settings).items() if name not in apart}
        space = self.request.space
        return {
            "sciencegen": __version__,
            "format": [one.name for one in fields(ReplayedRound)],
            "table": hashlib.sha256(json.dumps(values).encode()).hexdigest(),
            "settings": chosen | {"wild_type": space and self.request.domain.items.text(space.origin)},
        }

    def summary(self, rounds: Rounds) -> dict[str, Any]:
        """Counts, and for each method the statistics of its campaigns."""
        methods: dict[str, dict[str, Any]] = {}
        for method in self.methods:
            own = [self._fractions(some) for (name, _), some in rounds.items() if name == method]
            if own:
                methods[method] = _plain(asdict(replay_statistics(own, self.settings.threshold)))
        return {
            "campaigns": sum(one["campaigns"] for one in methods.values()),
            "items": len(self.pool.landscape.measured),
            "best_value": self.scale.best,
            "zero": self.scale.zero,
            "threshold": self.settings.threshold,
            "unmeasured": self.pool.unmeasured,
            "refused": len(self.pool.refused),
            "seed": self.settings.seed,
            "methods": methods,
            "notes": list(self.notes),
        }

    def _fractions(self, rounds: Sequence[ReplayedRound]) -> list[ReplayedRound]:
        return [replace(one, best=self.scale.fraction(one.best)) for one in rounds]

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages on the table and on what `best` means."""
        if not self.scale.is_median:
            return tuple(self.pool.notes)
        end = "lowest" if self.request.minimize else "highest"
        return (
            *self.pool.notes,
            f"`best` counts from the table's median ({self.scale.zero:g}, fraction 0) to its {end} value "
            f"({self.scale.best:g}, fraction 1), since a fraction of that value alone has no meaning",
        )


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """NaN as None."""
    return {
        name: list(map(none_if_nan, value)) if isinstance(value, list) else none_if_nan(value)
        for name, value in values.items()
    }


def resolve_backtest(
    domain: str, table: str | Path, settings: BacktestSettings, log: Log = lambda text: None
) -> BacktestPlan:
    """Check the settings, read the table and compute its features."""
    for method in settings.methods:
        if method not in METHODS:
            raise unknown_name("method", method, METHODS)
    shared = {name: value for name, value in flat(settings).items() if name not in OWN}
    request = resolve(domain, ProposeSettings(**shared, measured=(str(table),), plausible=False))
    pool = measured_pool(request, settings.rounds, log)
    values = np.array(settled_values(pool.landscape.measured, settings.minimize))
    methods = tuple(name for name in METHODS if name in (settings.methods or METHODS))
    return BacktestPlan(settings, request, pool, best_scale(values, settings.minimize), methods)


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
    columns = {name: [cell for part in parts for cell in part[name]] for name in COLUMNS}

    def write(path: Path, overwrite: bool) -> None:
        with open_campaigns(str(path)) as writer:
            writer.write(columns)
            writer.reject(plan.pool.refused)

    return Backtested(pd.DataFrame(columns), plan.summary(finished.rounds), plan.notes, write)
