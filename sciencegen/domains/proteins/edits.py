"""Features of variants with inserted and deleted residues: the edits that turn one sequence into each of them.

    places     triangles of three widths around the place of each edit, so that edits nearby are similar
    residues   introduced and lost ones
    kinds      numbers of substitutions, insertions and deletions

Residues after an insertion are shifted, so that a comparison by position takes all of them for changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import IncompatibleError
from sciencegen.items import Refusal
from sciencegen.prediction.blocks import Block

if TYPE_CHECKING:
    from Bio.Align import PairwiseAligner

KIND = "edits"
WIDTHS = (4, 12, 40)
"""Places from the middle of a triangle to its end: neighbours in the chain, a helix or strand, a part of a domain."""
STEPS = 2
"""Triangles of a width that begin within its first half."""
MOST_EDITS = 20
"""More, for the typical item, mean that items aren't variants of one sequence."""
SHIFTED = 3
"""Items are shifted if they have this many times more changes by position than edits."""
LOOKED_AT = 100
DEFAULTS: Mapping[str, Any] = {"families": ("ridge", "curve", "boosting"), "scale": "auto"}


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
    shorter = min(len(origin), len(sequence))
    pairs = zip(origin, sequence, strict=False)
    start = next((place for place, (a, b) in enumerate(pairs) if a != b), shorter)
    room = shorter - start
    pairs = zip(reversed(origin), reversed(sequence), strict=False)
    end = min(next((place for place, (a, b) in enumerate(pairs) if a != b), shorter), room)
    before, after = origin[start : len(origin) - end], sequence[start : len(sequence) - end]
    return list(_between(before, after, start))


def _between(before: str, after: str, start: int) -> Iterator[Edit]:
    """The edits between two parts that differ at both ends. start: place of the first letter."""
    few = len(before) == len(after) and changes_by_position(before, after) <= 2
    if few or not before or not after:
        yield from _aligned(before, after, start)
        return
    first, second = _aligner().align(before, after)[0].coordinates
    for a, b, c, d in zip(first, first[1:], second, second[1:], strict=False):
        yield from _aligned(before[a:b], after[c:d], start + int(a))


def _aligned(before: str, after: str, start: int) -> Iterator[Edit]:
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


@dataclass(frozen=True)
class EditFeatures:
    """Features of what turns the origin into each item. A predictor of these knows no other than such variants."""

    origin: str

    defaults = DEFAULTS

    @property
    def reference(self) -> Reference:
        return Reference(self.origin)

    @property
    def blocks(self) -> list[Block]:
        return [Block(self._places + 2 * len(ALPHABET), scaled=False, sparse=True), Block(3, near=False)]

    @property
    def _places(self) -> int:
        return sum(len(_middles(len(self.origin), width)) for width in WIDTHS)

    def __call__(self, items: Sequence[str]) -> Float[np.ndarray, "item feature"]:
        """[item feature] float32."""
        rows = [self._row(item) for item in items]
        return np.array(rows, np.float32).reshape(len(rows), sum(block.size for block in self.blocks))

    def _row(self, item: str) -> Float[np.ndarray, " feature"]:
        edits = edits_of(self.origin, item)
        middles = np.array([one.middle for one in edits])
        near = [_triangles(middles, len(self.origin), width) for width in WIDTHS]
        counts = [[letters.count(letter) for letter in ALPHABET] for letters in _letters(edits)]
        kinds = [bool(one.lost) + 2 * bool(one.put) for one in edits]
        return np.concatenate([*near, *counts, [kinds.count(kind) for kind in (3, 2, 1)]]).astype(np.float32)

    def encode(self, items: Sequence[str]) -> list[np.ndarray | Refusal]:
        """The row [feature] of each item, float32."""
        reasons = [self.refusal(item) for item in items]
        return [Refusal(why) if why else self._row(item) for item, why in zip(items, reasons, strict=True)]

    def refusal(self, item: str) -> str | None:
        """The reason why a sequence can't be encoded, or None."""
        length = len(self.origin)
        if abs(len(item) - length) <= MOST_EDITS:
            return None
        return f"{len(item)} residues, where this predictor sees variants of {length}"

    def novel(self, items: Sequence[str]) -> Bool[np.ndarray, " item"]:
        """No item: an edit at a new place is compared with those nearby."""
        return np.zeros(len(items), bool)

    def changed(self, items: Sequence[str]) -> Bool[np.ndarray, "item position"]:
        """Whether each item has an edit at each position of the origin, and after its end."""
        table = np.zeros((len(items), len(self.origin) + 1), bool)
        for row, item in zip(table, items, strict=True):
            row[[one.place for one in edits_of(self.origin, item)]] = True
        return table

    def to_json(self) -> dict[str, Any]:
        return {"kind": KIND, "alphabet": ALPHABET, "origin": self.origin, "widths": list(WIDTHS)}


def _letters(edits: Sequence[Edit]) -> tuple[str, str]:
    """All introduced residues, and all lost ones."""
    return "".join(one.put for one in edits), "".join(one.lost for one in edits)


def _middles(length: int, width: int) -> Float[np.ndarray, " triangle"]:
    return np.arange(0, length + width, width / STEPS)


def _triangles(middles: Float[np.ndarray, " edit"], length: int, width: int) -> Float[np.ndarray, " triangle"]:
    """Heights of all triangles at the edits, summed over the edits."""
    apart = np.abs(middles[:, None] - _middles(length, width)[None])
    return np.clip(1 - apart / width, 0, None).sum(0)


def load_edit_features(data: Mapping[str, Any]) -> EditFeatures:
    """The inverse of `to_json`."""
    if data.get("alphabet") != ALPHABET or tuple(data.get("widths", ())) != WIDTHS:
        raise IncompatibleError(f"Expected features of {KIND} over {ALPHABET} with widths {WIDTHS}; train again.")
    return EditFeatures(str(data["origin"]))


def fit_edit_features(items: Sequence[str], origin: str | None = None) -> EditFeatures | None:
    """Features of the items as edits of the origin, by default the first item. None if substitutions describe them as
    well, or if they aren't variants of one sequence."""
    if not items:
        return None
    start = origin or items[0]
    if max(abs(len(item) - len(start)) for item in items) > MOST_EDITS:
        return None
    some = [items[row] for row in evenly_spaced(len(items), LOOKED_AT)]
    alike = all(len(item) == len(start) for item in items)
    by_position = float(np.median([changes_by_position(start, item) for item in some])) if alike else np.inf
    if by_position <= SHIFTED:  # substitutions, whatever the edits: nothing needs to be aligned
        return None
    edits = float(np.median([len(edits_of(start, item)) for item in some]))
    return EditFeatures(start) if edits <= MOST_EDITS and by_position > SHIFTED * max(edits, 1) else None
