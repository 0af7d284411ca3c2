"""Edits between sequences: substituted, inserted and deleted residues. Residues after an insertion are shifted, so that
a comparison by position takes all of them for changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from Bio.Align import PairwiseAligner


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
