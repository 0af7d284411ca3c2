"""Features for property regressors: a fixed number of columns for sequences of any length.

Composition (20) and pairs of neighbours (400), as shares; the sequence's properties; the mean of each scale of residues
and its autocorrelation at distances 1 to 8 (Moreau & Broto 1980); and residues by position: a column for each position
and residue, up to position 102. Later positions reuse the 2,048 columns, so that a column represents several
positions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from heapq import nsmallest
from itertools import combinations
from typing import Any
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from sciencegen.domains.base import Regression
from sciencegen.domains.proteins.items import ALPHABET, decode_rows, encode_rows
from sciencegen.domains.proteins.properties import MEASURES, Residues
from sciencegen.domains.proteins.variants import (
    Edit,
    Reference,
    changes_by_position,
    consensus,
    edits_of,
    most_frequent_letters,
)
from sciencegen.errors import DataError, IncompatibleError
from sciencegen.items import Refusal
from sciencegen.prediction.columns import FeatureBlock
from sciencegen.prediction.training_tables import Split

KINDS = len(ALPHABET)
LAGS = 8
PLACES = 2048
SEQUENCES_AT_ONCE = 1024

SCALES: dict[str, Sequence[float]] = {
    # Kyte & Doolittle 1982
    "hydropathy": (1.8, 2.5, -3.5, -3.5, 2.8, -0.4, -3.2, 4.5, -3.9, 3.8, 1.9, -3.5, -1.6, -3.5, -4.5, -0.8, -0.7, 4.2,
                   -0.9, -1.3),
    # Å³, Zamyatnin 1972
    "volume": (88.6, 108.5, 111.1, 138.4, 189.9, 60.1, 153.2, 166.7, 168.6, 166.7, 162.9, 114.1, 112.7, 143.8, 173.4,
               89.0, 116.1, 140.0, 227.8, 193.6),
    # at pH 7
    "charge": (0, 0, -1, -1, 0, 0, 0.1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0),
    # Chou & Fasman 1978
    "helix": (1.42, 0.70, 1.01, 1.51, 1.13, 0.57, 1.00, 1.08, 1.16, 1.21, 1.45, 0.67, 0.57, 1.11, 0.98, 0.77, 0.83,
              1.06, 1.08, 0.69),
    "strand": (0.83, 1.19, 0.54, 0.37, 1.38, 0.75, 0.87, 1.60, 0.74, 1.30, 1.05, 0.89, 0.55, 1.10, 0.93, 0.75, 1.19,
               1.70, 1.37, 1.47),
}  # fmt: skip
"""Name -> values of the residues, in the order of the alphabet."""
WIDTH = KINDS + KINDS**2 + len(MEASURES) + len(SCALES) * (1 + LAGS) + PLACES


def features(sequences: Sequence[str]) -> Float[np.ndarray, "sequence feature"]:
    """[sequence feature] float32, always finite."""
    table = np.zeros((len(sequences), WIDTH), np.float32)
    for start in range(0, len(sequences), SEQUENCES_AT_ONCE):
        part = slice(start, start + SEQUENCES_AT_ONCE)
        residues = Residues(sequences[part])
        blocks = [_shares(residues), _neighbours(residues), *_measured(residues), *_scales(residues), _places(residues)]
        table[part] = np.concatenate(blocks, axis=1)
    return table


def _shares(residues: Residues) -> np.ndarray:
    return residues.counts / residues.lengths[:, None]


def _neighbours(residues: Residues) -> np.ndarray:
    """Shares of the 400 pairs of neighbours."""
    inside = residues.owner[1:] == residues.owner[:-1]
    pair = residues.numbers[:-1].astype(np.int64) * KINDS + residues.numbers[1:]
    table = _counted(residues.owner[:-1][inside], pair[inside], len(residues.lengths), KINDS**2)
    return table / np.maximum(residues.lengths - 1, 1)[:, None]


def _measured(residues: Residues) -> list[np.ndarray]:
    return [function(residues)[:, None] for function in MEASURES.values()]


def _scales(residues: Residues) -> list[np.ndarray]:
    """The mean of each scale, and the mean over i of z_i z_(i+lag), where z is the scale standardized over the 20
    residues; 0 for a sequence that isn't longer than the lag."""
    columns = []
    for values in SCALES.values():
        scale = np.asarray(values, float)
        columns.append((residues.counts @ scale / residues.lengths)[:, None])
        z = ((scale - scale.mean()) / scale.std())[residues.numbers]
        for lag in range(1, LAGS + 1):
            inside = residues.owner[lag:] == residues.owner[:-lag]
            products = np.bincount(residues.owner[lag:], z[lag:] * z[:-lag] * inside, minlength=len(residues.lengths))
            columns.append((products / np.maximum(residues.lengths - lag, 1))[:, None])
    return columns


def _places(residues: Residues) -> np.ndarray:
    """Counts of (position, residue) in each column, which is 20 × position + residue modulo the number of columns."""
    start = np.repeat(np.cumsum(residues.lengths) - residues.lengths, residues.lengths)
    position = np.arange(len(residues.numbers)) - start
    return _counted(residues.owner, (position * KINDS + residues.numbers) % PLACES, len(residues.lengths), PLACES)


def _counted(row: np.ndarray, column: np.ndarray, rows: int, columns: int) -> np.ndarray:
    return np.bincount(row * columns + column, minlength=rows * columns).reshape(rows, columns)


# Features of variants with inserted and deleted residues: the edits that turn one sequence into each of them.
#
#     places     triangles of three widths around the place of each edit, so that edits nearby are similar
#     residues   introduced and lost ones
#     kinds      numbers of substitutions, insertions and deletions
#
# The sequence is the wild type, or the consensus of the variants.

EDIT_KIND = "edits"
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
EDIT_ROWS_AT_ONCE = 256
EDIT_DEFAULTS: Mapping[str, Any] = {"families": ("ridge", "curve", "boosting"), "scale": "auto"}


@dataclass(frozen=True)
class EditFeatures:
    """Features of what turns the origin into each item. A predictor of these knows no other than such variants."""

    origin: str

    defaults = EDIT_DEFAULTS

    @property
    def reference(self) -> Reference:
        return Reference(self.origin)

    @property
    def blocks(self) -> list[FeatureBlock]:
        return [FeatureBlock(self._places + 2 * len(ALPHABET), scaled=False, sparse=True), FeatureBlock(3, near=False)]

    @property
    def _places(self) -> int:
        return sum(len(_middles(len(self.origin), width)) for width in WIDTHS)

    def __call__(self, items: Sequence[str]) -> Float[np.ndarray, "item feature"]:
        """[item feature] float32."""
        table = np.empty((len(items), sum(block.size for block in self.blocks)), np.float32)
        for start in range(0, len(items), EDIT_ROWS_AT_ONCE):
            table[start:][:EDIT_ROWS_AT_ONCE] = self._rows(items[start:][:EDIT_ROWS_AT_ONCE])
        return table

    def _rows(self, items: Sequence[str]) -> Float[np.ndarray, "item feature"]:
        edits = [edits_of(self.origin, item) for item in items]
        every = [one for own in edits for one in own]
        middles = np.array([one.middle for one in every])
        put, lost = _letters([one.put for one in every]), _letters([one.lost for one in every])
        new, old = put.any(1), lost.any(1)
        kinds = np.stack([new & old, new & ~old, old & ~new], 1)
        tents = [(_middles(len(self.origin), width), width) for width in WIDTHS]
        near = [np.clip(1 - np.abs(middles[:, None] - places) / width, 0, None) for places, width in tents]
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
        return {"kind": EDIT_KIND, "alphabet": ALPHABET, "origin": self.origin, "widths": list(WIDTHS)}


def _middles(length: int, width: int) -> Float[np.ndarray, " triangle"]:
    return np.arange(0, length + width, width / STEPS)


def _letters(letters: Sequence[str]) -> Bool[np.ndarray, "edit letter"]:
    """Which letter each is, none for an empty text."""
    return np.array([[one == letter for letter in ALPHABET] for one in letters], bool).reshape(-1, len(ALPHABET))


def load_edit_features(data: Mapping[str, Any]) -> EditFeatures:
    """The inverse of `to_json`."""
    if data.get("alphabet") != ALPHABET or tuple(data.get("widths", ())) != WIDTHS:
        raise IncompatibleError(f"Expected features of {EDIT_KIND} over {ALPHABET} with widths {WIDTHS}; train again.")
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


# Numbers of the residues, for regressors that have to distinguish residues that no training item has.

Z_SCALES: dict[str, tuple[float, ...]] = {
    "A": (0.24, -2.32, 0.60, -0.14, 1.30),
    "C": (0.84, -1.67, 3.71, 0.18, -2.65),
    "D": (3.98, 0.93, 1.93, -2.46, 0.75),
    "E": (3.11, 0.26, -0.11, -3.04, -0.25),
    "F": (-4.22, 1.94, 1.06, 0.54, -0.62),
    "G": (2.05, -4.06, 0.36, -0.82, -0.38),
    "H": (2.47, 1.95, 0.26, 3.90, 0.09),
    "I": (-3.89, -1.73, -1.71, -0.84, 0.26),
    "K": (2.29, 0.89, -2.49, 1.49, 0.31),
    "L": (-4.28, -1.30, -1.49, -0.72, 0.84),
    "M": (-2.85, -0.22, 0.47, 1.94, -0.98),
    "N": (3.05, 1.62, 1.04, -1.15, 1.61),
    "P": (-1.66, 0.27, 1.84, 0.70, 2.00),
    "Q": (1.75, 0.50, -1.44, -1.34, 0.66),
    "R": (3.52, 2.50, -3.50, 1.99, -0.17),
    "S": (2.39, -1.07, 1.15, -1.39, 0.67),
    "T": (0.75, -2.18, -1.12, -1.46, -0.40),
    "V": (-2.59, -2.64, -1.54, -0.85, -0.02),
    "W": (-4.36, 3.94, 0.59, 3.44, -1.59),
    "Y": (-2.54, 2.44, 0.43, 0.04, -1.47),
}
"""Sandberg et al. 1998, J. Med. Chem. 41, 2481: principal components of 26 measured properties. The first is
lipophilicity, the second size, the third polarity; the last two are electronic."""


@cache
def z_scales() -> Float[np.ndarray, "residue scale"]:
    """In the order of the alphabet, each with mean 0 and deviation 1 over the residues."""
    table = np.array([Z_SCALES[letter] for letter in ALPHABET])
    return (table - table.mean(axis=0)) / table.std(axis=0)


@cache
def blosum62() -> Float[np.ndarray, "residue residue"]:
    """Henikoff & Henikoff 1992, in half bits: how much more often one stands for the other than by chance."""
    from Bio.Align import substitution_matrices

    matrix = substitution_matrices.load("BLOSUM62")
    return np.array([[float(matrix[one, other]) for other in ALPHABET] for one in ALPHABET])


# Features for regressors of variants of one protein, fitted to known variants: residues at the positions that vary.
#
#     residues   one column for each residue that occurs at each of these positions
#     scales     the z-scales of the residues there, so that a new residue is close to those that it resembles
#                (both have one more column for new residues: the distance that columns of their own would give)
#     pairs      products of two residues' columns, if at most six positions vary
#     changes    sums over all changes from the reference, regardless of position: their number, dissimilarity
#                (BLOSUM62, and each scale, signed and absolute), the residues lost and the residues introduced
#
# `changes` also apply to positions without any measurement.

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
    def blocks(self) -> list[FeatureBlock]:
        return [
            FeatureBlock(len(self.columns[0]) + 1, scaled=False, sparse=True),
            FeatureBlock(len(self.sites) * z_scales().shape[1] + 1, scaled=False, sparse=False),
            *(
                [FeatureBlock(len(self.pairs), scaled=False, sparse=True, near=False, grown=False)]
                if self.pairs
                else []
            ),
            FeatureBlock(_CHANGES, near=False),
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


# Features of sequences for property regressors, and splits of a set of variants.


def fit(items: Sequence[str], reference: Reference | None = None) -> VariantFeatures | EditFeatures | None:
    """Features of substitutions or, where items have insertions or deletions, of edits; None for other sequences."""
    edits = fit_edit_features(items) if reference is None else None
    return edits or fit_variant_features(items, reference)


def load(data: Mapping[str, Any]) -> VariantFeatures | EditFeatures:
    """The inverse of their `to_json`."""
    return load_edit_features(data) if data.get("kind") == EDIT_KIND else load_variant_features(data)


def by_positions(items: Sequence[str], fitted: VariantFeatures | EditFeatures) -> Split:
    """Split by the positions at which each item differs from the reference, in the reference's numbering."""
    changed = fitted.changed(items)
    first = fitted.reference.first
    return Split("positions", "parts", [tuple((row.nonzero()[0] + first).tolist()) for row in changed])


def by_mutations(items: Sequence[str], fitted: VariantFeatures | EditFeatures) -> Split:
    """Split by the number of positions at which each item differs from the reference."""
    counts = fitted.changed(items).sum(axis=1)
    if len(found := set(counts[counts > 0].tolist())) < 2:
        changes = " and ".join(f"{count:g} mutation{'s' * (count != 1)}" for count in found) or "none"
        raise DataError(
            "Expected variants with different numbers of mutations for `split` mutations, which learns from those with "
            f"fewer and judges by those with more; found {changes} in every one. Pass `split` positions (what new "
            "variants change was never changed before) or `split` random."
        )
    return Split("mutations", "order", counts)


SPLITS = {"positions": by_positions, "mutations": by_mutations}

REGRESSION = Regression(features=features, splits=SPLITS, fit=fit, load=load)
"""No groups: variants of one protein are all similar, and a good split of them, such as by mutated positions, needs a
reference."""
