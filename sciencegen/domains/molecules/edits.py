"""Edits of the molecular graph: one atom or bond added, changed or removed.

The moves of Jensen, Chem. Sci. 2019, 10, 3567 (there reaction SMARTS), implemented by valence arithmetic on the Kekulé
form: bonds are added only between atoms that have hydrogens to replace, so that nearly every edit gives a molecule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from rdkit import Chem, rdBase

from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS, key, parse
from sciencegen.items import Refusal

ATTEMPTS = 10
"""Maximum number of attempts, since an edit may not be applicable, or may give the same molecule."""

ELEMENTS = {6: 0.4, 7: 0.2, 8: 0.2, 16: 0.05, 9: 0.05, 17: 0.05, 35: 0.05}
"""Atomic number of an added atom -> probability."""

RING_SIZES = {3: 0.05, 4: 0.05, 5: 0.35, 6: 0.45, 7: 0.1}
"""Size of a closed ring -> probability."""

ORDERS = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)

Choice = TypeVar("Choice")
Edit = Callable[[Chem.RWMol, np.random.Generator], bool]
"""Changes the Kekulé form in place; returns False if it isn't applicable."""


def edit(molecule: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
    """Another molecule by one random edit, or a Refusal with the reason if none was found."""
    before = key(molecule)
    with rdBase.BlockLogs():
        for _ in range(ATTEMPTS):
            try:
                child = kekulized(molecule)
                if not EDITS[generator.choice(len(EDITS), p=EDIT_SHARES)](child, generator):
                    continue
                Chem.SanitizeMol(child)
                edited = parse(Chem.MolToSmiles(child))
            except (ValueError, RuntimeError):  # not a valid molecule: draw another edit
                continue
            if not isinstance(edited, Refusal) and key(edited) != before:
                return edited
    return Refusal(f"{ATTEMPTS} edits gave no new molecule")


def kekulized(molecule: Chem.Mol) -> Chem.RWMol:
    """Copy with single, double and triple bonds only, and with implicit hydrogens, except on radicals."""
    graph = Chem.RWMol(molecule)
    Chem.Kekulize(graph, clearAromaticFlags=True)
    for atom in graph.GetAtoms():
        if atom.GetNumRadicalElectrons() == 0:
            atom.SetNoImplicit(False)
            atom.SetNumExplicitHs(0)
    graph.UpdatePropertyCache(strict=False)
    return graph


def append_atom(graph: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Replace a hydrogen by a new atom (or two hydrogens, by a double bond)."""
    place, element = _any(_with_hydrogens(graph), generator), _element(generator)
    if place is None or graph.GetNumAtoms() >= MAX_HEAVY_ATOMS:
        return False
    most = min(place.GetTotalNumHs(), Chem.GetPeriodicTable().GetDefaultValence(element))
    order = 2 if most >= 2 and generator.random() < 0.25 else 1
    graph.AddBond(place.GetIdx(), graph.AddAtom(Chem.Atom(element)), ORDERS[order - 1])
    return True


def insert_atom(graph: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Insert a new atom into a single bond."""
    bond = _any([bond for bond in graph.GetBonds() if bond.GetBondType() == ORDERS[0]], generator)
    element = int(generator.choice([6, 7, 8], p=[0.6, 0.2, 0.2]))
    if bond is None or graph.GetNumAtoms() >= MAX_HEAVY_ATOMS:
        return False
    ends, new = (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()), graph.AddAtom(Chem.Atom(element))
    graph.RemoveBond(*ends)
    for end in ends:
        graph.AddBond(end, new, ORDERS[0])
    return True


def change_atom(graph: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Change the element of an uncharged atom; sanitization later rejects impossible valences."""
    atom, element = (
        _any([atom for atom in graph.GetAtoms() if not atom.GetFormalCharge()], generator),
        _element(generator),
    )
    if atom is None or element == atom.GetAtomicNum():
        return False
    atom.SetAtomicNum(element)
    atom.SetIsotope(0)
    return True


def delete_atom(graph: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Delete an atom with one neighbour, or with two, which are then bonded."""
    atom = _any([atom for atom in graph.GetAtoms() if 0 < atom.GetDegree() <= 2], generator)
    if atom is None or graph.GetNumAtoms() < 2:
        return False
    first, *rest = [neighbour.GetIdx() for neighbour in atom.GetNeighbors()]
    for second in rest:
        if graph.GetBondBetweenAtoms(first, second) is not None:
            return False
        order = min(int(bond.GetBondTypeAsDouble()) for bond in atom.GetBonds())
        graph.AddBond(first, second, ORDERS[order - 1])
    graph.RemoveAtom(atom.GetIdx())
    return True


def change_bond(graph: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Change the order of a bond by one."""
    bond = _any(list(graph.GetBonds()), generator)
    if bond is None:
        return False
    order = int(bond.GetBondTypeAsDouble()) + (1 if generator.random() < 0.5 else -1)
    if not 1 <= order <= 3:
        return False
    bond.SetBondType(ORDERS[order - 1])
    bond.SetStereo(Chem.BondStereo.STEREONONE)
    return True


def close_ring(graph: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Add a bond between two atoms with hydrogens, at the distance that the sampled ring size requires."""
    size = int(generator.choice(list(RING_SIZES), p=list(RING_SIZES.values())))
    free = [atom.GetIdx() for atom in _with_hydrogens(graph)]
    distances = Chem.GetDistanceMatrix(graph)[np.ix_(free, free)]
    pair = _any(np.argwhere(np.triu(distances == size - 1)).tolist(), generator)
    if pair is None:
        return False
    graph.AddBond(free[pair[0]], free[pair[1]], ORDERS[0])
    return True


def open_ring(graph: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Remove a single bond of a ring."""
    bond = _any([b for b in graph.GetBonds() if b.IsInRing() and b.GetBondType() == ORDERS[0]], generator)
    if bond is None:
        return False
    graph.RemoveBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx())
    return True


def move_piece(graph: Chem.RWMol, generator: np.random.Generator) -> bool:
    """Move a group that is attached by a single bond outside rings to another atom with a hydrogen."""
    bond = _any([b for b in graph.GetBonds() if not b.IsInRing() and b.GetBondType() == ORDERS[0]], generator)
    if bond is None:
        return False
    ends = [bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()]
    moved, left = ends if generator.random() < 0.5 else ends[::-1]
    graph.RemoveBond(moved, left)
    stays = next(fragment for fragment in Chem.GetMolFrags(graph) if left in fragment)
    place = _any([atom for atom in _with_hydrogens(graph) if atom.GetIdx() in set(stays) - {left}], generator)
    if place is None:
        return False
    graph.AddBond(moved, place.GetIdx(), ORDERS[0])
    return True


SHARES: dict[Edit, float] = {
    append_atom: 0.2,
    insert_atom: 0.1,
    change_atom: 0.2,
    delete_atom: 0.15,
    change_bond: 0.1,
    close_ring: 0.1,
    open_ring: 0.05,
    move_piece: 0.1,
}
EDITS, EDIT_SHARES = list(SHARES), list(SHARES.values())


def _with_hydrogens(graph: Chem.RWMol) -> list[Chem.Atom]:
    return [atom for atom in graph.GetAtoms() if atom.GetTotalNumHs() > 0]


def _element(generator: np.random.Generator) -> int:
    return int(generator.choice(list(ELEMENTS), p=list(ELEMENTS.values())))


def _any(options: Sequence[Choice], generator: np.random.Generator) -> Choice | None:
    return options[int(generator.integers(len(options)))] if options else None
