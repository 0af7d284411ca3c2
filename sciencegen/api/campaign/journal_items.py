"""The items of a campaign's journal by their keys: what was measured, what was proposed, and what is pending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sciencegen.api.science.naming import ReadItems
from sciencegen.api.science.workers import describe
from sciencegen.domains.base import Domain
from sciencegen.errors import DataError
from sciencegen.items import Row
from sciencegen.optimization.journal import Entry, Journal
from sciencegen.optimization.measurements import Measurement, averaged, discordant


def keys_of(domain: str, texts: Sequence[str], threads: int, place: str) -> dict[str, str]:
    """Text -> key, for items that sciencegen wrote; a text that can't be parsed is an error."""
    distinct = list(dict.fromkeys(texts))
    pairs, refused = describe(ReadItems(domain), [Row(0, text) for text in distinct], threads)
    if refused:
        _, item, reason = refused[0]
        raise DataError(
            f"Expected items of {domain} in {place}, found '{item[:80]}': {reason}. Mend or remove that line."
        )
    return {row.text: key for row, (_, key, _) in pairs}


def proposed_rounds(entries: Sequence[Entry], keys: Mapping[str, str]) -> dict[str, int]:
    """Key -> round of the latest proposal."""
    return {keys[entry.item]: entry.round for entry in entries if entry.kind == "proposed"}


def measurements_of(science: Domain, journal: Journal, keys: Mapping[str, str]) -> list[Measurement]:
    """Means of replicates, in the order of first measurements. keys: text -> key."""
    entries = journal.measured
    items = {text: science.items.parse(text) for text in {entry.item for entry in entries}}
    return averaged(entries, [keys[one.item] for one in entries], [items[one.item] for one in entries])


def measured_by_key(journal: Journal, keys: Mapping[str, str]) -> dict[str, Measurement]:
    """The mean of replicates of each item, by its key; the items themselves aren't parsed."""
    entries = journal.measured
    own = [keys[one.item] for one in entries]
    return dict(zip(dict.fromkeys(own), averaged(entries, own, own), strict=True))


def values_by_key(journal: Journal, keys: Mapping[str, str]) -> dict[str, list[float]]:
    """The measured numbers of each item, by its key, replicates included; no bounds."""
    found: dict[str, list[float]] = {}
    for entry in journal.measured:
        if entry.value is not None and not entry.bound:
            found.setdefault(keys[entry.item], []).append(entry.value)
    return found


def discordant_keys(journal: Journal, keys: Mapping[str, str]) -> list[str]:
    """Keys of the measured items whose replicates contradict each other, in any target."""
    found, targets = dict[str, None](), journal.targets
    for target in targets if len(targets) > 1 else [""]:
        own = [entry for entry in journal.measured if not target or entry.target == target]
        found |= dict.fromkeys(discordant(own, [keys[entry.item] for entry in own]))
    return list(found)


def latest_proposals(journal: Journal, keys: Mapping[str, str]) -> dict[str, Entry]:
    """The last proposal of each item, by its key."""
    return {keys[entry.item]: entry for entry in journal.proposed}


def pending_entries(journal: Journal, keys: Mapping[str, str]) -> list[Entry]:
    """The last proposal of each item that was not measured."""
    awaited = awaited_keys(journal, keys)
    return [entry for key, entry in latest_proposals(journal, keys).items() if key in awaited]


def awaited_keys(journal: Journal, keys: Mapping[str, str]) -> set[str]:
    """Keys of the proposed items that were not measured."""
    return {keys[entry.item] for entry in journal.proposed} - {keys[entry.item] for entry in journal.measured}
