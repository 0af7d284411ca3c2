"""Stereocentres and double bonds of molecules: counts of the defined ones for regressors, and how many are undefined.

Labels (R, S, E, Z) are those of RDKit's legacy perception. In rare cases they differ from the rules of Cahn, Ingold and
Prelog, but a label only has to be the same for the same surroundings, and the other one for the mirror image. Centres
that depend on each other, such as those of 1,4-dimethylcyclohexane, have no such label and get that of RDKit's new code
(r, s), which takes several times longer. Potential centres are those of RDKit's new perception.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdCIPLabeler, rdFingerprintGenerator, rdMolDescriptors, rdqueries

STEREO_BITS = 512
MOST_STEPS = 20_000
"""Of the search for labels of centres that depend on each other, about 20 ms; then they get none."""
RADII = (1, 2)
"""Of the surroundings of a centre or bond that are counted with its label."""
_SURROUNDINGS = rdFingerprintGenerator.GetMorganGenerator(radius=max(RADII), includeRedundantEnvironments=True)
_BOND_LABEL = {
    Chem.BondStereo.STEREOE: "E",
    Chem.BondStereo.STEREOTRANS: "E",
    Chem.BondStereo.STEREOZ: "Z",
    Chem.BondStereo.STEREOCIS: "Z",
}
_MARKS = frozenset("@/\\")
"""Of SMILES with defined stereochemistry."""
_CIP = "_CIPCode"
_CHIRAL = rdqueries.HasChiralTagQueryAtom()
_DOUBLE = Chem.MolFromSmarts("[#6,#7]=[#6,#7]")
"""Bonds that may be E or Z."""


def stereo_counts(molecules: Sequence[Chem.Mol]) -> np.ndarray:
    """[molecule 512] float32: hashed counts of defined stereocentres and double bonds with their surroundings.

    Undefined ones count nothing, so a molecule without stereochemistry has a row of zeros.
    """
    table = np.zeros((len(molecules), STEREO_BITS), np.float32)
    for row, molecule in enumerate(molecules):
        if _is_labelled(molecule):
            for feature in _features(molecule):
                table[row, zlib.crc32(feature.encode()) % STEREO_BITS] += 1
    return table


def undefined_stereocentres(molecule: Chem.Mol) -> int:
    """Number of potential stereocentres and double bonds whose configuration isn't defined.

    Not counted, since they interconvert or have no choice: nitrogens and phosphorus acids; imines and amidines
    (C=N, but with N or O at the nitrogen: hydrazones, oximes); bridgeheads of symmetric cages, such as quinuclidine's.
    """
    found = [one for one in Chem.FindPotentialStereo(molecule) if one.specified == Chem.StereoSpecified.Unspecified]
    atoms = {one.centeredOn for one in found if one.type == Chem.StereoType.Atom_Tetrahedral}
    bonds = {one.centeredOn for one in found if one.type == Chem.StereoType.Bond_Double}
    centres = {index for index in atoms if not _inverts(molecule.GetAtomWithIdx(index))}
    fixed = centres & _bridgeheads(molecule) if centres else set()
    if fixed:
        fixed -= {index for index, _ in Chem.FindMolChiralCenters(Chem.Mol(molecule), includeUnassigned=True)}
    return len(centres - fixed) + sum(not _is_imine(molecule.GetBondWithIdx(index)) for index in bonds)


def notes(texts: Sequence[str]) -> list[str]:
    """How many of these molecules are there in two or more configurations, from which a regressor could learn."""
    defined = Counter(_without_stereo(text) for text in set(texts) if _MARKS.intersection(text))
    if not defined:
        return []
    several = sum(count > 1 for count in defined.values())
    known = "rest on these" if several else "have no measurement behind them"
    return [
        f"molecules with defined stereochemistry: {len(defined)}, of these in more than one configuration: {several}; "
        f"predicted differences between stereoisomers {known}"
    ]


def _without_stereo(text: str) -> str:
    molecule = Chem.MolFromSmiles(text)
    Chem.RemoveStereochemistry(molecule)
    return Chem.MolToSmiles(molecule)


def _is_labelled(molecule: Chem.Mol) -> bool:
    return bool(len(molecule.GetAtomsMatchingQuery(_CHIRAL)) or _labelled_bonds(molecule))


def _labelled_bonds(molecule: Chem.Mol) -> list[tuple[int, int, str]]:
    """Both atoms and the label of each double bond with a label."""
    ends = molecule.GetSubstructMatches(_DOUBLE)
    stereo = [(first, second, molecule.GetBondBetweenAtoms(first, second).GetStereo()) for first, second in ends]
    return [(first, second, _BOND_LABEL[one]) for first, second, one in stereo if one in _BOND_LABEL]


def _features(molecule: Chem.Mol) -> Iterator[str]:
    """Text of each labelled centre and double bond with its surroundings of each radius."""
    # Labels are lost when a molecule is sent to a worker, and an edit may have changed them.
    molecule = Chem.Mol(molecule)
    Chem.AssignStereochemistry(molecule, cleanIt=True, force=True)
    chiral = molecule.GetAtomsMatchingQuery(_CHIRAL)
    if dependent := [atom.GetIdx() for atom in chiral if not atom.HasProp(_CIP)]:
        with suppress(RuntimeError):  # more steps than that
            rdCIPLabeler.AssignCIPLabels(molecule, dependent, [], MOST_STEPS)
    centres = {atom.GetIdx(): atom.GetProp(_CIP) for atom in chiral if atom.HasProp(_CIP)}
    bonds = _labelled_bonds(molecule)
    atoms = {*centres, *(atom for first, second, _ in bonds for atom in (first, second))}
    around = _surroundings(molecule, sorted(atoms)) if atoms else {}
    for radius in RADII:
        for atom, label in centres.items():
            yield f"{around[atom, radius]}{label}"
        for first, second, label in bonds:
            ends = sorted((around[first, radius], around[second, radius]))
            yield f"{ends[0]},{ends[1]}{label}"


def _surroundings(molecule: Chem.Mol, atoms: list[int]) -> dict[tuple[int, int], int]:
    """(atom, radius) -> Morgan identifier of its surroundings, without stereochemistry."""
    output = rdFingerprintGenerator.AdditionalOutput()
    output.AllocateBitInfoMap()
    _SURROUNDINGS.GetSparseCountFingerprint(molecule, fromAtoms=atoms, additionalOutput=output)
    return {place: bit for bit, places in output.GetBitInfoMap().items() for place in places}


def _inverts(atom: Chem.Atom) -> bool:
    """Whether the atom is a nitrogen, or its acid hydrogen changes places."""
    if atom.GetAtomicNum() == 7:
        return atom.GetDegree() < 4
    oxygens = [other for other in atom.GetNeighbors() if other.GetAtomicNum() == 8]
    return atom.GetAtomicNum() == 15 and any(other.GetTotalNumHs() or other.GetFormalCharge() for other in oxygens)


def _bridgeheads(molecule: Chem.Mol) -> set[int]:
    atoms: list[int] = []
    rdMolDescriptors.CalcNumBridgeheadAtoms(molecule, atoms)  # type: ignore[arg-type]  # RDKit's stub is wrong
    return set(atoms)


def _is_imine(bond: Chem.Bond) -> bool:
    """Whether the double bond is C=N, and the nitrogen carries no nitrogen or oxygen."""
    ends = sorted((bond.GetBeginAtom(), bond.GetEndAtom()), key=lambda atom: atom.GetAtomicNum())
    if [atom.GetAtomicNum() for atom in ends] != [6, 7]:
        return False
    return not any(other.GetAtomicNum() in (7, 8) for other in ends[1].GetNeighbors())
