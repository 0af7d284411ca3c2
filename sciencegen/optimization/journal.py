"""The journal of a campaign: every proposal and every measurement, one line each, in an append-only CSV table.

    round,item,kind,target,direction,value,value_sd,predicted,lower,upper,forecast,source
    1,CCO,measured,activity,,0.31,,,,,,round1.csv
    2,CCN,proposed,activity,maximize,,,0.42,0.35,0.49,"{""threshold"": 0.4, ...}",mutation

A journal has one target, or a line for each target of an item, and, from its first plate on, a direction. Those of
earlier versions may lack the columns, and get none. A censored measurement has its bound as value: `>5`, `<0.1`. The
forecast of a plate's hits is in the line of its first item.
If items have names, a new journal has a column of names after the items; it is for people, and is not read back.
A proposal is withdrawn by a further line of the same round and item.
The last column is text, so that a truncated line has lost no digit of a number unless it lost a column too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sciencegen.errors import DataError
from sciencegen.files import atomic_write, check_regular, make_folder, turn_at
from sciencegen.optimization.journal_lines import (
    COLUMNS,
    Entry,
    checked_header,
    entry_of,
    line_of,
    new_header,
)


@dataclass(frozen=True)
class Journal:
    """The content of a file.

    Parameters
    ----------
    entries : tuple of Entry
    header : tuple of str
        The file's columns: `COLUMNS`, and perhaps others of the user's.
    text : str
        The lines, unchanged.
    """

    entries: tuple[Entry, ...] = ()
    header: tuple[str, ...] = COLUMNS
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
    header = checked_header(lines[0], path)
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
        header = journal.header if journal.text else new_header(names, any(entry.target for entry in wanted))
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
    withdrawn = {(entry.round, entry.item) for entry in entries if entry.kind == "withdrawn"}
    return [one for one in entries if one.kind == "proposed" and (one.round, one.item) not in withdrawn]


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
        return (entry.kind, entry.round, entry.item, target)
    return (target, entry.kind, entry.item, entry.value, entry.bound, entry.value_sd, entry.source)


__all__ = ["COLUMNS", "Entry", "Journal", "append", "missing_entries", "proposals", "read_journal"]
