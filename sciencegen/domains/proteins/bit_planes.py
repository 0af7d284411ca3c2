"""Aligned rows as bits, 64 columns per word, so that a pair of rows is compared in a few operations.

The residue number of a column has five bits; each is one plane. Two rows differ in a column if any plane differs:

    differing = popcount(OR over planes p of (a_p XOR b_p))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8, UInt16, UInt64

from sciencegen.domains.proteins.items import GAP

PLANES = 5
GAP_CODE = 31
"""Differs from each residue 0 to 19 in at least one plane, and not from itself."""
WORD = 64
BLOCK = (32, 1024)
"""Rows on each side of a block of pairs: 32 x 1024 words are 256 kB, which fit in a core's cache."""


@dataclass(frozen=True)
class BitPlanes:
    """planes [word plane row], present [word row]: bits of the columns that aren't gaps. columns: their number; bits
    after the last column are 0."""

    planes: np.ndarray
    present: np.ndarray
    columns: int


def pack(rows: UInt8[np.ndarray, "row column"]) -> BitPlanes:
    """The bit planes of rows of residue numbers, `GAP` among them."""
    codes = np.where(rows == GAP, np.uint8(GAP_CODE), rows)
    planes = np.stack([_words(codes >> plane & 1) for plane in range(PLANES)], axis=1)
    return BitPlanes(planes, _words(rows != GAP), rows.shape[1])


def _words(bits: np.ndarray) -> UInt64[np.ndarray, "word row"]:
    count, columns = bits.shape
    words = -(-columns // WORD)
    packed = np.zeros((count, words * 8), np.uint8)
    packed[:, : -(-columns // 8)] = np.packbits(bits.astype(bool), axis=1)
    return np.ascontiguousarray(packed.view(np.uint64).T)


def differing(
    first: UInt64[np.ndarray, "word plane row"], second: UInt64[np.ndarray, "word plane other"]
) -> UInt16[np.ndarray, "row other"]:
    """Number of columns in which two rows differ, also by a gap; with a subset of planes or words, a lower bound."""
    count = np.zeros((first.shape[2], second.shape[2]), np.uint16)
    for word in range(first.shape[0]):
        unequal = first[word, 0, :, None] ^ second[word, 0]
        for plane in range(1, first.shape[1]):
            unequal |= first[word, plane, :, None] ^ second[word, plane]
        count += np.bitwise_count(unequal)
    return count


def matching(packed: BitPlanes, above: slice, beside: slice) -> UInt16[np.ndarray, "row other"]:
    """Columns in which rows of two blocks have the same residue; gaps match nothing."""
    count = np.zeros((above.stop - above.start, beside.stop - beside.start), np.uint16)
    for planes, present in zip(packed.planes, packed.present, strict=True):
        unequal = planes[0, above, None] ^ planes[0, beside]
        for plane in planes[1:]:
            unequal |= plane[above, None] ^ plane[beside]
        count += np.bitwise_count(present[above, None] & ~unequal)
    return count


def matching_pairs(packed: BitPlanes, first: np.ndarray, second: np.ndarray) -> UInt16[np.ndarray, " pair"]:
    """Columns in which both rows of each pair (first[k], second[k]) have the same residue; gaps match nothing."""
    count = np.zeros(len(first), np.uint16)
    for planes, present in zip(packed.planes, packed.present, strict=True):
        unequal = planes[0, first] ^ planes[0, second]
        for plane in planes[1:]:
            unequal |= plane[first] ^ plane[second]
        count += np.bitwise_count(present[first] & ~unequal)
    return count
