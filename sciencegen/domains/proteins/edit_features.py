"""Features of variants with inserted and deleted residues: the edits that turn one sequence into each of them.

    places     triangles of three widths around the place of each edit, so that edits nearby are similar
    residues   introduced and lost ones
    kinds      numbers of substitutions, insertions and deletions

The sequence is the wild type, or the consensus of the variants.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.domains.proteins.edits import (
    Edit,
    changes_by_position,
    consensus,
    edits_of,
    most_frequent_letters,
)
from sciencegen.domains.proteins.items import ALPHABET
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import IncompatibleError
from sciencegen.items import Refusal
from sciencegen.prediction.blocks import Block

KIND = "edits"
WIDTHS = (4, 12, 40)
"""Places from the middle of a triangle to its end: neighbours in the chain, a helix or strand, a part of a domain."""
STEPS = 2
"""Triangles of a width that begin within its first half."""
MOST_EDITS = 20
"""More, for the typical item, mean that items aren't variants of one sequence."""
LEAST_IDENTITY = 0.5
"""Share of residues that the typical variant keeps. Alignments of unrelated sequences keep up to a third."""
LEAST_KEPT = 0.4
"""Share of residues that each variant keeps. 95 of 100 unrelated sequences keep less, of 8 residues as of 300."""
SHIFTED = 3
"""Items are shifted if they have this many times more changes by position than edits."""
LOOKED_AT = 100
CENTRES, NEIGHBOURS, CONSENSUS_STEPS = 5, 10, 2
"""A consensus begins with the one of a few items that is nearest to some others, and is taken twice."""
ROWS_AT_ONCE = 256
DEFAULTS: Mapping[str, Any] = {"families": ("ridge", "curve", "boosting"), "scale": "auto"}


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
        table = np.empty((len(items), sum(block.size for block in self.blocks)), np.float32)
        for start in range(0, len(items), ROWS_AT_ONCE):
            table[start:][:ROWS_AT_ONCE] = self._rows(items[start:][:ROWS_AT_ONCE])
        return table

    def _rows(self, items: Sequence[str]) -> Float[np.ndarray, "item feature"]:
        edits = [edits_of(self.origin, item) for item in items]
        every = [one for own in edits for one in own]
        middles = np.array([one.middle for one in every])
        put, lost = _letters([one.put for one in every]), _letters([one.lost for one in every])
        new, old = put.any(1), lost.any(1)
        kinds = np.stack([new & old, new & ~old, old & ~new], 1)
        near = [_triangles(middles, len(self.origin), width) for width in WIDTHS]
        each = np.concatenate([*near, put, lost, kinds], 1)
        table = np.zeros((len(items), each.shape[1]))
        np.add.at(table, np.repeat(np.arange(len(items)), [len(own) for own in edits]), each)
        return table

    def encode(self, items: Sequence[str]) -> list[np.ndarray | Refusal]:
        """The row [feature] of each item, float32."""
        reasons = [self.refusal(item) for item in items]
        rows = iter(self([item for item, reason in zip(items, reasons, strict=True) if reason is None]))
        return [next(rows) if reason is None else Refusal(reason) for reason in reasons]

    def refusal(self, item: str) -> str | None:
        """The reason why a sequence can't be encoded, or None."""
        length = len(self.origin)
        if abs(len(item) - length) > MOST_EDITS:
            return f"{len(item)} residues, expected {max(length - MOST_EDITS, 1)} to {length + MOST_EDITS}"
        kept = _identity(self.origin, item, edits_of(self.origin, item))
        if kept < LEAST_KEPT:
            return f"{kept:.0%} of the residues of the sequence it is compared with, expected {LEAST_KEPT:.0%} or more"
        return None

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


def _middles(length: int, width: int) -> Float[np.ndarray, " triangle"]:
    return np.arange(0, length + width, width / STEPS)


def _triangles(middles: Float[np.ndarray, " edit"], length: int, width: int) -> Float[np.ndarray, "edit triangle"]:
    """Heights of all triangles at each edit."""
    return np.clip(1 - np.abs(middles[:, None] - _middles(length, width)) / width, 0, None)


def _letters(letters: Sequence[str]) -> Bool[np.ndarray, "edit letter"]:
    """Which letter each is, none for an empty text."""
    return np.array([[one == letter for letter in ALPHABET] for one in letters], bool).reshape(-1, len(ALPHABET))


def load_edit_features(data: Mapping[str, Any]) -> EditFeatures:
    """The inverse of `to_json`."""
    if data.get("alphabet") != ALPHABET or tuple(data.get("widths", ())) != WIDTHS:
        raise IncompatibleError(f"Expected features of {KIND} over {ALPHABET} with widths {WIDTHS}; train again.")
    return EditFeatures(str(data["origin"]))


def fit_edit_features(items: Sequence[str], origin: str | None = None) -> EditFeatures | None:
    """Features of the items as edits of the origin, by default of their consensus, whatever their order. None if
    substitutions describe them as well, or if they aren't variants of one sequence."""
    lengths = {len(item) for item in [*items, *([origin] if origin else [])]}
    if not items or max(lengths) - min(lengths) > 2 * MOST_EDITS:
        return None
    some = _sample(items)
    usual = origin or most_frequent_letters(some)
    by_position = np.inf if len(lengths) > 1 else np.median([changes_by_position(usual, item) for item in some])
    if by_position <= SHIFTED:  # substitutions, whatever the edits: nothing needs to be aligned
        return None
    found = _aligned_with(origin, some)
    return EditFeatures(found[0]) if found and _describe(*found, some, lengths, by_position) else None


def _sample(items: Sequence[str]) -> list[str]:
    """At most `LOOKED_AT` different items, always the same ones of a set."""
    return nsmallest(LOOKED_AT, set(items), key=lambda item: (crc32(item.encode()), item))


def _aligned_with(origin: str | None, some: Sequence[str]) -> tuple[str, list[list[Edit]]] | None:
    """The origin, or else a consensus of the items, and the edits of each item; None for unrelated items."""
    if origin:
        return origin, [edits_of(origin, item) for item in some]
    centres = {one: _typical([edits_of(one, item) for item in some[:NEIGHBOURS]]) for one in some[:CENTRES]}
    start = min(centres, key=lambda one: centres[one])
    if centres[start] > 2 * MOST_EDITS:
        return None
    edits = [edits_of(start, item) for item in some]
    for _ in range(CONSENSUS_STEPS):
        start = consensus(start, edits)
        edits = [edits_of(start, item) for item in some]
    return start, edits


def _typical(edits: Sequence[Sequence[Edit]]) -> float:
    """The median number of edits."""
    return float(np.median([len(one) for one in edits]))


def _identity(start: str, item: str, edits: Sequence[Edit]) -> float:
    """Residues of the start that these edits keep, as a share of the longer sequence."""
    return (len(start) - sum(bool(one.lost) for one in edits)) / max(len(start), len(item))


def _describe(
    start: str, edits: Sequence[Sequence[Edit]], some: Sequence[str], lengths: Collection[int], by_position: float
) -> bool:
    """Whether the typical item has few edits, fewer than changes by position, and keeps enough of the start's residues
    for an alignment to mean anything."""
    count = _typical(edits)
    identity = np.median([_identity(start, item, own) for item, own in zip(some, edits, strict=True)])
    few = max(abs(length - len(start)) for length in lengths) <= MOST_EDITS >= count
    return bool(few and by_position > SHIFTED * max(count, 1) and identity >= LEAST_IDENTITY)
