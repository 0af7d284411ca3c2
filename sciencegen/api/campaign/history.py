"""What was measured and proposed so far: tables of a laboratory, the journal, and earlier measurements of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from sciencegen.api.campaign.journal_items import (
    NOT_RECORDED,
    discordant_keys,
    keys_of,
    measurements_of,
    names_ids_alone,
    proposed_rounds,
    rows_by_id,
)
from sciencegen.api.science import Numbering, ReadItems, columns_of, describe, name_conflicts, names_of, read_rows_of
from sciencegen.api.sources.tables import all_rows, open_source, reference_row_of_card, without_target
from sciencegen.config import PrepareSettings, ProposeSettings, RecordSettings
from sciencegen.data.tables import READ_TABLES, column_names, read_table
from sciencegen.data.workbooks import file_of, is_workbook, naming_sheets, sheet_as_csv, sheet_notes, sheet_of
from sciencegen.data.writers import Refused, printable
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Reference
from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.files import found_at
from sciencegen.items import JOURNAL_COLUMNS, Item, Refusal, Row, bound_of
from sciencegen.optimization.journal import Entry, Journal, missing_entries, proposals, read_journal, run_key
from sciencegen.optimization.measurements import LEAST_MEASURED, Measurement
from sciencegen.optimization.process import Parameter, Process, setting_text, value_text

Log = Callable[[str], None]
Unlike = Callable[[Item], str | None]
"""The reason why an item can't be compared with the known ones, or None."""

# Tables of measurements.

ROUND, ERROR = "round", "_sd"
SHOWN = 40
"""Letters of a refused item in an error."""
NO_PLATES: Mapping[tuple[int, int], tuple[str, str]] = MappingProxyType({})


@dataclass(frozen=True)
class MeasuredRow:
    """A row of a lab's table. value: None if the cell is empty (proposed, not measured) or holds no number; in the
    second case the row is among the refused ones too. round: None if unknown. bound, parameters: as in
    `journal.Entry`."""

    text: str
    key: str
    name: str
    value: float | None
    error: float | None
    round: int | None
    bound: str = ""
    parameters: str = ""

    @property
    def run(self) -> str:
        return run_key(self.key, self.parameters)


@dataclass(frozen=True)
class MeasuredTable:
    """source: the file's name. target: the column of values. rows: those that hold an item; refused: the others, and
    rows whose value is no number. notes: messages about refused rows. read: number of all rows."""

    source: str
    target: str
    rows: list[MeasuredRow]
    refused: list[Refused]
    unmeasured: int
    notes: list[str]
    read: int = 0

    def measured(self, proposed: Mapping[str, int], default: int) -> list[Entry]:
        """Journal entries of measurements. proposed: key -> the round in which the campaign proposed an item."""
        return [
            Entry(
                row.round if row.round is not None else proposed.get(row.run, default),
                row.text, "measured", value=row.value, value_sd=row.error, source=self.source, name=row.name,
                target=self.target, bound=row.bound, parameters=row.parameters,
            )
            for row in self.rows
            if row.value is not None
        ]  # fmt: skip

    def awaiting(self, known: Collection[str]) -> dict[str, Entry]:
        """Key -> journal entry of rows that have a round but no value and aren't in the journal: a plate that was
        proposed without a journal. Rows without a round may belong to a partly measured library, so they are left
        out."""
        measured = {row.run for row in self.rows if row.value is not None}
        return {
            row.run: Entry(
                row.round, row.text, "proposed", name=row.name, target=self.target, parameters=row.parameters
            )
            for row in self.rows
            if row.round is not None and row.value is None and row.run not in known and row.run not in measured
        }


def read_measured(
    science: Domain, path: str | Path, target: str, settings: ProposeSettings | RecordSettings,
    reference: Reference | None = None, several: bool = False,
    plates: Mapping[tuple[int, int], tuple[str, str]] = NO_PLATES, parameters: Sequence[Parameter] = (),
) -> MeasuredTable:  # fmt: skip
    """Read a table with the column `target`, and optionally `<target>_sd`, `round` and process parameters.

    Parameters
    ----------
    science : Domain
    path : str or Path
        A file, a dataset's name, or "-" for standard input.
    target : str
    settings : ProposeSettings or RecordSettings
        For the column of items, the sheet of a workbook, and how datasets are read.
    reference : Reference, optional
        Names of variants refer to it; rows that are no variants of it are refused.
    several : bool
        Whether the campaign has several targets: the table may lack this one.
    plates : mapping
        Proposed items and their parameters by round and place, for tables that hold the ids of a plate in place of
        items.
    parameters : sequence of Parameter
        The process parameters: columns, whose empty cells are refused unless a value of these is known.
    """
    file, sheet = Path(path), settings.sheet
    if (named := sheet_of(file)) is not None:
        file, sheet = file_of(file), named
    if sheet is not None:
        with sheet_as_csv(file, sheet) as copy:
            own = settings.model_copy(update={"sheet": None})
            table = read_measured(science, copy, target, own, reference, several, plates, parameters)
        return replace(table, source=_one_line(file.name), notes=[*sheet_notes(file, sheet), *table.notes])
    with naming_sheets(file):
        rows = list(_rows(science, file, target, settings, reference, plates))
        if parameters and file.is_file() and not any(row.cells for row in rows):
            _add_cells(rows, file, columns_of(science, reference), settings.column)
        for place, row in enumerate(rows):
            if (bound := bound_of(row.unread.get(target, ""))) is not None:  # the cell stays in `unread`
                rows[place] = replace(row, values={**row.values, target: bound.value})
        if not several and not any(target in row.values for row in rows):
            raise _no_values(science, file, target, settings.column, rows, reference)
    if {f"{target}_lower", f"{target}_upper"} <= {name for row in rows for name in row.values}:
        raise DataError(
            f"Expected measured values in column '{target}' of {file}, got some with {target}_lower and "
            f"{target}_upper, as predictions have. Hand in what a lab measured; if this was, drop these two columns."
        )
    pairs, refused = describe(ReadItems(science.name, reference), rows, settings.threads)
    names = names_of(science, reference)
    twice = name_conflicts(names, [(row, text) for row, (text, _, _) in pairs])
    numbering = Numbering(names)
    numbering.look([row.text for row in rows], [row.text for row, _ in pairs], len(refused))
    pairs, refused = twice.agreeing(pairs), numbering.hinted(refused) + twice.refused
    refused += [(row.line, row.text, reason) for row, _ in pairs for reason in _no_numbers(row, target)]
    stated = [_setting(row, parameters) for row, _ in pairs]
    refused += [
        (row.line, row.text, f"no value of {own.reason}, a process parameter{NOT_RECORDED}")
        for (row, _), own in zip(pairs, stated, strict=True)
        if isinstance(own, Refusal)
    ]
    known = [(pair, own) for pair, own in zip(pairs, stated, strict=True) if not isinstance(own, Refusal)]
    pairs = [pair for pair, _ in known]
    found = []
    for (row, (text, key, name)), setting in known:
        bound, error = bound_of(row.unread.get(target, "")), row.values.get(target + ERROR)
        number = row.values.get(ROUND)
        found.append(MeasuredRow(
            text, key, name, row.values.get(target),
            error=None if error is None or error < 0 else error,
            round=int(number) if number is not None and number >= 0 and number == int(number) else None,
            bound="" if bound is None else bound.sign, parameters=setting,
        ))  # fmt: skip
    source = "stdin" if str(path) == "-" else _one_line(file.name) if file.is_file() else str(path)
    unmeasured = sum(target not in row.values and target not in row.unread for row, _ in pairs)
    workbook = sheet_notes(file) if is_workbook(file) and file.is_file() else []
    notes = [*workbook, *numbering.notes, *twice.notes]
    if bounds := [f"{row.bound}{row.value:g}" for row in found if row.bound]:
        notes.append(f"{len(bounds)} of the values are bounds, such as {bounds[0]}: they are recorded and used as such")
    return MeasuredTable(source, target, found, sorted(refused), unmeasured, notes, len(rows))


def _rows(
    science: Domain, path: Path, target: str, settings: ProposeSettings | RecordSettings, reference: Reference | None,
    plates: Mapping[tuple[int, int], tuple[str, str]],
) -> Iterator[Row]:  # fmt: skip
    """Rows of a file, of a dataset by its name, or of a CSV table on standard input."""
    if str(path) == "-":
        return read_table(path, columns_of(science, reference), settings.column, with_cells=True)
    if path.is_file():
        if plates and names_ids_alone(path, columns_of(science, reference), settings.column):
            return without_target(science, rows_by_id(path, plates), target)
        rows = read_rows_of(science, path, settings.column, reference, whole=reference is not None)
        return without_target(science, rows, target)
    if path.suffix or path.exists():
        raise DataError(f"Expected a table of measurements at {path}, found {found_at(path)}. Check the path.")
    given = settings if isinstance(settings, RecordSettings) else settings.further
    wanted = PrepareSettings(source=str(path), sample=given.sample, limit=given.limit, offline=given.offline)
    opened, _ = open_source(science.name, wanted)
    return chain(all_rows(opened), reference_row_of_card(science.name, str(path), target))


def _add_cells(rows: list[Row], path: Path, columns: Sequence[str], column: str | None) -> None:
    """Give rows of a table all of their cells, which its reader left out."""
    if path.name.lower().endswith(READ_TABLES):
        cells = {row.line: row.cells for row in read_table(path, columns, column, with_cells=True)}
        rows[:] = [replace(row, cells=cells.get(row.line, {})) for row in rows]


def _setting(row: Row, parameters: Sequence[Parameter]) -> str | Refusal:
    """The text of a row's process parameters; a refusal names the first that it lacks."""
    found = {}
    for one in parameters:
        cell = row.cells.get(one.name, row.values.get(one.name, row.unread.get(one.name)))
        found[one.name] = value_text(cell) or one.unstated
        if not found[one.name] or set(found[one.name]) & set("=;\n"):
            return Refusal(one.name)
    return setting_text(found)


def _no_values(
    science: Domain, path: Path, target: str, column: str | None, rows: Sequence[Row], reference: Reference | None
) -> DataError:
    """The error for a target column that is missing, is empty, or holds no number."""
    remedy = "Fill in what was measured, or name the column with `target`."
    if path.is_file() and path.name.lower().endswith(READ_TABLES):
        rows = list(read_table(path, columns_of(science, reference), column, with_cells=True))
    if not rows:
        return DataError(f"Expected rows of items in {path}, found none. {remedy}")
    held = [row.cells[target] for row in rows if target in row.cells]
    cells = ["" if cell is None or cell != cell else str(cell).strip() for cell in held]
    if not cells:
        columns = sorted({name for row in rows for name in row.values}) or ["none found"]
        return DataError(f"{unknown_name(f'column of numbers in {path}', target, columns)} {remedy}")
    first = next((f"the first that isn't empty holds '{cell[:40]}'" for cell in cells if cell), "all are empty")
    return DataError(f"Expected values in column '{target}' of {path}, no row has one yet: {first}. {remedy}")


def _no_numbers(row: Row, target: str) -> Iterator[str]:
    """Reasons why values of a row are not used."""
    if target in row.unread and target not in row.values:
        yield f"{row.why_no_number(target)}{NOT_RECORDED}"
    if target + ERROR in row.unread:
        yield f"{row.why_no_number(target + ERROR)}: left out"
    if row.values.get(target + ERROR, 0) < 0:
        yield f"{target}{ERROR} is {row.values[target + ERROR]:g}, expected 0 or more: left out"


def _one_line(name: str) -> str:
    """A file's name as the journal holds it: on one line, and in UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n").replace("\r", "\\r")


# The history of a campaign: the entries of its journal, and those of measured tables.


@dataclass(frozen=True)
class History:
    """Measurements and proposals so far. keys: text -> key of all these items. new: entries of the measured tables that
    the journal doesn't hold yet. unproposed: keys of rows without a value that are of no plate. rows: how many rows
    were read, and how many aren't measurements, by reason."""

    entries: list[Entry]
    keys: dict[str, str]
    refused: list[Refused]
    new: list[Entry]
    unproposed: frozenset[str] = frozenset()
    rows: Counter[str] = field(default_factory=Counter)

    @property
    def journal(self) -> Journal:
        """All entries, those of the tables included."""
        return Journal(tuple(self.entries))

    def discordant(self, measured: Sequence[Measurement]) -> list[str]:
        """The items, as texts, whose replicates contradict each other."""
        apart = set(discordant_keys(self.journal, self.keys))
        return [one.text for one in measured if run_key(self.keys[one.text], one.parameters) in apart]

    @property
    def next_round(self) -> int:
        return 1 + max((entry.round for entry in self.entries), default=0)

    @property
    def first_round(self) -> list[str]:
        """Distinct items of the earliest round. The most frequent letters are taken from these, since later rounds are
        enriched in good items."""
        earliest = min((entry.round for entry in self.entries), default=0)
        first = (entry.item for entry in self.entries if entry.round == earliest)
        return list({self.keys[text]: text for text in first}.values())


def read_histories(
    science: Domain, settings: ProposeSettings, targets: Sequence[str], several: bool, journal: Journal,
    reference: Reference | None, log: Log, parameters: Sequence[Parameter] = (),
) -> dict[str, History]:  # fmt: skip
    """Target -> its entries of the journal, and the rows of the measured tables that the journal doesn't hold.

    several: whether tables may lack a target, and of the journal only its own entries count.
    """
    entries = {name: [one for one in journal.entries if not several or one.target == name] for name in targets}
    texts = [entry.item for own in entries.values() for entry in own]
    keys = keys_of(science.name, texts, settings.threads, settings.journal or "the measured tables")
    found = {}
    for name, own in entries.items():
        read = partial(
            read_measured, science, target=name, settings=settings, reference=reference, several=several,
            parameters=parameters,
        )  # fmt: skip
        found[name] = _with_tables(own, dict(keys), settings, several, read, log)
        if found[name].journal.measured:  # notes on a table are the same for its other targets
            log = lambda text: None  # noqa: E731
    without = [name for name, history in found.items() if not history.journal.measured]
    if several and without and (len(without) < len(found) or settings.measured):
        raise DataError(
            f"Expected measured values of {', '.join(found)}, found none of {', '.join(without)}. Name a goal's "
            "column as the tables do, or hand in a table that has it."
        )
    return found


def none_usable(tables: Sequence[str], refused: Sequence[Refused], unaligned: int) -> DataError:
    """The error for measured tables of which nothing can be used. unaligned: items that aren't as long as the wild
    type."""
    found = list[str]()
    if refused:
        _, item, reason = refused[0]
        found.append(f"{len(refused)} rows that are refused, the first, {printable(item, SHOWN)!r}: {reason}")
    if unaligned:
        found.append(f"{unaligned} items of another length than the wild type")
    return DataError(
        f"Expected measured items in {', '.join(tables)} that can be used, found "
        f"{' and '.join(found) or 'no row with a value'}. Correct them, or name the columns and the wild type that "
        "they refer to."
    )


def _with_tables(
    entries: list[Entry], keys: dict[str, str], settings: ProposeSettings, several: bool,
    read: Callable[[str], MeasuredTable], log: Log,
) -> History:  # fmt: skip
    """The history of the journal's entries and of the measured tables."""
    refused, joining = list[Refused](), list[Entry]()
    rows = Counter(read=sum(entry.kind == "measured" for entry in entries))
    waiting: list[Entry] = []  # rows without a value; they are in no journal
    listed, planned = set[str](), {entry.run(keys) for entry in proposals(entries)}
    for number, path in enumerate(settings.measured, start=1):
        table = read(path)
        refused += table.refused
        for note in table.notes:
            log(f"note: {path}: {note}")
        default = 0 if settings.journal is not None else number
        new = table.measured(proposed_rounds([*waiting, *entries], keys), default)
        lost = {"unmeasured": table.unmeasured, "refused": table.read - len(new) - table.unmeasured}
        rows.update(read=table.read, **lost)
        if settings.journal is not None:
            fresh = missing_entries(entries, new, several)
            log(f"{path}: {len(fresh)} measurements for {settings.journal}, {len(new) - len(fresh)} were there")
            rows["recorded before"] += len(new) - len(fresh)
            joining, new = [*joining, *fresh], fresh
        entries += new
        unmeasured = [row for row in table.rows if row.value is None]
        waiting += [
            Entry(default if row.round is None else row.round, row.text, "proposed", parameters=row.parameters)
            for row in unmeasured
        ]
        listed |= {row.run for row in unmeasured if row.round is None}
        planned |= {row.run for row in unmeasured if row.round is not None}
        keys |= {row.text: row.key for row in table.rows}
    return History([*entries, *waiting], keys, refused, joining, frozenset(listed - planned), rows)


def combined(histories: Sequence[History]) -> History:
    """One history of all targets. Rows without a value of one target are measured if they have one of another."""
    if len(histories) == 1:
        return histories[0]
    keys = {text: key for one in histories for text, key in one.keys.items()}
    measured = {entry.run(keys) for one in histories for entry in one.entries if entry.kind == "measured"}
    entries = [entry for one in histories for entry in one.entries if entry.kind == "measured"]
    planned = [entry for one in histories for entry in one.entries if entry.kind != "measured"]
    unproposed = frozenset.intersection(*(one.unproposed for one in histories)) - measured
    return History(
        [*entries, *planned], keys, list(dict.fromkeys(one for history in histories for one in history.refused)),
        [entry for one in histories for entry in one.new], unproposed,
    )  # fmt: skip


def at_parameters(journal: Journal, process: Process, place: str | None) -> Journal:
    """The journal, whose entries state all process parameters of the campaign. place: its name, for errors."""
    known, names = journal.parameters, process.names
    if others := [name for name in known if name not in names]:
        raise ConfigError(
            f"Expected the process parameters of {place}, {', '.join(known)}, got no '{others[0]}'. Pass `parameters` "
            f"with its values, such as '{others[0]} in 1,2'."
        )
    entries = [replace(one, parameters=process.completed(one.parameters)) for one in journal.entries]
    if process and not all(one.parameters for one in entries):
        first = next(one for one, own in zip(journal.entries, entries, strict=True) if not own.parameters)
        lacks = next(one for one in process.parameters if one.name not in first.parameters and not one.unstated)
        raise ConfigError(
            f"Expected '{lacks.name}' in each line of {place}, found lines without it, the first: round {first.round}, "
            f"{first.item[:40]}. Say their value: '{lacks.name} in {','.join(lacks.values)} else {lacks.values[0]}'."
        )
    return replace(journal, entries=tuple(entries)) if process else journal


# Earlier measurements as prior knowledge: tables, datasets or journals of other targets.


@dataclass(frozen=True)
class EarlierMeasurements:
    """Earlier measurements. name: the source. left_out: why others of its items can't be used."""

    name: str
    measured: list[Measurement]
    left_out: Sequence[str] = ()

    @property
    def others(self) -> str:
        """Words on the items that are left out, if any."""
        return f"; {len(self.left_out):,} left out, the first: {self.left_out[0]}" if self.left_out else ""

    def note(self, weight: float | None, is_first: bool, measured: int) -> str:
        """What the source contributes. weight: of its predictions, None if they aren't used. is_first: of the sources.
        measured: items of the campaign."""
        what = f"prior {self.name} ({len(self.measured):,} items{self.others})"
        if not measured:
            return f"{what}: it picked half of the plate" if is_first else f"{what}: not used yet"
        if weight is not None:
            return f"{what}: its predictions count with weight {weight:.2f}"
        return f"{what}: not used, since its predictions don't follow what was measured"


def read_prior(
    science: Domain, source: str, settings: ProposeSettings, target: str, reference: Reference | None, unlike: Unlike
) -> EarlierMeasurements:
    """The measurements of a source whose items can be compared with those of the campaign. target: of the campaign.
    unlike: why an item can't be compared."""
    if is_journal(source):
        journal, left_out = _of_target(source, settings.further.prior_target), list[str]()
        keys = keys_of(science.name, [entry.item for entry in journal.measured], settings.threads, source)
    else:
        own = settings.model_copy(update={"column": None, "sheet": None})
        table = read_measured(science, source, settings.further.prior_target or target, own, reference)
        journal, keys = Journal(tuple(table.measured({}, 0))), {row.text: row.key for row in table.rows}
        left_out = [f"{text[:60]}: {reason}" for _, text, reason in table.refused]
    refusals = [(one, unlike(one.item)) for one in measurements_of(science, journal, keys)]
    usable = [one for one, why in refusals if why is None]
    left_out += [f"{one.text[:60]}: {why}" for one, why in refusals if why is not None]
    found = EarlierMeasurements(source, usable, left_out)
    if len(usable) < LEAST_MEASURED or len({one.value for one in usable}) < 2:
        raise DataError(
            f"Expected at least {LEAST_MEASURED} items with different values in `prior` {source} that can be "
            f"compared with those of the campaign, got {len(usable)}{found.others}. Leave it out."
        )
    return found


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
    return set(JOURNAL_COLUMNS) <= set(column_names(path))
