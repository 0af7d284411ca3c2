"""Features for property regressors: Morgan counts, cheap descriptors, stereochemistry; groups for scaffold splits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

from sciencegen.domains.molecules.items import stereo_counts
from sciencegen.domains.molecules.patterns import murcko_scaffold
from sciencegen.domains.molecules.properties import log_p, rotatable_bonds

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

COUNT_BITS = 2048
_MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=COUNT_BITS)


_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d*)")


@lru_cache(8192)
def _composition(formula: str) -> Mapping[str, int]:
    """Number of atoms of each element: C2H6O -> {"C": 2, "H": 6, "O": 1}."""
    return {element: int(number or 1) for element, number in _ELEMENT.findall(formula)}


def _count(*elements: str) -> Callable[[Chem.Mol], int]:
    """Function that counts atoms of these elements by RDKit's formula: eight times as fast as a loop over atoms."""

    def count(molecule: Chem.Mol) -> int:
        composition = _composition(rdMolDescriptors.CalcMolFormula(molecule))
        return sum(composition.get(element, 0) for element in elements)

    return count


DESCRIPTORS: dict[str, Callable[[Chem.Mol], float]] = {
    "logp": log_p,
    "molar_refractivity": lambda molecule: rdMolDescriptors.CalcCrippenDescriptors(molecule)[1],
    "tpsa": rdMolDescriptors.CalcTPSA,
    "labute_surface": rdMolDescriptors.CalcLabuteASA,
    "molecular_weight": rdMolDescriptors._CalcMolWt,
    "heavy_atoms": lambda molecule: molecule.GetNumHeavyAtoms(),
    "heteroatoms": rdMolDescriptors.CalcNumHeteroatoms,
    "nitrogens": _count("N"),
    "oxygens": _count("O"),
    "sulfurs": _count("S"),
    "halogens": _count("F", "Cl", "Br", "I"),
    "donors": rdMolDescriptors.CalcNumHBD,
    "acceptors": rdMolDescriptors.CalcNumHBA,
    "rotatable_bonds": rotatable_bonds,
    "amide_bonds": rdMolDescriptors.CalcNumAmideBonds,
    "rings": rdMolDescriptors.CalcNumRings,
    "aromatic_rings": rdMolDescriptors.CalcNumAromaticRings,
    "aliphatic_rings": rdMolDescriptors.CalcNumAliphaticRings,
    "aromatic_heterocycles": rdMolDescriptors.CalcNumAromaticHeterocycles,
    "spiro_atoms": rdMolDescriptors.CalcNumSpiroAtoms,
    "bridgehead_atoms": rdMolDescriptors.CalcNumBridgeheadAtoms,
    "sp3_carbon_fraction": rdMolDescriptors.CalcFractionCSP3,
    "kappa_1": rdMolDescriptors.CalcKappa1,
    "kappa_2": rdMolDescriptors.CalcKappa2,
    "chi_1": rdMolDescriptors.CalcChi1v,
    "chi_4": rdMolDescriptors.CalcChi4v,
    "hall_kier_alpha": rdMolDescriptors.CalcHallKierAlpha,
}


def features(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """[molecule feature] float32, always finite: the columns of `flat_features`, then 512 counts of defined
    stereocentres and double bonds."""
    return np.hstack([flat_features(molecules), stereo_counts(molecules)])


def flat_features(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """[molecule feature] float32, always finite: 2,048 Morgan counts (radius 2), then the descriptors.

    Stereoisomers have equal rows. Computed column by column: one function on many molecules is faster than many
    functions on each molecule.
    """
    table = np.zeros((len(molecules), COUNT_BITS + len(DESCRIPTORS)), np.float32)
    for row, molecule in enumerate(molecules):
        table[row, :COUNT_BITS] = _MORGAN.GetCountFingerprintAsNumPy(molecule)
    for column, describe in enumerate(DESCRIPTORS.values(), COUNT_BITS):
        table[:, column] = [describe(molecule) for molecule in molecules]
    return np.nan_to_num(table, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


EARLIER = {COUNT_BITS + len(DESCRIPTORS): flat_features}
"""Features of version 0.1.0, which saw no stereochemistry, by their number of columns."""


def groups(molecules: Sequence[Chem.Mol]) -> list[str]:
    """SMILES of each molecule's Bemis-Murcko scaffold, "" for a molecule without rings."""
    return [Chem.MolToSmiles(murcko_scaffold(molecule)) for molecule in molecules]


# Tanimoto similarity of Morgan fingerprints (radius 2, 2,048 bits).
#
# T(a, b) = |a AND b| / |a OR b|          Rogers & Hahn, J. Chem. Inf. Model. 2010, 50, 742

RADIUS = 2
BITS = 2048
CHUNK = 10_000
BLOCK = 64
_FINGERPRINTS = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)

_KNOWN: WeakKeyDictionary[Chem.Mol, DataStructs.ExplicitBitVect] = WeakKeyDictionary()
"""Fingerprints of molecules that were compared: a selection compares each one with every pick."""


def fingerprints(molecules: Sequence[Chem.Mol]) -> list[DataStructs.ExplicitBitVect]:
    """Morgan fingerprints as bit vectors, in the order of the molecules."""
    return [_FINGERPRINTS.GetFingerprint(molecule) for molecule in molecules]


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
        known = _KNOWN[molecule] = _FINGERPRINTS.GetFingerprint(molecule)
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
