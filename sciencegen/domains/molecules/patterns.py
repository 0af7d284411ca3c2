"""Combines SMARTS patterns to keep and to forbid to one test of a molecule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from rdkit import Chem, rdBase

from sciencegen.domains.molecules.edits import chain_bonds
from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS, parse
from sciencegen.errors import ConfigError
from sciencegen.items import Reference, Refusal

MAX_MATCHES = 10_000


def constraint(
    keep: Sequence[str] = (), forbid: Sequence[str] = (), reference: Reference | None = None
) -> Callable[[Chem.Mol], bool]:
    """A test that a molecule contains every pattern of `keep` and none of `forbid`; `reference` isn't used."""
    kept = [KeptPattern.compile(pattern) for pattern in keep]
    forbidden = [compile_smarts(pattern, "forbid") for pattern in forbid]

    def satisfied(molecule: Chem.Mol) -> bool:
        return all(pattern.holds(molecule) for pattern in kept) and not any(
            molecule.HasSubstructMatch(pattern) for pattern in forbidden
        )

    return satisfied


def compile_smarts(pattern: str, purpose: str) -> Chem.Mol:
    """Compile a SMARTS pattern; an invalid one raises a ConfigError with the pattern and its purpose."""
    with rdBase.BlockLogs():
        query = Chem.MolFromSmarts(pattern) if isinstance(pattern, str) and pattern.strip() else None
    if query is None or query.GetNumAtoms() == 0:
        raise ConfigError(
            f"Expected a SMARTS pattern in '{purpose}', got {pattern!r}. "
            "Write a substructure such as 'c1ccccc1C(=O)N', or 'c1ccccc1[*:1]' with an attachment point."
        )
    return query


@dataclass(frozen=True)
class KeptPattern:
    """A substructure to keep. With attachment points (terminal `*` or `[*:1]`) it may be substituted only there, by at
    most one neighbour for each point; without points it may be substituted anywhere.

    core: the pattern without points. attachments: number of points at each atom of the core, None without points.
    """

    core: Chem.Mol
    attachments: Counter[int] | None

    @classmethod
    def compile(cls, pattern: str) -> KeptPattern:
        query = compile_smarts(pattern, "keep")
        ends = (atom for atom in query.GetAtoms() if atom.GetDegree() == 1 and atom.GetAtomicNum() == 0)
        points = [atom.GetIdx() for atom in ends if atom.DescribeQuery().strip() == "AtomNull"]  # bare `*`, `[*:1]`
        if not points or len(points) == query.GetNumAtoms():
            return cls(query, None)
        at_atom = Counter(query.GetAtomWithIdx(point).GetNeighbors()[0].GetIdx() for point in points)
        renumbered = {old: new for new, old in enumerate(i for i in range(query.GetNumAtoms()) if i not in points)}
        core = Chem.RWMol(query)
        for point in sorted(points, reverse=True):
            core.RemoveAtom(point)
        return cls(core.GetMol(), Counter({renumbered[atom]: count for atom, count in at_atom.items()}))

    def holds(self, molecule: Chem.Mol) -> bool:
        if self.attachments is None:
            return molecule.HasSubstructMatch(self.core)
        matches = molecule.GetSubstructMatches(self.core, uniquify=False, maxMatches=MAX_MATCHES)
        return any(self._substituted_only_at_points(molecule, match) for match in matches)

    def _substituted_only_at_points(self, molecule: Chem.Mol, match: Sequence[int]) -> bool:
        inside, allowed = set(match), self.attachments or Counter()
        for position, index in enumerate(match):
            neighbours = molecule.GetAtomWithIdx(index).GetNeighbors()
            outside = sum(neighbour.GetIdx() not in inside for neighbour in neighbours)
            if outside > allowed[position]:
                return False
        return True


# Screens substructure queries: excludes those that can't match a molecule because of its atoms and bonds.
#
# Most of several hundred structural alerts contain a bond that a drug-like molecule doesn't have (N=N, C=S, O-O).
# Each query is split once into the bonds and atoms that it needs, a molecule into the bonds and atoms that it has.
# Only queries whose needs are all met go to the (exact, slower) substructure search. A need that can't be decided
# from the atoms and the bond alone (rings, degree, recursive patterns) counts as met, so that no match is missed.

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


# Cores with attachment points, and the parts of other molecules that fit to them.
#
# A core is SMILES with attachment points `[*:1]`. Of one piece, each point gets a substituent; of two pieces with a
# point each, a linker joins them; without points, a substituent replaces a hydrogen. Parts are cut from whole
# molecules at single bonds outside rings. A part fits if the atom that it is cut from is like the core's atom that it
# is joined to, so that the new bond is one that its source has (matched pairs of radius 1: Polishchuk, J. Cheminform.
# 2020, 12, 28).

CARBON = 6
LARGEST_PART = 16
"""Heavy atoms of a substituent or linker."""
ATTEMPTS = 30
"""Cuts of a molecule that are tried for each part."""
_CENTRE = "stereocentre of the core"
_UNSPECIFIED = Chem.ChiralType.CHI_UNSPECIFIED
EXAMPLE = "'c1ccc([*:1])nc1' (substituents), 'c1ccccc1[*:1].C1CCNCC1[*:2]' (a linker)"


class Environment(NamedTuple):
    """What an atom must be like to get the neighbour of another. Hybridization counts for carbon alone: that of amines
    and ethers follows from their neighbours."""

    number: int
    aromatic: bool
    charge: int
    hybridization: Chem.HybridizationType | None


def environment(atom: Chem.Atom) -> Environment:
    """Of an atom; an attachment point counts as a neighbour."""
    number = atom.GetAtomicNum()
    hybridization = atom.GetHybridization() if number == CARBON else None
    return Environment(number, atom.GetIsAromatic(), atom.GetFormalCharge(), hybridization)


@dataclass(frozen=True)
class Core:
    """A molecule whose attachment points have the numbers 1, 2 ... environments: of the atoms next to them, in this
    order. linked: one part joins both points."""

    molecule: Chem.Mol
    environments: tuple[Environment, ...]
    linked: bool = False

    def joined(self, source: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        """The core with parts of the source at its points."""
        if self.linked:
            parts = [_linker(source, self.environments, generator)]
        else:
            parts = _substituents(source, self.environments, generator)
        whole = self.molecule
        for part in parts:
            if part is None:
                return Refusal("no part of the draw fits to the core")
            whole = Chem.CombineMols(whole, part)
        with rdBase.BlockLogs():
            try:
                made = Chem.molzip(whole)
                Chem.AssignStereochemistry(made, cleanIt=True, force=True)
            except (ValueError, RuntimeError) as error:
                return Refusal(f"RDKit refuses the molecule: {str(error).strip()}")
        if any(atom.HasProp(_CENTRE) and atom.GetChiralTag() == _UNSPECIFIED for atom in made.GetAtoms()):
            return Refusal("a stereocentre of the core would be none")  # two equal neighbours
        return parse(Chem.MolToSmiles(made))


def read_cores(text: str) -> list[Core]:
    """The core of a text; without attachment points, one for each atom at which a hydrogen can be replaced."""
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(text) if text.strip() else None
    if molecule is None or not molecule.GetNumAtoms():
        raise ConfigError(f"Expected a core as SMILES, got '{text}'. Write such as {EXAMPLE}.")
    if molecule.GetNumHeavyAtoms() > MAX_HEAVY_ATOMS:
        raise ConfigError(f"Expected a core of at most {MAX_HEAVY_ATOMS} atoms, got {molecule.GetNumHeavyAtoms()}.")
    points = [atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0]
    pieces = Chem.GetMolFrags(molecule)
    if any(point.GetDegree() != 1 or point.GetBonds()[0].GetBondType() != Chem.BondType.SINGLE for point in points):
        raise ConfigError(f"Expected attachment points with one single bond, got '{text}'. Write such as {EXAMPLE}.")
    if len(pieces) == 1:
        return [_numbered(molecule, points)] if points else _grown(molecule)
    owned = [[point for point in points if point.GetIdx() in piece] for piece in pieces]
    if [len(one) for one in owned] != [1, 1]:
        raise ConfigError(
            f"Expected one piece, or two with an attachment point each, got '{text}'. Write such as {EXAMPLE}."
        )
    return [_numbered(molecule, [one for (one,) in owned], linked=True)]


def _numbered(molecule: Chem.Mol, points: Sequence[Chem.Atom], linked: bool = False) -> Core:
    """The points get numbers in the order of their own numbers, then of the text."""
    points = sorted(points, key=lambda point: (point.GetAtomMapNum() or MAX_HEAVY_ATOMS, point.GetIdx()))
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum():
            atom.SetAtomMapNum(0)
        if atom.GetChiralTag() != _UNSPECIFIED:
            atom.SetBoolProp(_CENTRE, True)
    for number, point in enumerate(points, 1):
        point.SetAtomMapNum(number)
        point.SetIsotope(0)
    return Core(molecule, tuple(environment(point.GetNeighbors()[0]) for point in points), linked)


def _grown(molecule: Chem.Mol) -> list[Core]:
    """One core for each atom with a hydrogen, but stereocentres, whose hydrogen has a place."""
    cores = []
    for atom in molecule.GetAtoms():
        if not atom.GetTotalNumHs() or atom.GetChiralTag() != _UNSPECIFIED:
            continue
        grown = Chem.RWMol(molecule)
        point = grown.AddAtom(Chem.Atom(0))
        grown.AddBond(atom.GetIdx(), point, Chem.BondType.SINGLE)
        near = grown.GetAtomWithIdx(atom.GetIdx())
        near.SetNumExplicitHs(max(0, near.GetNumExplicitHs() - 1))
        with rdBase.BlockLogs():
            if Chem.SanitizeMol(grown, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE:
                whole = grown.GetMol()
                cores.append(_numbered(whole, [whole.GetAtomWithIdx(point)]))
    if not cores:
        raise ConfigError(
            f"Expected a core with hydrogens to replace, got '{Chem.MolToSmiles(molecule)}'. "
            f"Mark attachment points, such as {EXAMPLE}."
        )
    return cores


def _substituents(
    source: Chem.Mol, environments: Sequence[Environment], generator: np.random.Generator
) -> list[Chem.Mol | None]:
    """For each point a part of the source that is cut from an atom like the point's, None without one. A part is taken
    twice only where no other fits."""
    cuts = [cut for bond in chain_bonds(source) for cut in (bond, bond[::-1])]
    used: list[tuple[int, int]] = []
    parts: list[Chem.Mol | None] = []
    for number, wanted in enumerate(environments, 1):
        fitting = [cut for cut in cuts if environment(source.GetAtomWithIdx(cut[0])) == wanted]
        order = [fitting[place] for place in generator.permutation(len(fitting)).tolist()]
        tried = sorted(order, key=used.count)[:ATTEMPTS]
        found = ((cut, part) for cut in tried if (part := _part(source, [(*cut, number)])))
        cut, part = next(found, (None, None))
        used += [] if cut is None else [cut]
        parts.append(part)
    return parts


def _linker(source: Chem.Mol, wanted: Sequence[Environment], generator: np.random.Generator) -> Chem.Mol | None:
    """A part of the source between two cuts, with the points 1 and 2; None without one."""
    first, second = wanted
    ends = [cut for bond in chain_bonds(source) for cut in (bond, bond[::-1])]
    like = [environment(source.GetAtomWithIdx(outer)) for outer, _ in ends]
    left = [cut for cut, one in zip(ends, like, strict=True) if one == first]
    right = [cut for cut, one in zip(ends, like, strict=True) if one == second]
    pairs = [(a, b) for a in left for b in right if set(a) != set(b)]
    for place in generator.permutation(len(pairs))[:ATTEMPTS].tolist():
        a, b = pairs[place]
        if part := _part(source, [(*a, 1), (*b, 2)]):
            return part
    return None


def _part(source: Chem.Mol, cuts: Sequence[tuple[int, int, int]]) -> Chem.Mol | None:
    """The piece that (outer atom, inner atom, number) cuts leave with all inner atoms, and numbered points in place of
    the outer ones; None if there is none, or it is too large."""
    bonds = [source.GetBondBetweenAtoms(outer, inner).GetIdx() for outer, inner, _ in cuts]
    labels = [(label, label) for label in range(1, len(cuts) + 1)]
    pieces = Chem.FragmentOnBonds(source, bonds, dummyLabels=labels)
    inner = {atom for _, atom, _ in cuts}
    for atoms in Chem.GetMolFrags(pieces):
        points = [pieces.GetAtomWithIdx(index) for index in atoms if index >= source.GetNumAtoms()]
        if not inner <= set(atoms) or len(points) != len(cuts) or len(atoms) - len(points) > LARGEST_PART:
            continue
        for point in points:
            point.SetAtomMapNum(cuts[point.GetIsotope() - 1][2])
            point.SetIsotope(0)
        return _taken(pieces, atoms)
    return None


def _taken(molecule: Chem.Mol, atoms: Sequence[int]) -> Chem.Mol:
    """The piece of these atoms as a molecule."""
    found: list[tuple[int, ...]] = []
    every = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=False, fragsMolAtomMapping=found)
    return every[found.index(tuple(atoms))]


# Classes of molecules, for searches that return molecules of many kinds: scaffolds, and how rings are joined.
#
# A scaffold is that of Bemis & Murcko, J. Med. Chem. 1996, 39, 2887: ring systems and the linkers between them. A
# ring pattern is a reduced graph of it (Gillet, Willett & Bradshaw, J. Chem. Inf. Comput. Sci. 2003, 43, 338): each
# ring system is one node, and linkers keep their atoms. `Cc1ccc(NS(=O)(=O)c2ccc3c(c2)CCO3)cc1` has the pattern
# `[Ar]NS(=O)(=O)[Ar]`, whatever its rings are and wherever the linker is attached.

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
        elif atom.GetDegree() != 1 or not all(other.IsInRing() for other in atom.GetNeighbors()):  # not =O of a ring
            bare = Chem.Atom(atom.GetAtomicNum())
            bare.SetFormalCharge(atom.GetFormalCharge())
            place[index] = reduced.AddAtom(bare)
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
