"""Analogues of measured molecules: the changes that medicinal chemists make, learned from the molecules themselves.

A molecule is cut at single bonds outside rings. What is on one side is a substituent, between two cuts a linker; a
hydrogen is a substituent too. A part may take the place of another where it was seen at the same environment, the atoms
and bonds within some bonds of the cut (matched pairs: Hussain & Rea, J. Chem. Inf. Model. 2010, 50, 339; contexts:
Polishchuk, J. Cheminform. 2020, 12, 28). The widest environment tells the position on a series' core, so that its
substituents are recombined (Free & Wilson, J. Med. Chem. 1964, 7, 395); a narrow one carries them to another series.
Changes that chemists make in any series are those of `analogues`.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdFingerprintGenerator, rdMolDescriptors, rdMolHash

from sciencegen.domains.capabilities import Analogues
from sciencegen.domains.molecules.alerts import alert_catalog, liable_groups
from sciencegen.domains.molecules.analogues import Lead
from sciencegen.domains.molecules.edits import TURNS, Bond, chain_bonds
from sciencegen.domains.molecules.items import key, parse, undefined_stereocentres
from sciencegen.domains.molecules.patterns import murcko_scaffold
from sciencegen.items import Refusal

ATTEMPTS = 10
"""Changes that are tried, since one may give no new molecule."""
MOST_LEARNED = 600
"""Molecules whose parts are used, the best ones: each takes 20 ms."""
HALOGENS = (9, 17, 35, 53)
LONGEST_LINKER = 6
"""Bonds between the ends of a linker."""
LARGEST_PART = 16
"""Heavy atoms of a substituent or linker; a substituent is no larger than the rest of its molecule."""
SAME_POSITION, SAME_SITE, SAME_KIND = 6, 4, 3
"""Bonds from an attachment point that an environment reaches: a position of one core; a ring and the groups beside the
point; the atom, its neighbours and theirs."""
_ENVIRONMENTS = rdFingerprintGenerator.GetMorganGenerator(
    radius=SAME_POSITION, includeRedundantEnvironments=True, includeChirality=False
)
_HYDROGEN = "[H][*:1]"
_POINT = Chem.MolFromSmarts("[#0]")
_PARTLY = Chem.SanitizeFlags.SANITIZE_PROPERTIES | Chem.SanitizeFlags.SANITIZE_SYMMRINGS


class ExitVector(NamedTuple):
    """Where a molecule can be changed. rest: the other atoms, with numbered attachment points. part: what is there now,
    as SMILES. keys: its environments, by `SAME_POSITION`, `SAME_SITE` and `SAME_KIND`."""

    rest: Chem.Mol
    part: str
    keys: Mapping[int, Hashable]


def cut_bonds(molecule: Chem.Mol) -> list[Bond]:
    """Single bonds outside rings at which chemists think of parts: to a ring, or between carbon or sulfur and a
    heteroatom. A trifluoromethyl group is one part."""
    return [bond for bond in chain_bonds(molecule) if _is_cut(*map(molecule.GetAtomWithIdx, bond))]


def _is_cut(one: Chem.Atom, other: Chem.Atom) -> bool:
    for atom, end in ((one, other), (other, one)):
        if end.GetAtomicNum() in HALOGENS:
            return sum(near.GetAtomicNum() in HALOGENS for near in atom.GetNeighbors()) == 1
    numbers = one.GetAtomicNum(), other.GetAtomicNum()
    if one.IsInRing() or other.IsInRing():
        return 6 in numbers or 16 in numbers
    return (numbers[0] == 6) != (numbers[1] == 6)


def substituents(molecule: Chem.Mol) -> Iterator[ExitVector]:
    """The places of substituents and of hydrogens, but those of stereocentres."""
    for part, rest in _cut(molecule):
        if part.GetNumHeavyAtoms() <= LARGEST_PART:
            yield ExitVector(rest, Chem.MolToSmiles(part), _keys(rest))
    for rest in _without_hydrogen(molecule):
        yield ExitVector(rest, _HYDROGEN, _keys(rest))


def _cut(molecule: Chem.Mol) -> Iterator[tuple[Chem.Mol, Chem.Mol]]:
    """Parts, each with a rest that is no smaller."""
    for bond in cut_bonds(molecule):
        pieces = _pieces(molecule, [bond])
        for part, rest in (pieces, pieces[::-1]):
            if part.GetNumHeavyAtoms() <= molecule.GetNumHeavyAtoms() // 2:
                yield part, rest


def _without_hydrogen(molecule: Chem.Mol) -> Iterator[Chem.Mol]:
    """The molecule with an attachment point for each hydrogen that isn't a stereocentre's."""
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    for index in {rank: index for index, rank in enumerate(ranks)}.values():
        atom = molecule.GetAtomWithIdx(index)
        if atom.GetTotalNumHs() and atom.GetChiralTag() == Chem.ChiralType.CHI_UNSPECIFIED and atom.GetDegree():
            rest = Chem.RWMol(molecule)
            point = rest.AddAtom(Chem.Atom(0))
            rest.AddBond(index, point, Chem.BondType.SINGLE)
            rest.GetAtomWithIdx(point).SetAtomMapNum(1)
            near = rest.GetAtomWithIdx(index)
            near.SetNumExplicitHs(max(0, near.GetNumExplicitHs() - 1))
            if Chem.SanitizeMol(rest, _PARTLY, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE:
                yield rest.GetMol()


def linkers(molecule: Chem.Mol) -> Iterator[ExitVector]:
    """The places of parts between atoms of two rings."""
    ends = [
        cut for bond in cut_bonds(molecule) for cut in (bond, bond[::-1]) if molecule.GetAtomWithIdx(cut[0]).IsInRing()
    ]
    distances = Chem.GetDistanceMatrix(molecule)
    for place, (outer, inner) in enumerate(ends):
        for second in ends[place + 1 :]:
            apart = distances[inner, second[1]]
            if apart > LONGEST_LINKER or distances[outer, second[0]] != apart + 2:  # or they don't face each other
                continue
            pieces = {_points(piece): piece for piece in _pieces(molecule, [(outer, inner), second])}
            part, one, other = (pieces.get(points) for points in ((1, 2), (1,), (2,)))
            if part is None or one is None or other is None or part.GetNumHeavyAtoms() > LARGEST_PART:
                continue
            sides = [_keys(one), _keys(other)]
            if sides[0][SAME_SITE] > sides[1][SAME_SITE]:  # the first point is that of the lesser environment
                sides.reverse()
                for piece in (part, one, other):
                    for (index,) in piece.GetSubstructMatches(_POINT):
                        piece.GetAtomWithIdx(index).SetAtomMapNum(3 - piece.GetAtomWithIdx(index).GetAtomMapNum())
            keys = {reach: (sides[0][reach], sides[1][reach]) for reach in sides[0]}
            yield ExitVector(Chem.CombineMols(one, other), Chem.MolToSmiles(part), keys)


def _pieces(molecule: Chem.Mol, bonds: Sequence[Bond]) -> tuple[Chem.Mol, ...]:
    """The pieces after the cuts, whose points have the numbers of the bonds, from 1."""
    labels = [(number, number) for number in range(1, len(bonds) + 1)]
    cut = Chem.FragmentOnBonds(
        molecule, [molecule.GetBondBetweenAtoms(*bond).GetIdx() for bond in bonds], dummyLabels=labels
    )
    for index in range(molecule.GetNumAtoms(), cut.GetNumAtoms()):
        point = cut.GetAtomWithIdx(index)
        point.SetAtomMapNum(point.GetIsotope())
        point.SetIsotope(0)
    return Chem.GetMolFrags(cut, asMols=True)


def _points(piece: Chem.Mol) -> tuple[int, ...]:
    """The numbers of a piece's points."""
    return tuple(sorted(piece.GetAtomWithIdx(index).GetAtomMapNum() for (index,) in piece.GetSubstructMatches(_POINT)))


def _keys(rest: Chem.Mol) -> dict[int, tuple[int, int]]:
    """The environments of the only attachment point, by their reach."""
    (point,) = rest.GetSubstructMatch(_POINT)
    found = rdFingerprintGenerator.AdditionalOutput()
    found.AllocateBitInfoMap()
    _ENVIRONMENTS.GetSparseCountFingerprint(rest, fromAtoms=[point], additionalOutput=found)
    by_reach = {reach: bit for bit, places in found.GetBitInfoMap().items() for _, reach in places}
    widest = by_reach[max(by_reach)]
    return {reach: (reach, by_reach.get(reach, widest)) for reach in (SAME_POSITION, SAME_SITE, SAME_KIND)}


NONE = Counter[str]()


class SeriesChanges:
    """Changes that are seen among measured molecules.

    Parameters
    ----------
    molecules : sequence of Mol
        The best first; parts of `MOST_LEARNED` are used.

    Examples
    --------
    >>> series = [Chem.MolFromSmiles(one) for one in ("Cc1ccncc1F", "COc1ccncc1F", "COc1ccncc1Cl")]
    >>> seen, generator = SeriesChanges(series), np.random.default_rng(0)
    >>> sorted({Chem.MolToSmiles(seen.matched_pair(series[0], generator)) for _ in range(20)})
    ['COc1ccncc1F']
    """

    def __init__(self, molecules: Sequence[Chem.Mol]) -> None:
        self._parts: dict[Hashable, Counter[str]] = defaultdict(Counter)
        self._linkers: dict[Hashable, Counter[str]] = defaultdict(Counter)
        self._pairs: dict[tuple[str, Hashable], Counter[str]] = defaultdict(Counter)
        self._places: dict[str, tuple[list[ExitVector], list[ExitVector]]] = {}
        beside: dict[str, dict[str, Hashable]] = defaultdict(dict)
        with rdBase.BlockLogs():
            for molecule in molecules[:MOST_LEARNED]:
                for place in substituents(molecule):
                    for one in place.keys.values():
                        self._parts[one][place.part] += 1
                    beside[Chem.MolToSmiles(place.rest)][place.part] = place.keys[SAME_KIND]
                for place in linkers(molecule):
                    for one in place.keys.values():
                        self._linkers[one][place.part] += 1
        for parts in beside.values():
            for part, kind in parts.items():
                self._pairs[part, kind].update(one for one in parts if one != part)

    def _of(self, molecule: Chem.Mol) -> tuple[list[ExitVector], list[ExitVector]]:
        """The places of a molecule, found once."""
        name = key(molecule)
        if name not in self._places:
            with rdBase.BlockLogs():
                self._places[name] = list(substituents(molecule)), list(linkers(molecule))
        return self._places[name]

    def substituent(self, molecule: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        """Another substituent, or a hydrogen, that was seen at this position or one like it."""
        reach = SAME_POSITION if generator.random() < 0.5 else SAME_SITE
        places = self._of(molecule)[0]
        return self._changed(molecule, places, lambda place: self._parts.get(place.keys[reach], NONE), generator)

    def matched_pair(self, molecule: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        """A substituent exchanged as in a pair of molecules that differ by it alone."""
        places = self._of(molecule)[0]
        return self._changed(
            molecule, places, lambda place: self._pairs.get((place.part, place.keys[SAME_KIND]), NONE), generator
        )

    def linker(self, molecule: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
        """Another linker, which may hold a ring, that was seen between such ends."""
        return self._changed(
            molecule, self._of(molecule)[1], lambda place: self._linkers.get(place.keys[SAME_SITE], NONE), generator
        )

    def _changed(
        self, molecule: Chem.Mol, places: Sequence[ExitVector], known: Callable[[ExitVector], Counter[str]],
        generator: np.random.Generator,
    ) -> Chem.Mol | Refusal:  # fmt: skip
        """The molecule with another part at one of the places. Parts that were seen more often are drawn more often."""
        open_to = [(place, others) for place in places if len(others := known(place)) > (place.part in others)]
        if not open_to:
            return Refusal("nothing else was seen at such places")
        before, undefined = key(molecule), undefined_stereocentres(molecule)
        for _ in range(ATTEMPTS):
            place, others = open_to[int(generator.integers(len(open_to)))]
            names = [name for name in others if name != place.part]
            weight = np.sqrt([others[name] for name in names])
            part = names[int(generator.choice(len(names), p=weight / weight.sum()))]
            made = joined(place.rest, part)
            if not isinstance(made, Refusal) and key(made) != before and undefined_stereocentres(made) <= undefined:
                return made
        return Refusal(f"{ATTEMPTS} changes gave no new molecule")


@cache
def _read_part(text: str) -> Chem.Mol:
    return Chem.MolFromSmiles(text)


def joined(rest: Chem.Mol, part: str) -> Chem.Mol | Refusal:
    """The molecule of the rest and a part with the same attachment points."""
    with rdBase.BlockLogs():
        try:
            made = Chem.molzip(rest, _read_part(part))
            Chem.AssignStereochemistry(made, cleanIt=True, force=True)
            return parse(Chem.MolToSmiles(made))
        except (ValueError, RuntimeError) as error:
            return Refusal(f"RDKit refuses the molecule: {str(error).strip()}")


def replacement(molecule: Chem.Mol, generator: np.random.Generator) -> Chem.Mol | Refusal:
    """One of the changes that chemists make in any series. They matter where the measured molecules are few."""
    lead = Lead(molecule, frozenset(), lambda made: True)
    found = (lead.changed(generator) for _ in range(ATTEMPTS))
    return next((one for one in found if not isinstance(one, Refusal)), Refusal("no replacement fits"))


def changes_of(
    molecules: Sequence[Chem.Mol],
) -> dict[str, Callable[[Chem.Mol, np.random.Generator], Chem.Mol | Refusal]]:
    """The moves to analogues of measured molecules, the best first, by name."""
    seen = SeriesChanges(molecules)
    return {
        "substituent": seen.substituent,
        "matched pair": seen.matched_pair,
        "linker": seen.linker,
        "replacement": replacement,
    }


# The core that good molecules share: what their activity may depend on.
#
# Candidates are the connected parts of scaffolds between ring systems (HierS: Wilkens, Janes & Su, J. Med. Chem. 2005,
# 48, 3182). Of those that enough of the molecules hold, the largest is taken, then the next for the others.

SHARED, COVERED = 0.1, 0.7
"""Share of the molecules, at least `LEAST_HOLDERS`, that hold a core of two rings or more, and that hold one of the
cores: with fewer, there is none to keep."""
LEAST_HOLDERS = 3


def shared_cores(molecules: Sequence[Chem.Mol]) -> list[str]:
    """SMARTS of the cores one of which most of the molecules hold, in the order of how much they share; [] if they
    share none.

    Examples
    --------
    >>> shared_cores([Chem.MolFromSmiles(f"{end}c1ccc2[nH]ccc2c1") for end in ("C", "OC", "FC", "NC")])
    ['c1ccc2nccc2c1']
    """
    from rdkit.Chem.Scaffolds import rdScaffoldNetwork  # on use: imports all of AllChem

    options: Any = rdScaffoldNetwork.ScaffoldNetworkParams()  # RDKit's type stubs lack its settable attributes
    options.includeGenericScaffolds = options.includeScaffoldsWithAttachments = False
    options.keepOnlyFirstFragment = False
    parts: dict[str, Chem.Mol] = {}
    with rdBase.BlockLogs():
        for molecule in molecules:
            scaffold = murcko_scaffold(molecule)
            if rdMolDescriptors.CalcNumRings(scaffold) > 1:
                nodes = rdScaffoldNetwork.CreateScaffoldNetwork([scaffold], options).nodes
                parts.update((node, Chem.MolFromSmiles(node)) for node in nodes if node not in parts)
        whole = [one for one in parts.values() if rdMolDescriptors.CalcNumRings(one) > 1]
        # [nH] as n, so that a scaffold also matches where its N-H is substituted
        spelled = [Chem.MolToSmiles(one, isomericSmiles=False) for one in whole
                   if murcko_scaffold(one).GetNumAtoms() == one.GetNumAtoms()]  # fmt: skip
        patterns = [one.replace("[nH]", "n") for one in spelled]
    queries = {text: Chem.MolFromSmarts(text) for text in patterns}
    found, left = list[str](), list(molecules)
    least = max(LEAST_HOLDERS, math.ceil(SHARED * len(molecules)))
    while len(left) >= least:
        held = {
            text: own
            for text, query in queries.items()
            if len(own := [one for one in left if one.HasSubstructMatch(query)]) >= least
        }
        if not held:
            break
        core = max(held, key=lambda text: (queries[text].GetNumAtoms() * len(held[text]), text))
        found.append(core)
        left = [one for one in left if one not in held[core]]
    return found if len(molecules) - len(left) >= COVERED * len(molecules) else []


# Positions that a series leaves free: what a group there costs is unknown, and a model's intervals don't say so.

LEAST_FREE = 8
"""Molecules with a hydrogen at a position, from which chemists are taken to leave it free."""
LEAST_TRIED = 3
"""Molecules with a group at such a position that open it to any group. Fewer open it to groups of their size."""


def free_positions(molecules: Sequence[Chem.Mol]) -> Callable[[Chem.Mol], bool]:
    """A test whether a molecule has a group at a position of a ring that `LEAST_FREE` or more molecules leave free, and
    fewer than `LEAST_TRIED` have as large a group at. Positions are the same if the atoms within `SAME_KIND` bonds are.

    Examples
    --------
    >>> ends = ("F", "Cl", "Br", "I", "C", "CC", "OC", "N#C")
    >>> series = [Chem.MolFromSmiles(f"{end}c1ccc(O)cc1") for end in ends]
    >>> made = [Chem.MolFromSmiles(one) for one in ("NCc1ccc(O)cc1", "Cc1ccc(O)c(Cl)c1", "Cc1ccc(O)c(CN)c1")]
    >>> [free_positions(series)(one) for one in made]
    [False, True, True]
    >>> [free_positions([*series, Chem.MolFromSmiles("Cc1ccc(O)c(F)c1")])(one) for one in made]
    [False, False, True]
    """
    free, groups = Counter[Hashable](), defaultdict[Hashable, list[int]](list)
    with rdBase.BlockLogs():
        for molecule in molecules[:MOST_LEARNED]:
            free.update(_ring_positions((rest, 0) for rest in _without_hydrogen(molecule)).keys())
            for position, size in _ring_positions(_groups(molecule)).items():
                groups[position].append(size)
    largest = {
        position: max(groups[position], default=0)
        for position, count in free.items()
        if count >= LEAST_FREE and len(groups[position]) < LEAST_TRIED
    }

    def opens(molecule: Chem.Mol) -> bool:
        with rdBase.BlockLogs():
            own = _ring_positions(_groups(molecule))
            return any(size > largest.get(position, size) for position, size in own.items())

    return opens


def _groups(molecule: Chem.Mol) -> Iterator[tuple[Chem.Mol, int]]:
    """The rest of the molecule beside each of its parts, and the part's heavy atoms."""
    return ((rest, part.GetNumHeavyAtoms()) for part, rest in _cut(molecule))


def _ring_positions(rests: Iterable[tuple[Chem.Mol, int]]) -> dict[Hashable, int]:
    """The narrow environments of those attachment points that are at rings, and the largest size of a part there."""
    found = dict[Hashable, int]()
    for rest, size in rests:
        if rest.GetAtomWithIdx(*rest.GetSubstructMatch(_POINT)).GetNeighbors()[0].IsInRing():
            position = _keys(rest)[SAME_KIND]
            found[position] = max(size, found.get(position, 0))
    return found


# Stereoisomers: a plate's model doesn't see configurations, so that it predicts the same of both enantiomers.


def mirrored(molecule: Chem.Mol) -> Chem.Mol:
    """The mirror image."""
    made = Chem.Mol(molecule)
    for atom in made.GetAtoms():
        atom.InvertChirality()
    return made


def repeats(molecules: Sequence[Chem.Mol]) -> Callable[[Chem.Mol], bool]:
    """A test whether a molecule says little beside these, the best first: it is one of them with an undefined
    stereocentre, such as the racemate of an enantiomer; or it has the configuration of the worse one of two enantiomers
    at a centre whose surroundings are theirs.

    Examples
    --------
    >>> read = lambda *texts: [Chem.MolFromSmiles(one) for one in texts]
    >>> same = repeats(read("C[C@H](O)c1ccccc1"))
    >>> [same(one) for one in read("CC(O)c1ccccc1", "C[C@@H](O)c1ccccc1C", "CC(O)c1ccccc1C")]
    [True, False, False]
    >>> same = repeats(read("C[C@H](O)c1ccccc1", "C[C@@H](O)c1ccccc1"))
    >>> [same(one) for one in read("C[C@H](O)c1ccc(F)cc1", "C[C@@H](O)c1ccc(F)cc1")]
    [False, True]
    """
    known = {Chem.MolToSmiles(one, isomericSmiles=False) for one in molecules}
    centres = _decided_centres(molecules)

    def says_little(molecule: Chem.Mol) -> bool:
        if undefined_stereocentres(molecule) > 0 and Chem.MolToSmiles(molecule, isomericSmiles=False) in known:
            return True
        holds = lambda query: molecule.HasSubstructMatch(query, useChirality=True)  # noqa: E731
        return any(holds(worse) and not holds(better) for better, worse in centres)

    return says_little


def _decided_centres(molecules: Sequence[Chem.Mol]) -> list[tuple[Chem.Mol, Chem.Mol]]:
    """Surroundings of the stereocentres of enantiomers that are both there: of the better one, and of the worse one."""
    found, seen = list[tuple[Chem.Mol, Chem.Mol]](), dict[str, Chem.Mol]()
    for molecule in molecules:
        better = seen.get(Chem.MolToSmiles(mirrored(molecule)))
        seen[Chem.MolToSmiles(molecule)] = molecule
        if better is None or Chem.MolToSmiles(better) == Chem.MolToSmiles(molecule):
            continue
        for atom in better.GetAtoms():
            if atom.GetChiralTag() in TURNS:
                near = {atom.GetIdx(), *(one.GetIdx() for one in atom.GetNeighbors())}
                near |= {one.GetIdx() for index in set(near) for one in better.GetAtomWithIdx(index).GetNeighbors()}
                texts = [Chem.MolFragmentToSmiles(one, near, isomericSmiles=True) for one in (better, mirrored(better))]
                found.append((Chem.MolFromSmarts(texts[0]), Chem.MolFromSmarts(texts[1])))
    return found


def compound(molecule: Chem.Mol) -> str:
    r"""The same text for tautomers (RDKit's HetAtomTautomerv2, with the configurations of double bonds) and for
    enantiomers.

    Examples
    --------
    >>> pairs = [("Cc1nc2cc(F)ccc2[nH]1", "Cc1nc2ccc(F)cc2[nH]1"), ("C[C@H](N)CO", "C[C@@H](N)CO")]
    >>> pairs.append(("C/C(=N/O)C=O", r"C/C(=N\O)C=O"))
    >>> [len({compound(Chem.MolFromSmiles(one)) for one in pair}) for pair in pairs]
    [1, 1, 2]
    """
    bonds = sorted(
        str(bond.GetStereo()) for bond in molecule.GetBonds() if bond.GetStereo() > Chem.BondStereo.STEREOANY
    )
    hands = (rdMolHash.MolHash(one, rdMolHash.HashFunction.HetAtomTautomerv2) for one in (molecule, mirrored(molecule)))
    return " ".join([min(hands), *bonds])


# What differs between a molecule and a measured one, as in a table of R-groups.
#
# The core is the largest connected common substructure (RASCAL: Raymond, Gardiner & Willett, Comput. J. 2002, 45, 631)
# without fused rings that the molecules share in part. Its places are numbered from 1, in the order of its atoms.

SECONDS = 5
"""Longest search for a common substructure; most take some milliseconds."""
_LABEL = re.compile(r"\[(\d+)\*\]")
Places = frozenset[int]
"""Atoms of the core that a part is joined to."""


def difference(molecule: Chem.Mol, reference: Chem.Mol) -> str:
    """The parts of a reference that a molecule has others for, and the core with the numbers of their places.

    Examples
    --------
    >>> difference(Chem.MolFromSmiles("Cc1cc(OC)ccc1Cl"), Chem.MolFromSmiles("COc1ccc(F)cc1"))
    'R1: *[H] > *C; R2: *F > *Cl; core: COc1ccc([*:2])c([*:1])c1'
    >>> difference(Chem.MolFromSmiles("CCCc1cnc(OC)cn1"), Chem.MolFromSmiles("CCCc1ccc(OC)cc1"))
    'R1: *c1ccc(OC)cc1 > *c1cnc(OC)cn1; core: CCC[*:1]'
    """
    pairs = _common(reference, molecule)
    places = [{atom: place for place, atom in enumerate(side, 1)} for side in zip(*pairs, strict=True)]
    if not places:
        return f"{Chem.MolToSmiles(reference)} > {Chem.MolToSmiles(molecule)}"
    before, after = _outside(reference, places[0]), _outside(molecule, places[1])
    joint = list[Places]()  # places that parts of either molecule join
    for own in (*before, *after):
        apart = [one for one in joint if not one & own]
        joint = [*apart, own.union(*(one for one in joint if one & own))]
    said, number = list[str](), dict[int, int]()
    for one in sorted(joint, key=min):
        old, new = (sum((own[part] for part in own if part <= one), Counter[str]()) for own in (before, after))
        if old != new:
            number |= {place: len(number) + rank for rank, place in enumerate(sorted(one), 1)}
            point = r"[*:{}]" if len(one) > 1 else "*"
            labels = {str(place): point.format(rank) for place, rank in number.items()}
            sides = [".".join(sorted(some.elements())) or "nothing" for some in (old - new, new - old)]
            texts = [_LABEL.sub(lambda found: labels[found[1]], side) for side in sides]  # noqa: B023  # called at once
            said.append(f"{','.join(f'R{number[place]}' for place in sorted(one))}: {' > '.join(texts)}")
    if said:
        return "; ".join([*said, f"core: {_with_points(reference, places[0], number)}"])
    return "stereochemistry"


def _common(one: Chem.Mol, other: Chem.Mol) -> list[tuple[int, int]]:
    """Atoms of two molecules that are the same atom of their core."""
    from rdkit.Chem import rdRascalMCES  # on use

    options: Any = rdRascalMCES.RascalOptions()  # as above
    options.ringMatchesRingOnly = options.completeSmallestRings = options.singleLargestFrag = True
    options.similarityThreshold, options.timeout = 0.0, SECONDS
    found = rdRascalMCES.FindMCES(one, other, options)
    pairs = dict(found[0].atomMatches()) if found else {}
    for place, molecule in enumerate((one, other)):
        kept, systems = {pair[place] for pair in pairs.items()}, _fused_rings(molecule)
        whole = set[int]().union(*(system for system in systems if system <= kept))
        parts = set[int]().union(*(system for system in systems if not system <= kept)) - whole
        pairs = dict(pair for pair in pairs.items() if pair[place] not in parts)
    return sorted(pairs.items())


def _fused_rings(molecule: Chem.Mol) -> list[set[int]]:
    """Atoms of the rings that share bonds."""
    rings, systems = molecule.GetRingInfo(), list[tuple[set[int], set[int]]]()
    for atoms, bonds in zip(rings.AtomRings(), rings.BondRings(), strict=True):
        joined = [one for one in systems if one[1].intersection(bonds)]
        systems = [one for one in systems if one not in joined]
        systems.append((set(atoms).union(*(one[0] for one in joined)), set(bonds).union(*(one[1] for one in joined))))
    return [atoms for atoms, _ in systems]


def _outside(molecule: Chem.Mol, places: Mapping[int, int]) -> dict[Places, Counter[str]]:
    """Places on the core -> SMILES of the parts there, whose points have the numbers of the places as isotopes."""
    found: dict[Places, Counter[str]] = defaultdict(Counter)
    for atom, place in places.items():
        found[frozenset({place})][f"[{place}*][H]"] = molecule.GetAtomWithIdx(atom).GetTotalNumHs()
    pieces = _cut_at(molecule, places, places.values())
    for atoms in Chem.GetMolFrags(pieces):
        if places.keys().isdisjoint(atoms):
            labels = frozenset(label for atom in atoms if (label := pieces.GetAtomWithIdx(atom).GetIsotope()))
            found[labels][Chem.MolFragmentToSmiles(pieces, atoms)] += 1
    return found


def _cut_at(molecule: Chem.Mol, places: Mapping[int, int], chosen: Collection[int]) -> Chem.Mol:
    """The molecule without the bonds from the core to other atoms at chosen places. Both ends get points."""
    ends = {bond.GetIdx(): {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()} for bond in molecule.GetBonds()}
    inner = {bond: places[atom] for bond, pair in ends.items() if len(pair & places.keys()) == 1
             for atom in pair & places.keys() if places[atom] in chosen}  # fmt: skip
    labels = [(place, place) for place in inner.values()]
    return Chem.FragmentOnBonds(molecule, list(inner), dummyLabels=labels) if inner else molecule


def _with_points(molecule: Chem.Mol, places: Mapping[int, int], number: Mapping[int, int]) -> str:
    """SMILES of the core with a numbered point at each place that has a number."""
    core = Chem.RWMol(_cut_at(molecule, places, number))
    inside = {atom for atoms in Chem.GetMolFrags(core) if not places.keys().isdisjoint(atoms) for atom in atoms}
    points = {core.GetAtomWithIdx(atom).GetIsotope(): atom for atom in inside - set(range(molecule.GetNumAtoms()))}
    for atom, place in places.items():
        if place in number and place not in points:
            points[place] = core.AddAtom(Chem.Atom(0))
            core.AddBond(atom, points[place], Chem.BondType.SINGLE)
            core.GetAtomWithIdx(atom).SetNumExplicitHs(max(0, core.GetAtomWithIdx(atom).GetNumExplicitHs() - 1))
    for place, point in points.items():
        core.GetAtomWithIdx(point).SetIsotope(0)
        core.GetAtomWithIdx(point).SetAtomMapNum(number[place])
    return Chem.MolFragmentToSmiles(core, sorted(inside.union(points.values())), isomericSmiles=False)


ANALOGUES = Analogues(
    changes=changes_of,
    cores=shared_cores,
    alerts=lambda molecule: alert_catalog().matches(molecule),
    liabilities=liable_groups,
    limits={"logp": 5.0, "mw": math.inf},
    difference=difference,
    opens=free_positions,
    repeats=repeats,
    key=compound,
)
