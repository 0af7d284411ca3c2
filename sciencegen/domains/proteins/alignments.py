"""Read the alignment of a family by EVE's rules (Frazer et al., Nature 2021, 599, 91).

The first record is the focus. Its upper-case letters are the columns; where it has a gap, a dot or a lower-case letter
(an insertion), the letters of the other records are dropped. Sequences with more than half gaps are dropped as
fragments, and so are those with letters other than the 20 amino acids. EVE omits columns in which more than 30% of the
sequences have gaps; here they are kept, because any position may be requested, and `gaps` has their shares of gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from sciencegen.data.writers import escape
from sciencegen.domains.proteins.alignment_files import Records, is_a3m, read_records
from sciencegen.domains.proteins.items import ALPHABET, GAP, NUMBER_OF_LETTER, parse
from sciencegen.domains.proteins.variants import Reference, numbered, split_range
from sciencegen.errors import DataError
from sciencegen.items import Refusal

MOST_GAPS = 0.5
GAPPY_COLUMN = 0.3
"""EVE omits columns with a greater share of gaps."""
AMBIGUOUS = GAP + 1
NOT_COUNTED = b"abcdefghijklmnopqrstuvwxyz."
"""Insertions, and the dots at their positions in other rows."""

_NUMBERS = NUMBER_OF_LETTER.copy()
_NUMBERS[np.frombuffer(b"BJOUXZbjouxz*", np.uint8)] = AMBIGUOUS


@dataclass(frozen=True)
class Report:
    """Counts of reading a file. records: in the file; fragments, ambiguous: dropped records. focus_gaps: columns in
    which the focus has a gap; insertions: its own lower-case letters, which have numbers but no column. lower_case:
    letters of other rows that were read as upper case. repeats: kept rows that equal an earlier one in every column.
    gappy_columns: those that EVE would omit."""

    records: int
    kept: int
    fragments: int
    ambiguous: int
    focus_gaps: int
    insertions: int
    lower_case: int
    duplicate_names: int
    repeats: int
    gappy_columns: int
    ranged: bool

    def notes(self) -> list[str]:
        """The notes that apply, as sentences."""
        said = [
            (self.fragments, f"{self.fragments} of {self.records} sequences dropped: more than half gaps"),
            (
                self.ambiguous,
                f"{self.ambiguous} of {self.records} sequences dropped: letters beyond the 20 amino acids",
            ),
            (self.focus_gaps, f"{self.focus_gaps} columns dropped: the first record has a gap there"),
            (self.insertions, f"{self.insertions} lower-case letters of the first record are insertions: no column"),
            (self.lower_case, f"{self.lower_case} lower-case letters in columns were read as upper case"),
            (
                self.repeats,
                f"{self.repeats} of the {self.kept} sequences kept repeat an earlier one: each such group is one row, "
                "with their weights summed",
            ),
            (self.duplicate_names, f"{self.duplicate_names} names occur more than once; every sequence was kept"),
            (self.gappy_columns, f"{self.gappy_columns} columns are more than 30% gaps: their scores are less certain"),
            (not self.ranged, "the first record's name has no range /first-last: positions are numbered from 1"),
        ]
        return [sentence for applies, sentence in said if applies]


@dataclass(frozen=True)
class Alignment:
    """focus: all letters of the first record, numbered. rows: residue numbers, including `GAP`; the focus is row 0.
    columns: position of each column in focus.sequence. gaps: the share of gaps in each column. record: the number of
    each row in the file, from 1. dropped: (record, name, reason) of dropped records.
    """

    focus: Reference
    name: str
    rows: UInt8[np.ndarray, "sequence column"]
    names: Sequence[str]
    columns: Int[np.ndarray, " column"]
    gaps: Float[np.ndarray, " column"]
    record: Int[np.ndarray, " sequence"]
    dropped: Sequence[tuple[int, str, str]]
    report: Report

    @property
    def positions(self) -> Int[np.ndarray, " column"]:
        """The number of each column, in the numbering of variants."""
        return self.columns + self.focus.first


@dataclass(frozen=True)
class _Layout:
    """How records become rows. by_match: letters are counted without insertions and dots, as in a3m, where rows differ
    in length; else every record has the same number of letters, and columns are positions in it. width: that number.
    places: positions of the columns."""

    by_match: bool
    width: int
    places: np.ndarray
    first: tuple[str, bytes]


class _Ragged(Exception):
    """A record that is longer or shorter than the first."""


def read_alignment(path: str | Path) -> Alignment:
    """Read .a2m, .a3m, Stockholm (.sto) or aligned FASTA, perhaps gzipped; the format is detected."""
    path = Path(path)
    ways = (True,) if is_a3m(path) else (False, True)
    for by_match in ways:
        try:
            return _read(path, by_match)
        except _Ragged as error:
            ragged = error
    raise DataError(str(ragged)) from None


def read_focus(path: str | Path) -> tuple[Reference, Int[np.ndarray, " column"]]:
    """The first record, numbered, and the positions of the columns in it; the other records are not read."""
    start = next(read_records(Path(path)), None)
    if start is None:
        raise DataError(f"Expected an alignment in {path}, found no sequence.")
    reference, _ = _focus(start.names[0], start.bodies[0], Path(path))
    letters = _letters(start.bodies[0])
    return reference, np.flatnonzero(letters[letters != ord("-")] < ord("a"))


def _read(path: Path, by_match: bool) -> Alignment:
    blocks = read_records(path)
    start = next(blocks, None)
    if start is None:
        raise DataError(f"Expected an alignment in {path}, found no sequence.")
    name, body = start.names[0], start.bodies[0]
    focus, ranged = _focus(name, body, path)
    layout = _layout(name, body, by_match, path)
    letters = _letters(body)
    columns = np.flatnonzero(letters[letters != ord("-")] < ord("a"))
    kept = _Kept(layout, path)
    kept.add(start)
    for block in blocks:
        kept.add(block)
    rows, gaps = kept.rows, kept.gaps / len(kept.names)
    report = Report(
        kept.records, len(rows), kept.fragments, kept.ambiguous, body.count(b"-"),
        len(focus.sequence) - len(columns), kept.lower_case, len(kept.names) - len(set(kept.names)),
        len(rows) - len({hash(row.tobytes()) for row in rows}), int((gaps > GAPPY_COLUMN).sum()), ranged,
    )  # fmt: skip
    return Alignment(focus, name, rows, kept.names, columns, gaps, np.concatenate(kept.numbers), kept.dropped, report)


def _letters(body: bytes) -> np.ndarray:
    """The first record without dots: letters and gaps."""
    return np.frombuffer(body.replace(b".", b""), np.uint8)


def _focus(name: str, body: bytes, path: Path) -> tuple[Reference, bool]:
    """The first record's letters with their numbers, and whether its name gives a range."""
    sequence = body.translate(None, b"-.").decode("ascii", "replace").upper()
    found = parse(sequence) if sequence else Refusal("no letters")
    if isinstance(found, Refusal) or found != sequence:
        reason = found.reason if isinstance(found, Refusal) else "it ends with a stop '*'"
        raise DataError(f"Expected a protein as the first record of {path}, found '{escape(name, 60)}': {reason}.")
    _, span = split_range(name)
    reference = numbered(sequence, span)
    if isinstance(reference, Refusal):
        raise DataError(
            f"Expected the range of '{escape(name, 60)}' in {path} to {reference.reason}. Correct the name, or leave "
            "the range out to number from 1."
        )
    return reference, span is not None


def _layout(name: str, body: bytes, by_match: bool, path: Path) -> _Layout:
    counted = body.translate(None, NOT_COUNTED) if by_match else body
    letters = np.frombuffer(counted, np.uint8)
    places = np.flatnonzero((letters >= ord("A")) & (letters <= ord("Z")))
    if not len(places):
        raise DataError(
            f"Expected upper-case letters in the first record of {path}, found lower case only, which marks "
            "insertions. Write it in upper case."
        )
    return _Layout(by_match, len(counted), places, (name, body))


class _Kept:
    """Collects the rows that are kept, block by block, and counts those that are dropped."""

    def __init__(self, layout: _Layout, path: Path) -> None:
        self.layout, self.path = layout, path
        self.joined = bytearray()  # grows in place, so that the rows are in memory once
        self.gaps = np.zeros(len(layout.places), np.int64)
        self.numbers: list[np.ndarray] = []
        self.names: list[str] = []
        self.dropped: list[tuple[int, str, str]] = []
        self.records = self.fragments = self.ambiguous = self.lower_case = 0

    def add(self, block: Records) -> None:
        bodies = [body.translate(None, NOT_COUNTED) for body in block.bodies] if self.layout.by_match else block.bodies
        self._check_lengths(block.names, bodies)
        letters = np.frombuffer(b"".join(bodies), np.uint8).reshape(len(bodies), -1)[:, self.layout.places]
        rows = _NUMBERS[letters]
        self._check_letters(block.names, letters, rows)
        fragment = (rows == GAP).sum(1) > MOST_GAPS * rows.shape[1]
        ambiguous = (rows == AMBIGUOUS).any(1) & ~fragment
        stays = ~(fragment | ambiguous)
        number = np.arange(self.records + 1, self.records + 1 + len(rows))
        for index in np.flatnonzero(~stays).tolist():
            reason = "more than half gaps" if fragment[index] else f"letters beyond the 20 amino acids {ALPHABET}"
            self.dropped.append((int(number[index]), block.names[index], reason))
        self.records += len(rows)
        self.fragments += int(fragment.sum())
        self.ambiguous += int(ambiguous.sum())
        self.lower_case += int((letters[stays] >= ord("a")).sum())
        self.names += [name for name, stay in zip(block.names, stays.tolist(), strict=True) if stay]
        self.gaps += (rows[stays] == GAP).sum(0)
        self.joined.extend(memoryview(rows[stays]))
        self.numbers.append(number[stays])

    @property
    def rows(self) -> UInt8[np.ndarray, "sequence column"]:
        return np.frombuffer(self.joined, np.uint8).reshape(len(self.names), -1)

    def _check_lengths(self, names: Sequence[str], bodies: Sequence[bytes]) -> None:
        width = self.layout.width
        if set(map(len, bodies)) <= {width}:
            return
        index = next(index for index, body in enumerate(bodies) if len(body) != width)
        counted = "columns (insertions not counted)" if self.layout.by_match else "columns"
        raise _Ragged(
            f"Expected rows of one length in {self.path}: record {self.records + index + 1}, "
            f"'{escape(names[index], 60)}', has {len(bodies[index])} {counted}, "
            f"the first, '{escape(self.layout.first[0], 60)}', has {width}. Align them again."
        )

    def _check_letters(self, names: Sequence[str], letters: np.ndarray, rows: np.ndarray) -> None:
        strange = rows > AMBIGUOUS
        if strange.any():
            index, column = np.argwhere(strange)[0].tolist()
            raise DataError(
                f"Expected letters, '-' and '.' in the rows of {self.path}, found {chr(letters[index, column])!a} in "
                f"record {self.records + index + 1}, '{escape(names[index], 60)}'."
            )
