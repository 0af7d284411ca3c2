"""Features for regressors of variants of one protein, fitted to known variants: residues at the positions that vary.

    residues   one column for each residue that occurs at each of these positions
    scales     the z-scales of the residues there, so that a new residue is close to those that it resembles
               (both have one more column for new residues: the distance that columns of their own would give)
    pairs      products of two residues' columns, if at most six positions vary
    changes    sums over all changes from the reference, regardless of position: their number, dissimilarity (BLOSUM62,
               and each scale of `features.py`, signed and absolute), the residues lost and the residues introduced

`changes` also apply to positions without any measurement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from sciencegen.domains.proteins.descriptors import blosum62, z_scales
from sciencegen.domains.proteins.features import SCALES
from sciencegen.domains.proteins.items import ALPHABET, decode_rows, encode_rows
from sciencegen.domains.proteins.variants import Reference
from sciencegen.errors import IncompatibleError
from sciencegen.items import Refusal
from sciencegen.prediction.blocks import Block

KINDS = len(ALPHABET)
KIND = "variants"
MOST_PAIRED_SITES = 6
MOST_PAIRS = 2500
"""Maximum number of columns of pairs: the most frequent ones."""
FEWEST_OF_PAIR = 2
"""Minimum number of variants with a pair: one that occurs once is specific to its variant."""
MOST_COLUMNS = 8192
"""Maximum number of columns of residues and scales; more mean that sequences aren't variants of one protein."""
ROWS_AT_ONCE = 2048
DEFAULTS: Mapping[str, Any] = {"families": ("ridge", "curve", "product", "boosting"), "scale": "auto"}
"""Settings of a predictor that work well with these features."""


@dataclass(frozen=True)
class VariantFeatures:
    """reference: the wild type, or the most frequent residues. letters: known residues at each of its positions.
    pairs: (site, letter, other site, letter) as indices of sites and of the alphabet."""

    reference: Reference
    letters: tuple[str, ...]
    pairs: tuple[tuple[int, int, int, int], ...] = ()

    defaults = DEFAULTS

    @property
    def blocks(self) -> list[Block]:
        return [
            Block(len(self.columns[0]) + 1, scaled=False, sparse=True),
            Block(len(self.sites) * z_scales().shape[1] + 1, scaled=False, sparse=False),
            *([Block(len(self.pairs), scaled=False, sparse=True, near=False, grown=False)] if self.pairs else []),
            Block(_CHANGES, near=False),
        ]

    @cached_property
    def sites(self) -> Int[np.ndarray, " site"]:
        """Positions, from 0, with more than one known residue."""
        return np.flatnonzero([len(seen) > 1 for seen in self.letters])

    @cached_property
    def columns(self) -> tuple[Int[np.ndarray, " column"], Int[np.ndarray, " column"]]:
        """Site and residue of each column of residues."""
        found = [(place, ALPHABET.index(one)) for place, at in enumerate(self.sites) for one in self.letters[at]]
        site, letter = zip(*found, strict=True)
        return np.array(site), np.array(letter)

    @cached_property
    def seen(self) -> Bool[np.ndarray, "position residue"]:
        return np.array([[letter in seen for letter in ALPHABET] for seen in self.letters])

    @cached_property
    def wild(self) -> UInt8[np.ndarray, " position"]:
        return encode_rows([self.reference.sequence])[0]

    def refusal(self, item: str) -> str | None:
        """The reason why a sequence can't be encoded, or None."""
        length = len(self.reference.sequence)
        return None if len(item) == length else f"{len(item)} residues, where this predictor sees variants of {length}"

    def encode(self, items: Sequence[str]) -> list[np.ndarray | Refusal]:
        """The row [feature] of each item, float32."""
        reasons = [self.refusal(item) for item in items]
        good = [item for item, reason in zip(items, reasons, strict=True) if reason is None]
        rows = (row for start in range(0, len(good), ROWS_AT_ONCE) for row in self._rows(good[start:][:ROWS_AT_ONCE]))
        return [next(rows) if reason is None else Refusal(reason) for reason in reasons]

    def novel(self, items: Sequence[str]) -> Bool[np.ndarray, " item"]:
        """Whether an item has a residue that no known variant has at its position; True for another length."""
        good = np.array([self.refusal(item) is None for item in items], bool)
        found = ~good
        if good.any():
            codes = encode_rows([item for item, fits in zip(items, good, strict=True) if fits])
            found[good] = ~self.seen[np.arange(len(self.letters)), codes].all(axis=1)
        return found

    def changed(self, items: Sequence[str]) -> Bool[np.ndarray, "item position"]:
        """Whether each item differs from the reference at each position."""
        return encode_rows(items) != self.wild

    def _rows(self, items: Sequence[str]) -> Float[np.ndarray, "item feature"]:
        codes = encode_rows(items)
        at = codes[:, self.sites]
        site, letter = self.columns
        residues, scales = self._unseen(codes)
        blocks = [at[:, site] == letter, residues, z_scales()[at].reshape(len(items), -1), scales]
        if self.pairs:
            one, first, other, second = np.array(self.pairs).T
            blocks.append((at[:, one] == first) & (at[:, other] == second))
        blocks.append(_changes(codes, self.wild))
        return np.concatenate(blocks, axis=1, dtype=np.float32)

    def _unseen(self, codes: UInt8[np.ndarray, "item position"]) -> tuple[np.ndarray, np.ndarray]:
        """[item 1] each: distance of new residues, and of their scales, from all known variants.

        A new residue adds 2 to the squared distance at positions that don't vary, and 1 at sites, where the columns of
        known residues contribute the other 1. Scales add their squared difference.
        """
        elsewhere = np.ones(len(self.letters), bool)
        elsewhere[self.sites] = False
        strange = ~self.seen[np.arange(len(self.letters)), codes]
        apart = ((z_scales()[codes] - z_scales()[self.wild]) ** 2).sum(axis=2)
        residues, scales = strange @ (1 + elsewhere), (apart * (strange & elsewhere)).sum(axis=1)
        return np.sqrt(residues)[:, None], np.sqrt(scales)[:, None]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": KIND,
            "alphabet": ALPHABET,
            "reference": self.reference.sequence,
            "first": self.reference.first,
            "letters": list(self.letters),
            "pairs": [list(pair) for pair in self.pairs],
        }


def load_variant_features(data: Mapping[str, Any]) -> VariantFeatures:
    """The inverse of `to_json`."""
    if data.get("kind") != KIND or data.get("alphabet") != ALPHABET:
        raise IncompatibleError(f"Expected features of {KIND} over {ALPHABET}, got {data.get('kind')!r}; train again.")
    pairs = tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in data["pairs"])
    return VariantFeatures(Reference(data["reference"], int(data["first"])), tuple(data["letters"]), pairs)


def fit_variant_features(items: Sequence[str], reference: Reference | None = None) -> VariantFeatures | None:
    """Fit to sequences of one length, the reference's if it is given; None if they can't be variants of one protein."""
    wanted = len(reference.sequence) if reference else len(items[0]) if items else 0
    known = [item for item in items if len(item) == wanted]
    if not known or (reference is None and len(known) < len(items)):
        return None
    codes = encode_rows(known)
    counts = np.stack([(codes == letter).sum(axis=0) for letter in range(KINDS)], axis=1)
    start = reference or Reference(decode_rows(counts.argmax(axis=1)[None].astype(np.uint8))[0])
    counts[np.arange(wanted), encode_rows([start.sequence])[0]] += 1
    letters = tuple("".join(one for one, count in zip(ALPHABET, row, strict=True) if count) for row in counts)
    sites = np.flatnonzero([len(seen) > 1 for seen in letters])
    columns = sum(len(letters[site]) for site in sites) + len(sites) * z_scales().shape[1]
    if not len(sites) or columns > MOST_COLUMNS:
        return None
    return VariantFeatures(start, letters, _pairs(codes[:, sites]))


def _pairs(at: UInt8[np.ndarray, "item site"]) -> tuple[tuple[int, int, int, int], ...]:
    """Pairs of residues at two sites that occur together in several variants, but not in all."""
    if not 2 <= at.shape[1] <= MOST_PAIRED_SITES:
        return ()
    found: list[tuple[int, int, int, int, int]] = []
    for one, other in combinations(range(at.shape[1]), 2):
        joint = np.bincount(at[:, one].astype(int) * KINDS + at[:, other], minlength=KINDS**2)
        places = np.flatnonzero((joint >= FEWEST_OF_PAIR) & (joint < len(at)))
        found += [(-int(joint[pair]), one, int(pair) // KINDS, other, int(pair) % KINDS) for pair in places]
    chosen = sorted(found)[:MOST_PAIRS]
    return tuple(sorted((one, first, other, second) for _, one, first, other, second in chosen))


_SCALES = np.array(list(SCALES.values())).T
_CHANGES = 2 + 2 * _SCALES.shape[1] + 2 * KINDS


def _changes(
    codes: UInt8[np.ndarray, "item position"], wild: UInt8[np.ndarray, " position"]
) -> Float[np.ndarray, "item sum"]:
    """Number, BLOSUM62 (minus that of no change), scales (signed, absolute), residues lost and introduced."""
    item, position = np.nonzero(codes != wild)
    before, after = wild[position], codes[item, position]
    unlike = blosum62()[before, after] - blosum62()[before, before]
    moved = _SCALES[after] - _SCALES[before]
    lost, put = np.eye(KINDS)[before], np.eye(KINDS)[after]
    each = np.concatenate([np.ones((len(item), 1)), unlike[:, None], moved, np.abs(moved), lost, put], axis=1)
    table = np.zeros((len(codes), _CHANGES))
    np.add.at(table, item, each)
    return table
