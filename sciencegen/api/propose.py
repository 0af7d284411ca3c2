"""Propose: from what a lab measured to the next plate, round after round."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciencegen.api.campaign_space import campaign_space, cost_column, design_space, given_pool
from sciencegen.api.optimize import start_items
from sciencegen.api.record import (
    Refused,
    check_target,
    keys_of,
    measured_entries,
    proposed_rounds,
    read_measured,
)
from sciencegen.api.records import to_record
from sciencegen.api.rooms import domain_of, inference_threads
from sciencegen.config import ProposeSettings, build_settings
from sciencegen.errors import ConfigError
from sciencegen.optimization.campaign import CampaignSettings, Plate, exploration_at, next_plate
from sciencegen.optimization.journal import Entry, append, read_journal
from sciencegen.optimization.measurements import Measurement, averaged
from sciencegen.optimization.plate import PlateSettings
from sciencegen.optimization.proposers import BreedingSettings

Log = Callable[[str], None]


@dataclass(frozen=True)
class Proposed:
    """table: the plate, its column of values empty for the lab. summary: what it stands on."""

    table: dict[str, list[Any]]
    refused: list[Refused]
    summary: dict[str, Any]


@dataclass(frozen=True)
class History:
    """What happened so far. keys: text -> key of every item that was measured or proposed."""

    entries: list[Entry]
    keys: dict[str, str]
    refused: list[Refused]

    @property
    def next_round(self) -> int:
        return 1 + max((entry.round for entry in self.entries), default=0)


def propose(domain: str, measured: str | Sequence[str] = (), **settings: Any) -> Any:
    """The next plate as a pandas table; the settings are those of `sciencegen propose`."""
    import pandas as pd

    found = plan(domain, build_settings(ProposeSettings, {"measured": measured, **settings}))
    table = pd.DataFrame(found.table)
    table.attrs["summary"] = found.summary
    return table


def plan(domain: str, settings: ProposeSettings, *, log: Log = lambda text: None) -> Proposed:
    """Read, record, fit, pick; proposals stand in the journal (where there is one) before this returns."""
    science = domain_of(domain)
    check_target(domain, settings.target)
    campaign_settings(settings, 1)  # a wrong name is an error before a file is read
    space_options = design_space(science, settings)
    history = read_history(domain, settings, log)
    known = _measurements(science, history)
    pending = _pending(history)
    if pending:
        log(f"note: {len(pending)} proposed items have no value yet; they are proposed no more")
    inference_threads(settings.threads)
    pool, refused = given_pool(domain, settings, space_options)
    waiting = [science.parse(text) for text in pending]
    start = start_items(science, settings.start)
    space = campaign_space(domain, settings, space_options, [*(one.item for one in known), *waiting, *start])
    if pool is None and not space.draws and not known and not start:
        raise ConfigError(
            "Expected measured items, a pool, a model or start items to propose from, got none. "
            "Pass --measured, --journal, --pool, --model or --start."
        )
    options = campaign_settings(settings, history.next_round)
    generator = np.random.default_rng((settings.seed, history.next_round))
    plate = next_plate(space, known, waiting, options, generator, pool, start)
    table = _table(science, plate, settings, history.next_round, pool)
    if settings.journal is not None:
        append(settings.journal, proposed_entries(table, history.next_round))
    summary = _summary(plate, known, settings, history, len(pending))
    return Proposed(table, [*history.refused, *refused], summary)


def campaign_settings(settings: ProposeSettings, number: int) -> CampaignSettings:
    """The records of the mathematics, for the plate of this number."""
    exploration = settings.exploration
    if exploration is None:
        exploration = PlateSettings.exploration if settings.rounds is None else exploration_at(number, settings.rounds)
    limit = math.inf if settings.cost_limit is None else settings.cost_limit
    plate = PlateSettings(settings.acquisition, exploration, settings.maximum_similarity, settings.diversity, limit)
    breeding = to_record(BreedingSettings, settings.breeding, "breeding")
    return CampaignSettings(settings.batch, settings.surrogate, settings.scale, settings.minimize, plate, breeding)


def read_history(domain: str, settings: ProposeSettings, log: Log) -> History:
    """The journal, and the measured tables, which join it: rows that it holds add nothing."""
    entries: list[Entry] = []
    if settings.journal is not None:
        journal = read_journal(settings.journal)
        entries += journal.entries
        if journal.torn:
            log(f"note: the last line of {settings.journal} was cut off and is left out: '{journal.torn[:80]}'")
    place = settings.journal or "the measured tables"
    keys = keys_of(domain, [entry.item for entry in entries], settings.threads, place)
    refused: list[Refused] = []
    for number, path in enumerate(settings.measured, start=1):
        table = read_measured(domain, path, settings.target, settings.column, settings.threads)
        refused += table.refused
        default = 0 if settings.journal is not None else number
        new = measured_entries(table, proposed_rounds(entries, keys), default)
        unmeasured = [row for row in table.rows if row.value is None]
        if settings.journal is not None:
            added = append(settings.journal, new)
            log(f"{path}: {added.added} measurements recorded in {settings.journal}, {added.known} were there")
            entries = list(read_journal(settings.journal).entries)
        else:
            entries += new
        entries += [Entry(default if row.round is None else row.round, row.text, "proposed") for row in unmeasured]
        keys |= {row.text: row.key for row in table.rows}
    return History(entries, keys, refused)


def _measurements(science: Any, history: History) -> list[Measurement]:
    measured = [entry for entry in history.entries if entry.kind == "measured"]
    items = {entry.item: science.parse(entry.item) for entry in measured}
    keys = [history.keys[entry.item] for entry in measured]
    return averaged(measured, keys, [items[entry.item] for entry in measured])


def _pending(history: History) -> list[str]:
    """Texts of what was proposed and not measured."""
    done = {history.keys[entry.item] for entry in history.entries if entry.kind == "measured"}
    waiting = {history.keys[e.item]: e.item for e in history.entries if e.kind == "proposed"}
    return [text for key, text in waiting.items() if key not in done]


def _table(science: Any, plate: Plate, settings: ProposeSettings, number: int, pool: Any) -> dict[str, list[Any]]:
    table: dict[str, list[Any]] = {"item": [science.text(item) for item in plate.items]}
    table[settings.target] = [None] * len(plate.items)
    table["round"] = [number] * len(plate.items)
    table |= {name: getattr(plate, name).tolist() for name in ("predicted", "lower", "upper")}
    table["source"] = list(plate.sources)
    if pool is not None and cost_column(settings):
        costs = dict(zip(pool.keys, pool.costs.tolist(), strict=True))
        table[str(cost_column(settings))] = [costs[science.key(item)] for item in plate.items]
    return table


def proposed_entries(table: dict[str, list[Any]], number: int) -> list[Entry]:
    rows = zip(*(table[name] for name in ("item", "predicted", "lower", "upper", "source")), strict=True)
    told = lambda value: None if value != value else value  # noqa: E731
    return [
        Entry(number, item, "proposed", None, None, told(predicted), told(lower), told(upper), source)
        for item, predicted, lower, upper, source in rows
    ]


def _summary(
    plate: Plate, known: Sequence[Measurement], settings: ProposeSettings, history: History, pending: int
) -> dict[str, Any]:
    values = [one.value for one in known]
    best = None if not values else min(values) if settings.minimize else max(values)
    sources = {name: plate.sources.count(name) for name in dict.fromkeys(plate.sources)}
    return {
        "round": history.next_round,
        "proposed": len(plate.items),
        "candidates": plate.considered,
        "measured": len(known),
        "best": best,
        "pending": pending,
        "surrogate": plate.chosen,
        "refused": len(history.refused),
        "log_likelihood": dict(plate.likelihoods),
        "sources": sources,
        "seed": settings.seed,
    }
