"""Residues of one chain out of Biopython's tree: one place for each atom, no waters, no ligands, no hydrogens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.residue_atoms import UNKNOWN, expected_atoms, is_standard, letter_of

PEPTIDE_BOND = 2.0
"""Ångström; a bond of C and N has 1.33, so what lies further apart isn't bonded."""
ALPHA_DISTANCE = 4.5
"""Ångström between neighbours' CA (3.8, or 2.9 across a cis bond), where C or N is missing."""
HYDROGENS = frozenset("HD")


@dataclass(frozen=True)
class Residue:
    """number, insertion: as in the file, `52` and `A` being 52A. letter: of the 20, or `UNKNOWN`. name: the file's own.
    atoms: place of each heavy atom by name. elements: of these atoms, in their order. alternates: how many had several
    places. alternative: this residue is one of several that the file has at its number."""

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
        return not is_standard(self.name)

    @property
    def missing(self) -> frozenset[str]:
        """Names of heavy atoms that a residue of this letter has and this one lacks. Of a modified one they are
        looked for in the backbone only, since its side chain has other names."""
        return expected_atoms(UNKNOWN if self.modified else self.letter) - set(self.atoms)


@dataclass
class Selected:
    """What of a chain is its protein. left_out: names of what isn't, and how many there are of each; waters: their
    number; hydrogens: atoms of its residues that were passed over."""

    residues: list[Residue] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    waters: int = 0
    hydrogens: int = 0


def select_residues(chain: Any) -> Selected:
    """The protein of a chain: its ATOM records of amino acids, and those HETATM ones that are bonded into it."""
    selected = Selected()
    read: list[tuple[Residue, bool]] = []
    for entity in chain:
        hetero, _, _ = entity.get_id()
        if hetero == "W" or entity.get_resname().strip() in ("HOH", "WAT", "DOD"):
            selected.waters += 1
            continue
        residue, hydrogens = _residue(entity)
        if "CA" in residue.atoms and (residue.letter != UNKNOWN or {"N", "C"} <= set(residue.atoms)):
            read.append((residue, hetero == " " and not residue.modified))
            selected.hydrogens += hydrogens
        else:
            _count(selected.left_out, residue.name if residue.modified else f"{residue.name} without CA")
    for index, (residue, certain) in enumerate(read):
        if certain or _is_bonded(read, index):
            selected.residues.append(residue)
        else:
            _count(selected.left_out, residue.name)
    return selected


def bond_length(before: Residue, after: Residue) -> tuple[float, bool]:
    """Ångström between C and the next N, else between CAs; and whether that is too long for a bond."""
    c, n = before.atoms.get("C"), after.atoms.get("N")
    if c is not None and n is not None:
        distance, longest = float(np.linalg.norm(c - n)), PEPTIDE_BOND
    else:
        distance, longest = float(np.linalg.norm(before.atoms["CA"] - after.atoms["CA"])), ALPHA_DISTANCE
    return distance, distance > longest


def _is_bonded(read: list[tuple[Residue, bool]], index: int) -> bool:
    around = pairwise([residue for residue, _ in read[max(0, index - 1) : index + 2]])
    return any(not bond_length(before, after)[1] for before, after in around)


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def _residue(entity: Any) -> tuple[Residue, int]:
    """A residue with one place for each heavy atom, and how many hydrogens it has."""
    alternative = entity.is_disordered() == 2
    if alternative:
        entity = max(entity.disordered_get_list(), key=_occupancy)  # the first of equal ones
    chosen = _alternate(entity)
    atoms: dict[str, Any] = {}
    elements, hydrogens, alternates = [], 0, 0
    for atom in entity:
        several = atom.is_disordered() == 2 and len(atom.disordered_get_list()) > 1
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
    """The label of the alternate location with the highest occupancy, summed over the residue, so that its atoms fit
    each other; the first in the alphabet of equal ones."""
    totals: dict[str, float] = {}
    for atom in entity:
        if atom.is_disordered() == 2:
            for one in atom.disordered_get_list():
                totals[one.get_altloc()] = totals.get(one.get_altloc(), 0.0) + (one.get_occupancy() or 0.0)
    return min(totals, key=lambda label: (-round(totals[label], 6), label)) if totals else None


def _place(atom: Any, chosen: str | None) -> Any:
    """An atom where the chosen location has it, else at its own highest occupancy."""
    if chosen is not None and atom.disordered_has_id(chosen):
        return atom.disordered_get(chosen)
    return min(atom.disordered_get_list(), key=lambda one: (-(one.get_occupancy() or 0.0), one.get_altloc()))


def _occupancy(entity: Any) -> float:
    """Of one of several residues at a number: the mean over its atoms."""
    values: Iterable[float] = [atom.get_occupancy() or 0.0 for atom in entity.get_unpacked_list()]
    return float(np.mean(list(values) or [0.0]))
