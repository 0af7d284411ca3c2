"""Screens substructure queries: excludes those that can't match a molecule because of its atoms and bonds.

Most of several hundred structural alerts contain a bond that a drug-like molecule doesn't have (N=N, C=S, O-O). Each
query is split once into the bonds and atoms that it needs, a molecule into the bonds and atoms that it has. Only
queries whose needs are all met go to the (exact, slower) substructure search. A need that can't be decided from the
atoms and the bond alone (rings, degree, recursive patterns) counts as met, so that no match is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache, cached_property
from typing import TypeVar

from rdkit import Chem

AtomKey = tuple[int, bool, int, int]
"""Atomic number, aromatic, formal charge, hydrogens."""
BondKey = tuple[AtomKey, float, AtomKey]
"""(atom, order, atom). The order is RDKit's number: faster than its enumeration, but dative bonds have 1.0 too."""

_MEMORY = 50_000
_ORDERS = {1.5: 12, 2.0: 2, 3.0: 3}
"""Order as a number -> the bond type; 1.0 is treated as undecided."""


Need = TypeVar("Need", bound=Hashable)
"""A described atom, or a bond with its ends."""
Fact = Callable[[str, int], bool | None]
"""(kind of query, number) -> whether it holds; None if unknown."""


class PatternScreen:
    """`candidates(molecule)` returns the indices of the queries that may match; None as a query always may."""

    def __init__(self, queries: Sequence[Chem.Mol | None]):
        self._atom_needs: dict[str, int] = {}
        self._bond_needs: dict[tuple[str, str, str], int] = {}
        needs = [self._needs_of(query) for query in queries]
        self._needs: dict[int, list[int]] = {}
        for index, need in enumerate(needs):
            self._needs.setdefault(need, []).append(index)
        self._met_by_atom: dict[AtomKey, int] = {}
        self._met_by_bond: dict[BondKey, int] = {}

    def _needs_of(self, query: Chem.Mol | None) -> int:
        """One bit for each distinct bond or lone atom that the query requires."""
        if query is None:
            return 0
        atoms = [_describe(atom) for atom in query.GetAtoms()]
        need = 0
        for bond in query.GetBonds():
            ends = sorted((atoms[bond.GetBeginAtomIdx()], atoms[bond.GetEndAtomIdx()]))
            need |= self._bit(self._bond_needs, (ends[0], _describe(bond), ends[1]))
        for atom, description in zip(query.GetAtoms(), atoms, strict=True):
            if atom.GetDegree() == 0:
                need |= self._bit(self._atom_needs, description)
        return need

    def _bit(self, table: dict[Need, int], need: Need) -> int:
        if need not in table:
            table[need] = 1 << (len(self._atom_needs) + len(self._bond_needs))
        return table[need]

    def candidates(self, molecule: Chem.Mol) -> list[int]:
        missing = ~self._met(molecule)
        return [index for need, indices in self._needs.items() if not need & missing for index in indices]

    def _met(self, molecule: Chem.Mol) -> int:
        atoms = [
            (atom.GetAtomicNum(), atom.GetIsAromatic(), atom.GetFormalCharge(), atom.GetTotalNumHs(True))
            for atom in molecule.GetAtoms()
        ]
        bonds = {
            (atoms[bond.GetBeginAtomIdx()], bond.GetBondTypeAsDouble(), atoms[bond.GetEndAtomIdx()])
            for bond in molecule.GetBonds()
        }
        met = 0
        if self._atom_needs:
            for atom in set(atoms):
                known = self._met_by_atom.get(atom)
                met |= self._learn_atom(atom) if known is None else known
        for bond in bonds:
            known = self._met_by_bond.get(bond)
            met |= self._learn_bond(bond) if known is None else known
        return met

    def _learn_atom(self, atom: AtomKey) -> int:
        if len(self._met_by_atom) > _MEMORY:
            self._met_by_atom.clear()
        met = sum(bit for description, bit in self._atom_needs.items() if _atom_can(description, atom))
        self._met_by_atom[atom] = met
        return met

    def _learn_bond(self, bond: BondKey) -> int:
        if len(self._met_by_bond) > _MEMORY:
            self._met_by_bond.clear()
        begin, order, end = bond
        met = 0
        for (first, between, second), bit in self._bond_needs.items():
            ends = (_atom_can(first, begin) and _atom_can(second, end)) or (
                _atom_can(first, end) and _atom_can(second, begin)
            )
            if ends and _bond_can(between, order):
                met |= bit
        self._met_by_bond[bond] = met
        return met


def _describe(part: Chem.Atom | Chem.Bond) -> str:
    """RDKit's description of a query: one node per line, indented under its parent. "" if it isn't a query."""
    return part.DescribeQuery() if part.HasQuery() else ""


@cache
def _atom_can(description: str, atom: AtomKey) -> bool:
    return _possible(_tree(description), lambda name, value: _atom_fact(name, value, atom))


@cache
def _bond_can(description: str, order: float) -> bool:
    return _possible(_tree(description), lambda name, value: _bond_fact(name, value, order))


def _atom_fact(name: str, value: int, atom: AtomKey) -> bool | None:
    """Whether a leaf of an atom query holds; None if the key doesn't determine it."""
    number, aromatic, charge, hydrogens = atom
    facts = {
        "AtomAtomicNum": number == value,
        "AtomType": number + 1000 * aromatic == value,
        "AtomIsAromatic": aromatic == bool(value),
        "AtomIsAliphatic": aromatic != bool(value),
        "AtomFormalCharge": charge == value,
        "AtomHCount": hydrogens == value,
    }
    return facts.get(name)


def _bond_fact(name: str, value: int, order: float) -> bool | None:
    """Whether a leaf of a bond query holds; None if the order doesn't determine it."""
    if name == "BondOrder":
        if order == 1.0:
            return False if value in _ORDERS.values() else None
        return _ORDERS[order] == value if order in _ORDERS else None
    if name == "SingleOrAromaticBond" and order in _ORDERS:
        return (order == 1.5) == bool(value)
    return None


@cache
def _tree(description: str) -> tuple:
    """(line, children) of an indented description."""
    lines = [line for line in description.splitlines() if line.strip()]

    def children(start: int, depth: int) -> list[tuple]:
        nodes = []
        for index in range(start, len(lines)):
            indent = (len(lines[index]) - len(lines[index].lstrip())) // 2
            if indent < depth:
                break
            if indent == depth:
                nodes.append((lines[index].strip(), tuple(children(index + 1, depth + 1))))
        return nodes

    roots = children(0, 0)
    return roots[0] if len(roots) == 1 else ("", ())


def _possible(tree: tuple, fact: Fact) -> bool:
    return _range(tree, fact)[0]


def _range(tree: tuple, fact: Fact) -> tuple[bool, bool]:
    """(can be true, can be false): whether a query can have each value, given the known facts."""
    line, children = tree
    parts = [_range(child, fact) for child in children]
    if parts and line in ("AtomAnd", "BondAnd"):
        return all(part[0] for part in parts), any(part[1] for part in parts)
    if parts and line in ("AtomOr", "BondOr"):
        return any(part[0] for part in parts), all(part[1] for part in parts)
    words = line.split()
    if children or len(words) != 4 or words[2] not in ("=", "!=") or words[3] != "val":
        return True, True
    holds = fact(words[0], int(words[1]))
    if holds is None:
        return True, True
    holds = holds if words[2] == "=" else not holds
    return holds, not holds


class NamedPatterns:
    """Names -> SMARTS of groups, which are read at the first search."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = patterns

    @cached_property
    def _queries(self) -> list[Chem.Mol]:
        return [Chem.MolFromSmarts(pattern) for pattern in self._patterns.values()]

    @cached_property
    def _screen(self) -> PatternScreen:
        return PatternScreen(self._queries)

    def found(self, molecule: Chem.Mol) -> list[str]:
        """Names of the groups that a molecule has, in the order of the patterns."""
        names = tuple(self._patterns)
        candidates = sorted(self._screen.candidates(molecule))
        return [names[index] for index in candidates if molecule.HasSubstructMatch(self._queries[index])]
