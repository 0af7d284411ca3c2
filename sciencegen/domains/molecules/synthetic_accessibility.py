"""Synthetic accessibility: 1 (easy to make) to 10 (hard).

    score = fragment score − complexity penalties + symmetry correction, mapped to 1..10
Ertl & Schuffenhauer, J. Cheminformatics 2009, 1:8, with the changes of RDKit's implementation (macrocycle penalty,
fingerprint density); the values equal RDKit's. `sa_fragments.npz` holds RDKit's fragment contributions (Novartis,
3-clause BSD licence): `fragment_step` (differences of the sorted Morgan identifiers), `level` (index of each one's
contribution) and `contribution` (the distinct values).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors

UNKNOWN_FRAGMENT = -4.0
_LOWEST, _HIGHEST = -4.0, 2.5
MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2)
"""Makes the identifiers of fragments: atoms with all within two bonds."""


@cache
def fragment_table() -> tuple[np.ndarray, np.ndarray]:
    """Sorted fragment identifiers (uint32) and the contribution of each."""
    source = files("sciencegen.domains.molecules").joinpath("sa_fragments.npz")
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as table:
        fragments = np.cumsum(table["fragment_step"], dtype=np.uint64).astype(np.uint32)
        return fragments, table["contribution"][table["level"]]


def synthetic_accessibilities(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """[molecule] SA scores; the fragments of all molecules are looked up at once."""
    if not molecules:
        return np.empty(0)
    environments = [MORGAN.GetSparseCountFingerprint(molecule).GetNonzeroElements() for molecule in molecules]
    distinct = np.array([len(environment) for environment in environments])
    total = int(distinct.sum())
    identifiers = np.fromiter((key for each in environments for key in each), dtype=np.int64, count=total)
    counts = np.fromiter((count for each in environments for count in each.values()), dtype=np.float64, count=total)
    owner = np.repeat(np.arange(len(molecules)), distinct)
    weights = _contributions(identifiers.astype(np.uint32)) * counts
    fragment_sum = np.bincount(owner, weights, len(molecules))
    fragment_count = np.bincount(owner, counts, len(molecules))
    scores = fragment_sum / np.maximum(fragment_count, 1)
    pairs = zip(molecules, scores.tolist(), distinct.tolist(), strict=True)
    return np.array([_to_scale(score + _corrections(molecule, bits)) for molecule, score, bits in pairs])


def find_fragments(identifiers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of identifiers (uint32) in the table, and whether the table holds them."""
    fragments, _ = fragment_table()
    row = np.minimum(np.searchsorted(fragments, identifiers), len(fragments) - 1)
    return row, fragments[row] == identifiers


def _contributions(identifiers: np.ndarray) -> np.ndarray:
    row, found = find_fragments(identifiers)
    return np.where(found, fragment_table()[1][row], UNKNOWN_FRAGMENT)


def _corrections(molecule: Chem.Mol, distinct_fragments: int) -> float:
    """Symmetry correction minus the penalties for size, stereocentres, spiro and bridgehead atoms, and macrocycles."""
    atoms = molecule.GetNumAtoms()
    macrocycle = any(len(ring) > 8 for ring in molecule.GetRingInfo().AtomRings())
    penalty = (
        atoms**1.005
        - atoms
        + math.log10(_stereocentres(molecule) + 1)
        + math.log10(rdMolDescriptors.CalcNumSpiroAtoms(molecule) + 1)
        + math.log10(rdMolDescriptors.CalcNumBridgeheadAtoms(molecule) + 1)
        + (math.log10(2) if macrocycle else 0.0)
    )
    symmetry = 0.5 * math.log(atoms / distinct_fragments) if atoms > distinct_fragments > 0 else 0.0
    return symmetry - penalty


def _stereocentres(molecule: Chem.Mol) -> int:
    """Number of assigned and possible stereocentres by RDKit's default perception."""
    if not Chem.GetUseLegacyStereoPerception():
        return len(Chem.FindMolChiralCenters(molecule, includeUnassigned=True, includeCIP=False))
    Chem.AssignStereochemistry(molecule, cleanIt=True, force=True, flagPossibleStereoCenters=True)
    return rdMolDescriptors.CalcNumAtomStereoCenters(molecule)


def _to_scale(raw: float) -> float:
    """Map a raw score to 1..10, smoothed above 8."""
    score = 11.0 - (raw - _LOWEST + 1.0) / (_HIGHEST - _LOWEST) * 9.0
    if score > 8.0:
        score = 8.0 + math.log(score - 8.0)
    return min(max(score, 1.0), 10.0)
