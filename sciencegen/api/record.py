"""Record: add a lab's results to the journal of a campaign, or withdraw a plate from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sciencegen.api.campaign.history import read_measured
from sciencegen.api.campaign.journal_items import (
    awaited_keys,
    items_by_id,
    keys_of,
    proposed_rounds,
    targets_of,
    withdrawals,
)
from sciencegen.api.criteria import check_target
from sciencegen.api.science import domain_of, name_column, reference_of
from sciencegen.config import RecordSettings, build_settings
from sciencegen.data.writers import Refused
from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.journal import Journal, append, read_journal
from sciencegen.optimization.process import Parameter
from sciencegen.options import takes
from sciencegen.records import Shown, ledger

OF_TABLES = {"target", "column", "parameters", "round", "wild_type", "sheet"}
"""Settings that a plate to withdraw doesn't have."""


@dataclass(frozen=True)
class Recorded(Shown):
    """What a file (`source`) added to a journal, and its refused rows."""

    SHOWN = "source", "summary", "notes"
    source: str
    refused: list[Refused]
    notes: list[str]
    summary: dict[str, Any]


@takes(RecordSettings)
def record(domain: str, journal: str | Path, results: str | Path | None = None, **options: object) -> Recorded:
    r"""Add a table of measurements to the journal of a campaign, or withdraw a plate that won't be measured.

    Rows that the journal already holds from a file of the same name are skipped. Rows of the same item are replicates.

    Parameters
    ----------
    domain : str
        Such as "proteins".
    journal : str or Path
        The campaign's table; it is created if it doesn't exist.
    results : str or Path, optional
        The table of measured items; "-" is standard input. None with `withdraw`.

    Returns
    -------
    Recorded
        With `summary`, `notes` and the `refused` rows.

    Raises
    ------
    DataError
        If the table has no measured item, or the plate to withdraw is measured.
    ConfigError
        If the journal has no plate of the round to withdraw.

    Examples
    --------
    >>> import sciencegen as sg, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "plate.csv").write_text("item,value\nMKV,1.5\nMKL,0.5\n")
    >>> sg.record("proteins", folder / "journal.csv", folder / "plate.csv").summary["recorded"]
    2
    """
    return record_from(domain, journal, results, build_settings(RecordSettings, options))


def record_from(domain: str, journal: str | Path, results: str | Path | None, settings: RecordSettings) -> Recorded:
    """`record` with a settings record."""
    if (results is None) == (settings.withdraw is None):
        got = "neither" if results is None else "both"
        raise ConfigError(f"Expected a table of measured items, or `withdraw` with the round of a plate, got {got}.")
    if results is not None:
        return _recorded(domain, journal, results, settings)
    assert settings.withdraw is not None
    if useless := sorted(settings.model_dump(include=OF_TABLES, exclude_defaults=True)):
        raise ConfigError(f"Expected no {', '.join(useless)} with `withdraw`, since they describe a table.")
    before = read_journal(journal)
    keys = keys_of(domain, [entry.item for entry in before.entries], settings.threads, str(journal))
    lines = withdrawals(before, settings.withdraw, keys, str(journal))
    append(journal, lines, several=len(before.targets) > 1)
    awaited = awaited_keys(Journal((*before.entries, *lines)), keys)
    summary = {"withdrawn": len({line.run(keys) for line in lines}), "awaited": len(awaited)}
    return Recorded(str(journal), [], [], summary)


def _recorded(domain: str, journal: str | Path, results: str | Path, settings: RecordSettings) -> Recorded:
    science, before = domain_of(domain), read_journal(journal)
    targets = targets_of(settings.target, before, journal)
    for target in targets:
        check_target(science, target)
    reference = reference_of(science, settings.wild_type)
    if os.path.exists(results) and os.path.exists(journal) and os.path.samefile(results, journal):
        raise ConfigError(f"Expected a table of measurements besides the journal, got {results} for both.")
    several = len(targets) > 1 or len(before.targets) > 1
    plates = items_by_id(before.entries)
    parameters = [Parameter(name, ()) for name in settings.parameters or before.parameters]
    read = partial(read_measured, settings=settings, reference=reference, several=several, plates=plates)
    tables = [read(science, results, one, parameters=parameters) for one in targets]
    keys = keys_of(domain, [entry.item for entry in before.entries], settings.threads, str(journal))
    proposed = proposed_rounds(before.entries, keys)
    entries = [one for table in tables for one in table.measured(proposed, settings.round)]
    refused = list(dict.fromkeys(one for table in tables for one in table.refused))
    if not entries:
        reason = f", the first: {refused[0][2]}" if refused else ""
        raise DataError(f"Expected measured items in {results}, found none{reason}.")
    measured = {row.run for table in tables for row in table.rows if row.value is not None}
    known = {entry.run(keys) for entry in before.entries} | (measured if several else set())
    waiting = [table.awaiting(known) for table in tables]
    proposals = [entry for own in waiting for entry in own.values()]
    added = append(journal, [*entries, *proposals], name_column(reference), several)
    given, empty = sum(table.read for table in tables), sum(table.unmeasured for table in tables)
    summary: dict[str, Any] = {
        "recorded": added - len(proposals),
        "known": len(entries) + len(proposals) - added,
        "unmeasured": min(table.unmeasured for table in tables),
        "refused": len(refused),
        "awaited": len(awaited_keys(before, keys).union(*waiting) - measured),
    }
    new, there = summary["recorded"], len(entries) - summary["recorded"]
    parts = {"recorded": new, "recorded before": there, "unmeasured": empty, "refused": given - len(entries) - empty}
    summary |= ledger("rows" if len(tables) == 1 else "values", given, parts)
    notes = list(dict.fromkeys(note for table in tables for note in table.notes))
    return Recorded(tables[0].source, refused, notes, summary)
