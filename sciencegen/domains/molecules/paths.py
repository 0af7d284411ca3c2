"""Molecules between two that share a core: the core with substituents of one, of the other, and between these.

The core is the largest common substructure (Raymond and Willett, J. Comput.-Aided Mol. Des. 2002, 16, 521). Both
molecules are then the core with groups at its places. A molecule between them has some groups of each, or a group that
is made of parts of both, as crossovers of matched pairs are; the core stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import chain, product
from operator import and_, or_
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdFMCS, rdMolDescriptors

from sciencegen.domains.molecules.alerts import (
    AMINE,
    environments,
    familiar_beside,
    reactive_groups,
    unknown_environments,
    unstable_groups,
)
from sciencegen.domains.molecules.edits import CIS, TURNS, Bond, beyond, edit, set_double_bond, turned
from sciencegen.domains.molecules.items import key, parse, undefined_stereocentres
from sciencegen.domains.molecules.patterns import CARBON, KeptPattern, environment
from sciencegen.domains.molecules.properties import measure
from sciencegen.items import Refusal

LEAST_SHARE = 1 / 3
"""Of the smaller molecule's heavy atoms that a core must have."""
LEAST_CHAIN, LEAST_HETEROATOMS = 8, 3
"""Atoms, and heteroatoms among them, of a core without a ring."""
MUCH_LARGER = 1.5
"""Times the core of whole rings that one with parts of rings must be to be preferred."""
TIMEOUT_S = 5
"""Of the search for the core; most take a hundredth of a second."""
MOST_PLACES = 200
"""Ways to find the core in a molecule that are compared."""
MOST_SWAPS, HYBRIDS, MIXED, EDITED = 64, 160, 100, 100
"""Molecules that are made: by exchange of whole groups, of each place's hybrids, of several of these, by edits."""
CARBON_GROUPS = ("*C", "*CC", "*C(C)C", "*C1CC1", "*[H]")
RING_GROUPS = ("*F", "*Cl", "*C", "*OC")
GROUPS = (*CARBON_GROUPS, "*F", "*OC", "*C#N", "*C(F)(F)F", "*O", "*N", "*N(C)C", "*OCC")
"""Small groups that medicinal chemists try first: on any atom, on rings beside what is there, and on carbon."""
HYBRID, GROUP, EDIT = 0.02, 0.05, 0.2
"""What speaks against a molecule with a group of two parts, a small group of neither, and one that was edited."""
LOST, GAINED, UNKNOWN, OPEN, ATOM, HARDER = 0.4, 0.05, 0.05, 0.2, 0.06, 0.1
"""The same of a feature fewer or more than both molecules have, an unknown atom environment, a stereocentre that is
left open, a heavy atom more or less than both have, and a unit of synthetic accessibility more."""
MOST_AGAINST = 0.7
"""Molecules with more against them are left out."""
_SINGLE = Chem.BondType.SINGLE
_HETERO = Chem.MolFromSmarts("[#7,#8,$([#16X2])]-[#7,#8,$([#16X2]),F,Cl,Br,I]")
_FEATURES = {
    "acids": Chem.MolFromSmarts("[$([CX3](=O)[OX2H]),$(c1nn[nH]n1)]"),
    "amines": Chem.MolFromSmarts(f"[{AMINE}]"),
    "donors": Chem.MolFromSmarts("[N,O,n;!H0]"),
}
_DOUBLE = Chem.MolFromSmarts("[#6,#7]=[#6,#7]")
"""Bonds that may be E or Z."""
Cut = Bond
"""A single bond outside rings; its second atom is farther from the core."""


class Whole(NamedTuple):
    """A molecule with all hydrogens as atoms, and which of its atoms are the core's, in the core's order."""

    molecule: Chem.Mol
    core: tuple[int, ...]


Variant = tuple[Whole, float]
"""A molecule whose groups at some places may be taken, and what speaks against them."""


def _order(molecule: Chem.Mol, atom: int) -> list[int]:
    """An atom's neighbours in the order that its chirality refers to."""
    return [bond.GetOtherAtomIdx(atom) for bond in molecule.GetAtomWithIdx(atom).GetBonds()]


def exchanged(
    base: Whole, lost: AbstractSet[int], source: Chem.Mol, taken: AbstractSet[int], places: Mapping[int, int]
) -> Whole:
    """The base without the atoms `lost`, with the atoms `taken` of a source.

    places: atoms of the source -> the atoms of the base that stand for them. Their bonds to taken atoms are made anew.
    Stereochemistry is that of the base, at atoms that got other neighbours that of the source if the base has none.
    """
    old, offset = base.molecule, base.molecule.GetNumAtoms()
    there = {**places, **{atom: offset + atom for atom in taken}}
    made = Chem.RWMol(Chem.CombineMols(old, source))
    joins: list[tuple[int, int]] = []
    for inner in sorted(taken):
        for bond in source.GetAtomWithIdx(inner).GetBonds():
            outer = bond.GetOtherAtomIdx(inner)
            if outer in places and outer not in taken:
                made.AddBond(places[outer], offset + inner, bond.GetBondType())
                made.GetBondBetweenAtoms(places[outer], offset + inner).SetIsAromatic(bond.GetIsAromatic())
                joins.append((outer, inner))
    kept = [atom for atom in range(offset) if atom not in lost] + sorted(offset + atom for atom in taken)
    rank = {atom: place for place, atom in enumerate(kept)}
    made.BeginBatchEdit()
    for atom in range(made.GetNumAtoms()):
        if atom not in rank:
            made.RemoveAtom(atom)
    made.CommitBatchEdit()
    after = lambda atom: [kept[one] for one in _order(made, rank[atom])]  # noqa: E731
    for inner in {inner for _, inner in joins}:
        tag = source.GetAtomWithIdx(inner).GetChiralTag()
        before = [there.get(one) for one in _order(source, inner)]
        made.GetAtomWithIdx(rank[offset + inner]).SetChiralTag(turned(tag, before, after(offset + inner)))
    stands: dict[int, dict[int, int]] = {}
    for outer, here in places.items():
        gone, new = [one for one in _order(old, here) if one in lost], [one for one in after(here) if one >= offset]
        if not gone and not new:
            continue
        tag = old.GetAtomWithIdx(here).GetChiralTag()
        if tag in TURNS and len(gone) == len(new) == 1:
            stands[here] = {gone[0]: new[0]}
            before = [new[0] if one in lost else one for one in _order(old, here)]
        else:
            stands[here] = dict(zip(gone, new, strict=False)) if len(gone) == len(new) == 1 else {}
            tag = source.GetAtomWithIdx(outer).GetChiralTag()
            before = [there.get(one) for one in _order(source, outer)]
        made.GetAtomWithIdx(rank[here]).SetChiralTag(turned(tag, before, after(here)))
    for whose, is_base in ((old, True), (source, False)):
        for bond in (whose.GetBondBetweenAtoms(*ends) for ends in whose.GetSubstructMatches(_DOUBLE)):
            ends, ligands = (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()), list(bond.GetStereoAtoms())
            if len(ligands) != 2:
                continue
            if is_base:
                found = [*ends, *(stands.get(end, {}).get(one, one) for end, one in zip(ends, ligands, strict=True))]
            elif taken.isdisjoint(ends):
                continue
            else:
                found = [there.get(one, -1) for one in (*ends, *ligands)]
            if all(one in rank for one in found):
                first, second, *sides = (rank[one] for one in found)
                set_double_bond(made, (first, second), (sides[0], sides[1]), bond.GetStereo() in CIS)
    return Whole(made.GetMol(), tuple(rank[atom] for atom in base.core))


def finished(whole: Whole) -> Chem.Mol | Refusal:
    """The molecule as `parse` reads it."""
    with rdBase.BlockLogs():
        try:
            made = Chem.Mol(whole.molecule)
            Chem.SanitizeMol(made)
            Chem.SetDoubleBondNeighborDirections(made)
            return parse(Chem.MolToSmiles(Chem.RemoveHs(made)))
        except (ValueError, RuntimeError) as error:
            return Refusal(f"RDKit refuses the molecule: {str(error).strip()}")


def _grafted(base: Whole, cut: Cut, source: Chem.Mol, other: Cut) -> Whole:
    """The base with what is beyond a bond of the source in place of what is beyond its own."""
    return exchanged(base, beyond(base.molecule, cut), source, beyond(source, other), {other[0]: cut[0]})


def _opened(whole: Whole, ends: Cut) -> Whole:
    """A ring without a bond, with hydrogens in its place."""
    made = Chem.RWMol(whole.molecule)
    made.RemoveBond(*ends)
    for end, other in (ends, ends[::-1]):
        hydrogen = made.AddAtom(Chem.Atom(1))
        made.AddBond(end, hydrogen, _SINGLE)
        before = [hydrogen if one == other else one for one in _order(whole.molecule, end)]
        atom = made.GetAtomWithIdx(end)
        atom.SetChiralTag(turned(atom.GetChiralTag(), before, _order(made, end)))
    return Whole(made.GetMol(), whole.core)


def _group(text: str) -> tuple[Chem.Mol, Cut]:
    """A small group beyond the bond to its first atom."""
    if text == "*[H]":
        return Chem.AddHs(Chem.MolFromSmiles("[H][H]")), (0, 1)
    return Chem.AddHs(Chem.MolFromSmiles(text)), (0, 1)


@dataclass(frozen=True)
class SharedCore:
    """The core of two molecules, and molecules between them that hold it.

    query: the core as a pattern. start, end: both molecules. text: the core as SMILES.

    Examples
    --------
    >>> shared = shared_core(*map(Chem.MolFromSmiles, ("Cc1ccc(C(=O)NC)cc1", "Clc1ccc(C(=O)NCCO)cc1")))
    >>> shared.text
    'CNC(=O)c1ccccc1'
    >>> made = [molecule for molecule, _ in shared.between(np.random.default_rng(0))]
    >>> "CNC(=O)c1ccc(Cl)cc1" in map(Chem.MolToSmiles, made), all(map(shared.accepts, made))
    (True, True)
    """

    query: Chem.Mol
    start: Whole
    end: Whole
    text: str

    @cached_property
    def ends(self) -> tuple[Chem.Mol, Chem.Mol]:
        return Chem.RemoveHs(self.start.molecule), Chem.RemoveHs(self.end.molecule)

    @cached_property
    def _allowed(self) -> frozenset[str]:
        """The unstable and reactive groups that the molecules have themselves."""
        return frozenset(name for one in self.ends for name in (*unstable_groups(one), *reactive_groups(one)))

    @cached_property
    def _core(self) -> KeptPattern:
        """The core, which has groups only where one of the molecules has one: at most as many."""
        most: Counter[int] = Counter()
        for whole in (self.start, self.end):
            heavy = {atom.GetIdx() for atom in whole.molecule.GetAtoms() if atom.GetAtomicNum() > 1} - {*whole.core}
            most |= Counter({at: len(heavy & {*_order(whole.molecule, one)}) for at, one in enumerate(whole.core)})
        return KeptPattern(self.query, most)

    @cached_property
    def _familiar(self) -> Any:
        return familiar_beside(self.ends)

    def accepts(self, molecule: Chem.Mol) -> bool:
        """Whether a molecule holds the core, and has no part that can't be expected to exist beside those of both."""
        return (
            self._core.holds(molecule)
            and _heteroatom_bonds(molecule) <= max(map(_heteroatom_bonds, self.ends))
            and self._allowed.issuperset(unstable_groups(molecule))
            and self._allowed.issuperset(reactive_groups(molecule))
            and bool(self._familiar(molecule))
        )

    def against(self, molecules: Sequence[Chem.Mol]) -> list[float]:
        """What speaks against molecules, 0 or more: unknown surroundings, open stereocentres, size, and synthesis."""
        sizes = sorted(one.GetNumHeavyAtoms() for one in self.ends)
        opened = max(map(undefined_stereocentres, self.ends))
        least, most = (reduce(join, map(_features, self.ends)) for join in (and_, or_))
        hardest = measure(self.ends, ["sa"]).max()
        found = []
        for molecule, (accessibility,) in zip(molecules, measure(molecules, ["sa"]), strict=True):
            size = molecule.GetNumHeavyAtoms()
            found.append(
                UNKNOWN * unknown_environments(molecule, self._environments)
                + LOST * (least - _features(molecule)).total()
                + GAINED * (_features(molecule) - most).total()
                + OPEN * max(0, undefined_stereocentres(molecule) - opened)
                + ATOM * max(0, sizes[0] - size, size - sizes[1])
                + HARDER * max(0.0, accessibility - hardest)
            )
        return found

    @cached_property
    def _environments(self) -> frozenset[int]:
        return frozenset(one for molecule in self.ends for one in environments(molecule))

    def _outside(self, whole: Whole, unit: AbstractSet[int]) -> set[int]:
        """Atoms of the groups at these places of the core."""
        near = {one for place in unit for one in _order(whole.molecule, whole.core[place])}
        return {one for atoms in _groups(whole) if not near.isdisjoint(atoms) for one in atoms}

    @cached_property
    def units(self) -> list[frozenset[int]]:
        """Places of the core whose groups can only be exchanged together, and where both molecules differ."""
        label = list(range(len(self.start.core)))
        for whole in (self.start, self.end):
            for atoms in _groups(whole):
                places = sorted({label[place] for place, atom in enumerate(whole.core)
                                 if not atoms.isdisjoint(_order(whole.molecule, atom))})  # fmt: skip
                label = [places[0] if one in places else one for one in label]
        found = [frozenset(at for at, own in enumerate(label) if own == one) for one in sorted({*label})]
        return [unit for unit in found if self._described(self.start, unit) != self._described(self.end, unit)]

    def _described(self, whole: Whole, unit: AbstractSet[int]) -> str:
        atoms = self._outside(whole, unit)
        if not atoms:
            return ""
        marked = Chem.Mol(whole.molecule)
        for place in unit:
            marked.GetAtomWithIdx(whole.core[place]).SetAtomMapNum(place + 1)
        return Chem.MolFragmentToSmiles(marked, sorted(atoms | {whole.core[place] for place in unit}))

    def _swapped(self, base: Whole, variant: Whole, unit: AbstractSet[int]) -> Whole:
        places = dict(zip(variant.core, base.core, strict=True))
        return exchanged(base, self._outside(base, unit), variant.molecule, self._outside(variant, unit), places)

    def _cuts(self, whole: Whole, unit: AbstractSet[int]) -> list[Cut]:
        """Single bonds outside rings of the groups, with that to the core."""
        outside, found = self._outside(whole, unit), list[Cut]()
        reached = {whole.core[place] for place in unit}
        ahead = sorted(reached)
        while ahead:
            near = ahead.pop(0)
            for far in _order(whole.molecule, near):
                if far in outside and far not in reached:
                    reached.add(far)
                    ahead.append(far)
                    bond = whole.molecule.GetBondBetweenAtoms(near, far)
                    if bond.GetBondType() == _SINGLE and not bond.IsInRing():
                        found.append((near, far))
        return found

    def _hybrids(self, unit: AbstractSet[int], generator: np.random.Generator) -> list[Variant]:
        """Groups with parts of both molecules' groups, shortened and lengthened ones, and small groups."""
        if len(unit) > 1:
            return self._opened_rings(unit)
        known = self._kinds
        specs: list[tuple[Any, ...]] = []
        added: list[tuple[Any, ...]] = []
        for own, other in ((self.start, self.end), (self.end, self.start)):
            cuts, others = self._cuts(own, unit), self._cuts(other, unit)
            heavy = [cut for cut in cuts if own.molecule.GetAtomWithIdx(cut[1]).GetAtomicNum() > 1]
            for cut in heavy:
                specs += [(HYBRID, own, cut, other.molecule, one) for one in others
                          if _kind(own.molecule, cut[0], other.molecule, one[1]) in known]  # fmt: skip
                specs += [(HYBRID, own, cut, own.molecule, one) for one in cuts
                          if one != cut and one[0] != cut[0] and one[1] in beyond(own.molecule, cut)
                          and _kind(own.molecule, cut[0], own.molecule, one[1]) in known]  # fmt: skip
                near = own.molecule.GetAtomWithIdx(cut[0])
                if _is_chain(near) and _is_chain(own.molecule.GetAtomWithIdx(cut[1])):
                    specs.append((HYBRID, own, cut))
                beside = {one.GetAtomicNum() for one in near.GetNeighbors() if one.GetIdx() != cut[1]}
                is_plain = near.GetAtomicNum() == CARBON and (near.GetIsAromatic() or beside <= {1, CARBON})
                groups = GROUPS if is_plain else CARBON_GROUPS  # no heteroatom beside another one
                added += [(GROUP, own, cut, molecule, one) for molecule, one in map(_group, groups)
                          if near.GetAtomicNum() == CARBON or _kind(own.molecule, cut[0], molecule, one[1]) in known
                          ]  # fmt: skip
            ring = [cut for cut in cuts if cut not in heavy and own.molecule.GetAtomWithIdx(cut[0]).GetIsAromatic()]
            added += [(GROUP, own, cut, *_group(text)) for cut in ring for text in RING_GROUPS]
        most = HYBRIDS // len(self.units) // 2
        chosen = [each[place] for each in (specs, added) for place in generator.permutation(len(each))[:most].tolist()]
        made = list[Variant]()
        for against, own, cut, *what in chosen:
            if not what:  # a CH2 group in the bond
                longer = _grafted(own, cut, *_group("*C"))
                carbon = longer.molecule.GetNumAtoms() - 4
                made.append((_grafted(longer, (carbon, carbon + 1), own.molecule, cut), against))
            else:
                made.append((_grafted(own, cut, *what), against))
        return made

    def _opened_rings(self, unit: AbstractSet[int]) -> list[Variant]:
        """Groups at several places that no longer join them, with those of the other molecule at some of the places."""
        made: list[Whole] = []
        for whole in (self.start, self.end):
            outside = self._outside(whole, unit)
            joined = any(
                sum(not atoms.isdisjoint(_order(whole.molecule, whole.core[place])) for place in unit) > 1
                for atoms in _groups(whole)
            )
            made += [] if joined else [whole]
            for bond in whole.molecule.GetBonds():
                ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
                is_single = bond.GetBondType() == _SINGLE and bond.IsInRing()
                if joined and is_single and not outside.isdisjoint(ends):
                    made.append(_opened(whole, ends))
        mixed = [
            self._swapped(one, other, {place})
            for one in made for other in made if one is not other for place in sorted(unit)
        ]  # fmt: skip
        return [(whole, HYBRID) for whole in (*made, *mixed)]

    @cached_property
    def _kinds(self) -> frozenset[tuple[Any, ...]]:
        """Which atoms single bonds outside rings join in the two molecules."""
        found = set()
        for molecule in (self.start.molecule, self.end.molecule):
            for bond in molecule.GetBonds():
                if bond.GetBondType() == _SINGLE and not bond.IsInRing():
                    ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
                    found |= {_kind(molecule, one, molecule, other) for one, other in (ends, ends[::-1])}
        return frozenset(found)

    def between(self, generator: np.random.Generator, further: Sequence[Chem.Mol] = ()) -> list[tuple[Chem.Mol, float]]:
        """Molecules that hold the core, each with what speaks against it; the two themselves are not among them.

        further: molecules of a model, of which those that hold the core are taken.
        """
        found = {key(one): (one, 0.0) for one in self.ends}
        made = ((finished(whole), burden) for whole, burden in self._made(generator))
        for molecule, burden in chain(made, ((one, 0.0) for one in further)):
            if not isinstance(molecule, Refusal) and key(molecule) not in found and self.accepts(molecule):
                found[key(molecule)] = molecule, burden
        parents = [molecule for molecule, _ in found.values()]
        for place in generator.integers(len(parents), size=EDITED).tolist():
            molecule = edit(parents[place], generator)
            if isinstance(molecule, Refusal) or key(molecule) in found or _rings(molecule) != _rings(parents[place]):
                continue
            if self.accepts(molecule):
                found[key(molecule)] = molecule, EDIT
        for one in self.ends:
            found.pop(key(one), None)
        molecules = [molecule for molecule, _ in found.values()]
        added = self.against(molecules) if molecules else []
        weighed = [(one, burden + more) for (one, burden), more in zip(found.values(), added, strict=True)]
        return [(one, burden) for one, burden in weighed if burden <= MOST_AGAINST]

    def _made(self, generator: np.random.Generator) -> Iterator[tuple[Whole, float]]:
        plain = [[(self.start, 0.0), (self.end, 0.0)] for _ in self.units]
        count = len(self.units)
        if 2**count <= MOST_SWAPS:
            swaps = [list(choice) for choice in product((0, 1), repeat=count)]
        else:
            swaps = generator.integers(2, size=(MOST_SWAPS, count)).tolist()
        for choice in swaps:
            yield self._assembled([plain[at][one] for at, one in enumerate(choice)])
        hybrids = [self._hybrids(unit, generator) for unit in self.units]
        for at, variants in enumerate(hybrids):
            for variant in variants:
                for _ in range(2 if count > 1 else 1):
                    chosen = [plain[other][int(generator.integers(2))] for other in range(count)]
                    chosen[at] = variant
                    yield self._assembled(chosen)
        several = [at for at, variants in enumerate(hybrids) if variants]
        for _ in range(MIXED if len(several) > 1 else 0):
            chosen = [plain[other][int(generator.integers(2))] for other in range(count)]
            for at in generator.permutation(several)[:2].tolist():
                chosen[at] = hybrids[at][int(generator.integers(len(hybrids[at])))]
            yield self._assembled(chosen)

    def _assembled(self, chosen: Sequence[Variant]) -> tuple[Whole, float]:
        """The core with the groups of a variant at each unit; stereocentres of the core itself are those of the
        molecule that gives more groups."""
        ends = [sum(whole is end for whole, _ in chosen) for end in (self.start, self.end)]
        base = self.end if ends[1] > ends[0] else self.start
        made = base
        for unit, (whole, _) in zip(self.units, chosen, strict=True):
            if whole is not base:
                made = self._swapped(made, whole, unit)
        return made, sum(against for _, against in chosen)


def _is_chain(atom: Chem.Atom) -> bool:
    """Whether a chain may get longer beside this atom: a carbon without double bonds or rings, an amine or an ether."""
    single = all(bond.GetBondType() == _SINGLE and not bond.IsInRing() for bond in atom.GetBonds())
    return single and atom.GetAtomicNum() in (CARBON, 7, 8)


def _features(molecule: Chem.Mol) -> Counter[str]:
    """What a receptor knows a molecule by, wherever it is."""
    found = Counter({name: len(molecule.GetSubstructMatches(query)) for name, query in _FEATURES.items()})
    found["rings"] = rdMolDescriptors.CalcNumRings(molecule)
    found["aromatic rings"] = rdMolDescriptors.CalcNumAromaticRings(molecule)
    return found


def _heteroatom_bonds(molecule: Chem.Mol) -> int:
    """Number of single bonds between N, O, sulfides and halogens."""
    return len(molecule.GetSubstructMatches(_HETERO))


def _rings(molecule: Chem.Mol) -> Counter[str]:
    """The rings without what is attached to them."""
    rings = molecule.GetRingInfo().AtomRings()
    return Counter(Chem.MolFragmentToSmiles(molecule, ring, isomericSmiles=False) for ring in rings)


def _kind(first: Chem.Mol, near: int, second: Chem.Mol, far: int) -> tuple[Any, ...]:
    """What a bond between atoms of two molecules would join."""
    ends = first.GetAtomWithIdx(near), second.GetAtomWithIdx(far)
    double = (any(bond.GetBondType() != _SINGLE for bond in atom.GetBonds()) for atom in ends)
    return tuple(zip(map(environment, ends), double, strict=True))


def _groups(whole: Whole) -> list[set[int]]:
    """The atoms outside the core as connected groups."""
    left, found = {*range(whole.molecule.GetNumAtoms())} - {*whole.core}, list[set[int]]()
    while left:
        ahead, reached = [min(left)], {min(left)}
        while ahead:
            new = ({*_order(whole.molecule, ahead.pop())} & left) - reached
            reached |= new
            ahead += new
        left -= reached
        found.append(reached)
    return found


def shared_core(start: Chem.Mol, end: Chem.Mol) -> SharedCore | Refusal:
    """The core of two molecules, or why they have none.

    It has a third of the smaller one's atoms, and a ring, or as a chain eight atoms with three heteroatoms. Rings match
    rings as a whole. Parts of rings count if there is no such core, or a much smaller one: two benzene rings and their
    ethylene bridge are the core of amitriptyline and imipramine. Parts of aromatic rings never do.
    """
    smaller = min(start.GetNumHeavyAtoms(), end.GetNumHeavyAtoms())
    whole, parts = (_common(start, end, whole_rings) for whole_rings in (True, False))
    best = max(one.GetNumAtoms() for one in (whole, parts))
    large = [one for one in (whole, parts) if one.GetNumAtoms() >= LEAST_SHARE * smaller]
    real = [one for one in large if _is_real(one, start) and _is_real(one, end)]
    if real:
        much_larger = len(real) > 1 and real[1].GetNumAtoms() >= MUCH_LARGER * real[0].GetNumAtoms()
        return _placed(real[1] if much_larger else real[0], start, end)
    return Refusal(f"their largest common part has {best} of {smaller} heavy atoms")


def _common(start: Chem.Mol, end: Chem.Mol, whole_rings: bool) -> Chem.Mol:
    """The largest common substructure as a pattern, in which rings match rings, and charges charges."""
    found: Any = rdFMCS.MCSParameters()
    found.BondTyper = rdFMCS.BondCompare.CompareOrderExact
    found.Timeout = TIMEOUT_S
    found.AtomCompareParameters.MatchFormalCharge = True
    for one in (found.AtomCompareParameters, found.BondCompareParameters):
        one.RingMatchesRingOnly = True
        one.CompleteRingsOnly = whole_rings
    return Chem.MolFromSmarts(rdFMCS.FindMCS([start, end], found).smartsString)


def _is_real(core: Chem.Mol, molecule: Chem.Mol) -> bool:
    """Whether a common part has a ring, or is a chain that a receptor could know, and no part of an aromatic ring."""
    match = {*molecule.GetSubstructMatch(core)}
    hetero = sum(molecule.GetAtomWithIdx(index).GetAtomicNum() != 6 for index in match)
    rings = [{*one} for one in molecule.GetRingInfo().AtomRings()]
    whole = [one for one in rings if one <= match]
    if any(molecule.GetAtomWithIdx(index).GetIsAromatic() for index in match.difference(*whole)):
        return False
    return bool(whole) or (len(match) >= LEAST_CHAIN and hetero >= LEAST_HETEROATOMS)


def _placed(query: Chem.Mol, start: Chem.Mol, end: Chem.Mol) -> SharedCore:
    """The core where both molecules have the same groups at the most places, and the same configuration."""
    ours, theirs = Chem.AddHs(start), Chem.AddHs(end)
    for bond in (*ours.GetBonds(), *theirs.GetBonds()):
        bond.SetBondDir(Chem.BondDir.NONE)  # E and Z are those of the double bonds alone
    first = ours.GetSubstructMatches(query, maxMatches=MOST_PLACES)[:10]
    second = theirs.GetSubstructMatches(query, uniquify=False, maxMatches=MOST_PLACES)
    ours_at = [_surroundings(Whole(ours, match)) for match in first]
    theirs_at = [_surroundings(Whole(theirs, match)) for match in second]
    _, i, j = min((_distance(one, other), i, j) for i, one in enumerate(ours_at) for j, other in enumerate(theirs_at))
    text = Chem.MolFragmentToSmiles(start, first[i], isomericSmiles=False)
    return SharedCore(query, Whole(ours, first[i]), Whole(theirs, second[j]), text)


Surroundings = list[tuple[Counter[tuple[int, bool]], int, Chem.ChiralType | None]]


def _surroundings(whole: Whole) -> Surroundings:
    """For each place of the core its neighbours outside, the atoms of its groups, and its configuration."""
    place = {atom: at for at, atom in enumerate(whole.core)}
    sizes: dict[int, int] = {}
    for atoms in _groups(whole):
        sizes |= dict.fromkeys(atoms, len(atoms))
    found = []
    for atom in whole.core:
        order = _order(whole.molecule, atom)
        outside = [one for one in order if one not in place]
        tag = whole.molecule.GetAtomWithIdx(atom).GetChiralTag()
        numbers = {one: whole.molecule.GetAtomWithIdx(one).GetAtomicNum() for one in outside}
        fixed = sorted(order, key=lambda one: place.get(one, len(place) + (1000 - numbers.get(one, 0))))
        kinds = Counter((numbers[one], whole.molecule.GetAtomWithIdx(one).GetIsAromatic()) for one in outside)
        found.append((kinds, sum(sizes[one] for one in outside), turned(tag, order, fixed) if tag in TURNS else None))
    return found


def _distance(one: Surroundings, other: Surroundings) -> tuple[int, int, int]:
    pairs = list(zip(one, other, strict=True))
    kinds = sum(((a[0] - b[0]) + (b[0] - a[0])).total() for a, b in pairs)
    turns = sum(a[2] is not None and b[2] is not None and a[2] != b[2] for a, b in pairs)
    return kinds, turns, sum(abs(a[1] - b[1]) for a, b in pairs)
