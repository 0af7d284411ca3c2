"""Whether a part that every item must hold makes all of them implausible, whatever is attached to it.

The part is completed in several ways: with hydrogens, and with a methyl, an acetyl, a phenyl or a trifluoromethyl group
at each attachment point, or at each hydrogen of a part without points. A group that all of these molecules have is one
of the part itself. `CC=O` is no aldehyde with a methyl group, and thus may be kept.
"""

from __future__ import annotations

from rdkit import Chem, rdBase

from sciencegen.domains.molecules.reactive import reactive_groups
from sciencegen.domains.molecules.unstable import unstable_groups

COMPLETIONS = ("[H]", "C", "C(C)=O", "c1ccccc1", "C(F)(F)F")
"""SMILES of what is attached, by its first atom."""
_POINT = Chem.MolFromSmarts("[#0]")


def implausible_groups(pattern: str) -> list[str]:
    """Names of the unstable and reactive groups of all molecules that hold a part, a SMILES with or without attachment
    points. Other patterns (SMARTS that are no SMILES) have none."""
    with rdBase.BlockLogs():
        part = _read(pattern)
        if part is None:
            return []
        completed = [_completed(_opened(part), group) for group in COMPLETIONS]
    found = [[*unstable_groups(one), *reactive_groups(one)] for one in completed if one is not None]
    return [name for name in found[0] if all(name in names for names in found)] if found else []


def _read(pattern: str) -> Chem.Mol | None:
    """The part with its open valences filled by hydrogens: `[#6]` of SMARTS says nothing of them."""
    part = Chem.MolFromSmiles(pattern)
    if part is None or not part.GetNumHeavyAtoms():
        return None
    for atom in part.GetAtoms():
        atom.SetNoImplicit(atom.GetAtomicNum() == 0)
        atom.SetNumRadicalElectrons(0)
    return part if Chem.SanitizeMol(part, catchErrors=True) == Chem.SanitizeFlags.SANITIZE_NONE else None


def _opened(part: Chem.Mol) -> Chem.Mol:
    """The part with its attachment points; with a point in place of each hydrogen if it has none."""
    if part.HasSubstructMatch(_POINT):
        return part
    opened = Chem.AddHs(part)
    for atom in opened.GetAtoms():
        if atom.GetAtomicNum() == 1:
            atom.SetAtomicNum(0)
    return opened


def _completed(part: Chem.Mol, group: str) -> Chem.Mol | None:
    """The part with a group at each point, None where this is no molecule."""
    (made, *_) = Chem.ReplaceSubstructs(part, _POINT, Chem.MolFromSmiles(group, sanitize=False), replaceAll=True)
    for atom in made.GetAtoms():
        atom.SetAtomMapNum(0)
    return Chem.MolFromSmiles(Chem.MolToSmiles(made))
