"""The journal of a campaign: every proposal and every measurement, one line each, in an append-only CSV table.

    round,item,kind,target,direction,value,value_sd,predicted,lower,upper,forecast,source
    1,CCO,measured,activity,,0.31,,,,,,round1.csv
    2,CCN,proposed,activity,maximize,,,0.42,0.35,0.49,"{""threshold"": 0.4, ...}",mutation

A journal has one target, or a line for each target of an item, and, from its first plate on, a direction. Those of
earlier versions may lack the columns, and get none. A censored measurement has its bound as value: `>5`, `<0.1`. The
forecast of a plate's hits is in the line of its first item. With process parameters there is a column `parameters`,
such as `temperature=37;solvent=DMSO`; it is added to a journal that lacks it by the first line that needs it.
If items have names, a new journal has a column of names after the items; it is for people, and is not read back.
A proposal is withdrawn by a further line of the same round and item.
The last column is text, so that a truncated line has lost no digit of a number unless it lost a column too.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from sciencegen.errors import DataError
from sciencegen.files import atomic_write, check_regular, make_folder, turn_at
from sciencegen.items import JOURNAL_COLUMNS, Direction, bound_of

# The lines of a campaign's journal: entries to CSV and back.

KINDS = ("proposed", "measured", "withdrawn")
LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Entry:
    """One line.

    Parameters
    ----------
    round : int
    item : str
    kind : str
        "proposed", "measured" or "withdrawn": no longer proposed in this round.
    value, value_sd : float, optional
        A measured number, or the bound of a censored one, and its standard error.
    predicted, lower, upper : float, optional
        Median and interval of a proposal.
    source : str
        What made a proposal, or the file of a measurement.
    name : str
        The item's name.
    target : str
        What was measured, or is to be; "" if it is unknown, as in journals of version 0.1.
    parameters : str
        The process parameters at which it was, or is to be, measured (`process.setting_text`); "" for none.
    bound : str
        ">" for a measurement of at least the value, "<" for one of at most the value, "" for a number.
    direction : str
        Of a proposal: "maximize" or "minimize"; "" if it is unknown.
    forecast : str
        Of a plate's first proposal: how many of its items will be hits (`forecast.Forecast.to_text`); "" if unknown.
    """

    round: int
    item: str
    kind: str
    value: float | None = None
    value_sd: float | None = None
    predicted: float | None = None
    lower: float | None = None
    upper: float | None = None
    source: str = ""
    name: str = field(default="", compare=False)
    target: str = field(default="", compare=False)
    direction: str = field(default="", compare=False)
    forecast: str = field(default="", compare=False)
    bound: str = ""
    parameters: str = ""

    def run(self, keys: Mapping[str, str]) -> str:
        """The identity of what is measured: the item's key (text -> key), with parameters also these."""
        return run_key(keys[self.item], self.parameters)


def run_key(key: str, parameters: str) -> str:
    """The identity of an item at process parameters.

    Examples
    --------
    >>> run_key("CCO", ""), run_key("CCO", "temperature=37")
    ('CCO', 'CCO at temperature=37')
    """
    return f"{key} at {parameters}" if parameters else key


TARGET, DIRECTION, FORECAST, PARAMETERS = "target", "direction", "forecast", "parameters"
NUMBERS = JOURNAL_COLUMNS[3:-1]


def new_header(names: str, has_target: bool, has_parameters: bool = False) -> tuple[str, ...]:
    """The columns of a new journal. names: the title of the column of names, "" for none."""
    columns = JOURNAL_COLUMNS
    first, second = columns.index("item") + 1, columns.index("kind") + 1
    named, target = [names] if names else [], [TARGET, DIRECTION] if has_target else []
    hits, settings = [FORECAST] if has_target else [], [PARAMETERS] if has_parameters else []
    return (
        *columns[:first],
        *named,
        *settings,
        *columns[first:second],
        *target,
        *columns[second:-1],
        *hits,
        columns[-1],
    )


def with_parameters(journal: Journal) -> Journal:
    """The journal with a column of process parameters, which are empty in the lines that it has."""
    at = journal.header.index("item") + 1
    rows = [cells_of(line) for line in journal.text.split("\n") if line.strip()]
    rows = [[*row[:at], PARAMETERS if place == 0 else "", *row[at:]] for place, row in enumerate(rows)]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return replace(journal, header=tuple(cell.strip() for cell in rows[0]), text=file.getvalue())


def line_of(entry: Entry, header: Sequence[str], names: str) -> str:
    """An entry as a line of a journal with this header."""
    cells = [entry.name if name == names else getattr(entry, name, None) for name in header]
    if entry.bound:
        cells[header.index("value")] = f"{entry.bound}{entry.value}"
    if any("\n" in cell or "\r" in cell for cell in cells if isinstance(cell, str)):
        raise DataError(f"Expected items and sources on one line each, got {entry.item[:LONGEST_SHOWN]!r}.")
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return file.getvalue()


def cells_of(line: str) -> list[str]:
    """The cells of a line; [] if it is no CSV."""
    try:
        return next(csv.reader([line.rstrip("\r")], strict=True), [])
    except csv.Error:  # a quotation mark that is not closed
        return []


def parse_header(line: str, path: Path) -> tuple[str, ...]:
    """The columns of a journal's first line."""
    header = tuple(cell.strip() for cell in cells_of(line))
    missing = [name for name in JOURNAL_COLUMNS if name not in header]
    if missing:
        raise DataError(
            f"Expected a journal with the columns {','.join(JOURNAL_COLUMNS)} in {path}, found "
            f"{line[:LONGEST_SHOWN]!r} without {', '.join(missing)}. Name another file with `journal`: it is made by "
            "the first entry. Add a table of measurements with `sciencegen record`."
        )
    if twice := next((name for name, count in Counter(header).items() if name and count > 1), None):
        raise DataError(
            f"Expected columns of different names in {path}, found two of the name '{twice[:LONGEST_SHOWN]}'. Rename "
            "or delete one."
        )
    return header


def entry_of(line: str, header: Sequence[str], place: str) -> Entry:
    """The entry of a line. place: words for the line in an error."""
    cells = cells_of(line)
    if len(cells) != len(header):
        raise DataError(
            f"Expected {len(header)} cells in {place}, found {len(cells)}: {line[:LONGEST_SHOWN]!r}. Complete the "
            "line, or delete it and record what it held again."
        )
    row = dict(zip(header, cells, strict=True))
    bound = bound_of(row["value"])
    row["value"] = row["value"] if bound is None else repr(bound.value)
    numbers: dict[str, Any] = {name: _number(row[name], name, place) for name in NUMBERS}
    if row["kind"] not in KINDS or (row["kind"] == "measured" and numbers["value"] is None):
        raise DataError(
            f"Expected 'proposed', 'withdrawn', or 'measured' and a value, in {place}, found '{row['kind']}' and "
            f"'{row['value']}'."
        )
    if not re.fullmatch(r"\d{1,18}", row["round"].strip()):
        raise DataError(f"Expected a round of 0 or more in {place}, found '{row['round'][:LONGEST_SHOWN]}'.")
    direction = row.get(DIRECTION, "").strip()
    if direction not in ("", *get_args(Direction)):
        raise DataError(
            f"Expected {', '.join(get_args(Direction))} or nothing as direction in {place}, found "
            f"'{direction[:LONGEST_SHOWN]}'."
        )
    target, forecast = row.get(TARGET, "").strip(), row.get(FORECAST, "").strip()
    return Entry(
        int(row["round"]), row["item"], row["kind"], source=row["source"], target=target, direction=direction,
        forecast=forecast, bound="" if bound is None else bound.sign,
        parameters=row.get(PARAMETERS, "").strip(), **numbers,
    )  # fmt: skip


def _number(cell: str, name: str, place: str) -> float | None:
    if not cell.strip():
        return None
    try:
        number = math.nan if "_" in cell else float(cell)  # Python would read 1_5 as 15
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"Expected a finite number or nothing as {name} in {place}, found '{cell[:LONGEST_SHOWN]}'.")
    return number


@dataclass(frozen=True)
class Journal:
    """The content of a file.

    Parameters
    ----------
    entries : tuple of Entry
    header : tuple of str
        The file's columns: `JOURNAL_COLUMNS`, and perhaps others of the user's.
    text : str
        The lines, unchanged.
    """

    entries: tuple[Entry, ...] = ()
    header: tuple[str, ...] = JOURNAL_COLUMNS
    text: str = ""

    @property
    def measured(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == "measured"]

    @property
    def planned(self) -> list[Entry]:
        """All proposals."""
        return [entry for entry in self.entries if entry.kind == "proposed"]

    @property
    def proposed(self) -> list[Entry]:
        """Proposals without those that were withdrawn."""
        return proposals(self.entries)

    @property
    def last_round(self) -> int:
        return max((entry.round for entry in self.entries), default=0)

    @property
    def targets(self) -> list[str]:
        """What was measured; [] in a journal that doesn't say so."""
        return _targets(self.entries)

    @property
    def parameters(self) -> list[str]:
        """Names of the process parameters."""
        named = (pair for entry in self.entries if entry.parameters for pair in entry.parameters.split(";"))
        return list(dict.fromkeys(pair.partition("=")[0] for pair in named))

    @property
    def direction(self) -> str:
        """That of the last proposal that says so; "" if there is none."""
        return next((entry.direction for entry in reversed(self.entries) if entry.direction), "")


def read_journal(path: str | Path) -> Journal:
    """Read the journal in a file; it is empty if the file does not exist.

    Parameters
    ----------
    path : str or Path
        A CSV file in UTF-8.

    Returns
    -------
    Journal

    Raises
    ------
    DataError
        If a line is damaged, such as a last one that was cut short, or the file is not a journal.
    """
    path = Path(path)
    check_regular(path, "the journal")
    if path.is_dir():
        raise DataError(f"Expected a journal (a CSV file) at {path}, found a folder. Name a file in it.")
    if not path.exists():
        return Journal()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"Expected a journal in UTF-8 at {path}, got other bytes ({error}). Save it as UTF-8."
        ) from None
    except OSError as error:
        raise DataError(f"Expected a journal that can be read at {path}, found: {error.strerror}.") from error
    text = text if "\n" in text else text.replace("\r", "\n")  # an editor with the line ends of old Macs
    lines = text.removesuffix("\n").split("\n")
    if not text.strip():
        return Journal()
    header = parse_header(lines[0], path)
    numbered = [(number, line) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    entries = tuple(entry_of(line, header, f"line {number} of {path}") for number, line in numbered)
    return Journal(entries, header, "".join(f"{line}\n" for line in lines))


def append(path: str | Path, entries: Iterable[Entry], names: str = "", several: bool = False) -> int:
    """Add lines, all or none: the file is written under a temporary name and renamed, by one process at a time.

    The journal is read again before the rename: where a disk has no locks, lines that another node added are kept.

    Entries that are present are not added again. A proposal and its withdrawal are identified by round and item, a
    measurement by item, value, error and source. Measurements are counted, so that two equal replicates in one file are
    both kept.

    Parameters
    ----------
    path : str or Path
        Created with its folder if it doesn't exist.
    entries : iterable of Entry
    names : str
        Title of the column of names, in a new journal or in one that has it; "" for none.
    several: bool
        Whether the journal may have several targets. Entries of different targets are different then.

    Returns
    -------
    int
        Number of added lines; the other entries were there.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "journal.csv")
    >>> entry = Entry(1, "CCO", "measured", 0.31, source="round1.csv")
    >>> append(path, [entry]), append(path, [entry])
    (1, 0)
    >>> read_journal(path).measured[0].value
    0.31
    """
    path = Path(path).absolute()
    make_folder(path.parent)
    wanted = list(entries)
    with turn_at(path):
        while (added := _append_once(path, wanted, names, several)) is None:
            pass
    return added


def _append_once(path: Path, wanted: Sequence[Entry], names: str, several: bool) -> int | None:
    """Append once, and return the number of added lines; None if the file changed before the rename."""
    before = _content(path)
    journal = read_journal(path)
    fresh = missing_entries(journal.entries, wanted, several)
    if len(targets := _targets([*journal.entries, *fresh])) > 1 and not several:
        raise DataError(
            f"Expected entries of one target in {path}, got {' and '.join(targets)}. Keep a journal for each."
        )
    if fresh or not path.exists():
        settings = any(entry.parameters for entry in fresh)
        if settings and journal.text and PARAMETERS not in journal.header:
            journal = with_parameters(journal)
        new = new_header(names, any(entry.target for entry in wanted), settings)
        header = journal.header if journal.text else new
        try:
            with atomic_write(path) as file:
                file.write(journal.text or ",".join(header) + "\n")
                file.writelines(line_of(entry, header, names) for entry in fresh)
                file.flush()
                if _content(path) != before:
                    raise _ChangedError
        except _ChangedError:
            return None
    return len(fresh)


def proposals(entries: Sequence[Entry]) -> list[Entry]:
    """The proposals among entries that were not withdrawn.

    Examples
    --------
    >>> lines = [Entry(1, "CCO", "proposed"), Entry(1, "CCN", "proposed"), Entry(1, "CCO", "withdrawn")]
    >>> [entry.item for entry in proposals(lines)]
    ['CCN']
    """
    withdrawn = {(entry.round, entry.item, entry.parameters) for entry in entries if entry.kind == "withdrawn"}
    planned = (one for one in entries if one.kind == "proposed")
    return [one for one in planned if (one.round, one.item, one.parameters) not in withdrawn]


def _targets(entries: Iterable[Entry]) -> list[str]:
    return list(dict.fromkeys(entry.target for entry in entries if entry.target))


class _ChangedError(Exception):
    """Another process wrote the journal at the same time."""


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def missing_entries(already_present: Sequence[Entry], entries: Sequence[Entry], several: bool = False) -> list[Entry]:
    """Entries not yet present. Equal measurements are counted, and those in excess of the present ones are kept.
    several: whether entries of different targets are different."""
    there, fresh = Counter(_identity(entry, several) for entry in already_present), []
    for entry in entries:
        identity = _identity(entry, several)
        if there[identity] == 0:
            fresh.append(entry)
            there[identity] = 0 if entry.kind == "measured" else 1  # other lines count once
        elif entry.kind == "measured":
            there[identity] -= 1
    return fresh


def _identity(entry: Entry, several: bool) -> tuple:
    target = entry.target if several else ""
    if entry.kind != "measured":
        return (entry.kind, entry.round, entry.item, entry.parameters, target)
    own = (entry.item, entry.parameters, entry.value, entry.bound, entry.value_sd, entry.source)
    return (target, entry.kind, *own)
