"""Graph crossover: a piece of one molecule joined to a piece of another.

Following Jensen, Chem. Sci. 2019, 10, 3567, both parents are cut, either at one bond outside rings or at two bonds of
one ring, and a piece of each is joined at the cuts. Only single bonds are cut, and each is replaced by a single bond,
so that no valence changes and nearly every child is a valid molecule.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from rdkit import Chem, rdBase

from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS, key, parse
from sciencegen.items import Refusal

ATTEMPTS = 10
"""Maximum number of attempts, since a crossover may return a parent (when a methyl replaces a methyl)."""

RING_SHARE = 0.3
"""Probability of cutting a ring if both parents have one that can be cut."""

SHRINKAGE, GROWTH = 0.5, 1.3
"""A child has at least 0.5 times the heavy atoms of its smaller parent, at most 1.3 times those of its larger one."""

Bond = tuple[int, int]
Choice = TypeVar("Choice")


class Piece(NamedTuple):
    """Atoms to keep, and those of them that lost a neighbour: one, or two if a ring was cut."""

    atoms: frozenset[int]
    ends: tuple[int, ...]


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
        cuts = [_any(options, generator) for options in rings] if in_ring else [[_any(o, generator)] for o in chains]
        pieces = [_piece(parent, cut, generator) for parent, cut in zip((molecule, other), cuts, strict=True)]
        if not least <= sum(len(piece.atoms) for piece in pieces) <= most:
            continue
        child = _join(molecule, other, *pieces)
        if not isinstance(child, Refusal) and key(child) not in known:
            return child
    return Refusal(f"{ATTEMPTS} crossovers gave no new molecule of {least:.0f} to {most:.0f} heavy atoms")


def chain_bonds(molecule: Chem.Mol) -> list[Bond]:
    """Single bonds outside rings."""
    return [_ends(bond) for bond in molecule.GetBonds() if _is_single(bond) and not bond.IsInRing()]


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


def _any(options: list[Choice], generator: np.random.Generator) -> Choice:
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
    return Piece(frozenset(reached), tuple(ends if generator.random() < 0.5 else ends[::-1]))


def _join(molecule: Chem.Mol, other: Chem.Mol, piece: Piece, second: Piece) -> Chem.Mol | Refusal:
    """Join both pieces to one molecule by bonds between their ends, pair by pair."""
    if len(piece.ends) != len(second.ends):
        return Refusal("a cut didn't divide its ring in two")
    offset = molecule.GetNumAtoms()
    kept = piece.atoms | {offset + atom for atom in second.atoms}
    with rdBase.BlockLogs():
        try:
            child = Chem.RWMol(Chem.CombineMols(molecule, other))
            child.BeginBatchEdit()
            for end, other_end in zip(piece.ends, second.ends, strict=True):
                child.AddBond(end, offset + other_end, Chem.BondType.SINGLE)
            for atom in range(child.GetNumAtoms()):
                if atom not in kept:
                    child.RemoveAtom(atom)
            child.CommitBatchEdit()
            Chem.SanitizeMol(child)
            return parse(Chem.MolToSmiles(child))
        except (ValueError, RuntimeError) as error:
            return Refusal(f"RDKit refuses the child: {str(error).strip()}")
