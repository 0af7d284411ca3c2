"""Converts molecules in three dimensions to plain arrays, and back to RDKit molecules with one conformer.

Bonds are given with the molecule or perceived from coordinates (Kim & Kim, Bull. Korean Chem. Soc. 2015, 36, 1769, as
in RDKit's DetermineBonds; atoms are neighbours within 1.15 times their covalent radii).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from rdkit import Chem, rdBase
from rdkit.Chem import rdDetermineBonds
from rdkit.Geometry import Point3D

from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS
from sciencegen.items import Refusal

MAX_ATOMS = 3 * MAX_HEAVY_ATOMS + 2
"""Number of atoms of a saturated chain with `MAX_HEAVY_ATOMS` heavy atoms and its hydrogens."""
FARTHEST = 1e5
"""Limit of coordinates in ångström; larger ones are errors, and don't fit in the columns of molfiles."""
CLOSEST = 0.5
"""Minimum distance in ångström; H-H is 0.74, so a smaller one means a duplicate atom or a broken geometry."""
COVALENT_FACTOR = 1.15
HYDROGEN_FACTOR = 1.3
"""Replaces `COVALENT_FACTOR` for the hydrogen molecule, whose 0.74 Å are more than 1.15 times its radii."""
BOND_ORDER_ATTEMPTS = 10_000
"""Maximum number of assignments of bond orders that are tried; broken geometries could take hours otherwise."""

BOND_TYPES = (
    Chem.BondType.ZERO,
    Chem.BondType.SINGLE,
    Chem.BondType.DOUBLE,
    Chem.BondType.TRIPLE,
    Chem.BondType.AROMATIC,
)
"""Classes of a pair of atoms: 0 is no bond."""

_PERIODIC_TABLE = Chem.GetPeriodicTable()
_REMOVAL: Any = Chem.RemoveHsParameters()  # RDKit's type stubs lack its settable attributes
_REMOVAL.removeDefiningBondStereo = True


@dataclass(frozen=True)
class Geometry:
    """One molecule with every hydrogen.

    numbers: atomic numbers. positions: ångström. charges: formal charges, in units of the elementary charge.
    bonds: (atom, atom, class in BOND_TYPES) with the smaller atom first; None if unknown.
    """

    numbers: Int[np.ndarray, " atom"]
    positions: Float[np.ndarray, "atom 3"]
    charges: Int[np.ndarray, " atom"]
    bonds: Int[np.ndarray, "bond 3"] | None = None

    def __len__(self) -> int:
        return len(self.numbers)


def symbols(numbers: Sequence[int] | np.ndarray) -> list[str]:
    """Element symbols of atomic numbers."""
    return [_PERIODIC_TABLE.GetElementSymbol(int(number)) for number in numbers]


def atomic_number(symbol: str) -> int | None:
    """The atomic number of a symbol or of a number as text; None if it isn't an element."""
    number = int(symbol) if symbol.isdecimal() and len(symbol) < 4 else -1
    if number < 0 and symbol.isascii() and symbol.isalpha() and len(symbol) < 3:
        with rdBase.BlockLogs():
            try:
                number = _PERIODIC_TABLE.GetAtomicNumber(symbol.capitalize())
            except (ValueError, RuntimeError):
                return None
    return number if 1 <= number <= 118 else None


def why_unusable(numbers: np.ndarray, positions: np.ndarray) -> Refusal | None:
    """A Refusal for invalid coordinates: no atoms, too many, numbers not finite or too large, atoms too close."""
    if len(numbers) == 0:
        return Refusal("no atoms")
    if len(numbers) > MAX_ATOMS:
        return Refusal(f"{len(numbers)} atoms; at most {MAX_ATOMS} are accepted")
    broken = np.flatnonzero(~np.isfinite(positions).all(1))
    if len(broken):
        return Refusal(f"atom {broken[0] + 1} has a coordinate that is no finite number")
    far = np.flatnonzero((np.abs(positions) >= FARTHEST).any(1))
    if len(far):
        return Refusal(f"atom {far[0] + 1} lies {np.abs(positions[far[0]]).max():.3g} Å away")
    distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1) + np.diag(np.full(len(numbers), np.inf))
    first, second = np.unravel_index(int(distance.argmin()), distance.shape)
    if distance[first, second] < CLOSEST:
        return Refusal(
            f"atoms {first + 1} and {second + 1} are {distance[first, second]:.2f} Å apart; two atoms in one place"
        )
    return None


def geometry_of(molecule: Chem.Mol) -> Geometry | Refusal:
    """The arrays of a molecule that has a 3D conformer (the first is used) and explicit hydrogens."""
    if molecule.GetNumAtoms() == 0:
        return Refusal("no atoms")
    if not molecule.GetNumConformers() or not molecule.GetConformer().Is3D():
        return Refusal("no 3D coordinates; give a file with a structure, or embed the molecule first")
    missing = sum(atom.GetTotalNumHs() for atom in molecule.GetAtoms())
    if missing:
        return Refusal(f"{missing} hydrogens have no coordinates; give every hydrogen as an atom")
    positions = np.asarray(molecule.GetConformer().GetPositions(), np.float64)
    geometry = _geometry(molecule, positions)
    return geometry if isinstance(geometry, Refusal) else why_unusable(geometry.numbers, positions) or geometry


def graph_of(molecule: Chem.Mol) -> Geometry | Refusal:
    """The arrays of a molecule with explicit hydrogens and all positions zero: its graph without a geometry."""
    whole = Chem.AddHs(molecule)
    if not 0 < whole.GetNumAtoms() <= MAX_ATOMS:
        return Refusal(f"{whole.GetNumAtoms()} atoms with its hydrogens; 1 to {MAX_ATOMS} are accepted")
    return _geometry(whole, np.zeros((whole.GetNumAtoms(), 3)))


def _geometry(molecule: Chem.Mol, positions: Float[np.ndarray, "atom 3"]) -> Geometry | Refusal:
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    charges = np.array([atom.GetFormalCharge() for atom in molecule.GetAtoms()])
    bonds = []
    for bond in molecule.GetBonds():
        if bond.GetBondType() not in BOND_TYPES[1:]:
            return Refusal(f"a bond of type {bond.GetBondType().name.lower()}; single to triple and aromatic are known")
        first, second = sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        bonds.append((first, second, BOND_TYPES.index(bond.GetBondType())))
    return Geometry(numbers, positions, charges, np.array(sorted(bonds), np.int64).reshape(-1, 3))


def molecule_of(geometry: Geometry) -> Chem.Mol | Refusal:
    """The sanitized molecule with its conformer and the stereochemistry of that conformer.

    Unknown bonds are perceived. Hydrogens stay explicit and none is added: an atom with an open valence is refused.
    """
    refusal = why_unusable(geometry.numbers, geometry.positions)
    if refusal is not None:
        return refusal
    if geometry.bonds is None:
        return perceive_bonds(geometry.numbers, geometry.positions, int(geometry.charges.sum()))
    molecule = _with_conformer(geometry.numbers, geometry.positions)
    for atom, charge in zip(molecule.GetAtoms(), geometry.charges, strict=True):
        atom.SetFormalCharge(int(charge))
    for first, second, kind in geometry.bonds.tolist():
        molecule.AddBond(first, second, BOND_TYPES[kind])
        if BOND_TYPES[kind] is Chem.BondType.AROMATIC:
            molecule.GetBondBetweenAtoms(first, second).SetIsAromatic(True)
            for atom in (first, second):
                molecule.GetAtomWithIdx(atom).SetIsAromatic(True)
    return _finished(molecule)


def with_implicit_hydrogens(molecule: Chem.Mol) -> Chem.Mol:
    """The molecule as an item of the plain domain: with implicit hydrogens; heavy atoms keep their coordinates."""
    with rdBase.BlockLogs():
        return Chem.RemoveHs(molecule, _REMOVAL)


def graph_smiles(molecule: Chem.Mol) -> str:
    """Identity of the molecular graph: canonical SMILES without stereochemistry and hydrogens."""
    return Chem.MolToSmiles(with_implicit_hydrogens(molecule), isomericSmiles=False)


def perceive_bonds(
    numbers: Int[np.ndarray, " atom"], positions: Float[np.ndarray, "atom 3"], charge: int = 0
) -> Chem.Mol | Refusal:
    """The molecule of these atoms with bonds perceived from their distances. charge: total charge of the molecule."""
    refusal = why_unusable(numbers, positions)
    if refusal is not None:
        return refusal
    molecule = _with_conformer(numbers, positions)
    if len(numbers) == 1:  # DetermineBonds drops the charge of a lone atom
        molecule.GetAtomWithIdx(0).SetFormalCharge(charge)
        return _finished(molecule)
    factor = HYDROGEN_FACTOR if (numbers == 1).all() else COVALENT_FACTOR
    with rdBase.BlockLogs():
        try:
            rdDetermineBonds.DetermineBonds(
                molecule, charge=charge, covFactor=factor, useVdw=True, maxIterations=BOND_ORDER_ATTEMPTS
            )
        except (ValueError, RuntimeError, IndexError):  # IndexError: elements that older versions have no valence of
            return Refusal(f"no bond orders fit the distances between its atoms and a total charge of {charge:+d}")
    return _finished(molecule)


def _with_conformer(numbers: np.ndarray, positions: np.ndarray) -> Chem.RWMol:
    molecule, conformer = Chem.RWMol(), Chem.Conformer(len(numbers))
    for index, (number, position) in enumerate(zip(numbers, positions, strict=True)):
        atom = Chem.Atom(int(number))
        atom.SetNoImplicit(True)
        molecule.AddAtom(atom)
        conformer.SetAtomPosition(index, Point3D(*map(float, position)))
    conformer.Set3D(True)
    molecule.AddConformer(conformer)
    return molecule


def _finished(molecule: Chem.RWMol) -> Chem.Mol | Refusal:
    with rdBase.BlockLogs():
        try:
            Chem.SanitizeMol(molecule)
            Chem.AssignStereochemistryFrom3D(molecule)
        except (ValueError, RuntimeError) as error:
            return Refusal(f"not a valid molecule: {str(error).strip().splitlines()[0]}")
    for atom in molecule.GetAtoms():
        if atom.GetNumRadicalElectrons():
            return Refusal(f"atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) has an open valence")
        if atom.GetAtomicNum() == 1 and atom.GetDegree() == 0:
            return Refusal(f"atom {atom.GetIdx() + 1} is a bare proton")
    return molecule.GetMol()
