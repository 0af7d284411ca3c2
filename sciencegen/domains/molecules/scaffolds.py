"""Scaffolds: parts of a molecule with fixed atom positions, around which the rest is generated.

Bonds and elements of the file's heavy atoms are the pattern that a molecule must contain; hydrogens may be replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rdkit import Chem, rdBase

from sciencegen.domains.capabilities.structures import Placement
from sciencegen.domains.molecules.files import ending
from sciencegen.domains.molecules.geometry import why_unusable, with_implicit_hydrogens
from sciencegen.domains.molecules.molfiles import read_molfile
from sciencegen.domains.molecules.structure_files import parse_structure, read_structures
from sciencegen.domains.molecules.structures import METHOD
from sciencegen.domains.superposition import superposed
from sciencegen.errors import DataError
from sciencegen.items import Refusal

FARTHEST_RMSD = 0.1
"""Maximum RMSD in ångström between the scaffold's atoms and their positions in the file."""
MAX_MATCHES = 1_000


@dataclass(frozen=True)
class Scaffold:
    """item: its heavy atoms with one conformer, and implicit hydrogens. query: the same without hydrogens."""

    item: Chem.Mol
    query: Chem.Mol

    @property
    def pattern(self) -> str:
        """The scaffold as a SMARTS pattern for `constraint`."""
        return Chem.MolToSmarts(self.query)

    @property
    def positions(self) -> Float[np.ndarray, "atom 3"]:
        return np.asarray(self.item.GetConformer().GetPositions())

    def place(self, item: Chem.Mol, attempt: int = 0) -> Placement | Refusal:
        """Indices and positions of the scaffold's atoms in a molecule; each attempt uses another match."""
        found = item.GetSubstructMatches(self.query, uniquify=False, maxMatches=MAX_MATCHES)
        matches = [match for match in found if _bonds_within(item, match) == self.query.GetNumBonds()]
        if not matches:
            what = "other bonds between the scaffold's atoms" if found else "no such scaffold in it"
            return Refusal(f"{what} ({Chem.MolToSmiles(self.item)})")
        return {"positions": (list(matches[attempt % len(matches)]), self.positions)}

    def fit(self, item: Chem.Mol, made: Chem.Mol, known: Placement) -> Chem.Mol | Refusal:
        """Superpose the structure so that the scaffold has its positions of the file; or superpose its mirror image, if
        that is the same item."""
        rows, places = known["positions"]
        fitted, least = Chem.Mol(made), np.inf
        for image in (1, -1):
            positions = np.asarray(made.GetConformer().GetPositions()) * (1, 1, image)
            moved = superposed(positions, positions[rows], places)
            rmsd = float(np.sqrt(((moved[rows] - places) ** 2).sum(1).mean()))
            fitted.GetConformer().SetPositions(moved)
            if rmsd <= FARTHEST_RMSD and _is(item, fitted):
                text = f"diffusion over coordinates around the scaffold (RMSD {rmsd:.3f} Å), bonds confirmed"
                fitted.SetProp(METHOD, text)
                return fitted
            least = min(least, rmsd)
        return Refusal(f"the scaffold's atoms are {least:.2f} Å from their places, or the rest is mirrored")


def read_scaffold(path: Path) -> Scaffold:
    """Read the single molecule of an .sdf (hydrogens may be missing) or of an .xyz (with all hydrogens)."""
    rows = [row for _, row in zip(range(2), read_structures(path), strict=False)]
    if len(rows) != 1:
        raise DataError(f"Expected one molecule in {path}, found {'none' if not rows else 'several'}.")
    text = rows[0].text
    molecule = read_molfile(text) if ending(path).startswith(".sdf") else parse_structure(text)
    scaffold = molecule if isinstance(molecule, Refusal) else _scaffold(molecule)
    if isinstance(scaffold, Refusal):
        raise DataError(f"Expected a molecule with 3D coordinates in {path}, found: {scaffold.reason}.")
    return scaffold


def _scaffold(molecule: Chem.Mol) -> Scaffold | Refusal:
    with rdBase.BlockLogs():
        heavy = Chem.RemoveAllHs(molecule)
    if not heavy.GetNumAtoms():
        return Refusal("no heavy atoms")
    if not heavy.GetNumConformers() or not heavy.GetConformer().Is3D():
        return Refusal("no third dimension")
    Chem.RemoveStereochemistry(heavy)
    numbers = np.array([atom.GetAtomicNum() for atom in heavy.GetAtoms()])
    return why_unusable(numbers, heavy.GetConformer().GetPositions()) or Scaffold(heavy, _query(heavy))


def _query(molecule: Chem.Mol) -> Chem.Mol:
    """A query of elements, charges and bonds, which ignores hydrogens and other substituents."""
    query = Chem.RWMol()
    for atom in molecule.GetAtoms():
        query.AddAtom(Chem.AtomFromSmarts(f"[#{atom.GetAtomicNum()}{atom.GetFormalCharge():+d}]"))
    for bond in molecule.GetBonds():
        query.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), bond.GetBondType())
    return Chem.MolFromSmarts(Chem.MolToSmarts(query))


def _is(item: Chem.Mol, made: Chem.Mol) -> bool:
    """Whether a structure has the configuration of the requested item."""
    Chem.AssignStereochemistryFrom3D(made)
    return with_implicit_hydrogens(made).HasSubstructMatch(item, useChirality=True)


def _bonds_within(molecule: Chem.Mol, atoms: tuple[int, ...]) -> int:
    inside = set(atoms)
    return sum(bond.GetBeginAtomIdx() in inside and bond.GetEndAtomIdx() in inside for bond in molecule.GetBonds())
