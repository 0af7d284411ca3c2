"""Tanimoto similarity of Morgan fingerprints (radius 2, 2,048 bits).

T(a, b) = |a AND b| / |a OR b|          Rogers & Hahn, J. Chem. Inf. Model. 2010, 50, 742
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

RADIUS = 2
BITS = 2048
CHUNK = 10_000
BLOCK = 64
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)

_KNOWN: WeakKeyDictionary[Chem.Mol, DataStructs.ExplicitBitVect] = WeakKeyDictionary()
"""Fingerprints of molecules that were compared: a selection compares each one with every pick."""


def fingerprints(molecules: Sequence[Chem.Mol]) -> list[DataStructs.ExplicitBitVect]:
    """Morgan fingerprints as bit vectors, in the order of the molecules."""
    return [_MORGAN.GetFingerprint(molecule) for molecule in molecules]


def similarity(molecules: Sequence[Chem.Mol], references: Sequence[Chem.Mol]) -> np.ndarray:
    """[molecule reference] in 0..1. Fingerprints are kept as long as their molecules live."""
    known = list(map(_kept_fingerprint, references))
    table = np.empty((len(molecules), len(references)))
    for row, fingerprint in enumerate(map(_kept_fingerprint, molecules)):
        table[row] = DataStructs.BulkTanimotoSimilarity(fingerprint, known)
    return table


def _kept_fingerprint(molecule: Chem.Mol) -> DataStructs.ExplicitBitVect:
    known = _KNOWN.get(molecule)
    if known is None:
        known = _KNOWN[molecule] = _MORGAN.GetFingerprint(molecule)
    return known


def nearest(molecules: Sequence[Chem.Mol], references: Iterable[Chem.Mol]) -> np.ndarray:
    """[molecule] greatest similarity to any reference (0 without references).

    References, which may be any iterable, are processed in chunks, so that memory doesn't grow with their number.
    """
    queries = bit_rows(molecules)
    best = np.zeros(len(molecules))
    for chunk in _chunks(references, CHUNK):
        np.maximum(best, nearest_rows(queries, bit_rows(chunk)), out=best)
    return best


def bit_rows(molecules: Sequence[Chem.Mol]) -> csr_matrix:
    """[molecule bit] fingerprints as a sparse matrix: about 45 of 2,048 bits are set in a drug-like molecule."""
    on_bits = [fingerprint.GetOnBits() for fingerprint in fingerprints(molecules)]
    from scipy.sparse import csr_matrix

    starts = np.concatenate([[0], np.cumsum([len(bits) for bits in on_bits], dtype=np.int64)])
    columns = np.fromiter(chain.from_iterable(on_bits), dtype=np.int32, count=starts[-1])
    return csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape=(len(on_bits), BITS))


def nearest_rows(queries: csr_matrix, references: csr_matrix) -> np.ndarray:
    """[query] greatest similarity; a sparse product counts the common bits for each block of queries."""
    transposed = references.T.tocsr()
    query_bits = np.diff(queries.indptr).astype(np.float32)
    reference_bits = np.diff(references.indptr).astype(np.float32)
    best = np.zeros(queries.shape[0])
    for start in range(0, queries.shape[0], BLOCK):
        rows = slice(start, start + BLOCK)
        common = (queries[rows] @ transposed).toarray()
        ratio = query_bits[rows, None] + reference_bits  # T = r / (1 − r) grows with r = common / (a + b)
        np.divide(common, ratio, out=ratio)
        place = ratio.argmax(axis=1)
        shared = np.take_along_axis(common, place[:, None], axis=1)[:, 0].astype(float)
        best[rows] = shared / (query_bits[rows] + reference_bits[place] - shared)
    return best


def _chunks(values: Iterable, size: int) -> Iterator[list]:
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk
