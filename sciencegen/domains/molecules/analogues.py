"""Analogues of a lead: changes that medicinal chemists make, one after another, to a chosen similarity.

A change replaces, adds or removes a substituent, or is one of `EXCHANGES`: an aromatic CH for a nitrogen, a linker or a
ring atom for another, a ring that grows or shrinks, a substituent that moves (bioisosteres: Meanwell, J. Med. Chem.
2011, 54, 2529; series of substituents: Topliss, J. Med. Chem. 1977, 20, 463). Each step takes, of a few random changes,
the one whose Tanimoto similarity to the lead (Morgan, radius 2) is closest to the target, so that few changes suffice.
The published anchor of drawing molecules at a chosen similarity is Mol2Mol (He et al., J. Cheminformatics 2022, 14:18;
REINVENT 4: Loeffler et al., J. Cheminformatics 2024, 16:20).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdChemReactions, rdFingerprintGenerator

from sciencegen.domains.molecules.alerts import alert_catalog, familiar_beside, is_plausible
from sciencegen.domains.molecules.edits import CIS, TURNS, beyond, chain_bonds, set_double_bond, turned
from sciencegen.domains.molecules.features import similarity
from sciencegen.domains.molecules.items import MAX_HEAVY_ATOMS, key, parse, undefined_stereocentres
from sciencegen.items import Refusal

Window = tuple[float, float]
"""Least and greatest similarity to the lead."""
Accept = Callable[[Chem.Mol], bool]
Generator = np.random.Generator

CHANGES, OPTIONS = 12, 8
"""Most changes of an analogue, and random ones of which each is the best."""
RACEMIC = 0.3
"""Share of analogues that may have one more centre without a configuration than the lead."""
NEAR = 0.03
"""Distance to the target at which no change follows."""
GROWTH, LEAST_GROWTH = 0.25, 3
"""Share of the lead's heavy atoms by which the number of an analogue may differ, and the atoms that always may."""
LARGEST_GROUP, LARGEST_SHARE = 12, 0.4
"""Heavy atoms of a group that is replaced as a whole, also as a share of the lead's."""
LIKE_SIZE, LIKE_RING = 2.0, 4.0
"""Atoms of difference at which a group is e times rarer in place of another, and how often rings replace rings."""
CARBON, NITROGEN, OXYGEN, SULFUR = 6, 7, 8, 16

# What takes a group's place, by the atom that it is attached to. The first atom is attached; "" is hydrogen.

_RINGS = {
    "c1ccccc1": 1.0, "c1ccc(F)cc1": 0.8, "c1cccc(F)c1": 0.6, "c1ccc(Cl)cc1": 0.5, "c1ccc(OC)cc1": 0.4, "c1ccncc1": 0.8,
    "c1cccnc1": 0.8, "c1ccccn1": 0.6, "c1cncnc1": 0.4, "c1ccsc1": 0.4, "c1cccs1": 0.4, "c1ccoc1": 0.2, "c1cscn1": 0.4,
    "c1cnn(C)c1": 0.8, "c1nccs1": 0.3, "c1conc1": 0.2, "c1noc(C)n1": 0.3, "c1nnc(C)o1": 0.3, "C1CCCCC1": 0.5,
    "C1CCCC1": 0.5, "C1CCOCC1": 0.7, "C1CCN(C)CC1": 0.4, "C1CC1": 0.8, "C1CCC1": 0.4,
}  # fmt: skip
_CYCLIC_AMINES = {
    "N1CCOCC1": 1.2, "N1CCN(C)CC1": 0.8, "N1CCCC1": 0.9, "N1CCCCC1": 0.8, "N1CCNCC1": 0.5, "N1CCC(O)CC1": 0.4,
    "N1CCC(F)(F)CC1": 0.3, "N1CCC1": 0.3, "N1CC(O)C1": 0.2, "N1CC(F)C1": 0.2,
}  # fmt: skip
_ALKYL = {"C": 3.0, "CC": 1.5, "C(C)C": 1.0, "C1CC1": 1.0, "CC(C)C": 0.5, "CC1CC1": 0.6, "CCC": 0.4, "C(C)(C)C": 0.4}
_ETHERS = {"CCOC": 0.8, "CCO": 0.4, "CC(F)(F)F": 0.6, "CCN(C)C": 0.4, "C1CCOCC1": 0.6, "C1COC1": 0.4}
_BENZYL = {"Cc1ccccc1": 0.8, "Cc1ccc(F)cc1": 0.7, "Cc1cccnc1": 0.5, "Cc1ccncc1": 0.4, "Cc1ccccn1": 0.3}
SUBSTITUENTS: dict[str, dict[str, float]] = {
    "aromatic carbon": {
        "": 2.0, "F": 4.0, "Cl": 3.0, "C": 3.0, "OC": 3.0, "C#N": 2.0, "C(F)(F)F": 1.6, "O": 0.4, "N": 0.3, "CC": 0.8,
        "C(C)C": 0.5, "C(C)(C)C": 0.3, "OC(F)F": 0.7, "OC(F)(F)F": 0.6, "OCC": 0.7, "OC(C)C": 0.4, "S(C)(=O)=O": 0.8,
        "C(N)=O": 0.9, "C(=O)NC": 0.7, "C(=O)N(C)C": 0.4, "CO": 0.7, "COC": 0.4, "N(C)C": 0.6, "NC": 0.4,
        "NC(C)=O": 0.7, "C(=O)O": 0.4, "S(N)(=O)=O": 0.5, "NS(C)(=O)=O": 0.5, "C(F)F": 0.5, "CN(C)C": 0.4, "Br": 0.3,
        "OCCOC": 0.3, "C(C)(C)O": 0.3, "C(C)=O": 0.3, "[nH]1cccn1": 0.4, "[nH]1cncn1": 0.3, **_RINGS, **_CYCLIC_AMINES,
    },
    "azine carbon": {
        "": 2.0, "C": 3.0, "OC": 1.5, "N": 1.5, "NC": 1.0, "N(C)C": 0.7, "C(F)(F)F": 1.0, "CC": 0.6, "C1CC1": 0.8,
        "C#N": 0.4, "NC(C)=O": 0.5, "C(N)=O": 0.5, "C(=O)NC": 0.5, "CO": 0.3, "C(C)C": 0.4, **_RINGS, **_CYCLIC_AMINES,
    },
    "amine": {
        "": 2.0, **_ALKYL, **_ETHERS, **_BENZYL, "C(C)=O": 1.2, "S(C)(=O)=O": 1.0, "C(=O)C1CC1": 0.5, "C(=O)NC": 0.3,
        "C(=O)c1ccccc1": 0.4, "c1ccccc1": 0.4, "c1ccccn1": 0.5, "c1ncccn1": 0.5, "c1ccncc1": 0.3, "C1CCCCC1": 0.4,
        "C1CCCC1": 0.4, "CC(N)=O": 0.3,
    },
    "amide nitrogen": {
        "": 2.0, **_ALKYL, **_ETHERS, **_BENZYL, **_RINGS,
    },
    "oxygen": {
        "": 1.0, **_ALKYL, **_ETHERS, **_BENZYL, "C(F)F": 0.8, "C(F)(F)F": 0.3, "c1ccccc1": 0.6, "c1ccc(F)cc1": 0.5,
        "c1cccnc1": 0.4, "c1ccccn1": 0.3, "C1CCCC1": 0.4, "C1CCNCC1": 0.3, "C1CCN(C)CC1": 0.3,
    },
    "ester oxygen": {"": 0.6, **_ALKYL},
    "acyl": {
        "N": 1.2, "NC": 1.5, "N(C)C": 1.0, "NCC": 0.7, "NC1CC1": 0.9, "NC(C)C": 0.6, "NCCOC": 0.4, "NCC(F)(F)F": 0.3,
        "Nc1ccccc1": 0.6, "Nc1ccc(F)cc1": 0.5, "Nc1cccnc1": 0.4, "NCc1ccccc1": 0.5, "NCc1ccncc1": 0.3, "NC1CCOCC1": 0.4,
        "NC1CCCCC1": 0.3, "O": 0.6, "OC": 0.3, "C": 0.8, "CC": 0.4, "C(C)C": 0.4, **_CYCLIC_AMINES, **_RINGS,
    },
    "sulfonyl": {
        "N": 1.0, "NC": 1.2, "N(C)C": 0.8, "NC1CC1": 0.5, "C": 1.5, "CC": 0.8, "C(C)C": 0.5, "Nc1ccccc1": 0.4,
        "C1CC1": 0.8, **_CYCLIC_AMINES, "c1ccccc1": 0.8, "c1ccc(F)cc1": 0.6, "c1cccnc1": 0.4, "c1cccs1": 0.3,
    },
    "alkyl carbon": {
        "": 2.0, "C": 3.0, "CC": 0.8, "C(C)C": 0.6, "F": 0.6, "O": 1.2, "OC": 1.0, "C(F)(F)F": 0.8, "C#N": 0.5,
        "N": 0.5, "NC": 0.4, "N(C)C": 0.8, "NC(C)=O": 0.4, "CO": 0.6, "C(N)=O": 0.5, "C(=O)NC": 0.4, "C(=O)O": 0.4,
        "S(C)(=O)=O": 0.3, "[nH]1cccn1": 0.3, **_CYCLIC_AMINES, **_RINGS,
    },
    "activated alkyl carbon": {
        "": 2.0, "C": 3.0, "CC": 0.8, "C(C)C": 0.6, "C(F)(F)F": 0.6, "CO": 0.4, "COC": 0.3, "C(N)=O": 0.3, **_RINGS,
    },
}  # fmt: skip
"""Atom that keeps its place -> SMILES of a group -> weight. Weights follow how often the groups occur in drugs and
published series, and how usual the change is."""
SMALL = 4
"""Heavy atoms of a group that takes the place of a hydrogen."""
ADDED_TO = frozenset({"aromatic carbon", "azine carbon", "amine", "oxygen", "alkyl carbon"})

# Changes as reaction SMARTS. The atom with the number 1 is changed; a kept part may hold the others.

EXCHANGES = {
    # aromatic rings
    "[cH;r6:1]([c;!$(c[F,Cl,Br,I,S]):2])[c;!$(c[F,Cl,Br,I,S]):3]>>[n:1]([c:2])[c:3]": 5.0,
    "[n;H0;D2;r6:1]([c:2])[c:3]>>[c:1]([c:2])[c:3]": 2.0,
    "[cH;r5:1]([c:2])[s,n:3]>>[n:1]([c:2])[*:3]": 1.0,
    "[s:1]([c:2])[c:3]>>[o:1]([c:2])[c:3]": 0.4,
    "[o:1]([c:2])[c:3]>>[s:1]([c:2])[c:3]": 0.5,
    "[nH:1]>>[n:1]C": 1.5,
    "[n;D3:1]-[CH3]>>[nH:1]": 0.7,
    "[cH;r6:2][cH;r6:3][c;r6:4]([F,Cl,$([CH3]),$(O[CH3]),$(C#N):1])>>[c:2]([*:1])[c:3][c:4]": 1.5,
    "[cH;r6:2][c;r6:3]-!@[!#1:1]>>[c:2]([*:1])[c:3]": 3.0,
    "[F;$(Fc):1]>>[Cl:1]": 0.8,
    "[Cl;$(Clc):1]>>[F:1]": 0.8,
    # linkers
    "[#6:2]-!@[OX2:1]-!@[#6;!$(C=[O,N,S]):3]>>[#6:2][NH:1][#6:3]": 1.5,
    "[#6:2]-!@[OX2:1]-!@[#6;!$(C=[O,N,S]):3]>>[#6:2][CH2:1][#6:3]": 1.0,
    "[c:2]-!@[OX2:1]-!@[#6:3]>>[c:2][S:1][#6:3]": 0.3,
    "[#6;!$(C=[O,N,S]):2]-!@[NH;D2;!$(N-[C,S]=O):1]-!@[#6:3]>>[#6:2][O:1][#6:3]": 1.0,
    "[#6;!$(C=[O,N,S]):2]-!@[NH;D2:1]-!@[#6:3]>>[#6:2][N:1](C)[#6:3]": 0.4,
    "[#6:2]-!@[SX2:1]-!@[#6:3]>>[#6:2][O:1][#6:3]": 0.8,
    "[#6:2]-!@[SX2:1]-!@[#6:3]>>[#6:2][CH2:1][#6:3]": 0.6,
    "[#6:2]-!@[SX2;!$(Sc):1]-!@[#6:3]>>[#6:2][S:1](=O)(=O)[#6:3]": 0.4,
    "[#6:2]-!@[CH2;D2:1]-!@[c:3]>>[#6:2][O:1][c:3]": 0.8,
    "[#6:2]-!@[CH2;D2:1]-!@[#6:3]>>[#6:2]-[#6:3]": 1.5,
    "[#7,#8;!$(*-[#7,#8]):2]-!@[CH2;D2:1]-!@[#6:3]>>[*:2]-[#6:3]": 1.5,
    "[#6;!$(C=[O,N,S]):2]-!@[#6,#7X3,#8X2;!$(*=[O,S,N]);!$(C#N):1]>>[#6:2]C[*:1]": 1.5,
    "[c,CX4:4][C:2](=[O:3])-!@[NH:1][c,CX4:5]>>[*:4][N:1][C:2](=[O:3])[*:5]": 1.5,
    "[#6:4][C:2](=[O:3])-!@[NH:1][#6:5]>>[#6:4][C:2](=[O:3])[N:1](C)[#6:5]": 0.4,
    "[#6:4][C;!R:1](=[O:3])-!@[NX3;!$(N-S):2]>>[#6:4]S(=O)(=O)[N:2]": 0.8,
    "[#6:4][S:1](=[O:3])(=[O:5])-!@[NX3:2]>>[#6:4]C(=O)[N:2]": 0.8,
    "[#6:4]-!@[C;!R:1](=[O:3])-!@[NX3:2]>>[#6:4][CH2:1][N:2]": 0.8,
    "[c:4]-!@[CH2;D2:1]-!@[NX3;!$(N-[C,S]=O):2]>>[c:4][C:1](=O)[N:2]": 1.0,
    "[#6:4]-!@[C;!R:2](=[O:3])-!@[NH:1][c:5]>>[#6:4]N[C:2](=[O:3])[N:1][c:5]": 0.4,
    "[C:2](=[O:3])[O;!R:1]-!@[CX4:4]>>[C:2](=[O:3])[N:1][C:4]": 1.0,
    "[C:2](=[O:3])[OH:1]>>[C:2](=[O:3])[NH2:1]": 0.7,
    "[#6:2][C:1](=[O:3])[OH]>>[#6:2]-c1nn[nH]n1": 0.5,
    "[C:2](=[O:3])[NH2:1]>>[C:2](=[O:3])[N:1]C": 0.7,
    "[C;!R:2](=[O:3])([#6:4])[NH2:1]>>[#6:4]C#[N:1]": 0.4,
    # saturated rings and chains
    "[CH2;r6:1]([CX4;!$(C[N,O,S,F,Cl]):2])[CX4;!$(C[N,O,S,F,Cl]):3]>>[O:1]([C:2])[C:3]": 1.0,
    "[CH2;r6:1]([CX4;!$(C[N,O,S,F,Cl]):2])[CX4;!$(C[N,O,S,F,Cl]):3]>>[N:1](C)([C:2])[C:3]": 0.6,
    "[CH2;R:1]([CX4;R;!$(C[F,Cl]):2])[CX4;R;!$(C[F,Cl]):3]>>[C:1](F)(F)([C:2])[C:3]": 0.5,
    "[O;R;X2:1]([CX4:2])[CX4:3]>>[CH2:1]([C:2])[C:3]": 1.0,
    "[O;r6;X2:1]([CX4:2])[CX4:3]>>[N:1](C)([C:2])[C:3]": 0.6,
    "[NX3;R;!$(N-[C,S]=O);!$(N-c):1]([CX4;R:2])([CX4;R:3])-!@[CH3]>>[O:1]([C:2])[C:3]": 0.7,
    "[NX3;R;!$(N-[C,S]=O);!$(N-c):1]([CX4;R:2])([CX4;R:3])-!@[CH3]>>[N:1]([C:2])[C:3]": 0.7,
    "[CX4;R;r5,r6,r7;D2:1]([C;R:2])[C,N;R:3]>>[C:2]-[*:3]": 1.2,
    "[CX4;r4,r5;D2:1]-@[CX4,NX3;r4,r5;!$(*(C)(C)C):2]>>[C:1]C[*:2]": 1.2,
    "[CH3;$([CH3][#6]):1]>>[C:1]C": 1.0,
    "[CH3;$([CH3][N,O]):1]>>[C:1]C": 1.0,
    "[CH2;D2;!R:1]([#6,#7,#8:2])[CH3:3]>>[CH3:1][*:2]": 1.0,
    "[CH3;$([CH3]c):1]>>[C:1](F)(F)F": 1.0,
    "[CH3;$([CH3][OX2]c):1]>>[C:1](F)F": 0.7,
    "[CH;D3;!R:1]([CH3:2])[CH3:3]>>[C:1]1[C:2][C:3]1": 1.0,
    "[C;D4;!R:1]([CH3:2])([CH3:3])[CH3]>>[C:1]([C:2])[C:3]": 0.7,
    "[CH2;D2;!R:1]([#6:2])[#6,#7,#8:3]>>[C:1](C)(C)([#6:2])[*:3]": 0.4,
    "[CH2;D2;!R:1]([c:2])[#6,#7:3]>>[C:1]1(CC1)([c:2])[*:3]": 0.3,
    "[OH;$(O[CX4;!$(C([OH])[N,O,S])]):1]>>[F:1]": 0.4,
    "[OH;$(O[CX4,c]):1]>>[O:1]C": 1.0,
    "[OX2;$(O[CX4,c]):1]-!@[CH3]>>[OH:1]": 0.7,
    "[NX3;H2,H1;$(N[CX4]);!$(N-[C,S]=O):1]>>[N:1]C": 1.0,
    "[NX3;H0,H1;$(N[CX4]);!$(N-[C,S]=O):1]-!@[CH3]>>[N:1]": 0.8,
}
"""Reaction SMARTS -> weight."""


@cache
def _exchanges() -> tuple[list[rdChemReactions.ChemicalReaction], np.ndarray]:
    with rdBase.BlockLogs():  # of atoms that go
        reactions = [rdChemReactions.ReactionFromSmarts(text) for text in EXCHANGES]
        for reaction in reactions:
            reaction.Initialize()
    weights = np.array(list(EXCHANGES.values()))
    return reactions, weights / weights.sum()


@cache
def _group(smiles: str) -> Chem.Mol:
    """A group with an implicit hydrogen in place of its attachment."""
    return Chem.MolFromSmiles(smiles)


@cache
def _sizes(where: str) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Groups for an atom of a kind: SMILES, weights, heavy atoms, and whether they have rings."""
    table = SUBSTITUENTS[where]
    groups = [_group(one) for one in table]
    atoms = np.array([one.GetNumAtoms() for one in groups])
    return (
        list(table),
        np.array(list(table.values())),
        atoms,
        np.array([one.GetRingInfo().NumRings() > 0 for one in groups]),
    )


def kind_of(atom: Chem.Atom, without: int | None = None) -> str | None:
    """Which of `SUBSTITUENTS` fit to an atom; None for none. without: a neighbour that is left out of account."""
    others = [one for one in atom.GetNeighbors() if one.GetIdx() != without]
    number, charged = atom.GetAtomicNum(), atom.GetFormalCharge() != 0
    if charged or any(_doubly_bound(atom, one) and one.GetAtomicNum() != OXYGEN for one in others):
        return None
    carbonyl = any(_doubly_bound(atom, one) for one in others)
    if number == CARBON and atom.GetIsAromatic():  # what leaves from the neighbour of a ring nitrogen is left out
        return (
            "azine carbon"
            if any(one.GetIsAromatic() and one.GetAtomicNum() == NITROGEN for one in others)
            else "aromatic carbon"
        )
    if number == CARBON and carbonyl:
        return "acyl" if any(one.GetAtomicNum() in (CARBON, NITROGEN) for one in others) else None
    if number == SULFUR:
        return "sulfonyl" if carbonyl and atom.GetDegree() == 4 else None
    if number == CARBON and atom.GetHybridization() == Chem.HybridizationType.SP3:
        hetero = any(one.GetAtomicNum() in (NITROGEN, OXYGEN, SULFUR) or _is_withdrawing(one) for one in others)
        return "activated alkyl carbon" if hetero else "alkyl carbon"
    withdrawn = any(_is_withdrawing(one) for one in others)
    hetero = any(one.GetAtomicNum() in (NITROGEN, OXYGEN, SULFUR) and not _is_withdrawing(one) for one in others)
    if number == NITROGEN and not hetero:
        return "amide nitrogen" if withdrawn or any(one.GetIsAromatic() for one in others) else "amine"
    if number == OXYGEN and not hetero and not atom.GetIsAromatic():
        return "ester oxygen" if withdrawn else "oxygen"
    return None


def _doubly_bound(atom: Chem.Atom, other: Chem.Atom) -> bool:
    bond = atom.GetOwningMol().GetBondBetweenAtoms(atom.GetIdx(), other.GetIdx())
    return bond.GetBondType() in (Chem.BondType.DOUBLE, Chem.BondType.TRIPLE)


def _is_withdrawing(atom: Chem.Atom) -> bool:
    """Whether the atom is that of a carbonyl, amidine or sulfonyl group."""
    return atom.GetAtomicNum() in (CARBON, SULFUR, 15) and any(
        one.GetAtomicNum() in (NITROGEN, OXYGEN, SULFUR) and _doubly_bound(atom, one) for one in atom.GetNeighbors()
    )


# Single changes. Atoms of the lead have their number there as the property `_PLACE`, through all changes.

_PLACE, _FROM, _PROTECTED = "place", "react_atom_idx", "_protected"
MATCHES = 100
"""Places of a molecule at which an exchange is looked for."""
TRIED = 10
"""Exchanges of which one is looked for, since a molecule has few of them."""


def change(molecule: Chem.Mol, fixed: frozenset[int], generator: Generator) -> Chem.Mol | None:
    """A molecule with one random change; None if what was drawn isn't applicable.

    fixed: atoms of the lead that may get no other element, nor be removed.
    """
    kind = KINDS[int(generator.choice(len(KINDS), p=KIND_SHARES))]
    try:
        made = kind(molecule, fixed, generator)
        if made is None or Chem.SanitizeMol(made, catchErrors=True) != Chem.SanitizeFlags.SANITIZE_NONE:
            return None
    except (ValueError, RuntimeError):  # RDKit refuses it
        return None
    return None if len(Chem.GetMolFrags(made)) > 1 else made


def _exchange(molecule: Chem.Mol, fixed: frozenset[int], generator: Generator) -> Chem.Mol | None:
    reactions, shares = _exchanges()
    for number in generator.choice(len(reactions), TRIED, p=shares):
        reaction = reactions[number]
        template = reaction.GetReactantTemplate(0)
        first = next(atom.GetIdx() for atom in template.GetAtoms() if atom.GetAtomMapNum() == 1)
        matches = molecule.GetSubstructMatches(template, maxMatches=MATCHES)
        matches = [one for one in matches if place_of(molecule, one[first]) not in fixed]
        if matches:
            return _reacted(molecule, reaction, set(matches[int(generator.integers(len(matches)))]))
    return None


def _reacted(molecule: Chem.Mol, reaction: rdChemReactions.ChemicalReaction, match: set[int]) -> Chem.Mol | None:
    """The product at one match: RDKit leaves protected atoms alone."""
    own = Chem.Mol(molecule)
    for atom in own.GetAtoms():
        if atom.GetIdx() not in match:
            atom.SetProp(_PROTECTED, "1")
    found = reaction.RunReactants((own,), 1)
    if not found:
        return None
    made = found[0][0]
    for atom in made.GetAtoms():
        place = place_of(own, atom.GetIntProp(_FROM)) if atom.HasProp(_FROM) else None
        atom.ClearProp(_PROTECTED)
        atom.ClearProp(_PLACE)
        if place is not None:
            atom.SetIntProp(_PLACE, place)
    return made


def _replace(molecule: Chem.Mol, fixed: frozenset[int], generator: Generator) -> Chem.Mol | None:
    """Another group, or a hydrogen, in place of a group that is bound by a single bond outside rings."""
    most = min(LARGEST_GROUP, LARGEST_SHARE * molecule.GetNumAtoms())
    cuts = [
        (bond, group)
        for bond in chain_bonds(molecule)
        for cut in (bond[::-1], bond)
        if len(group := beyond(molecule, cut)) <= most
    ]
    held = {
        atom.GetIdx()
        for atom in molecule.GetAtoms()
        if atom.GetChiralTag() in TURNS or place_of(molecule, atom.GetIdx()) in fixed
    }
    cuts = [one for one in cuts if held.isdisjoint(one[1])]
    if not cuts:
        return None
    bond, group = cuts[int(generator.integers(len(cuts)))]
    kept = next(atom for atom in bond if atom not in group)
    start = next(atom for atom in bond if atom in group)
    where = kind_of(molecule.GetAtomWithIdx(kept), start)
    if where is None:
        return None
    rings = molecule.GetRingInfo()
    smiles = _drawn(where, generator, len(group), any(rings.NumAtomRings(atom) for atom in group))
    return _joined(molecule, kept, smiles, start, group)


def _add(molecule: Chem.Mol, fixed: frozenset[int], generator: Generator) -> Chem.Mol | None:
    """A small group in place of a hydrogen."""
    atoms = [atom for atom in molecule.GetAtoms() if atom.GetTotalNumHs() and kind_of(atom) in ADDED_TO]
    free = [atom for atom in atoms if atom.GetIsAromatic() or atom.GetDegree() < 3]  # by usual chemistry
    if not free:
        return None
    atom = free[int(generator.integers(len(free)))]
    return _joined(molecule, atom.GetIdx(), _drawn(str(kind_of(atom)), generator))


SHARES = {_exchange: 0.5, _replace: 0.3, _add: 0.2}
"""Kind of change -> share of the random ones."""
KINDS, KIND_SHARES = list(SHARES), list(SHARES.values())


def _drawn(where: str, generator: Generator, atoms: int = 0, ring: bool = False) -> str:
    """A group for an atom of a kind, preferably of the size of what it replaces; a small one in place of hydrogen."""
    smiles, weights, sizes, rings = _sizes(where)
    if atoms:
        weights = weights * np.exp(-np.abs(sizes - atoms) / LIKE_SIZE) * np.where(rings == ring, LIKE_RING, 1.0)
    else:
        weights = weights * ((sizes > 0) & (sizes <= SMALL))
    return smiles[int(generator.choice(len(smiles), p=weights / weights.sum()))]


def _joined(
    molecule: Chem.Mol, kept: int, smiles: str, start: int | None = None, group: AbstractSet[int] = frozenset()
) -> Chem.Mol | None:
    """The molecule with a group at an atom, without the old group that begins at `start`."""
    graph, count = Chem.RWMol(molecule), molecule.GetNumAtoms()
    graph.BeginBatchEdit()
    if start is not None:
        graph.RemoveBond(kept, start)
    for atom in group:
        graph.RemoveAtom(atom)
    graph.CommitBatchEdit()
    kept -= sum(atom < kept for atom in group)
    near = graph.GetAtomWithIdx(kept)
    hydrogens = near.GetTotalNumHs() + (start is not None) - bool(smiles)
    if smiles:
        count = graph.GetNumAtoms()
        graph.InsertMol(_group(smiles))
        graph.AddBond(kept, count, Chem.BondType.SINGLE)
        near, first = graph.GetAtomWithIdx(kept), graph.GetAtomWithIdx(count)
        first.SetNumExplicitHs(max(0, first.GetNumExplicitHs() - 1))
    if (near.GetIsAromatic() and near.GetAtomicNum() == NITROGEN) or near.GetNoImplicit():
        near.SetNumExplicitHs(max(0, hydrogens))
    near.UpdatePropertyCache(strict=False)
    return graph.GetMol()


def place_of(molecule: Chem.Mol, atom: int) -> int | None:
    """The number of an atom in the lead; None for a new one."""
    found = molecule.GetAtomWithIdx(atom)
    return found.GetIntProp(_PLACE) if found.HasProp(_PLACE) else None


# Configurations of the lead. A centre keeps its own where it has the same neighbours, or one other in place of one of
# them, which may be its hydrogen. Double bonds keep theirs where both ends and what defines it stand.


def with_configurations(lead: Chem.Mol, molecule: Chem.Mol, places: Mapping[int, int]) -> Chem.Mol:
    """The molecule with the lead's configurations. places: atom of the lead -> atom of the molecule."""
    made = Chem.Mol(molecule)
    for atom in lead.GetAtoms():
        if atom.GetChiralTag() in TURNS and atom.GetIdx() in places:
            centre = made.GetAtomWithIdx(places[atom.GetIdx()])
            tag = _tag(atom, centre, places)
            if tag is not None:
                centre.SetChiralTag(tag)
    Chem.AssignStereochemistry(made, cleanIt=True, force=True)  # which would take away those of double bonds below
    for bond in lead.GetBonds():
        if bond.GetStereo() > Chem.BondStereo.STEREOANY:
            atoms = [places.get(one) for one in (bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), *bond.GetStereoAtoms())]
            begin, end, first, second = (-1 if one is None else one for one in atoms)
            if min(begin, end, first, second) >= 0:
                set_double_bond(made, (begin, end), (first, second), bond.GetStereo() in CIS)
    return made


_HYDROGEN = -1


def _tag(atom: Chem.Atom, centre: Chem.Atom, places: Mapping[int, int]) -> Chem.ChiralType | None:
    """The tag of a centre by that of the lead's atom: tags say how neighbours turn, in the order of the atom's bonds, a
    hydrogen without an own atom last."""
    own = [places.get(one.GetIdx()) for one in atom.GetNeighbors()]
    if atom.GetTotalNumHs():
        own.append(_HYDROGEN)
    now = [one.GetIdx() for one in centre.GetNeighbors()]
    if centre.GetTotalNumHs():
        now.append(_HYDROGEN)
    lost = [slot for slot, one in enumerate(own) if one not in now]
    fresh = [one for one in now if one not in own]
    if len(own) != len(now) or len(lost) > 1:
        return None
    for slot, one in zip(lost, fresh, strict=True):
        own[slot] = one
    return turned(atom.GetChiralTag(), own, now)


RADIUS = 6
_AROUND = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, includeRedundantEnvironments=True)


def same_atoms(lead: Chem.Mol, molecule: Chem.Mol) -> dict[int, int]:
    """Atom of the lead -> atom of another molecule with the same surroundings, the largest ones first; from these on
    along bonds, where one neighbour is left that is the same element with as many hydrogens."""
    tables = [_environments(one) for one in (lead, molecule)]
    found: dict[int, int] = {}
    for radius in range(RADIUS, 0, -1):
        _join_equal(found, [{atom: ids[radius] for atom, ids in table.items()} for table in tables])
        _extend(found, lead, molecule)
    return found


def _environments(molecule: Chem.Mol) -> dict[int, list[int]]:
    """Atom -> identifiers of its surroundings of each radius, without stereochemistry."""
    output = rdFingerprintGenerator.AdditionalOutput()
    output.AllocateBitInfoMap()
    _AROUND.GetSparseCountFingerprint(molecule, additionalOutput=output)
    found = {atom.GetIdx(): [0] * (RADIUS + 1) for atom in molecule.GetAtoms()}
    for identifier, places in output.GetBitInfoMap().items():
        for atom, radius in places:
            found[atom][radius] = identifier
    return found


def _join_equal(found: dict[int, int], tables: Sequence[Mapping[int, int]]) -> None:
    """Add pairs of atoms whose identifier no other atom that is left has."""
    taken = set(found), set(found.values())
    left: list[dict[int, list[int]]] = [{}, {}]
    for table, used, atoms in zip(tables, taken, left, strict=True):
        for atom, identifier in table.items():
            if atom not in used and identifier:
                atoms.setdefault(identifier, []).append(atom)
    for identifier, own in left[0].items():
        others = left[1].get(identifier, [])
        if len(own) == len(others) == 1:
            found[own[0]] = others[0]


def _extend(found: dict[int, int], lead: Chem.Mol, molecule: Chem.Mol) -> None:
    ahead = list(found)
    while ahead:
        atom = ahead.pop()
        used = set(found.values())
        free = [one for one in lead.GetAtomWithIdx(atom).GetNeighbors() if one.GetIdx() not in found]
        others = [one for one in molecule.GetAtomWithIdx(found[atom]).GetNeighbors() if one.GetIdx() not in used]
        for one in free:
            like = [other for other in others if _sketch(other) == _sketch(one)]
            if len(like) == 1 and sum(_sketch(each) == _sketch(one) for each in free) == 1:
                found[one.GetIdx()] = like[0].GetIdx()
                ahead.append(one.GetIdx())


def _sketch(atom: Chem.Atom) -> tuple[int, bool, int]:
    return atom.GetAtomicNum(), atom.GetIsAromatic(), atom.GetDegree()


# A lead, and analogues of it in a window of similarity.


def _numbered(lead: Chem.Mol) -> Chem.Mol:
    """The lead whose atoms have their numbers."""
    found = Chem.Mol(lead)
    for atom in found.GetAtoms():
        atom.SetIntProp(_PLACE, atom.GetIdx())
    return found


def _places(molecule: Chem.Mol) -> dict[int, int]:
    """Atom of the lead -> atom of the molecule."""
    return {at: atom.GetIdx() for atom in molecule.GetAtoms() if (at := place_of(molecule, atom.GetIdx())) is not None}


class Lead:
    """A molecule to vary.

    Parameters
    ----------
    molecule : Chem.Mol
    fixed : frozenset of int
        Atoms that stay.
    accept : (molecule) -> bool
        Whether an analogue may be kept.
    """

    def __init__(self, molecule: Chem.Mol, fixed: frozenset[int], accept: Accept) -> None:
        self.molecule, self.fixed, self.accept = molecule, fixed, accept
        self.undefined = undefined_stereocentres(molecule)  # centres and double bonds without a configuration
        self.growth = max(LEAST_GROWTH, round(GROWTH * molecule.GetNumAtoms()))

    def similarity(self, molecule: Chem.Mol) -> float:
        return float(similarity([molecule], [self.molecule])[0, 0])

    def analogue(self, window: Window, target: float, generator: Generator) -> Chem.Mol | Refusal:
        """An analogue by changes of the lead, in the window and near the target if it can be.

        Examples
        --------
        >>> lead = Lead(parse("CC(=O)Nc1ccc(O)cc1"), frozenset(), lambda molecule: True)
        >>> made = lead.analogue((0.4, 0.7), 0.5, np.random.default_rng(1))
        >>> 0.4 <= lead.similarity(made) <= 0.7
        True
        """
        now, similarity = _numbered(self.molecule), 1.0
        undefined = self.undefined + (generator.random() < RACEMIC)
        with rdBase.BlockLogs():
            for _ in range(CHANGES):
                if found := self._step(now, similarity, target, undefined, generator):
                    now, similarity = found
                if abs(similarity - target) <= NEAR:
                    break
            if similarity == 1.0 or not window[0] <= similarity <= window[1]:
                return Refusal(f"{CHANGES} changes gave a similarity of {similarity:.2f}")
            return self.finished(now, _places(now), window, undefined)

    def changed(self, generator: Generator) -> Chem.Mol | Refusal:
        """The lead after one random change, at any similarity."""
        with rdBase.BlockLogs():
            made = change(_numbered(self.molecule), self.fixed, generator)
            return Refusal("not applicable") if made is None else self.finished(made, _places(made), (0.0, 1.0))

    def _step(
        self, now: Chem.Mol, similarity: float, target: float, undefined: int, generator: Generator
    ) -> tuple[Chem.Mol, float] | None:
        """The best of a few changes, if it is closer to the target."""
        options = [made for _ in range(OPTIONS) if (made := change(now, self.fixed, generator)) is not None]
        alike = [self.similarity(one) for one in options]
        for place in sorted(range(len(options)), key=lambda at: abs(alike[at] - target)):
            if abs(alike[place] - target) >= abs(similarity - target):
                return None
            if self._holds(options[place], undefined):
                return options[place], alike[place]
        return None

    def _holds(self, molecule: Chem.Mol, undefined: int) -> bool:
        atoms = molecule.GetNumAtoms()
        if atoms > MAX_HEAVY_ATOMS or abs(atoms - self.molecule.GetNumAtoms()) > self.growth:
            return False
        return undefined_stereocentres(molecule) <= undefined and self.accept(molecule)

    def finished(
        self, molecule: Chem.Mol, places: Mapping[int, int], window: Window, undefined: int | None = None
    ) -> Chem.Mol | Refusal:
        """The molecule with the lead's configurations, if it is an analogue. places: as in `with_configurations`.
        undefined: centres that may be without a configuration, by default the lead's number."""
        made = parse(Chem.MolToSmiles(with_configurations(self.molecule, molecule, places)))
        if isinstance(made, Refusal):
            return made
        if not window[0] <= self.similarity(made) <= window[1] or key(made) == key(self.molecule):
            return Refusal("outside of the window of similarity")
        return (
            made if self._holds(made, self.undefined if undefined is None else undefined) else Refusal("not acceptable")
        )


LIKE = 0.1
"""Greatest difference from the similarity that a neighbour has."""


def like(molecule: Chem.Mol) -> Callable[[float, Generator], Chem.Mol | Refusal]:
    """Random analogues at about a similarity, with groups and alerts as those of `--vary`."""
    familiar, alerts = familiar_beside([molecule]), alert_catalog()
    most = alerts.count(molecule)
    lead = Lead(
        molecule, frozenset(), lambda made: is_plausible(made) and familiar(made) and alerts.count(made) <= most
    )
    return lambda target, generator: lead.analogue((target - LIKE, target + LIKE), target, generator)
