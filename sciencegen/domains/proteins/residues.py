"""Residues of one chain from Biopython: one position per atom, without waters, ligands and hydrogens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from Bio.PDB.Model import Model


# The heavy atoms of the 20 amino acids, and the letters of residues, also of modified ones.

BACKBONE = ("N", "CA", "C", "O")
SIDE_CHAINS = {
    "A": "CB",
    "C": "CB SG",
    "D": "CB CG OD1 OD2",
    "E": "CB CG CD OE1 OE2",
    "F": "CB CG CD1 CD2 CE1 CE2 CZ",
    "G": "",
    "H": "CB CG ND1 CD2 CE1 NE2",
    "I": "CB CG1 CG2 CD1",
    "K": "CB CG CD CE NZ",
    "L": "CB CG CD1 CD2",
    "M": "CB CG SD CE",
    "N": "CB CG OD1 ND2",
    "P": "CB CG CD",
    "Q": "CB CG CD OE1 NE2",
    "R": "CB CG CD NE CZ NH1 NH2",
    "S": "CB OG",
    "T": "CB OG1 CG2",
    "V": "CB CG1 CG2",
    "W": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "Y": "CB CG CD1 CD2 CE1 CE2 CZ OH",
}
UNKNOWN = "X"
"""Letter of a residue that is neither one of the 20 amino acids nor a modification of one."""


@cache
def expected_atoms(letter: str) -> frozenset[str]:
    """Names of a residue's heavy atoms; for an unknown residue, those of the backbone."""
    return frozenset((*BACKBONE, *SIDE_CHAINS.get(letter, "").split()))


def letter_of(name: str) -> str:
    """The one-letter code of a three-letter name, or `UNKNOWN`."""
    from Bio.Data.PDBData import protein_letters_3to1_extended

    letter = protein_letters_3to1_extended.get(name.strip().upper(), UNKNOWN)
    return letter if letter in SIDE_CHAINS else UNKNOWN


PEPTIDE_BOND = 2.0
"""Maximum distance of bonded C and N in ångström; the bond length is 1.33."""
ALPHA_DISTANCE = 4.5
"""Maximum distance of neighbours' CA in ångström (3.8, or 2.9 for a cis bond), used if C or N is missing."""
HYDROGENS = frozenset("HD")
UNKNOWN_NAME = "UNK"
"""Name of a residue of a polymer whose kind is unknown."""


@dataclass(frozen=True)
class Residue:
    """number, insertion: as in the file, such as `52` and `A` for 52A. letter: of the 20, or `UNKNOWN`. name: as in the
    file. atoms: name of each heavy atom -> position. elements: of these atoms, in order. alternates: number of atoms
    with alternate locations. alternative: whether the file has several residues at this number."""

    number: int
    insertion: str
    letter: str
    name: str
    atoms: dict[str, Float[np.ndarray, "3"]]
    elements: tuple[str, ...]
    alternates: int = 0
    alternative: bool = False

    @property
    def label(self) -> str:
        return f"{self.number}{self.insertion}"

    @property
    def modified(self) -> bool:
        from Bio.Data.PDBData import protein_letters_3to1

        return self.name.strip().upper() not in protein_letters_3to1

    @property
    def missing(self) -> frozenset[str]:
        """Names of the heavy atoms that are missing in this residue. For a modified residue only the backbone is
        checked, since its side chain has other names."""
        return expected_atoms(UNKNOWN if self.modified else self.letter) - set(self.atoms)


@dataclass
class Selected:
    """The protein residues of a chain. left_out: name -> number of other groups; others: these groups, such as ligands,
    ions and nucleotides; waters: their number; hydrogens: their number in the residues, which are skipped."""

    residues: list[Residue] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    others: list[Residue] = field(default_factory=list)
    waters: int = 0
    hydrogens: int = 0


def select_residues(chain: Any) -> Selected:
    """Select the protein residues of a chain: amino acids in ATOM records, and HETATM residues bonded to neighbours."""
    selected = Selected()
    read: list[tuple[Residue, bool]] = []
    for entity in chain:
        hetero, _, _ = entity.get_id()
        if hetero == "W" or entity.get_resname().strip() in ("HOH", "WAT", "DOD"):
            selected.waters += 1
            continue
        residue, hydrogens = _residue(entity)
        if "CA" in residue.atoms and (residue.letter != UNKNOWN or {"N", "C"} <= set(residue.atoms)):
            read.append((residue, hetero == " " and (not residue.modified or residue.name == UNKNOWN_NAME)))
            selected.hydrogens += hydrogens
        else:
            _count(selected.left_out, residue.name if residue.modified else f"{residue.name} without CA")
            selected.others += [residue] * residue.modified
    for index, (residue, certain) in enumerate(read):
        around = pairwise([one for one, _ in read[max(0, index - 1) : index + 2]])
        if certain or any(not bond_length(before, after)[1] for before, after in around):
            selected.residues.append(residue)
        else:
            _count(selected.left_out, residue.name)
            selected.others.append(residue)
    return selected


def select_chains(model: Model) -> dict[str, Selected]:
    """The protein residues of each chain of a model, by the chain's name, "_" if it has none."""
    return {chain.id.strip() or "_": select_residues(chain) for chain in model}


def atom_places(residues: Sequence[Residue], name: str) -> Float[np.ndarray, "residue 3"]:
    """Position of this atom (N, CA, C, O, CB) in each residue, NaN if it is missing or at an infinity."""
    nowhere = np.full(3, np.nan)
    places = np.stack([residue.atoms.get(name, nowhere) for residue in residues])
    return np.where(np.isinf(places), np.nan, places)


def bond_length(before: Residue, after: Residue) -> tuple[float, bool]:
    """Distance in ångström between C and the next N, else between CAs; and whether it is too long for a bond."""
    c, n = before.atoms.get("C"), after.atoms.get("N")
    if c is not None and n is not None:
        distance, longest = float(np.linalg.norm(c - n)), PEPTIDE_BOND
    else:
        distance, longest = float(np.linalg.norm(before.atoms["CA"] - after.atoms["CA"])), ALPHA_DISTANCE
    return distance, distance > longest


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _residue(entity: Any) -> tuple[Residue, int]:
    """A residue with one position for each heavy atom, and its number of hydrogens."""
    alternative = entity.is_disordered() == 2
    if alternative:
        entity = max(entity.disordered_get_list(), key=_occupancy)  # ties: the first
    chosen = _alternate(entity)
    atoms: dict[str, Any] = {}
    elements, hydrogens, alternates = [], 0, 0
    for atom in entity:
        several = len(_locations(atom)) > 1
        one = _place(atom, chosen) if atom.is_disordered() == 2 else atom
        if one.element in HYDROGENS:
            hydrogens += 1
            continue
        atoms[one.get_name()] = one.coord.astype(float)
        elements.append(one.element)
        alternates += several
    _, number, insertion = entity.get_id()
    name = entity.get_resname().strip()
    letter = letter_of(name)
    return Residue(number, insertion.strip(), letter, name, atoms, tuple(elements), alternates, alternative), hydrogens


def _alternate(entity: Any) -> str | None:
    """The label of the alternate location with the highest occupancy, summed over the residue so that all its atoms
    have the same location; ties: the first in alphabetical order."""
    totals: dict[str, float] = {}
    for atom in entity:
        if atom.is_disordered() == 2:
            for one in _locations(atom):
                totals[one.get_altloc()] = totals.get(one.get_altloc(), 0.0) + (one.get_occupancy() or 0.0)
    return min(totals, key=lambda label: (-round(totals[label], 6), label)) if totals else None


def _place(atom: Any, chosen: str | None) -> Any:
    """An atom at the chosen location or, if that lacks it, at the atom's location of highest occupancy."""
    if chosen is not None and atom.disordered_has_id(chosen):
        return atom.disordered_get(chosen)
    return min(_locations(atom), key=lambda one: (-(one.get_occupancy() or 0.0), one.get_altloc()))


def _occupancy(entity: Any) -> float:
    """Mean occupancy of the atoms of a residue, used if there are several at one number."""
    values = [one.get_occupancy() or 0.0 for atom in entity for one in _locations(atom)]
    return float(np.mean(values or [0.0]))


def _locations(atom: Any) -> list[Any]:
    """The alternate locations of an atom by label, which may have several letters in mmCIF; else the atom itself."""
    if atom.is_disordered() != 2:
        return [atom]
    return sorted(atom.child_dict.values(), key=lambda one: str(one.get_altloc()))
