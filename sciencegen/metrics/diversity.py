"""Diversity of the items of one set."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from jaxtyping import Float, UInt8

BLOCK = 4096
"""Rows and columns of a block of the similarity matrix: 4096 x 4096 float32 are 64 MB."""


def unique_fraction(keys: Sequence[Hashable], first: int | None = None) -> float:
    """Distinct keys / keys, over the first `first` of them (all if None)."""
    keys = keys[:first]
    return len(set(keys)) / len(keys) if keys else float("nan")


def jaccard_similarity(
    items: UInt8[np.ndarray, "item byte"], references: UInt8[np.ndarray, "reference byte"]
) -> Float[np.ndarray, "item reference"]:
    """|a ∧ b| / |a ∨ b| of bit vectors packed by `np.packbits`, also called Tanimoto; two empty vectors are equal."""
    first, second = (np.unpackbits(bits, axis=1).astype(np.float32) for bits in (items, references))
    similarity = first @ second.T
    first_size, second_size = first.sum(1), second.sum(1)
    union = first_size[:, None] + second_size
    union -= similarity
    similarity /= np.maximum(union, 1, out=union)
    similarity[np.ix_(first_size == 0, second_size == 0)] = 1
    return similarity


def _blocks(bits: np.ndarray) -> Iterator[np.ndarray]:
    return (bits[start : start + BLOCK] for start in range(0, len(bits), BLOCK))


def internal_diversities(bits: UInt8[np.ndarray, "item byte"], powers: Sequence[int] = (1, 2)) -> list[float]:
    """For each power p: 1 − mean over items x of (mean over items y of T(x, y)^p)^(1/p), x with itself included.

    Polykovskiy et al. 2020, eq. 4 has the root outside both means; their published results use the order above
    (`moses/metrics/utils.py: average_agg_tanimoto`), and the two agree for p = 1.
    """
    sums = np.zeros((len(powers), len(bits)))
    for start in range(0, len(bits), BLOCK):
        for columns in _blocks(bits):
            similarity = jaccard_similarity(bits[start : start + BLOCK], columns)
            for row, power in enumerate(powers):
                sums[row, start : start + BLOCK] += (similarity**power).sum(1)
    if len(bits) == 0:
        return [float("nan")] * len(powers)
    return [1 - float(np.mean((row / len(bits)) ** (1 / power))) for row, power in zip(sums, powers, strict=True)]


def nearest_similarity(
    items: UInt8[np.ndarray, "item byte"], references: UInt8[np.ndarray, "reference byte"]
) -> Float[np.ndarray, " item"]:
    """[item] greatest Jaccard similarity to any reference."""
    nearest = [
        np.max([jaccard_similarity(rows, columns).max(1) for columns in _blocks(references)], axis=0)
        for rows in _blocks(items)
    ]
    return np.concatenate(nearest) if nearest else np.zeros(0, np.float32)
