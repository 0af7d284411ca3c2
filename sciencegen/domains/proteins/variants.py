"""Names of variants of a protein: `A42G` is glycine instead of the alanine at 42; several changes are joined by ":".

Positions are in the reference's numbering (such as that in its alignment's header). `A42-` is a deletion; it keeps its
column, so that a variant is as long as its reference. The wild type's name is "WT". An empty text is an empty cell, not
a variant. In a library of some open positions, a variant may be written as the letters there, `VDGV`.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sciencegen.data.writers import printable
from sciencegen.domains.proteins.items import ALPHABET, GAP_LETTER, looks_like_dna, parse, why_not_residues
from sciencegen.errors import DataError
from sciencegen.items import Refusal

if TYPE_CHECKING:
    from Bio.Align import PairwiseAligner

WILD_TYPE = "WT"
OPEN = "`wild_type` gb1.fasta@39,40,41,54"
MOST_SITES = 12
"""Longest text that a refusal takes for the letters of open positions."""
EMPTY = f"empty; the wild type itself is written {WILD_TYPE}"
_WILD_TYPE_NAMES = frozenset({WILD_TYPE, "WILD TYPE", "WILDTYPE", "WILD-TYPE", "_WT"})
_JOINED = re.compile(r"[:;,/+\s]+")
_SUBSTITUTION = re.compile(r"([A-Z])(-?[0-9]{1,9})([A-Z*=-])")
_THREE_LETTERS = re.compile(r"(?:p\.)?\(?([A-Z]{3})(-?[0-9]{1,9})([A-Z]{3}|[*=-])\)?", re.IGNORECASE)
_INSERTED = re.compile(r"[A-Z]?\d+(INS|DUP|FS|_).*|[A-Z]\d+[A-Z]{2}|-\d+.*", re.IGNORECASE)
_ALLOWED = frozenset(ALPHABET + GAP_LETTER)
_RANGE = re.compile(r"(.*)/(-?[0-9]{1,9})-(-?[0-9]{1,9})", re.DOTALL)


@dataclass(frozen=True)
class Reference:
    """A wild type; `first` is the number of its first residue. sites: numbers of the open positions of a library whose
    variants are written as the letters there (`VDGV`); none if there is no such library."""

    sequence: str
    first: int = 1
    sites: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        found = parse(self.sequence)
        if isinstance(found, Refusal) or found != self.sequence:
            reason = found.reason if isinstance(found, Refusal) else "letters in lower case or something around it"
            raise DataError(
                f"Expected a reference of the 20 amino acids, got '{printable(self.sequence, 40)}': {reason}."
            )

    @property
    def last(self) -> int:
        return self.first + len(self.sequence) - 1

    def residue(self, position: int) -> str | None:
        """The letter at a position, None outside the reference."""
        return self.sequence[position - self.first] if self.first <= position <= self.last else None


def split_range(text: str) -> tuple[str, tuple[int, int] | None]:
    """Split off the numbers of the first and last residue (`BLAT_ECOLX/24-286`), or None if there are none."""
    found = _RANGE.fullmatch(text)
    return (text, None) if found is None else (found[1], (int(found[2]), int(found[3])))


def numbered(sequence: str, span: tuple[int, int] | None) -> Reference | Refusal:
    """A reference whose first and last residues have these numbers, or numbered from 1. Tags have numbers below 1, and
    some tables number from 0."""
    if span is None:
        return Reference(sequence)
    first, last = span
    if last - first + 1 != len(sequence):
        letters = f"{last - first + 1} residues" if last >= first else "no range of residues"
        return Refusal(f"span its {len(sequence)} letters, found {first}-{last}, {letters}")
    return Reference(sequence, first)


@dataclass(frozen=True, slots=True)
class Substitution:
    """Replacement of one letter by another, "-" for a deletion, at a position of the reference."""

    wild_type: str
    position: int
    letter: str

    def __str__(self) -> str:
        return f"{self.wild_type}{self.position}{self.letter}"


def variant_name(reference: Reference, sequence: str) -> str | Refusal:
    """The changes in a sequence of the reference's length, by position; "WT" for the reference itself."""
    if len(sequence) != len(reference.sequence):
        lengths = f"{len(sequence)} letters, the reference has {len(reference.sequence)}"
        few = not reference.sites and len(sequence) <= MOST_SITES
        hint = f"; if these are the letters of {len(sequence)} open positions, name those: {OPEN}" if few else ""
        return Refusal(f"{lengths}: a variant is as long as its reference, with '-' for what is deleted{hint}")
    if not _ALLOWED.issuperset(sequence):
        return Refusal(why_not_residues(sequence, _ALLOWED))
    pairs = enumerate(zip(reference.sequence, sequence, strict=True), reference.first)
    return ":".join(f"{wild}{position}{letter}" for position, (wild, letter) in pairs if wild != letter) or WILD_TYPE


def written_out(reference: Reference, text: str) -> str | Refusal | None:
    """The letters of a sequence of any length, whole if `text` has those at the reference's open positions; None for an
    empty text and for a variant name."""
    whole = at_sites(reference, text)
    if isinstance(whole, Refusal):
        return whole
    letters = whole.strip().upper().removesuffix("*")
    return letters if letters and letters not in _WILD_TYPE_NAMES and _ALLOWED.issuperset(letters) else None


def at_sites(reference: Reference, text: str) -> str | Refusal:
    """The whole sequence of a variant that is written as its letters at the open positions; else the text itself.

    Examples
    --------
    >>> [at_sites(Reference("MKVLAT", 1, (2, 4, 5)), text) for text in ("GLA", "K2G", "MKVLAT")]
    ['MGVLAT', 'K2G', 'MKVLAT']
    """
    letters = text.strip().upper()
    if len(letters) != len(reference.sites) or not letters or not re.fullmatch(r"[A-Z*-]+", letters):
        return text
    if letters in _WILD_TYPE_NAMES:
        why = f"'{letters}' may be the wild type or the letters of two open positions: write _WT, or W39W:V40T"
        return Refusal(why) if letters == WILD_TYPE else text
    if not _ALLOWED.issuperset(letters):
        return Refusal(why_not_residues(letters, _ALLOWED))
    whole = list(reference.sequence)
    for position, letter in zip(reference.sites, letters, strict=True):
        whole[position - reference.first] = letter
    return "".join(whole)


def variant_sequence(reference: Reference, text: str) -> str | Refusal:
    """The sequence of a variant, given by name or as a sequence; it is as long as the reference."""
    written = written_out(reference, text)
    if written is None:
        return apply_variant(reference, text)
    if isinstance(written, Refusal):
        return written
    if len(written) != len(reference.sequence) and looks_like_dna(set(written), len(written)):
        return Refusal(f"{len(written)} nucleotides, it seems: translate them to protein")
    name = variant_name(reference, written)
    return name if isinstance(name, Refusal) else written


def apply_variant(reference: Reference, name: str) -> str | Refusal:
    """The sequence of a variant given by name, as long as the reference."""
    changes = read_variant(reference, name)
    if isinstance(changes, Refusal):
        return changes
    letters = list(reference.sequence)
    for change in changes:
        letters[change.position - reference.first] = change.letter
    return "".join(letters)


def read_variant(reference: Reference, name: str) -> list[Substitution] | Refusal:
    """Parse a name to its changes, or a Refusal if they don't match this reference."""
    changes: dict[int, Substitution] = {}
    for part in parts_of(name):
        change = read_change(part)
        if isinstance(change, Refusal):
            return change
        if (wrong := _contradiction(reference, change, part)) is not None:
            return wrong
        if change.position in changes:
            return Refusal(f"'{changes[change.position]}' and '{change}' change the same position")
        changes[change.position] = change
    return list(changes.values())


def parts_of(name: str) -> list[str]:
    """Split a name into texts of single changes, for `read_change`; empty for the wild type."""
    return [] if name.strip().upper() in _WILD_TYPE_NAMES else _JOINED.split(name.strip())


def read_change(part: str) -> Substitution | Refusal:
    """Parse one change (`A42G`, `p.Ala42Gly`, `A42=`) without checking it against a reference."""
    found = _SUBSTITUTION.fullmatch(_in_one_letter(part).upper().removeprefix("P."))
    if found is None:
        return Refusal(_why_unreadable(part))
    return Substitution(found[1], int(found[2]), found[1] if found[3] == "=" else found[3])


def _contradiction(reference: Reference, change: Substitution, part: str) -> Refusal | None:
    known = reference.residue(change.position)
    if known is None:
        return Refusal(
            f"'{printable(part)}' is outside the reference, which spans {reference.first} to {reference.last}"
        )
    if known != change.wild_type:
        said = f"{change.wild_type} at {change.position}"
        return Refusal(f"'{printable(part)}' says {said}, where the reference has {known}")
    if change.letter == "*":
        return Refusal(f"'{printable(part)}' is a stop, no amino acid")
    if change.letter not in _ALLOWED:
        return Refusal(f"'{printable(part)}': {change.letter} is none of the 20 amino acids {ALPHABET}")
    return None


def _in_one_letter(part: str) -> str:
    """Convert `Ala42Gly` and `p.(Ala42Gly)` to `A42G`; other texts are returned unchanged."""
    found = _THREE_LETTERS.fullmatch(part)
    if found is None:
        return part
    from Bio.Data.PDBData import protein_letters_3to1

    letters = {**protein_letters_3to1, "TER": "*"}
    first, last = (letters.get(found[group].upper(), found[group]) for group in (1, 3))
    return f"{first}{found[2]}{last}"


def _why_unreadable(part: str) -> str:
    if not part:
        return EMPTY
    if part.upper().endswith("DEL"):
        return f"'{printable(part)}': write a deletion as A42-"
    if _INSERTED.fullmatch(part):
        return f"'{printable(part)}' inserts residues: only substitutions (A42G) and deletions (A42-) have a column"
    return f"'{printable(part)}' is no variant: write A42G, several joined by ':'"


def all_singles(reference: Reference) -> list[str]:
    """All single substitutions, sorted by position, then by letter: 19 for each position."""
    sites = enumerate(reference.sequence, reference.first)
    return [f"{old}{position}{new}" for position, old in sites for new in ALPHABET if new != old]


# Parses variants of one reference, given by name or as sequences, and detects shifted numbering.

FEWEST_POSITIONS = 3
"""Minimum number of distinct positions from which a shift is determined."""
MOST_MISFITS = 0.1
MANY = 8
"""Sufficient number of places that fit one shift. If they are half of all places, this happens by chance in fewer than
one of a hundred tables. A numbering with gaps (Ambler's of β-lactamases) has several shifts, so not all places fit."""
_PLACE = re.compile(r"(?<![A-Z0-9])([A-Z])(-?[0-9]{1,9})(?=[A-Z*=-])")


@dataclass(frozen=True)
class ProteinVariantNames:
    """Variants of a reference, given by name (`A42G:K43R`) or as sequences."""

    reference: Reference
    remedy: ClassVar[str] = "Number the wild type so, at the end of its record's name or sequence, or renumber the rows"
    """What the user can do about a `hint`."""

    def all_singles(self) -> list[str]:
        return all_singles(self.reference)

    def read(self, text: str) -> tuple[str, str] | Refusal:
        """A variant's name, "WT" for the reference itself, and its sequence with "-" for deletions."""
        sequence = variant_sequence(self.reference, text)
        if isinstance(sequence, Refusal):
            return sequence
        return str(variant_name(self.reference, sequence)), sequence

    def places(self, texts: Iterable[str]) -> set[str]:
        """The distinct wild-type letters and numbers in these texts, each as a variant without a change: `A42=`."""
        return {f"{one[1]}{one[2]}=" for text in texts for one in _PLACE.finditer(text.upper())}

    def hint(self, texts: Iterable[str]) -> str:
        """Describe the shift of the numbering if these texts name other residues than the reference has. "" if there is
        no shift, or if no single shift fits nearly all places (or most, if there are many)."""
        places = {(one[0], int(one[1:-1])) for one in self.places(texts)}
        if len({position for _, position in places}) < FEWEST_POSITIONS:
            return ""
        there: dict[str, list[int]] = {}
        for number, letter in enumerate(self.reference.sequence, self.reference.first):
            there.setdefault(letter, []).append(number)
        fits = Counter(number - at for letter, at in places for number in there.get(letter, ()))
        best = max(fits, key=lambda shift: (fits[shift], -abs(shift)), default=0)
        nearly_all = (1 - MOST_MISFITS) * len(places)
        if not best or fits[best] < min(nearly_all, max(MANY, len(places) / 2)):
            return ""
        first, last = self.reference.first - best, self.reference.last - best
        part = "" if fits[best] >= nearly_all else f" in {fits[best]} of {len(places)} places"
        return f"numbering seems shifted by {-best}{part}: it fits a wild type /{first}-{last}"


# Edits between sequences: substituted, inserted and deleted residues. Residues after an insertion are shifted, so
# that a comparison by position takes all of them for changes.

ANCHOR = 12
"""Letters in one piece that no two unrelated parts share: sequences are aligned before and after them."""


@dataclass(frozen=True, slots=True)
class Edit:
    """place: of the origin, from 0; an insertion comes before it. lost, put: a letter, "" for none."""

    place: int
    lost: str
    put: str

    @property
    def middle(self) -> float:
        return self.place if self.lost else self.place - 0.5


def edits_of(origin: str, sequence: str) -> list[Edit]:
    """The edits that turn the origin into the sequence, by place.

    Examples
    --------
    >>> edits_of("MKTAY", "MKGTAY")
    [Edit(place=2, lost='', put='G')]
    >>> edits_of("MKTAY", "MKTY"), edits_of("MKTAY", "MRTAY")
    ([Edit(place=3, lost='A', put='')], [Edit(place=1, lost='K', put='R')])
    """
    found, reached = list[Edit](), 0
    for a, b, c, d in _blocks(origin, sequence):
        if (a == b) != (c == d):  # a gap: the first of its places that give the same sequence
            text, first, last = (sequence, c, d) if a == b else (origin, a, b)
            while a > reached and origin[a - 1] == sequence[c - 1] and text[first - 1] == text[last - 1]:
                a, b, c, d, first, last = a - 1, b - 1, c - 1, d - 1, first - 1, last - 1
        found += _edits_between(origin[a:b], sequence[c:d], a)
        reached = found[-1].place + bool(found[-1].lost) if found else 0
    return found


def _blocks(origin: str, sequence: str, place: int = 0, other: int = 0) -> Iterator[tuple[int, int, int, int]]:
    """The parts [a, b) of the origin and [c, d) of the sequence that correspond, of one length or one of them empty;
    most of what both share is left out. place, other: added to all."""
    start = _shared_start(origin, sequence)
    end = min(_shared_start(origin[::-1], sequence[::-1]), min(len(origin), len(sequence)) - start)
    before, after = origin[start : len(origin) - end], sequence[start : len(sequence) - end]
    place, other = place + start, other + start
    few = len(before) == len(after) and changes_by_position(before, after) <= 2
    if few or not before or not after:
        yield place, place + len(before), other, other + len(after)
    elif anchor := _anchor(before, after):
        first, second = anchor
        yield from _blocks(before[:first], after[:second], place, other)
        yield from _blocks(before[first:], after[second:], place + first, other + second)
    else:
        first, second = _aligner().align(before, after)[0].coordinates
        for a, b, c, d in zip(first, first[1:], second, second[1:], strict=False):
            yield place + int(a), place + int(b), other + int(c), other + int(d)


def _anchor(first: str, second: str) -> tuple[int, int] | None:
    """Where both have the same `ANCHOR` letters, each of them once, as near to the middle as such are found."""
    places = range(0, len(first) - ANCHOR + 1, ANCHOR // 2)
    for place in sorted(places, key=lambda one: abs(2 * one + ANCHOR - len(first))):
        piece = first[place : place + ANCHOR]
        if second.count(piece) == 1 and first.count(piece) == 1:
            return place, second.index(piece)
    return None


def _shared_start(first: str, second: str) -> int:
    """Number of letters before the first difference."""
    shorter = min(len(first), len(second))
    one, other = (np.frombuffer(text[:shorter].encode(), np.uint8) for text in (first, second))
    unlike = one != other
    return int(unlike.argmax()) if unlike.any() else shorter


def _edits_between(before: str, after: str, start: int) -> Iterator[Edit]:
    """Edits between parts of equal length, or with an empty one."""
    if not before:
        yield from (Edit(start, "", put) for put in after)
    elif not after:
        yield from (Edit(place, lost, "") for place, lost in enumerate(before, start))
    else:
        pairs = enumerate(zip(before, after, strict=True), start)
        yield from (Edit(place, lost, put) for place, (lost, put) in pairs if lost != put)


def changes_by_position(first: str, second: str) -> int:
    """Positions at which two sequences of one length differ."""
    return sum(a != b for a, b in zip(first, second, strict=True))


@cache
def _aligner() -> PairwiseAligner:
    """Global alignment in which a gap costs as much as a mismatch, and its further letters half of that."""
    from Bio.Align import PairwiseAligner  # on use: most proteins need no alignment

    return PairwiseAligner(mode="global", match_score=1, mismatch_score=-1, open_gap_score=-1.0, extend_gap_score=-0.5)


def most_frequent_letters(sequences: Sequence[str]) -> str:
    """The most frequent letter at each position of the sequences of the most frequent length.

    Examples
    --------
    >>> most_frequent_letters(["MKTA", "MKTY", "MRTA", "MKA"])
    'MKTA'
    """
    lengths = Counter(map(len, sequences))
    length = min(lengths, key=lambda one: (-lengths[one], one))
    columns = zip(*(one for one in sequences if len(one) == length), strict=True)
    return "".join(Counter(column).most_common(1)[0][0] for column in columns)


def consensus(origin: str, variants: Sequence[Sequence[Edit]]) -> str:
    """The origin with those edits that most of its variants have. variants: the edits of each.

    Examples
    --------
    >>> consensus("MKGTAY", [edits_of("MKGTAY", one) for one in ("MKTAY", "MKTWY", "MRTAY")])
    'MKTAY'
    """
    instead, before = defaultdict[int, Counter[str]](Counter), defaultdict[int, Counter[str]](Counter)
    for edits in variants:
        inserted = defaultdict[int, str](str)
        for one in edits:
            if one.lost:
                instead[one.place][one.put] += 1
            else:
                inserted[one.place] += one.put
        for place, put in inserted.items():
            before[place][put] += 1
    parts = []
    for place, letter in enumerate([*origin, ""]):
        insertion, count = (before[place].most_common(1) or [("", 0)])[0]
        kept = len(variants) - instead[place].total()
        other, changed = (instead[place].most_common(1) or [("", 0)])[0]
        parts += [insertion * (2 * count > len(variants)), other if changed > kept else letter]
    return "".join(parts)
