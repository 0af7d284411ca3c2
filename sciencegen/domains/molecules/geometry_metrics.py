"""Comparison of generated with real geometries: bond lengths, angles and dihedrals, and strain in a force field.

All measurements use the bonds of the given molecules; those of generated molecules should be perceived from their
coordinates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers

from sciencegen.domains.molecules.geometry import BOND_TYPES
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from sciencegen.metrics.distances import wasserstein_1d

Values = Mapping[str, Float[np.ndarray, " occurrence"]]
"""Values by kind, such as "C-N", "H-C-C" or "C-C=C-O"."""

LEAST_OCCURRENCES = 30
"""Kinds with fewer occurrences in the reference are left out: they are too few for a distribution."""
_MARKS = dict(zip(BOND_TYPES[1:], "-=#:", strict=True))


@dataclass(frozen=True)
class InternalCoordinates:
    """lengths: of bonds, ångström. angles: between two bonds at an atom, degrees. dihedrals: about a bond between heavy
    atoms, degrees without sign (0 to 180), so that mirror images have equal values."""

    lengths: Values
    angles: Values
    dihedrals: Values


@dataclass(frozen=True)
class GeometryDistances:
    """Earth mover's distances to the reference, averaged over kinds and weighted by their counts in the reference; NaN
    without a common kind. lengths: ångström. angles, dihedrals: degrees. covered: share of the reference's internal
    coordinates whose kind occurs among the generated ones."""

    lengths: float
    angles: float
    dihedrals: float
    covered: float


@dataclass(frozen=True)
class Strain:
    """energy: of the geometry above the nearest minimum, kcal/mol. field: MMFF94 or UFF."""

    energy: float
    field: str


def internal_coordinates(molecules: Iterable[Chem.Mol]) -> InternalCoordinates:
    """All lengths, angles and dihedrals of molecules with conformers, by their elements and bonds."""
    found: tuple[dict[str, list], ...] = tuple(defaultdict(list) for _ in range(3))
    for molecule in molecules:
        positions = np.asarray(molecule.GetConformer().GetPositions())
        for group, chains, measure in zip(found, _chains(molecule), MEASURES, strict=True):
            if chains:
                for chain, value in zip(chains, measure(positions[np.array(chains)]), strict=True):
                    group[_kind(molecule, chain)].append(value)
    return InternalCoordinates(*({kind: np.array(values) for kind, values in group.items()} for group in found))


def _chains(molecule: Chem.Mol) -> tuple[Sequence[tuple[int, ...]], ...]:
    """Chains of two, three and four bonded atoms, each once."""
    around = [[other.GetIdx() for other in atom.GetNeighbors()] for atom in molecule.GetAtoms()]
    heavy = [atom.GetAtomicNum() > 1 for atom in molecule.GetAtoms()]
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    angles = [(a, b, c) for b, near in enumerate(around) for i, a in enumerate(near) for c in near[:i]]
    dihedrals = [
        (a, b, c, d)
        for b, c in bonds
        if heavy[b] and heavy[c]
        for a in around[b]
        for d in around[c]
        if a not in (c, d) and d != b
    ]
    return bonds, angles, dihedrals


def _kind(molecule: Chem.Mol, chain: Sequence[int]) -> str:
    """The chain as text, such as "C-C=O", in the direction that is first in alphabetical order."""
    elements = [molecule.GetAtomWithIdx(index).GetSymbol() for index in chain]
    bonds = [molecule.GetBondBetweenAtoms(a, b).GetBondType() for a, b in pairwise(chain)]
    marks = [_MARKS.get(bond, "~") for bond in bonds]
    written = [element + mark for element, mark in zip(elements, [*marks, ""], strict=True)]
    backward = [element + mark for element, mark in zip(elements[::-1], [*marks[::-1], ""], strict=True)]
    return min("".join(written), "".join(backward))


def bond_lengths(points: Float[np.ndarray, "bond 2 3"]) -> Float[np.ndarray, " bond"]:
    """|x_1 - x_2|."""
    return np.linalg.norm(points[:, 0] - points[:, 1], axis=-1)


def bond_angles(points: Float[np.ndarray, "angle 3 3"]) -> Float[np.ndarray, " angle"]:
    """Angle between the bonds of the middle atom, degrees: atan2(|u x v|, u v), which is accurate near 0 and 180."""
    first, second = points[:, 0] - points[:, 1], points[:, 2] - points[:, 1]
    cross = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(cross, (first * second).sum(-1)))


def dihedral_angles(points: Float[np.ndarray, "dihedral 4 3"]) -> Float[np.ndarray, " dihedral"]:
    """Angle between the planes of atoms 1, 2, 3 and 2, 3, 4, degrees without sign; 0 for collinear atoms."""
    first, middle, last = (points[:, i + 1] - points[:, i] for i in range(3))
    one, other = np.cross(first, middle), np.cross(middle, last)
    sine = np.linalg.norm(middle, axis=-1) * (first * other).sum(-1)
    return np.degrees(np.abs(np.arctan2(sine, (one * other).sum(-1))))


MEASURES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (bond_lengths, bond_angles, dihedral_angles)


def geometry_distances(generated: InternalCoordinates, reference: InternalCoordinates) -> GeometryDistances:
    """Distances between the generated distributions and the reference's."""
    pairs = [
        (generated.lengths, reference.lengths),
        (generated.angles, reference.angles),
        (generated.dihedrals, reference.dihedrals),
    ]
    if not reference.lengths:
        raise DataError("Expected a reference with bonds, got none.")
    counted = [(len(values), kind in ours) for ours, theirs in pairs for kind, values in theirs.items()]
    total = sum(count for count, _ in counted)
    covered = sum(count for count, known in counted if known) / total if total else float("nan")
    lengths, angles, dihedrals = (_mean_distance(ours, theirs) for ours, theirs in pairs)
    return GeometryDistances(lengths, angles, dihedrals, covered)


def _mean_distance(generated: Values, reference: Values) -> float:
    common = [kind for kind, values in reference.items() if kind in generated and len(values) >= LEAST_OCCURRENCES]
    if not common:
        return float("nan")
    distances = [wasserstein_1d(generated[kind], reference[kind]) for kind in common]
    return float(np.average(distances, weights=[len(reference[kind]) for kind in common]))


def strain(molecule: Chem.Mol, steps: int = 500) -> Strain | Refusal:
    """Energy that is released by relaxing the conformer: MMFF94 if it has parameters for every atom, else UFF.

    Even the geometries of QM9 have a few kcal/mol, since they are minima of B3LYP and not of the force field.
    """
    relaxed = Chem.Mol(molecule)
    with rdBase.BlockLogs():
        try:
            if rdForceFieldHelpers.MMFFHasAllMoleculeParams(relaxed):
                parameters = rdForceFieldHelpers.MMFFGetMoleculeProperties(relaxed)
                name, field = "MMFF94", rdForceFieldHelpers.MMFFGetMoleculeForceField(relaxed, parameters)
            elif rdForceFieldHelpers.UFFHasAllMoleculeParams(relaxed):
                name, field = "UFF", rdForceFieldHelpers.UFFGetMoleculeForceField(relaxed)
            else:
                return Refusal("no force field knows its atoms")
            field.Initialize()
            before = field.CalcEnergy()
            field.Minimize(maxIts=steps)
            return Strain(float(before - field.CalcEnergy()), name)
        except (ValueError, RuntimeError) as error:
            return Refusal(f"the force field fails: {str(error).strip().splitlines()[0]}")


def strain_energies(molecules: Iterable[Chem.Mol]) -> Float[np.ndarray, " molecule"]:
    """Strain energy of each molecule in kcal/mol, NaN if it can't be computed."""
    found = [strain(molecule) for molecule in molecules]
    return np.array([np.nan if isinstance(one, Refusal) else one.energy for one in found])
