"""Converts molecules in three dimensions to plain arrays, and back to RDKit molecules with one conformer.

Bonds are given with the molecule or perceived from coordinates (Kim & Kim, Bull. Korean Chem. Soc. 2015, 36, 1769, as
in RDKit's DetermineBonds; atoms are neighbours within 1.15 times their covalent radii).
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor, rdDetermineBonds, rdDistGeom, rdForceFieldHelpers
from rdkit.Geometry import Point3D

from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS, parse, text
from sciencegen.errors import DataError, IncompatibleError
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


# Ranges of interatomic distances in known structures, which confirm the bonds of a new structure.
#
# Bond perception finds neighbours within a wide radius and orders from valences: it accepts a double bond of 1.7 Å.
# Here each kind of bond (two elements and an order) has the range of its lengths in known structures, and each pair
# of elements without a bond has a minimum distance.

TAIL = 1e-3
"""Share of a kind's bonds that is cut at both ends of its range, since known structures may include broken ones."""
MARGIN = 0.05
"""Ångström added to both ends; twice that for a kind that is too rare to cut."""
CLOSE_TAIL, CLOSE_MARGIN = 1e-4, 0.15
"""The same for pairs without a bond, most of which are far apart."""

MARKS = " -=#:"
"""Symbols of the classes in BOND_TYPES: "C O" has no bond, "C=O" a double bond."""
KIND = re.compile(rf"([A-Z][a-z]?)([{MARKS}])([A-Z][a-z]?)")
ELEMENTS = 128
"""An upper bound of atomic numbers."""


class KnownDistances:
    """ranges: kind -> shortest and longest distance in ångström; for a pair without a bond the longest is infinite."""

    def __init__(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        by_code = sorted((_code_of(kind), *ends) for kind, ends in ranges.items())
        self._codes = np.array([code for code, *_ in by_code], np.int64)
        self._ranges = np.array([ends for _, *ends in by_code], np.float64).reshape(-1, 2)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        return {
            _kind_of(code): (float(shortest), float(longest))
            for code, (shortest, longest) in zip(self._codes.tolist(), self._ranges, strict=True)
        }

    def refusal(self, geometry: Geometry) -> Refusal | None:
        """A Refusal for the first bond or distance of a geometry that no known structure has, or None."""
        codes, distances = _pairs(geometry)
        place = np.minimum(np.searchsorted(self._codes, codes), max(len(self._codes) - 1, 0))
        known = self._codes[place] == codes
        shortest, longest = self._ranges[place].T
        bonded = codes % len(BOND_TYPES) > 0  # unknown pairs without a bond are accepted at any distance
        strange = np.where(known, (distances < shortest) | (distances > longest), bonded)
        if not strange.any():
            return None
        first = int(np.flatnonzero(strange)[0])
        kind, distance = _kind_of(int(codes[first])), distances[first]
        if not bonded[first]:
            pair, least = kind.replace(" ", " and "), f"{shortest[first]:.2f}"
            return Refusal(
                f"{pair} {distance:.2f} Å apart without a bond; the model's training set has {least} or more"
            )
        if not known[first]:
            return Refusal(f"a bond {kind} of {distance:.2f} Å; the training set has none of this kind")
        ends = f"{shortest[first]:.2f} to {longest[first]:.2f}"
        return Refusal(f"a bond {kind} of {distance:.2f} Å; in the training set {ends}")

    def to_json(self) -> dict[str, list[float]]:
        return {kind: [round(end, 4) for end in ends if end < np.inf] for kind, ends in self.ranges.items()}


def load(data: Mapping[str, Sequence[float]]) -> KnownDistances:
    """The inverse of `to_json`."""
    return KnownDistances({kind: (ends[0], ends[1] if len(ends) > 1 else np.inf) for kind, ends in data.items()})


def fit(geometries: Iterable[Geometry]) -> KnownDistances:
    """Fit the ranges to geometries; those with unknown bonds are left out."""
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for geometry in geometries:
        if geometry.bonds is not None:
            codes, distances = _pairs(geometry)
            for code in np.unique(codes).tolist():
                found[code].append(distances[codes == code])
    return KnownDistances({_kind_of(code): _range(code, np.concatenate(some)) for code, some in found.items()})


def _range(code: int, distances: Float[np.ndarray, " pair"]) -> tuple[float, float]:
    bonded = code % len(BOND_TYPES) > 0
    tail, margin = (TAIL, MARGIN) if bonded else (CLOSE_TAIL, CLOSE_MARGIN)
    if tail * len(distances) < 1:
        margin *= 2
    shortest, longest = np.quantile(distances, (tail, 1 - tail)).tolist()
    return shortest - margin, longest + margin if bonded else np.inf


def _pairs(geometry: Geometry) -> tuple[Int[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
    """The kind of each pair of atoms, as a number, and their distance."""
    assert geometry.bonds is not None
    classes = np.zeros((len(geometry), len(geometry)), np.int64)
    first, second, order = geometry.bonds.T
    classes[first, second] = order
    one, other = np.triu_indices(len(geometry), 1)
    light, heavy = np.sort(geometry.numbers[np.stack([one, other])], axis=0)
    distances = np.linalg.norm(geometry.positions[one] - geometry.positions[other], axis=-1)
    return (light * ELEMENTS + heavy) * len(BOND_TYPES) + classes[one, other], distances


def _code_of(kind: str) -> int:
    found = KIND.fullmatch(kind)
    numbers = [atomic_number(symbol) for symbol in (found[1], found[3])] if found else [None]
    if found is None or None in numbers:
        raise IncompatibleError(f"Expected a kind of bond such as 'C=O' in the known distances, found '{kind}'.")
    light, heavy = sorted(int(number) for number in numbers if number is not None)
    return (light * ELEMENTS + heavy) * len(BOND_TYPES) + MARKS.index(found[2])


def _kind_of(code: int) -> str:
    elements, order = divmod(code, len(BOND_TYPES))
    light, heavy = symbols(divmod(elements, ELEMENTS))
    return f"{light}{MARKS[order]}{heavy}"


# Stability of a geometry, computed from its distances alone.
#
# Hoogeboom et al. 2022, Equivariant Diffusion for Molecule Generation in 3D, appendix, with its bond lengths and
# margins. Two atoms share a bond of the highest order whose typical length, plus a margin, exceeds their distance. An
# atom is stable if the orders of its bonds sum to its element's valence, a molecule if all its atoms are stable. In
# QM9 99.4 % of atoms and 95.3 % of molecules are stable (the paper gives 99.0 % and 95.2 %). Aromatic bonds and
# charges are ignored: the score is for comparisons, it isn't a test of validity.

STABILITY_ELEMENTS = (1, 6, 7, 8, 9)
VALENCES = np.array([1, 4, 3, 2, 1])
_NONE = -np.inf
MARGINS_PM = (10.0, 5.0, 3.0)
"""Margins of single, double and triple bonds, in picometres; tuned in the paper on QM9."""
BOND_LENGTHS_PM = np.array(
    [
        [[74, 109, 101, 96, 92], [109, 154, 147, 143, 135], [101, 147, 145, 140, 136], [96, 143, 140, 148, 142],
         [92, 135, 136, 142, 142]],
        [[_NONE] * 5, [_NONE, 134, 129, 120, _NONE], [_NONE, 129, 125, 121, _NONE], [_NONE, 120, 121, 121, _NONE],
         [_NONE] * 5],
        [[_NONE] * 5, [_NONE, 120, 116, 113, _NONE], [_NONE, 116, 110, _NONE, _NONE], [_NONE, 113, _NONE, _NONE, _NONE],
         [_NONE] * 5],
    ]
)  # fmt: skip
"""[order element element] of H, C, N, O, F in picometres."""


def distance_bond_orders(
    numbers: Int[np.ndarray, " atom"], positions: Float[np.ndarray, "atom 3"]
) -> Int[np.ndarray, "atom atom"]:
    """Order 0 to 3 of every pair, from atomic numbers and positions in ångström.

    An order requires all lower ones: atoms that are too far apart for a single bond have no double bond.
    Raises DataError for an element that is not in the tables.
    """
    unknown = set(np.asarray(numbers).tolist()) - set(STABILITY_ELEMENTS)
    if unknown:
        raise DataError(
            f"Expected H, C, N, O and F, got {', '.join(symbols(sorted(unknown)))}: the published tables of stability "
            "hold no other element. Leave such molecules out, or judge them by their perceived bonds."
        )
    element = np.searchsorted(STABILITY_ELEMENTS, numbers)
    distance_pm = 100.0 * np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    np.fill_diagonal(distance_pm, np.inf)
    within = [
        distance_pm < lengths[element[:, None], element] + margin
        for lengths, margin in zip(BOND_LENGTHS_PM, MARGINS_PM, strict=True)
    ]
    return np.cumprod(within, axis=0).sum(0)


def stable_atoms(geometry: Geometry) -> np.ndarray:
    """[atom] whether the bond orders of each atom sum to its valence."""
    orders = distance_bond_orders(geometry.numbers, geometry.positions)
    return orders.sum(1) == VALENCES[np.searchsorted(STABILITY_ELEMENTS, geometry.numbers)]


def stability(geometries: Iterable[Geometry]) -> tuple[float, float]:
    """The shares of stable atoms, over all geometries, and of stable molecules."""
    found = [stable_atoms(geometry) for geometry in geometries]
    if not found:
        raise DataError("Expected geometries to judge, got none.")
    return float(np.concatenate(found).mean()), float(np.mean([one.all() for one in found]))


def stability_figures(elements: Iterable[int], geometries: Iterable[Geometry]) -> dict[str, float]:
    """The shares by name, for a model's samples; an empty dict if the tables lack one of the model's elements."""
    if not set(elements) <= set(STABILITY_ELEMENTS):
        return {}
    return dict(zip(("stable_atoms", "stable_molecules"), stability(geometries), strict=True))


# Three-dimensional structures of molecules by distance geometry and a force field.
#
# ETKDGv3 (Wang, Witek, Landrum, Riniker, J. Chem. Inf. Model. 2020, 60, 2044) places the atoms; MMFF94 relaxes them,
# or UFF if MMFF94 lacks parameters.

METHOD = "structure_method"
"""Property of a molecule: how its conformer was made."""
ASKED = "asked_smiles"
"""Property of a molecule: the requested SMILES, which may leave stereocentres unspecified, while a conformer can't."""


@dataclass(frozen=True)
class Structure:
    """molecule: with one conformer. energy: kcal/mol of the force field, None if not computed.
    failure: why the coordinates are only those of a 2D drawing, None for a 3D structure."""

    molecule: Chem.Mol
    method: str
    energy: float | None
    failure: str | None


def with_structure(molecule: Chem.Mol, seed: int = 0, timeout_s: int = 20) -> Structure:
    """The molecule with hydrogens and a relaxed structure; an existing 3D conformer is kept."""
    if molecule.GetNumConformers() and molecule.GetConformer().Is3D():
        method = molecule.GetProp(METHOD) if molecule.HasProp(METHOD) else "given"
        return Structure(molecule, method, None, None)
    with rdBase.BlockLogs():
        hydrogenated = Chem.AddHs(molecule)
        failure = _embed(hydrogenated, seed, timeout_s)
        if failure is not None:
            drawing = Chem.Mol(molecule)
            rdDepictor.Compute2DCoords(drawing)
            return Structure(drawing, f"flat drawing: {failure}", None, failure)
        try:
            return _relax(hydrogenated)
        except (ValueError, RuntimeError) as error:
            return Structure(hydrogenated, f"ETKDGv3, not relaxed ({type(error).__name__})", None, None)


def points(molecules: Sequence[Chem.Mol]) -> list[Geometry | Refusal]:
    """The atoms of each molecule, in its own structure or a computed one, or a Refusal with the reason."""
    return [geometry_of(one) if one.GetNumConformers() else _made(text(one)) for one in molecules]


@lru_cache(maxsize=20_000)
def _made(smiles: str) -> Geometry | Refusal:
    """Cached, since several predictors use it. Atoms are in the order of the canonical text."""
    molecule = parse(smiles)
    if isinstance(molecule, Refusal):
        return molecule
    structure = with_structure(molecule)
    return geometry_of(structure.molecule) if structure.failure is None else Refusal(structure.failure)


def _embed(hydrogenated: Chem.Mol, seed: int, timeout_s: int) -> str | None:
    """Embed the atoms, first from distances, then from random coordinates; returns the reason if both fail."""
    for random_coordinates in (False, True):
        parameters: Any = rdDistGeom.ETKDGv3()
        parameters.randomSeed = seed
        parameters.useRandomCoords = random_coordinates
        parameters.maxIterations = 50
        parameters.timeout = timeout_s
        try:
            if rdDistGeom.EmbedMolecule(hydrogenated, parameters) == 0:
                return None
        except (ValueError, RuntimeError) as error:
            return f"embedding raised {type(error).__name__}"
    return f"no conformer found within {timeout_s} s and 50 attempts"


def _relax(hydrogenated: Chem.Mol) -> Structure:
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(hydrogenated):
        name, field = (
            "MMFF94",
            rdForceFieldHelpers.MMFFGetMoleculeForceField(
                hydrogenated, rdForceFieldHelpers.MMFFGetMoleculeProperties(hydrogenated)
            ),
        )
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(hydrogenated):
        name, field = "UFF", rdForceFieldHelpers.UFFGetMoleculeForceField(hydrogenated)
    else:
        return Structure(hydrogenated, "ETKDGv3, not relaxed (no force field knows its atoms)", None, None)
    field.Initialize()
    unfinished = field.Minimize(maxIts=500)
    method = f"ETKDGv3 + {name}" + (", not fully relaxed" if unfinished else "")
    return Structure(hydrogenated, method, float(field.CalcEnergy()), None)


# Checks whether the generated coordinates of a molecule agree with its bonds.


def confirmed(asked: Chem.Mol, made: Chem.Mol, distances: KnownDistances | None) -> Chem.Mol | Refusal:
    """Return `made`, or its mirror image, if it has the bonds (perceived from its distances) and the configuration of
    `asked`, and if known structures have such distances. Its atoms are those of `asked`, then the hydrogens."""
    positions = made.GetConformer().GetPositions()
    for places in (positions, positions * (1, 1, -1)):
        found = _perceived(made, places)
        if isinstance(found, Refusal):
            return found
        _label(found, asked)
        flat = with_implicit_hydrogens(found)
        if Chem.MolToSmiles(flat, isomericSmiles=False) != Chem.MolToSmiles(asked, isomericSmiles=False):
            return Refusal("other bonds in its coordinates than the molecule has")
        strange = _strange(found, distances)
        if strange is not None:
            return strange
        if flat.HasSubstructMatch(asked, useChirality=True):
            found.SetProp(METHOD, "diffusion over coordinates, bonds confirmed by their lengths")
            found.SetProp(ASKED, Chem.MolToSmiles(asked))
            return found
    return Refusal("another configuration than the molecule has")


def speaks(molecule: Chem.Mol, distances: KnownDistances | None) -> bool:
    """Whether a molecule is connected, its coordinates imply its bonds, and known structures have such distances."""
    found = _perceived(molecule, molecule.GetConformer().GetPositions())
    if isinstance(found, Refusal) or len(Chem.GetMolFrags(found)) != 1:
        return False
    return graph_smiles(found) == graph_smiles(molecule) and _strange(molecule, distances) is None


def _perceived(molecule: Chem.Mol, positions: np.ndarray) -> Chem.Mol | Refusal:
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    return perceive_bonds(numbers, positions, Chem.GetFormalCharge(molecule))


def _strange(molecule: Chem.Mol, distances: KnownDistances | None) -> Refusal | None:
    """A Refusal if known structures don't have one of its distances."""
    if distances is None:
        return None
    geometry = geometry_of(molecule)
    return geometry if isinstance(geometry, Refusal) else distances.refusal(geometry)


def _label(found: Chem.Mol, asked: Chem.Mol) -> None:
    """Copy the isotopes of `asked`, which can't be perceived from distances; they may make a stereocentre."""
    isotopes = [atom.GetIsotope() for atom in Chem.AddHs(asked).GetAtoms()]
    if any(isotopes):
        for atom, isotope in zip(found.GetAtoms(), isotopes, strict=True):
            atom.SetIsotope(isotope)
        Chem.AssignStereochemistryFrom3D(found)


# Parses molfile records to molecules, or explains why they are invalid.

UNREADABLE = "unreadable molfile record"


def read_molfile(text: str, keep_hydrogens: bool = False) -> Chem.Mol | Refusal:
    """The sanitized molecule of a molfile block (V2000 or V3000), with explicit or implicit hydrogens."""
    with rdBase.BlockLogs():
        try:
            molecule = Chem.MolFromMolBlock(text + "\n", removeHs=not keep_hydrogens)
        except (ValueError, RuntimeError):
            molecule = None
        return Refusal(_why_unreadable(text)) if molecule is None else molecule


def _why_unreadable(text: str) -> str:
    """A message on the first invalid atom, else on the chemistry problem."""
    for number, (symbol, coordinates) in enumerate(_atom_lines(text.split("\n")), start=1):
        if atomic_number(symbol) is None:
            return f"{UNREADABLE}: atom {number}: '{symbol[:20]}' is no element"
        if not all(map(_is_finite, coordinates)):
            return f"{UNREADABLE}: atom {number} has a coordinate that is no finite number"
    try:
        molecule = Chem.MolFromMolBlock(text + "\n", sanitize=False)
        problems = () if molecule is None else Chem.DetectChemistryProblems(molecule)
    except (ValueError, RuntimeError):
        problems = ()
    return f"{UNREADABLE}: {problems[0].Message()}" if problems else UNREADABLE


def _atom_lines(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Symbol and coordinates of each atom line as text; nothing for a text without such lines."""
    if any(line.startswith("M  V30 BEGIN ATOM") for line in lines):
        rows = [line.split()[2:] for line in lines if line.startswith("M  V30 ")]  # M V30 number symbol x y z
        first = next((index for index, row in enumerate(rows) if row[:2] == ["BEGIN", "ATOM"]), len(rows))
        last = next((index for index, row in enumerate(rows) if row[:2] == ["END", "ATOM"]), len(rows))
        yield from ((row[1], row[2:5]) for row in rows[first + 1 : last] if len(row) > 4)
    elif len(lines) > 3 and lines[3][:3].strip().isdecimal():
        rows = [line.split() for line in lines[4 : 4 + int(lines[3][:3])]]  # x y z symbol
        yield from ((row[3], row[:3]) for row in rows if len(row) > 3)


def _is_finite(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
