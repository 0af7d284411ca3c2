"""Record: add a lab's results to the journal of a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from sciencegen.api.campaign.measurements import (
    awaiting_entries,
    keys_of,
    measured_entries,
    proposed_rounds,
    read_measured,
)
from sciencegen.api.campaign.request import TableReading
from sciencegen.api.criteria.checks import check_target
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import (
    name_column,
    reference_of,
)
from sciencegen.config import RecordSettings, build_settings
from sciencegen.data.writers import Refused
from sciencegen.errors import DataError
from sciencegen.optimization.journal import Appended, append, read_journal
from sciencegen.options import RecordOptions, takes


@dataclass(frozen=True)
class Recorded:
    """What a file (`source`) added to a journal, and the rows that it could not."""

    source: str
    appended: Appended
    refused: list[Refused]
    notes: list[str]
    summary: dict[str, Any]


@takes(RecordSettings)
def record(domain: str, journal: str | Path, results: str | Path, **options: Unpack[RecordOptions]) -> Recorded:
    """Add a table of measurements to a journal; rows that it holds from a file of that name add nothing.

    The settings are those of `sciencegen record`.
    """
    return record_from(domain, journal, results, build_settings(RecordSettings, options))


def record_from(domain: str, journal: str | Path, results: str | Path, chosen: RecordSettings) -> Recorded:
    """`record` with its settings as one record."""
    science = domain_of(domain)
    check_target(science, chosen.target)
    reference = reference_of(science, chosen.wild_type)
    before = read_journal(journal)
    reading = TableReading(
        chosen.target, chosen.column, chosen.threads, chosen.sample, chosen.limit, chosen.offline
    )  # fmt: skip
    table = read_measured(science, results, reading, reference)
    keys = keys_of(domain, [entry.item for entry in before.entries], chosen.threads, str(journal))
    entries = measured_entries(table, proposed_rounds(before.entries, keys), chosen.round)
    if not entries:
        reason = f", the first: {table.refused[0][2]}" if table.refused else ""
        raise DataError(f"Expected measured items in {results}, found none{reason}.")
    waiting = awaiting_entries(table, {keys[entry.item] for entry in before.entries})
    appended = append(journal, [*entries, *waiting.values()], name_column(reference))
    awaited = {keys[entry.item] for entry in before.proposed} - {keys[entry.item] for entry in before.measured}
    summary = {
        "recorded": appended.added - len(waiting),
        "known": appended.already_present,
        "unmeasured": table.unmeasured,
        "refused": len(table.refused),
        "awaited": len((awaited | set(waiting)) - {row.key for row in table.rows if row.value is not None}),
    }
    return Recorded(table.source, appended, table.refused, table.notes, summary)
