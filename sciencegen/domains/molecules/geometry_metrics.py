"""How like real geometries generated ones are: bond lengths, angles and dihedrals, and strain in a force field.

Everything is measured by the bonds of the molecules given; for generated ones those should be perceived in their
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
"""By kind, such as "C-N", "H-C-C" or "C-C=C-O"."""

LEAST_OCCURRENCES = 30
"""In the reference; a rarer kind has no distribution to compare with."""
_MARKS = dict(zip(BOND_TYPES[1:], "-=#:", strict=True))


@dataclass(frozen=True)
class InternalCoordinates:
    """lengths: of bonds, ångström. angles: between two bonds at an atom, degrees. dihedrals: about a bond between heavy
    atoms, degrees without sign (0 to 180), so that a molecule and its mirror image have the same."""

    lengths: Values
    angles: Values
    dihedrals: Values


@dataclass(frozen=True)
class GeometryDistances:
    """Earth mover's distances to the reference, averaged over kinds by how often the reference has them; NaN where no
    kind is common to both. lengths: ångström. angles, dihedrals: degrees. covered: the part of the reference's
    coordinates whose kind was generated at all."""

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
    """All lengths, angles and dihedrals of molecules with conformers, by the elements and bonds that they span."""
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
    """The chain in symbols, read from the end that comes first in the alphabet."""
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
    """Of the two bonds at the middle atom, degrees: atan2(|u x v|, u v), which keeps its digits near 0 and 180."""
    first, second = points[:, 0] - points[:, 1], points[:, 2] - points[:, 1]
    cross = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(cross, (first * second).sum(-1)))


def dihedral_angles(points: Float[np.ndarray, "dihedral 4 3"]) -> Float[np.ndarray, " dihedral"]:
    """Between the planes of atoms 1, 2, 3 and 2, 3, 4, degrees without sign; 0 where atoms lie in one line."""
    first, middle, last = (points[:, i + 1] - points[:, i] for i in range(3))
    one, other = np.cross(first, middle), np.cross(middle, last)
    sine = np.linalg.norm(middle, axis=-1) * (first * other).sum(-1)
    return np.degrees(np.abs(np.arctan2(sine, (one * other).sum(-1))))


MEASURES: tuple[Callable[[np.ndarray], np.ndarray], ...] = (bond_lengths, bond_angles, dihedral_angles)


def geometry_distances(generated: InternalCoordinates, reference: InternalCoordinates) -> GeometryDistances:
    """How far the generated distributions are from the reference's."""
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
    """How much energy relaxing the conformer frees: MMFF94 where it has parameters for every atom, else UFF.

    The geometries of QM9, which are minima of B3LYP and not of the field, have a few kcal/mol themselves.
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
    """kcal/mol of each molecule, NaN where there is none."""
    found = [strain(molecule) for molecule in molecules]
    return np.array([np.nan if isinstance(one, Refusal) else one.energy for one in found])
