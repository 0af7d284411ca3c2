"""Classes of molecules, for searches that return molecules of many kinds: scaffolds, and how rings are joined.

A scaffold is that of Bemis & Murcko, J. Med. Chem. 1996, 39, 2887: ring systems and the linkers between them. A ring
pattern is a reduced graph of it (Gillet, Willett & Bradshaw, J. Chem. Inf. Comput. Sci. 2003, 43, 338): each ring
system is one node, and linkers keep their atoms. `Cc1ccc(NS(=O)(=O)c2ccc3c(c2)CCO3)cc1` has the pattern
`[Ar]NS(=O)(=O)[Ar]`, whatever its rings are and wherever the linker is attached.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rdkit import Chem

AROMATIC, CYCLIC, ALKYL = 1, 2, 3
_SYMBOLS = {"[1*]": "[Ar]", "[2*]": "[Cy]", "[3*]": "[R]"}
"""Nodes: a ring system with an aromatic ring, one without, and an alkyl group of a molecule without rings."""


def murcko_scaffold(molecule: Chem.Mol) -> Chem.Mol:
    """The rings of a molecule and the chains between them (Bemis and Murcko 1996)."""
    from rdkit.Chem.Scaffolds import MurckoScaffold  # imports all of AllChem

    return MurckoScaffold.GetScaffoldForMol(molecule)


def scaffolds(molecules: Sequence[Chem.Mol]) -> list[str]:
    """SMILES of each molecule's scaffold without stereochemistry, so that stereoisomers are in one class; "" for a
    molecule without rings."""
    return [Chem.MolToSmiles(murcko_scaffold(one), isomericSmiles=False) for one in molecules]


def ring_patterns(molecules: Sequence[Chem.Mol]) -> list[str]:
    """The ring pattern of each molecule; of one without rings the whole molecule with alkyl groups as nodes, such as
    `[R]C(=O)O` for acids."""
    return [_ring_pattern(molecule) for molecule in molecules]


def series(molecules: Sequence[Chem.Mol]) -> list[str]:
    """The ring patterns of molecules with two ring systems or more, "" for others: a single ring says too little.

    Examples
    --------
    >>> series([Chem.MolFromSmiles(text) for text in ("O=C(Nc1ccccc1)c1ccncc1", "Cc1ccccc1", "CCO")])
    ['[Ar]NC([Ar])=O', '', '']
    """
    return [pattern if sum(map(pattern.count, ("[Ar]", "[Cy]"))) > 1 else "" for pattern in ring_patterns(molecules)]


def _ring_pattern(molecule: Chem.Mol) -> str:
    if not molecule.GetRingInfo().NumRings():
        bonds = (
            bond for bond in molecule.GetBonds() if _is_alkyl(bond.GetBeginAtom()) and _is_alkyl(bond.GetEndAtom())
        )
        return _contracted(
            molecule, _components([atom.GetIdx() for atom in molecule.GetAtoms() if _is_alkyl(atom)], bonds)
        )
    scaffold = murcko_scaffold(molecule)
    inside = [atom.GetIdx() for atom in scaffold.GetAtoms() if atom.IsInRing()]
    return _contracted(scaffold, _components(inside, (bond for bond in scaffold.GetBonds() if bond.IsInRing())))


def _is_alkyl(atom: Chem.Atom) -> bool:
    return atom.GetAtomicNum() == 6 and atom.GetHybridization() == Chem.HybridizationType.SP3


def _components(atoms: Sequence[int], bonds: Iterable[Chem.Bond]) -> dict[int, int]:
    """Atom -> the first atom of its connected component over these bonds."""
    root = {atom: atom for atom in atoms}

    def first(atom: int) -> int:
        while root[atom] != atom:
            atom = root[atom]
        return atom

    for bond in bonds:
        one, other = sorted((first(bond.GetBeginAtomIdx()), first(bond.GetEndAtomIdx())))
        root[other] = one
    return {atom: first(atom) for atom in atoms}


def _contracted(molecule: Chem.Mol, component: dict[int, int]) -> str:
    """SMILES of the molecule with each component as one node. Atoms double-bonded to a ring are left out."""
    reduced, place = Chem.RWMol(), dict[int, int]()
    for atom in molecule.GetAtoms():
        index = atom.GetIdx()
        if index in component:
            head = component[index]
            if head not in place:
                place[head] = reduced.AddAtom(Chem.Atom(0))
            place[index] = place[head]
            node = reduced.GetAtomWithIdx(place[head])
            node.SetIsotope(_kind(atom, node.GetIsotope()))
        elif not _is_oxo_of_ring(atom):
            place[index] = reduced.AddAtom(_bare(atom))
    for bond in molecule.GetBonds():
        begin, end = place.get(bond.GetBeginAtomIdx()), place.get(bond.GetEndAtomIdx())
        if begin is not None and end is not None and begin != end and not reduced.GetBondBetweenAtoms(begin, end):
            reduced.AddBond(begin, end, bond.GetBondType())
    text = Chem.MolToSmiles(reduced)
    for symbol, name in _SYMBOLS.items():
        text = text.replace(symbol, name)
    return text


def _kind(atom: Chem.Atom, before: int) -> int:
    if not atom.IsInRing():
        return ALKYL
    return AROMATIC if atom.GetIsAromatic() or before == AROMATIC else CYCLIC


def _is_oxo_of_ring(atom: Chem.Atom) -> bool:
    """Whether the atom is =O or the like on a ring, which a Murcko scaffold keeps."""
    return atom.GetDegree() == 1 and all(other.IsInRing() for other in atom.GetNeighbors())


def _bare(atom: Chem.Atom) -> Chem.Atom:
    found = Chem.Atom(atom.GetAtomicNum())
    found.SetFormalCharge(atom.GetFormalCharge())
    return found
