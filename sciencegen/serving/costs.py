"""What a request would take, said by a dry run: what is counted, and the time that earlier jobs took."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sciencegen import config
from sciencegen.config import OptimizeSettings, Settings

Record = TypeVar("Record", bound=Settings)
Counts = dict[str, int]


def _generate(record: config.GenerateSettings) -> Counts:
    most = record.n * record.attempts if record.attempts else max(1000, 50 * record.n)
    return {"items": record.n, "largest_number_of_draws": record.best_of * (record.n if record.raw else most)}


def _optimize(record: OptimizeSettings) -> Counts:
    scored = record.budget * len({record.method, *record.controls})
    calls = {f"calls_of_{name}": math.ceil(scored / one.batch_size) for name, one in record.oracles.items()}
    return {"scored_items": scored, **calls}


def _backtest(record: config.BacktestSettings) -> Counts:
    campaigns = record.repeats * (len(record.methods) or 4)
    return {"plates": campaigns * record.rounds, "campaigns": campaigns}


COUNTED: Mapping[type[Settings], Callable[[Any], Counts]] = {
    config.GenerateSettings: _generate,
    config.OptimizeSettings: _optimize,
    config.BacktestSettings: _backtest,
    config.ProposeSettings: lambda record: {"items": record.batch},
    config.SequencesSettings: lambda record: {"sequences_of_each_item": record.n},
    config.BenchmarkSettings: lambda record: {"scored_items_of_each_task": record.budget * record.seeds},
}
"""Record of settings -> what is counted; the first is what the time grows with."""


def counts_of(record: Settings | None) -> Counts:
    """What is counted of a request, by name; empty for verbs whose work depends on their input alone."""
    count = None if record is None else COUNTED.get(type(record))
    return {} if count is None else count(record)


def expected_seconds(counts: Counts, earlier: list[tuple[Counts, float]]) -> float | None:
    """The time that a request takes if it grows with what is counted.

    Parameters
    ----------
    counts : mapping
        Of the request.
    earlier : list of (counts, seconds)
        Of jobs of the same verb and domain that are done.

    Returns
    -------
    float or None
        The longest of the times that each of these jobs would have taken; None without such jobs.

    Examples
    --------
    >>> expected_seconds({"items": 20}, [({"items": 10}, 4.0), ({"items": 40}, 6.0)])
    8.0
    """
    times = []
    for counted, seconds in earlier:
        name = next(iter(counts), None)
        more = counts[name] / counted[name] if name is not None and counted.get(name) else 1.0
        times.append(seconds * max(1.0, more))  # a start takes its time for few items too
    return round(max(times), 1) if times else None
