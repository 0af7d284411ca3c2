"""The state of a campaign: what was measured and proposed so far, in the requested design space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sciencegen.api.campaign.journal_items import (
    count_unread,
    discordant_keys,
    keys_of,
    measurements_of,
    pending_entries,
    proposed_rounds,
    rejected,
)
from sciencegen.api.campaign.measurements import measured_entries, read_measured
from sciencegen.api.campaign.request import HistorySources, MeasurementReading, ProposeRequest
from sciencegen.api.campaign.space import (
    aligned_features,
    design_space,
    edit_features,
    features_for,
    origin_of,
    unlike_lengths,
)
from sciencegen.api.science import exempt_motifs
from sciencegen.data.tables import READ_TABLES, column_names
from sciencegen.data.writers import Refused, escape
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import DesignSpace, Edits, Reference
from sciencegen.errors import DataError
from sciencegen.items import Item
from sciencegen.optimization.journal import COLUMNS, Entry, Journal, missing_entries, proposals, read_journal
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.posterior import LEAST_MEASURED

Log = Callable[[str], None]

SHOWN = 40
"""Letters of a refused item in an error."""


@dataclass(frozen=True)
class History:
    """Measurements and proposals so far. keys: text -> key of all these items. new: entries of the measured tables that
    the journal doesn't hold yet. unproposed: keys of rows without a value that are of no plate."""

    entries: list[Entry]
    keys: dict[str, str]
    refused: list[Refused]
    new: list[Entry]
    unproposed: frozenset[str] = frozenset()

    @property
    def journal(self) -> Journal:
        """All entries, those of the tables included."""
        return Journal(tuple(self.entries))

    @property
    def next_round(self) -> int:
        return 1 + self.journal.last_round


@dataclass(frozen=True)
class CampaignState:
    """The state of a campaign. known: measured items; waiting: proposed items without a value; start: items to start
    from if none is measured. space: the domain's design space, or None. notes: messages for the user. edits:
    features of the items' insertions and deletions, None if others describe them."""

    history: History
    known: list[Measurement]
    waiting: list[Item]
    start: list[Item]
    space: DesignSpace | None
    notes: list[str]
    edits: Edits | None = None

    @property
    def reference(self) -> Reference | None:
        """The reference of the design space, if the user named one."""
        return None if self.space is None else self.space.reference

    @property
    def origin(self) -> Item | None:
        """The origin of the design space."""
        return None if self.space is None else self.space.origin

    @property
    def items(self) -> list[Item]:
        """Measured, pending and start items."""
        return [*(one.item for one in self.known), *self.waiting, *self.start]


def campaign_state(request: ProposeRequest, log: Log) -> CampaignState:
    """The campaign so far, in its design space."""
    history = read_history(request.domain, request.history, request.reference, log)
    return state_of(request, history)


def state_of(request: ProposeRequest, history: History) -> CampaignState:
    """The state of a campaign with this history."""
    science = request.domain
    known = measurements_of(science, history.journal, history.keys)
    waiting = [science.items.parse(entry.item) for entry in pending_entries(history.journal, history.keys)]
    first_round = [science.items.parse(text) for text in _first_round(history)]
    space = request.space or design_space(science, request.space_options, first_round)
    start = list(request.start) or ([] if space is None else [space.origin])
    unaligned = _unaligned(science, space, [*(one.item for one in known), *waiting])
    apart = {science.items.key(item) for item in unaligned}
    state = CampaignState(
        history,
        [one for one in known if science.items.key(one.item) not in apart],
        [item for item in waiting if science.items.key(item) not in apart],
        start, space, [],
    )  # fmt: skip
    if request.history.tables and not state.known:
        raise _none_usable(request, history, unaligned)
    state = replace(state, edits=edit_features(science, state.origin, state.items))
    state.notes.extend(_notes(science, state, unaligned))
    state.notes.extend(_non_numeric(request, state))
    state.notes.extend(exempt_motifs(science, origin_of(science, space), request.patterns.forbid))
    return state


def _none_usable(request: ProposeRequest, history: History, unaligned: Sequence[Item]) -> DataError:
    """The error for measured tables of which nothing can be used."""
    found = list[str]()
    if history.refused:
        _, item, reason = history.refused[0]
        found.append(f"{len(history.refused)} rows that are refused, the first, {escape(item, SHOWN)!r}: {reason}")
    if unaligned:
        found.append(f"{len(unaligned)} items of another length than the wild type")
    return DataError(
        f"Expected measured items in {', '.join(map(str, request.history.tables))} that can be used, found "
        f"{' and '.join(found) or 'no row with a value'}. Correct them, or name the columns and the wild type that "
        "they refer to."
    )


def _unaligned(science: Domain, space: DesignSpace | None, items: Sequence[Item]) -> list[Item]:
    """Items that can't be aligned with the origin of the design space. They can't be used for fitting."""
    features = aligned_features(science)
    if space is None or features is None:
        return []
    return [item for item in items if features([item], space.origin) is None]


def _notes(science: Domain, state: CampaignState, unaligned: Sequence[Item]) -> list[str]:
    space = state.space
    found = [] if space is None else list(space.notes)
    if unaligned:
        found.append(
            f"{len(unaligned)} measured or proposed items can't be aligned with the wild type (another length) and "
            f"are left out, the first: {science.items.text(unaligned[0])[:60]}"
        )
    outside = [one for one in state.known if space is not None and not space.accepts(one.item)]
    if outside:
        found.append(f"{len(outside)} measured items lie outside the design space; the model is fitted to them too")
    found += unlike_lengths(science, state.origin, state.items, state.edits)
    keys = state.history.keys
    apart = set(discordant_keys(state.history.journal, keys))
    found += contradictions([one.text for one in state.known if keys[one.text] in apart])
    listed = sum(science.items.key(item) in state.history.unproposed for item in state.waiting)
    return found + without_value(len(state.waiting) - listed, listed)


def without_value(proposed: int, listed: int) -> list[str]:
    """Notes on items without a value: those of plates, and those that only a measured table lists."""
    kinds = [(proposed, "proposed item", "", " again"), (listed, "item", " of the measured tables", "")]
    return [
        f"{count} {what}{place} has no value yet and is not proposed{again}"
        if count == 1
        else f"{count} {what}s{place} have no value yet and are not proposed{again}"
        for count, what, place, again in kinds
        if count
    ]


def contradictions(names: Sequence[str]) -> list[str]:
    """A warning that replicates of these items contradict each other, or []."""
    if not names:
        return []
    shown = ", ".join(name[:60] for name in names[:5]) + (" ..." if len(names) > 5 else "")
    return [
        f"Replicates of {len(names)} measured item{'s' if len(names) > 1 else ''} differ far beyond the error of a "
        f"measurement: {shown}. Their mean lies between values that can't both be right; check them."
    ]


def _non_numeric(request: ProposeRequest, state: CampaignState) -> list[str]:
    """A note on pending items that have a value which is no number."""
    science, journal = request.domain, request.history.journal
    listed = [] if journal is None else list(rejected(journal))
    waiting = [(science.items.text(item), "") for item in state.waiting]
    refused = [*state.history.refused, *listed]
    count = count_unread(science, waiting, refused, request.target, request.reference)
    tables = ["the measured tables"] if state.history.refused else []
    place = " or ".join([f"{journal}.rejects.csv"] * bool(listed) + tables)
    has, not_used = ("has", "it is not used") if count == 1 else ("have", "they are not used")
    note = f"{count} of the items without a value {has} an entry in {place} that is no number: {not_used}"
    return [note] if count else []


def read_history(science: Domain, sources: HistorySources, reference: Reference | None, log: Log) -> History:
    """Read the journal and the measured tables. Rows that the journal already holds are skipped."""
    entries, joining = _journal_entries(sources), list[Entry]()
    place = sources.journal or "the measured tables"
    keys = keys_of(science.name, [entry.item for entry in entries], sources.reading.threads, place)
    refused: list[Refused] = []
    waiting: list[Entry] = []  # rows without a value; they are in no journal
    listed, planned = set[str](), {keys[entry.item] for entry in proposals(entries)}
    for number, path in enumerate(sources.tables, start=1):
        table = read_measured(science, path, sources.reading, reference)
        refused += table.refused
        for note in table.notes:
            log(f"note: {path}: {note}")
        default = 0 if sources.journal is not None else number
        new = measured_entries(table, proposed_rounds([*waiting, *entries], keys), default)
        if sources.journal is not None:
            fresh = missing_entries(entries, new, sources.reading.several)
            log(f"{path}: {len(fresh)} measurements for {sources.journal}, {len(new) - len(fresh)} were there")
            joining, new = [*joining, *fresh], fresh
        entries += new
        unmeasured = [row for row in table.rows if row.value is None]
        waiting += [Entry(default if row.round is None else row.round, row.text, "proposed") for row in unmeasured]
        listed |= {row.key for row in unmeasured if row.round is None}
        planned |= {row.key for row in unmeasured if row.round is not None}
        keys |= {row.text: row.key for row in table.rows}
    return History([*entries, *waiting], keys, refused, joining, frozenset(listed - planned))


def _journal_entries(sources: HistorySources) -> list[Entry]:
    """The journal's entries; of a campaign with several targets those of the one that is read."""
    if sources.journal is None:
        return []
    journal, reading = read_journal(sources.journal), sources.reading
    return [one for one in journal.entries if not reading.several or one.target == reading.target]


def _first_round(history: History) -> list[str]:
    """Distinct items of the earliest round. The most frequent letters are taken from these, since later rounds are
    enriched in good items."""
    earliest = min((entry.round for entry in history.entries), default=0)
    first = (entry.item for entry in history.entries if entry.round == earliest)
    return list({history.keys[text]: text for text in first}.values())


# Earlier measurements as prior knowledge: tables, datasets or journals of other targets.


@dataclass(frozen=True)
class EarlierMeasurements:
    """Earlier measurements. name: the source. left_out: why others of its items can't be used."""

    name: str
    measured: list[Measurement]
    left_out: Sequence[str] = ()


def read_priors(request: ProposeRequest, state: CampaignState) -> list[EarlierMeasurements]:
    """The measurements of each source whose items can be compared with those of the campaign."""
    _, unlike = features_for(request.domain, state.origin, state.items, state.edits)
    found = []
    for source in request.priors.sources:
        measured, reasons = _measurements(request, source)
        refusals = [unlike(one.item) for one in measured]
        usable = [one for one, why in zip(measured, refusals, strict=True) if why is None]
        reasons += [f"{one.text[:60]}: {why}" for one, why in zip(measured, refusals, strict=True) if why is not None]
        if len(usable) < LEAST_MEASURED or len({one.value for one in usable}) < 2:
            raise DataError(
                f"Expected at least {LEAST_MEASURED} items with different values in `prior` {source} that can be "
                f"compared with those of the campaign, got {len(usable)}{_others(reasons)}. Leave it out."
            )
        found.append(EarlierMeasurements(source, usable, reasons))
    return found


def _others(reasons: Sequence[str]) -> str:
    return f"; {len(reasons):,} left out, the first: {reasons[0]}" if reasons else ""


def _measurements(request: ProposeRequest, source: str) -> tuple[list[Measurement], list[str]]:
    """The measured items, and why other rows are refused."""
    science, reading, target = request.domain, request.history.reading, request.priors.target
    if is_journal(source):
        journal = _of_target(source, target)
        keys = keys_of(science.name, [entry.item for entry in journal.measured], reading.threads, source)
        return measurements_of(science, journal, keys), []
    own: MeasurementReading = replace(reading, target=target or reading.target, column=None, sheet=None, several=False)
    table = read_measured(science, source, own, request.reference)
    entries = measured_entries(table, {}, 0)
    refused = [f"{text[:60]}: {reason}" for _, text, reason in table.refused]
    return measurements_of(science, Journal(tuple(entries)), {row.text: row.key for row in table.rows}), refused


def _of_target(source: str, target: str | None) -> Journal:
    """The journal's entries of one target."""
    journal = read_journal(source)
    known = journal.targets
    wanted = target if target in known or not known else known[0]
    if len(known) > 1 and target not in known:
        raise DataError(
            f"Expected `prior_target` to name a target of {source}, one of {', '.join(known)}, got {target}. Pass it."
        )
    return Journal(tuple(one for one in journal.entries if not known or one.target in ("", wanted)))


def is_journal(source: str) -> bool:
    """Whether a file is a campaign's journal, by its columns."""
    path = Path(source)
    if not path.is_file() or not path.name.lower().endswith(READ_TABLES):
        return False
    return set(COLUMNS) <= set(column_names(path))


def prior_notes(priors: Sequence[EarlierMeasurements], used: Mapping[int, float], measured: int) -> list[str]:
    """What each source contributes."""
    found = []
    for place, prior in enumerate(priors):
        what = f"prior {prior.name} ({len(prior.measured):,} items{_others(prior.left_out)})"
        if not measured:
            found.append(f"{what}: it picked half of the plate" if place == 0 else f"{what}: not used yet")
        elif place in used:
            found.append(f"{what}: its predictions count with weight {used[place]:.2f}")
        else:
            found.append(f"{what}: not used, since its predictions don't follow what was measured")
    return found
