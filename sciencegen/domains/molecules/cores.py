"""Cores with attachment points, and the parts of other molecules that fit to them.

A core is SMILES with attachment points `[*:1]`. Of one piece, each point gets a substituent; of two pieces with a point
each, a linker joins them; without points, a substituent replaces a hydrogen. Parts are cut from whole molecules at
single bonds outside rings. A part fits if the atom that it is cut from is like the core's atom that it is joined to, so
that the new bond is one that its source has (matched pairs of radius 1: Polishchuk, J. Cheminform. 2020, 12, 28).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from rdkit import Chem, rdBase

from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS, parse
from sciencegen.domains.molecules.recombination import chain_bonds
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal

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
    if any(point.GetDegree() != 1 or _bond(point).GetBondType() != Chem.BondType.SINGLE for point in points):
        raise ConfigError(f"Expected attachment points with one single bond, got '{text}'. Write such as {EXAMPLE}.")
    if len(pieces) == 1:
        return [_numbered(molecule, points)] if points else _grown(molecule)
    owned = [[point for point in points if point.GetIdx() in piece] for piece in pieces]
    if [len(one) for one in owned] != [1, 1]:
        raise ConfigError(
            f"Expected one piece, or two with an attachment point each, got '{text}'. Write such as {EXAMPLE}."
        )
    return [_numbered(molecule, [one for (one,) in owned], linked=True)]


def _bond(point: Chem.Atom) -> Chem.Bond:
    return point.GetBonds()[0]


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
