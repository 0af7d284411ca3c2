"""Edits of the molecular graph: one atom or bond added, changed or removed.

The moves of Jensen, Chem. Sci. 2019, 10, 3567 (there reaction SMARTS), implemented by valence arithmetic on the Kekulé
form: bonds are added only between atoms that have hydrogens to replace, so that nearly every edit gives a molecule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

import numpy as np
import selfies
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


# Point mutations of SELFIES: a small random move, the baseline of latent searches.
#
# One symbol is replaced, inserted or deleted, as in STONED (Nigam, Pollice, Krenn, dos Passos Gomes, Aspuru-Guzik,
# Chem. Sci. 2021, 12, 7079).

"""Maximum number of attempts, since a mutation may have no effect (symbols after the end of a ring are ignored)."""


@cache
def alphabet() -> tuple[str, ...]:
    """Neutral symbols that are valid anywhere, sorted. Charged ones would be neutralized by `parse`."""
    symbols = selfies.get_semantic_robust_alphabet()
    return tuple(sorted(symbol for symbol in symbols if not any(sign in symbol for sign in ("+1", "-1"))))


def mutate(molecule: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
    """Another molecule by a change of one SELFIES symbol, or a Refusal with the reason if none was found."""
    before = key(molecule)
    try:
        symbols = list(selfies.split_selfies(selfies.encoder(before)))
    except selfies.EncoderError as error:
        return Refusal(f"SELFIES can't write it: {str(error).strip().splitlines()[0]}")
    last = Refusal(f"{ATTEMPTS} mutations gave the same molecule")
    for _ in range(ATTEMPTS):
        mutant = parse(_decode(_mutate_symbols(symbols, generator)))
        if isinstance(mutant, Refusal):
            last = mutant
        elif radicals(mutant) > radicals(molecule):
            last = Refusal(f"{ATTEMPTS} mutations gave radicals alone")
        elif key(mutant) != before:
            return mutant
    return last


def radicals(molecule: Chem.Mol) -> int:
    """Number of unpaired electrons. One of 22 mutations of small molecules has some."""
    return sum(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())


def _mutate_symbols(symbols: list[str], generator: np.random.Generator) -> list[str]:
    """Replace, insert or delete one symbol with equal probability; a single symbol is never deleted."""
    kind = generator.integers(3 if len(symbols) > 1 else 2)
    drawn = alphabet()[generator.integers(len(alphabet()))]
    if kind == 1:
        place = generator.integers(len(symbols) + 1)
        return [*symbols[:place], drawn, *symbols[place:]]
    place = generator.integers(len(symbols))
    return [*symbols[:place], *([drawn] if kind == 0 else []), *symbols[place + 1 :]]


def _decode(symbols: list[str]) -> str:
    try:
        return selfies.decoder("".join(symbols))
    except selfies.DecoderError:
        return ""


# Graph crossover: a piece of one molecule joined to a piece of another.
#
# Following Jensen, Chem. Sci. 2019, 10, 3567, both parents are cut, either at one bond outside rings or at two bonds
# of one ring, and a piece of each is joined at the cuts. Only single bonds are cut, and each is replaced by a single
# bond, so that no valence changes and nearly every child is a valid molecule.

"""Maximum number of attempts, since a crossover may return a parent (when a methyl replaces a methyl)."""

RING_SHARE = 0.3
"""Probability of cutting a ring if both parents have one that can be cut."""

SHRINKAGE, GROWTH = 0.5, 1.3
"""A child has at least 0.5 times the heavy atoms of its smaller parent, at most 1.3 times those of its larger one."""

Bond = tuple[int, int]


Piece = tuple[set[int], list[int]]
"""Atoms to keep, and those of them that lost a neighbour: one, or two if a ring was cut."""


def recombine(molecule: Chem.Mol, other: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
    """A molecule made of a piece of each that differs from both, or a Refusal with the reason if none was found."""
    known = {key(molecule), key(other)}
    sizes = molecule.GetNumAtoms(), other.GetNumAtoms()
    least, most = SHRINKAGE * min(sizes), min(GROWTH * max(sizes), MAX_HEAVY_ATOMS)
    chains = [chain_bonds(parent) for parent in (molecule, other)]
    rings = [ring_cuts(parent) for parent in (molecule, other)]
    if not (all(chains) or all(rings)):
        return Refusal("a parent has no bond that can be cut")
    for _ in range(ATTEMPTS):
        in_ring = all(rings) and (not all(chains) or generator.random() < RING_SHARE)
        cuts = (
            [_any_piece(options, generator) for options in rings]
            if in_ring
            else [[_any_piece(o, generator)] for o in chains]
        )
        pieces = [_piece(parent, cut, generator) for parent, cut in zip((molecule, other), cuts, strict=True)]
        if not least <= sum(len(atoms) for atoms, _ in pieces) <= most:
            continue
        child = _join(molecule, other, *pieces)
        if not isinstance(child, Refusal) and key(child) not in known:
            return child
    return Refusal(f"{ATTEMPTS} crossovers gave no new molecule of {least:.0f} to {most:.0f} heavy atoms")


def chain_bonds(molecule: Chem.Mol) -> list[Bond]:
    """Single bonds outside rings."""
    return [_ends(bond) for bond in molecule.GetBonds() if _is_single(bond) and not bond.IsInRing()]


def beyond(molecule: Chem.Mol, bond: Bond) -> set[int]:
    """The atoms on the side of a bond's second atom, outside rings."""
    first, start = bond
    reached, ahead = {start}, [start]
    while ahead:
        new = {one.GetIdx() for one in molecule.GetAtomWithIdx(ahead.pop()).GetNeighbors()} - reached - {first}
        reached |= new
        ahead += new
    return reached


def ring_cuts(molecule: Chem.Mol) -> list[list[Bond]]:
    """Pairs of single bonds of one ring, without a common atom, that belong to no other ring.

    After the cut, the halves of the ring may still be connected by a bridge.
    """
    rings = molecule.GetRingInfo()
    cuts: list[list[Bond]] = []
    for ring in rings.BondRings():
        bonds = [molecule.GetBondWithIdx(index) for index in ring]
        free = [_ends(bond) for bond in bonds if _is_single(bond) and rings.NumBondRings(bond.GetIdx()) == 1]
        cuts += [[first, second] for place, first in enumerate(free) for second in free[place + 1 :]
                 if not set(first) & set(second)]  # fmt: skip
    return cuts


def _is_single(bond: Chem.Bond) -> bool:
    return bond.GetBondType() == Chem.BondType.SINGLE and not bond.GetIsAromatic()


def _ends(bond: Chem.Bond) -> Bond:
    return bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()


def _any_piece(options: list[Choice], generator: np.random.Generator) -> Choice:
    return options[generator.integers(len(options))]


def _piece(molecule: Chem.Mol, cut: list[Bond], generator: np.random.Generator) -> Piece:
    """The part that is connected to a random end of the first cut bond; its ends are in random order."""
    lost = {frozenset(bond) for bond in cut}
    first = cut[0][generator.integers(2)]
    reached, ahead = {first}, [first]
    while ahead:
        here = ahead.pop()
        for neighbour in molecule.GetAtomWithIdx(here).GetNeighbors():
            there = neighbour.GetIdx()
            if there not in reached and frozenset((here, there)) not in lost:
                reached.add(there)
                ahead.append(there)
    ends = [atom for bond in cut for atom in bond if atom in reached]
    return reached, ends if generator.random() < 0.5 else ends[::-1]


def _join(molecule: Chem.Mol, other: Chem.Mol, piece: Piece, second: Piece) -> Chem.Mol | Refusal:
    """Join both pieces to one molecule by bonds between their ends, pair by pair."""
    (atoms, ends), (other_atoms, other_ends) = piece, second
    if len(ends) != len(other_ends):
        return Refusal("a cut didn't divide its ring in two")
    offset = molecule.GetNumAtoms()
    kept = atoms | {offset + atom for atom in other_atoms}
    with rdBase.BlockLogs():
        try:
            child = Chem.RWMol(Chem.CombineMols(molecule, other))
            child.BeginBatchEdit()
            for end, other_end in zip(ends, other_ends, strict=True):
                child.AddBond(end, offset + other_end, Chem.BondType.SINGLE)
            for atom in range(child.GetNumAtoms()):
                if atom not in kept:
                    child.RemoveAtom(atom)
            child.CommitBatchEdit()
            Chem.SanitizeMol(child)
            return parse(Chem.MolToSmiles(child))
        except (ValueError, RuntimeError) as error:
            return Refusal(f"RDKit refuses the child: {str(error).strip()}")


# Configurations after an edit: those of centres and double bonds that keep their neighbours, in whatever order.

TURNS = (Chem.ChiralType.CHI_TETRAHEDRAL_CW, Chem.ChiralType.CHI_TETRAHEDRAL_CCW)
CIS = (Chem.BondStereo.STEREOZ, Chem.BondStereo.STEREOCIS)


def turned(tag: Chem.ChiralType, before: Sequence[int | None], after: Sequence[int]) -> Chem.ChiralType:
    """The chirality for another order of the same neighbours; none if they aren't the same."""
    if tag not in TURNS or len(before) != len(after) or {*before} != {*after}:
        return Chem.ChiralType.CHI_UNSPECIFIED
    order = [after.index(one) for one in before if one is not None]
    odd = sum(first > second for place, first in enumerate(order) for second in order[place + 1 :]) % 2
    return TURNS[(TURNS.index(tag) + odd) % 2]


def set_double_bond(molecule: Chem.Mol, ends: Bond, sides: Bond, is_cis: bool) -> None:
    """Set the configuration of the double bond of two atoms, if it is there. sides: the neighbour of each end that it
    refers to."""
    double, *single = (molecule.GetBondBetweenAtoms(*pair) for pair in (ends, *zip(ends, sides, strict=True)))
    if double is None or None in single or double.GetBondType() != Chem.BondType.DOUBLE:
        return
    double.SetStereoAtoms(*(sides if double.GetBeginAtomIdx() == ends[0] else sides[::-1]))
    double.SetStereo(Chem.BondStereo.STEREOCIS if is_cis else Chem.BondStereo.STEREOTRANS)
