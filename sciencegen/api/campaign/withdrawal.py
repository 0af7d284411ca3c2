"""Withdrawal of a plate: its items without a value are no longer awaited, and may be proposed again."""

from __future__ import annotations

from collections.abc import Mapping

from sciencegen.api.campaign.journal_items import awaited_keys
from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.journal import Entry, Journal


def withdrawals(journal: Journal, number: int, keys: Mapping[str, str], place: str) -> list[Entry]:
    """Lines that withdraw the proposals of a round whose items have no value.

    Parameters
    ----------
    journal : Journal
    number : int
        The round of the plate.
    keys : mapping
        Text -> key of the journal's items.
    place : str
        The journal's name, for errors.

    Returns
    -------
    list of Entry
        One for each item and target; [] if all are withdrawn already.

    Raises
    ------
    ConfigError
        If the journal has no plate of this round.
    DataError
        If all of the plate's items are measured.

    Examples
    --------
    >>> plate = [Entry(2, "CCO", "proposed", predicted=0.5), Entry(2, "CCN", "proposed")]
    >>> journal = Journal((*plate, Entry(2, "CCN", "measured", 0.3)))
    >>> [(line.kind, line.item) for line in withdrawals(journal, 2, {"CCO": "CCO", "CCN": "CCN"}, "journal.csv")]
    [('withdrawn', 'CCO')]
    """
    rounds = sorted({entry.round for entry in journal.planned})
    if number not in rounds:
        known = f"has those of {', '.join(map(str, rounds))}" if rounds else "has no plate"
        raise ConfigError(f"Expected the round of a plate in {place} to withdraw, got {number}. It {known}.")
    measured = {keys[entry.item] for entry in journal.measured}
    if all(keys[entry.item] in measured for entry in journal.planned if entry.round == number):
        raise DataError(
            f"Expected a plate without all of its values, got round {number} of {place}, which is measured."
        )
    awaited = awaited_keys(journal, keys)
    own = [entry for entry in journal.proposed if entry.round == number and keys[entry.item] in awaited]
    return [Entry(one.round, one.item, "withdrawn", name=one.name, target=one.target) for one in own]
