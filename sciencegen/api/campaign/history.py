"""Where a campaign stands: what was measured and proposed so far, in the design space that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sciencegen.api.campaign.measurements import keys_of, measured_entries, proposed_rounds, read_measured
from sciencegen.api.campaign.non_numeric import count_unread, rejected
from sciencegen.api.campaign.space import aligned_features, comparable, design_space, origin_of
from sciencegen.api.science.forms import domain_of
from sciencegen.api.science.naming import exempt_motifs
from sciencegen.api.search.space import start_items
from sciencegen.config import ProposeSettings
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import DesignSpace, Reference
from sciencegen.items import Item
from sciencegen.optimization.journal import Entry, not_there_yet, read_journal
from sciencegen.optimization.measurements import Measurement, averaged, discordant

WEIGHS_COSTS = "noisy-ei"
"""The acquisition that does; the others keep within the limit."""

Log = Callable[[str], None]


@dataclass(frozen=True)
class History:
    """What happened so far. keys: text -> key of every item that was measured or proposed. new: of the measured tables
    what the journal doesn't hold yet."""

    entries: list[Entry]
    keys: dict[str, str]
    refused: list[Refused]
    new: list[Entry]

    @property
    def next_round(self) -> int:
        return 1 + max((entry.round for entry in self.entries), default=0)


@dataclass(frozen=True)
class CampaignState:
    """Where a campaign stands. known: measured items; waiting: proposed ones; start: to begin from where none is
    measured. space: the domain's design space, or None. notes: what a person should know of it."""

    history: History
    known: list[Measurement]
    waiting: list[Item]
    start: list[Item]
    space: DesignSpace | None
    notes: list[str]

    @property
    def reference(self) -> Reference | None:
        """What the user named as the reference of the design space."""
        return None if self.space is None else self.space.reference

    @property
    def items(self) -> list[Item]:
        """Measured, awaited and start items."""
        return [*(one.item for one in self.known), *self.waiting, *self.start]


def campaign_state(domain: str, settings: ProposeSettings, log: Log) -> CampaignState:
    """The campaign so far, in its design space."""
    science = domain_of(domain)
    space = design_space(science, settings)
    reference = None if space is None else space.reference
    history = read_history(domain, settings, reference, log)
    known = _measurements(science, history)
    waiting = [science.items.parse(text) for text in _pending(history)]
    start = start_items(science, settings.start, reference)
    space = space or design_space(science, settings, [science.items.parse(text) for text in _first_round(history)])
    if space is not None:
        start = start or [space.origin]
    unaligned = _unaligned(science, space, [*(one.item for one in known), *waiting])
    apart = {science.items.key(item) for item in unaligned}
    standing = CampaignState(
        history,
        [one for one in known if science.items.key(one.item) not in apart],
        [item for item in waiting if science.items.key(item) not in apart],
        start, space, [],
    )  # fmt: skip
    standing.notes.extend(_notes(science, standing, unaligned))
    standing.notes.extend(_unread(science, settings, standing, reference))
    standing.notes.extend(exempt_motifs(science, origin_of(science, space), settings.forbid))
    if settings.cost and settings.cost_limit is None and settings.acquisition != WEIGHS_COSTS:
        standing.notes.append(f"costs change nothing: {settings.acquisition} only keeps --cost-limit, none was given")
    return standing


def _unaligned(science: Domain, space: DesignSpace | None, items: Sequence[Item]) -> list[Item]:
    """Items that can't be aligned with what all others are changes of: nothing can be learned from them."""
    features = aligned_features(science)
    if space is None or features is None:
        return []
    return [item for item in items if features([item], space.origin) is None]


def _notes(science: Domain, standing: CampaignState, unaligned: Sequence[Item]) -> list[str]:
    space = standing.space
    found = [] if space is None else list(space.notes)
    if unaligned:
        found.append(
            f"{len(unaligned)} measured or proposed items can't be laid on the wild type (another length) and are left "
            f"out, the first: {science.items.text(unaligned[0])[:60]}"
        )
    origin = None if space is None else space.origin
    outside = [one for one in standing.known if space is not None and not space.accepts(one.item)]
    if outside:
        found.append(f"{len(outside)} measured items lie outside the design space; they are learned from all the same")
    if aligned_features(science) is not None and not comparable(science, origin, standing.items):
        found.append(
            "measured or proposed items have several lengths: they are compared by composition and the like, not "
            "residue by residue. Pass --wild-type to learn from those of its length alone"
        )
    measured = [entry for entry in standing.history.entries if entry.kind == "measured"]
    keys = standing.history.keys
    apart = set(discordant(measured, [keys[entry.item] for entry in measured]))
    found += contradictions([one.text for one in standing.known if keys[one.text] in apart])
    if standing.waiting:
        found.append(f"{len(standing.waiting)} proposed items have no value yet; they are proposed no more")
    return found


def contradictions(names: Sequence[str]) -> list[str]:
    """In words, that replicates of items of these names contradict each other."""
    if not names:
        return []
    shown = ", ".join(name[:60] for name in names[:5]) + (" ..." if len(names) > 5 else "")
    return [
        f"Replicates of {len(names)} measured item{'s' if len(names) > 1 else ''} differ far beyond the error of a "
        f"measurement: {shown}. Their mean stands between values that can't both be right; look into them."
    ]


def _unread(
    science: Domain, settings: ProposeSettings, standing: CampaignState, reference: Reference | None
) -> list[str]:
    """Of what waits, what has a value that is no number."""
    listed = [] if settings.journal is None else list(rejected(settings.journal))
    waiting = [(science.items.text(item), "") for item in standing.waiting]
    count = count_unread(science, waiting, [*standing.history.refused, *listed], settings.target, reference)
    tables = ["the measured tables"] if standing.history.refused else []
    place = " or ".join([f"{settings.journal}.rejects.csv"] * bool(listed) + tables)
    told = f"{count} of the proposed items without a value have one in {place} that is no number: they teach nothing"
    return [told] if count else []


def read_history(domain: str, settings: ProposeSettings, reference: Reference | None, log: Log) -> History:
    """The journal, and the measured tables, which are to join it: rows that it holds add nothing."""
    entries: list[Entry] = []
    joining: list[Entry] = []
    if settings.journal is not None:
        journal = read_journal(settings.journal)
        entries += journal.entries
        if journal.torn:
            log(f"note: the last line of {settings.journal} was cut off and is left out: '{journal.torn[:80]}'")
    place = settings.journal or "the measured tables"
    keys = keys_of(domain, [entry.item for entry in entries], settings.threads, place)
    refused: list[Refused] = []
    waiting: list[Entry] = []  # rows without a value: no journal holds them
    for number, path in enumerate(settings.measured, start=1):
        table = read_measured(domain, path, settings, reference)
        refused += table.refused
        for note in table.notes:
            log(f"note: {path}: {note}")
        default = 0 if settings.journal is not None else number
        new = measured_entries(table, proposed_rounds([*waiting, *entries], keys), default)
        if settings.journal is not None:
            fresh = not_there_yet(entries, new)
            log(f"{path}: {len(fresh)} measurements for {settings.journal}, {len(new) - len(fresh)} were there")
            joining, new = [*joining, *fresh], fresh
        entries += new
        unmeasured = [row for row in table.rows if row.value is None]
        waiting += [Entry(default if row.round is None else row.round, row.text, "proposed") for row in unmeasured]
        keys |= {row.text: row.key for row in table.rows}
    return History([*entries, *waiting], keys, refused, joining)


def _first_round(history: History) -> list[str]:
    """Distinct items of the earliest round: what is most frequent among these stays so, while rounds go where values
    are."""
    earliest = min((entry.round for entry in history.entries), default=0)
    first = (entry.item for entry in history.entries if entry.round == earliest)
    return list({history.keys[text]: text for text in first}.values())


def _measurements(science: Domain, history: History) -> list[Measurement]:
    measured = [entry for entry in history.entries if entry.kind == "measured"]
    items = {entry.item: science.items.parse(entry.item) for entry in measured}
    keys = [history.keys[entry.item] for entry in measured]
    return averaged(measured, keys, [items[entry.item] for entry in measured])


def _pending(history: History) -> list[str]:
    """Texts of what was proposed and not measured."""
    done = {history.keys[entry.item] for entry in history.entries if entry.kind == "measured"}
    waiting = {history.keys[e.item]: e.item for e in history.entries if e.kind == "proposed"}
    return [text for key, text in waiting.items() if key not in done]
