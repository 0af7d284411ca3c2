"""The journal of a campaign: every proposal and every measurement, one line each, in an append-only CSV table.

    round,item,kind,value,value_sd,predicted,lower,upper,source
    1,CCO,measured,0.31,,,,,round1.csv
    2,CCN,proposed,,,0.42,0.35,0.49,mutation

If items have names, a new journal has a column of names after the items; it is for people, and is not read back.
The last column is text, so that a truncated line has lost no digit of a number unless it lost a column too.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sciencegen.errors import DataError
from sciencegen.files import atomic_write, check_regular, make_folder, turn_at

KINDS = ("proposed", "measured")
LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Entry:
    """One line.

    Parameters
    ----------
    round : int
    item : str
    kind : str
        "proposed" or "measured".
    value, value_sd : float, optional
        A measured number and its standard error.
    predicted, lower, upper : float, optional
        Median and interval of a proposal.
    source : str
        What made a proposal, or the file of a measurement.
    name : str
        The item's name.
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


COLUMNS = tuple(one.name for one in fields(Entry) if one.name != "name")
NUMBERS = COLUMNS[3:-1]


@dataclass(frozen=True)
class Journal:
    """The content of a file.

    Parameters
    ----------
    entries : tuple of Entry
    incomplete_line : str
        A last line that was not completely written; "" if there is none.
    header : tuple of str
        The file's columns: `COLUMNS`, and perhaps others of the user's.
    text : str
        The complete lines, unchanged.
    """

    entries: tuple[Entry, ...] = ()
    incomplete_line: str = ""
    header: tuple[str, ...] = COLUMNS
    text: str = ""

    @property
    def measured(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == "measured"]

    @property
    def proposed(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind == "proposed"]

    @property
    def last_round(self) -> int:
        return max((entry.round for entry in self.entries), default=0)


@dataclass(frozen=True)
class Appended:
    """Number of added lines and of those already present, and the incomplete line that was removed."""

    added: int
    already_present: int
    incomplete_line: str = ""


def read_journal(path: str | Path) -> Journal:
    """Read the journal in a file; it is empty if the file does not exist.

    Parameters
    ----------
    path : str or Path
        A CSV file in UTF-8.

    Returns
    -------
    Journal
        An incomplete last line is in `incomplete_line`.

    Raises
    ------
    DataError
        If another line is damaged, or the file is not a journal.
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
    complete, _, last = text.rpartition("\n")
    lines = complete.split("\n") if complete else []
    if last and lines and len(_cells(last)) == len(_cells(lines[0])):  # an editor that drops the last line feed
        lines, last = [*lines, last], ""
    if not lines:
        return Journal(incomplete_line=last)
    header = _checked_header(lines[0], path)
    numbered = [(number, line) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    entries = tuple(_entry(line, header, f"line {number} of {path}") for number, line in numbered)
    return Journal(entries, last.strip(), header, "".join(f"{line}\n" for line in lines))


def append(path: str | Path, entries: Iterable[Entry], names: str = "") -> Appended:
    """Add lines, all or none: the file is written under a temporary name and renamed, by one process at a time.

    The journal is read again before the rename: where a disk has no locks, lines that another node added are kept.

    Entries that are present are not added again. A proposal is identified by its round and item, a measurement by item,
    value, error and source. Measurements are counted, so that two equal replicates in one file are both kept.

    Parameters
    ----------
    path : str or Path
        Created with its folder if it doesn't exist. An incomplete last line is moved to `<path>.torn`.
    entries : iterable of Entry
    names : str
        Title of the column of names, in a new journal or in one that has it; "" for none.

    Returns
    -------
    Appended

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "journal.csv")
    >>> entry = Entry(1, "CCO", "measured", 0.31, source="round1.csv")
    >>> append(path, [entry]).added, append(path, [entry]).already_present
    (1, 1)
    >>> read_journal(path).measured[0].value
    0.31
    """
    path = Path(path).absolute()
    make_folder(path.parent)
    wanted = list(entries)
    with turn_at(path):
        while (appended := _append_once(path, wanted, names)) is None:
            pass
    return appended


def _append_once(path: Path, wanted: Sequence[Entry], names: str) -> Appended | None:
    """Append once; None if the file changed before the rename."""
    before = _content(path)
    journal = read_journal(path)
    fresh = missing_entries(journal.entries, wanted)
    if fresh or journal.incomplete_line or not path.exists():
        header = journal.header if journal.text else _new_header(names)
        try:
            with atomic_write(path) as file:
                file.write(journal.text or ",".join(header) + "\n")
                file.writelines(_line(entry, header, names) for entry in fresh)
                file.flush()
                if _content(path) != before:
                    raise _ChangedError
                if journal.incomplete_line:
                    with open(f"{path}.torn", "a", encoding="utf-8") as torn:
                        torn.write(f"{journal.incomplete_line}\n")
        except _ChangedError:
            return None
    return Appended(len(fresh), len(wanted) - len(fresh), journal.incomplete_line)


class _ChangedError(Exception):
    """Another process wrote the journal at the same time."""


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def missing_entries(already_present: Sequence[Entry], entries: Sequence[Entry]) -> list[Entry]:
    """Entries not yet present. Equal measurements are counted, and those in excess of the present ones are kept."""
    there, fresh = Counter(map(_identity, already_present)), []
    for entry in entries:
        identity = _identity(entry)
        if there[identity] == 0:
            fresh.append(entry)
            there[identity] = 1 if entry.kind == "proposed" else 0  # a proposal counts once
        elif entry.kind == "measured":
            there[identity] -= 1
    return fresh


def _identity(entry: Entry) -> tuple:
    if entry.kind == "proposed":
        return (entry.kind, entry.round, entry.item)
    return (entry.kind, entry.item, entry.value, entry.value_sd, entry.source)


def _new_header(names: str) -> tuple[str, ...]:
    after = COLUMNS.index("item") + 1
    return (*COLUMNS[:after], *([names] if names else []), *COLUMNS[after:])


def _line(entry: Entry, header: Sequence[str], names: str) -> str:
    cells = [entry.name if name == names else getattr(entry, name, None) for name in header]
    if any("\n" in cell or "\r" in cell for cell in cells if isinstance(cell, str)):
        raise DataError(f"Expected items and sources on one line each, got {entry.item[:LONGEST_SHOWN]!r}.")
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow(["" if cell is None else cell for cell in cells])
    return file.getvalue()


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line.rstrip("\r")], strict=True), [])
    except csv.Error:  # a quotation mark that is not closed
        return []


def _checked_header(line: str, path: Path) -> tuple[str, ...]:
    header = tuple(cell.strip() for cell in _cells(line))
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise DataError(
            f"Expected a journal with the columns {','.join(COLUMNS)} in {path}, found {line[:LONGEST_SHOWN]!r} "
            f"without {', '.join(missing)}. Name another file with `journal`: it is made by the first entry. "
            "Add a table of measurements with `sciencegen record`."
        )
    return header


def _entry(line: str, header: Sequence[str], place: str) -> Entry:
    cells = _cells(line)
    if len(cells) != len(header):
        raise DataError(
            f"Expected {len(header)} cells in {place}, found {len(cells)}: {line[:LONGEST_SHOWN]!r}. Correct it."
        )
    row = dict(zip(header, cells, strict=True))
    numbers: dict[str, Any] = {name: _number(row[name], name, place) for name in NUMBERS}
    if row["kind"] not in KINDS or (row["kind"] == "measured" and numbers["value"] is None):
        raise DataError(
            f"Expected 'proposed', or 'measured' and a value, in {place}, found '{row['kind']}' and '{row['value']}'."
        )
    if not re.fullmatch(r"\d{1,18}", row["round"].strip()):
        raise DataError(f"Expected a round of 0 or more in {place}, found '{row['round'][:LONGEST_SHOWN]}'.")
    return Entry(int(row["round"]), row["item"], row["kind"], source=row["source"], **numbers)


def _number(cell: str, name: str, place: str) -> float | None:
    if not cell.strip():
        return None
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError(f"Expected a finite number or nothing as {name} in {place}, found '{cell[:LONGEST_SHOWN]}'.")
    return number
