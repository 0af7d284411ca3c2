"""The items of a campaign's journal by their keys: what was measured, what was proposed, and what is pending."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sciencegen.api.criteria import check_target
from sciencegen.api.science import ReadItems, describe, parse_texts
from sciencegen.config import ProposeSettings
from sciencegen.data.tables import READ_TABLES, column_names, read_table
from sciencegen.data.writers import REJECT_COLUMNS, Refused, printable, rejects_path, without_mark
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal, Row
from sciencegen.optimization.goals import Goal, parse_goals
from sciencegen.optimization.journal import Entry, Journal
from sciencegen.optimization.measurements import Measurement, averaged, discordant
from sciencegen.optimization.process import setting_values

CONTROL = "control"
"""The value of the column `source` for controls: items that the user wants on a plate in any case."""


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
    return {entry.run(keys): entry.round for entry in entries if entry.kind == "proposed"}


def measurements_of(science: Domain, journal: Journal, keys: Mapping[str, str]) -> list[Measurement]:
    """Means of replicates, in the order of first measurements. keys: text -> key."""
    entries = journal.measured
    items = {text: science.items.parse(text) for text in {entry.item for entry in entries}}
    return averaged(entries, [one.run(keys) for one in entries], [items[one.item] for one in entries])


def measured_by_key(journal: Journal, keys: Mapping[str, str]) -> dict[str, Measurement]:
    """The mean of replicates of each item, by its key; the items themselves aren't parsed."""
    entries = journal.measured
    own = [one.run(keys) for one in entries]
    return dict(zip(dict.fromkeys(own), averaged(entries, own, own), strict=True))


def values_by_key(journal: Journal, keys: Mapping[str, str]) -> dict[str, list[float]]:
    """The measured numbers of each item, by its key, replicates included; no bounds."""
    found: dict[str, list[float]] = {}
    for entry in journal.measured:
        if entry.value is not None and not entry.bound:
            found.setdefault(entry.run(keys), []).append(entry.value)
    return found


def discordant_keys(journal: Journal, keys: Mapping[str, str]) -> list[str]:
    """Keys of the measured items whose replicates contradict each other, in any target."""
    found, targets = dict[str, None](), journal.targets
    for target in targets if len(targets) > 1 else [""]:
        own = [entry for entry in journal.measured if not target or entry.target == target]
        found |= dict.fromkeys(discordant(own, [entry.run(keys) for entry in own]))
    return list(found)


def latest_proposals(journal: Journal, keys: Mapping[str, str]) -> dict[str, Entry]:
    """The last proposal of each item, by its key."""
    return {entry.run(keys): entry for entry in journal.proposed}


def pending_entries(journal: Journal, keys: Mapping[str, str]) -> list[Entry]:
    """The last proposal of each item that was not measured."""
    awaited = awaited_keys(journal, keys)
    return [entry for key, entry in latest_proposals(journal, keys).items() if key in awaited]


def awaited_keys(journal: Journal, keys: Mapping[str, str]) -> set[str]:
    """Keys of the proposed items that were not measured."""
    return {entry.run(keys) for entry in journal.proposed} - {entry.run(keys) for entry in journal.measured}


# Withdrawal of a plate: its items without a value are no longer awaited, and may be proposed again.


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
    measured = {entry.run(keys) for entry in journal.measured}
    if all(entry.run(keys) in measured for entry in journal.planned if entry.round == number):
        raise DataError(
            f"Expected a plate without all of its values, got round {number} of {place}, which is measured."
        )
    awaited = awaited_keys(journal, keys)
    own = [entry for entry in journal.proposed if entry.round == number and entry.run(keys) in awaited]
    return [
        Entry(one.round, one.item, "withdrawn", name=one.name, target=one.target, parameters=one.parameters)
        for one in own
    ]


# The targets of a campaign and their directions: named by the user, or known from its journal.

DEFAULT = "value"
NOT_WITH_SEVERAL = ("acquisition", "exploration", "hit", "change_cost")
"""Settings of plates with one target: several have the expected hypervolume improvement."""


def target_of(requested: str | None, journal: Journal, place: str | Path | None) -> str:
    """The column of measured values: as requested, else that of the journal, else `value`.

    A target other than that of the journal is an error, since values of both would be compared. place: the journal's
    name, for errors.

    Examples
    --------
    >>> target_of(None, Journal(), None), target_of("activity", Journal(), None)
    ('value', 'activity')
    """
    known = journal.targets
    if len(known) > 1:
        raise DataError(
            f"Expected one target in {place}, found {', '.join(known)}. Pass `goals` with all of them, such as "
            f"'maximize {known[0]}', or keep a journal for each."
        )
    if requested is not None and known and requested != known[0]:
        raise ConfigError(
            f"Expected the target of the journal {place}, '{known[0]}', got '{requested}'. Leave `target` out, or "
            "name another journal: each has one target. A table with the same values in a column of another name "
            f"needs that column renamed to '{known[0]}'."
        )
    return requested or (known[0] if known else DEFAULT)


def targets_of(requested: Sequence[str] | None, journal: Journal, place: str | Path) -> tuple[str, ...]:
    """The columns that `record` reads: as requested, else those of the journal, else `value`.

    Examples
    --------
    >>> targets_of(None, Journal(), "none.csv"), targets_of(("activity", "toxicity"), Journal(), "none.csv")
    (('value',), ('activity', 'toxicity'))
    """
    known = journal.targets
    if requested is not None and len(requested) > 1:
        return tuple(dict.fromkeys(requested))
    if len(known) < 2:
        return (target_of(requested[0] if requested else None, journal, place),)
    if requested and requested[0] not in known:
        raise ConfigError(
            f"Expected targets of the journal {place}, {', '.join(known)}, got '{requested[0]}'. Leave `target` out, "
            f"or pass all targets to add one: {', '.join([*known, requested[0]])}."
        )
    return tuple(requested or known)


def is_minimized(requested: bool, journal: Journal, place: str | Path | None) -> bool:
    """Whether smaller values are better: as requested, else as in the journal's plates.

    A request to minimize is an error where the journal's plates maximize.

    Examples
    --------
    >>> is_minimized(False, Journal(), None), is_minimized(True, Journal(), None)
    (False, True)
    """
    known = journal.direction
    if requested and known == "maximize":
        raise ConfigError(
            f"Expected larger values to be better, as in the plates of the journal {place}, got `minimize`. Leave it "
            "out; or, if those plates went the wrong way, record the measurements in a new journal."
        )
    return requested or known == "minimize"


def read_targets(science: Domain, settings: ProposeSettings, journal: Journal) -> list[Goal]:
    """Goals on measured columns: one objective, which is the target in its direction, or several goals."""
    target, minimize = settings.target, settings.minimize
    if settings.goals and (target is not None or minimize):
        raise ConfigError(
            f"Expected `goals` alone, got `{'minimize' if target is None else 'target'}` too. Name the column and the "
            f"direction in the goals: 'minimize {target or DEFAULT}'."
        )
    goals = parse_goals(settings.goals) if settings.goals else []
    if len(goals) == 1 and goals[0].is_objective:
        target, minimize = goals[0].name, goals[0].direction == "minimize"
    elif goals:
        return _several(science, settings, goals)
    target = target_of(target, journal, settings.journal)
    check_target(science, target)
    if is_minimized(minimize, journal, settings.journal):
        return [Goal(f"lowest {target}", target, "minimize")]
    return [Goal(f"highest {target}", target, "maximize")]


def _several(science: Domain, settings: ProposeSettings, goals: list[Goal]) -> list[Goal]:
    """The goals, if they and the other settings suit several targets."""
    for goal in goals:
        check_target(science, goal.name)
    if settings.prior:
        raise ConfigError(
            "Expected no `prior` with several goals, got one. Leave it out: earlier values of the same targets may be "
            "among `measured`."
        )
    asked = settings.model_fields_set | settings.further.model_fields_set
    if given := [name for name in NOT_WITH_SEVERAL if name in asked]:
        raise ConfigError(
            f"Expected no `{given[0]}` with several goals, whose plates are picked by expected hypervolume "
            "improvement, got one. Leave it out."
        )
    if wrong := [goal.text for goal in goals if goal.in_domain]:
        raise ConfigError(f"Expected goals on measured columns, got '{wrong[0]}'. Pass it as `where`.")
    if not any(goal.is_objective for goal in goals):
        raise ConfigError(
            f"Expected an objective among the goals, got {', '.join(settings.goals)}. Add one: 'maximize "
            f"{goals[0].name}'."
        )
    return goals


# Measurements that are no number (`>5`, `n.d.`): they are not used, and their items stay pending.

NOT_RECORDED = ": not recorded"
"""End of the reason for refusing such a row."""


def rejected(journal: str | Path) -> Iterator[Refused]:
    """The rows of `<journal>.rejects.csv`; none if there is no such file."""
    path = rejects_path(journal)
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace", newline="") as handle:
        for row in csv.DictReader(handle):
            _, item, reason = (row.get(name) or "" for name in REJECT_COLUMNS)
            yield 0, without_mark(item), reason


def count_unread(
    science: Domain,
    waiting: Sequence[tuple[str, str]],
    refused: Sequence[Refused],
    target: str,
    reference: Reference | None,
) -> int:
    """Count the pending items that were refused for a value that is no number. waiting: (text, name) of each.
    reference: names in refused texts refer to it, or None."""
    texts = {item for _, item, reason in refused if reason.endswith(NOT_RECORDED) and f" in '{target}', " in reason}
    if not texts:
        return 0
    items = parse_texts(science, sorted(texts), reference)
    keys = {science.items.key(item) for item in items if not isinstance(item, Refusal)}
    # A long item is cut off in the rejects and can't be parsed, so its displayed text is compared.
    known = [printable(text) in texts or name in texts - {""} for text, name in waiting]
    return sum(
        one or science.items.key(science.items.parse(text)) in keys
        for one, (text, _) in zip(known, waiting, strict=True)
    )


# Measurements under the ids of a plate's items, such as `r2-07`, which labs write on tubes.

ID = "id"
OF_A_PLATE = re.compile(r"\s*r(\d+)-(\d+)(?:-\d+)?\s*")
"""Round, place in the plate, and the number of a further copy."""


def items_by_id(entries: Iterable[Entry]) -> dict[tuple[int, int], tuple[str, str]]:
    """The items of a journal's plates and their process parameters, by round and place from 1.

    Proposals without a source are rows of a table that was recorded, in the order of its rows without a value: their
    ids aren't known.

    Examples
    --------
    >>> from sciencegen.optimization.journal import Entry
    >>> items_by_id([Entry(2, "CCO", "proposed", source="pool"), Entry(2, "CCN", "proposed", source="pool")])
    {(2, 1): ('CCO', ''), (2, 2): ('CCN', '')}
    """
    plates: dict[int, dict[tuple[str, str], None]] = {}
    for entry in entries:
        if entry.kind == "proposed" and entry.source:
            plates.setdefault(entry.round, {})[entry.item, entry.parameters] = (
                None  # of several targets: a line for each
            )
    return {(number, at): item for number, plate in plates.items() for at, item in enumerate(plate, start=1)}


def names_ids_alone(path: Path, accepted: Sequence[str], column: str | None) -> bool:
    """Whether the rows of a table have an id, and no item."""
    if not path.name.lower().endswith(READ_TABLES) or column not in (None, ID):
        return False
    names = [name.lower() for name in column_names(path)]
    return ID in names and (column == ID or not any(name.lower() in names for name in accepted))


def rows_by_id(path: Path, items: Mapping[tuple[int, int], tuple[str, str]]) -> Iterator[Row]:
    """The rows of a table, with the items of their ids, and the parameters that the plate had. Another id stays what
    the row holds in place of an item."""
    for row in read_table(path, (ID,), None, with_cells=True):
        found = OF_A_PLATE.fullmatch(row.text)
        item, parameters = items.get((int(found[1]), int(found[2])), ("", "")) if found else ("", "")
        cells = {**setting_values(parameters), **{name: cell for name, cell in row.cells.items() if cell != ""}}
        yield replace(row, text=item, cells=cells) if item else row
