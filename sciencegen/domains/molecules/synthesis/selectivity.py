"""Steps that would not work as a template writes them: reactants that react with themselves, and groups that clash.

Templates describe the place of a reaction and say little about the rest of the molecules. These rules of thumb refuse
what a chemist would have to protect. They say nothing of yields.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from rdkit import Chem

from sciencegen.items import Refusal

_AMINE = "[NX3;H1,H2;!$(N-[C,S,P]=[O,S,N]);!$(N-C#N)]"
_ALIPHATIC_AMINE = f"[$({_AMINE});!$(N-a)]"
_NUCLEOPHILE = f"[$({_AMINE}),$([OX2H]-[#6;!$(C=[O,S])]),$([SX2H])]"

CLASHES = {
    "an acyl halide": ("[CX3](=[O,S])[F,Cl,Br,I]", _NUCLEOPHILE),
    "a sulfonyl halide": ("[SX4](=O)(=O)[Cl,Br,I]", _NUCLEOPHILE),
    "an isocyanate or isothiocyanate": ("[#6][NX2]=[CX2]=[O,S]", _NUCLEOPHILE),
    "an aldehyde": ("[CX3H1](=O)[#6]", _ALIPHATIC_AMINE),
    "an alkyl halide": ("[CX4;!$(C(F)F)][Cl,Br,I]", _ALIPHATIC_AMINE),
}
"""Electrophile -> its pattern, and that of the nucleophiles that it can't share a molecule or a flask with."""

_ACIDIC = "[$([OX2H]),$([SX2H]),$([NX3;H1,H2]),$([nH]),$([CX2H]#C)]"

UNSUITABLE = {
    "alcohol_to_bromide": "[OX2H]c",
    "alcohol_to_chloride": "[OX2H]c",
    "halide_coupling": "[#6]",
    "thiol_alkene": "[#6]",
    "thiol_acid": "[#6]",
    "grignard_nitrile": _ACIDIC,
    "grignard_carbonyl": _ACIDIC,
    "acylation_oxygen": _AMINE,
    "mitsunobu_acid": _ALIPHATIC_AMINE,
    "williamson_ether": _ALIPHATIC_AMINE,
    "tetrazole_1_alkyl": _ALIPHATIC_AMINE,
    "tetrazole_2_alkyl": _ALIPHATIC_AMINE,
}
"""Template -> pattern of reactants for which it isn't used. A phenol gives no halide, two halides couple without order,
the two templates of thiols lose a halogen, an acidic hydrogen ends a Grignard reagent, and amines are acylated and
alkylated before alcohols and azoles."""


def objection(name: str, patterns: Sequence[Chem.Mol], molecules: Sequence[Chem.Mol]) -> Refusal | None:
    """Why reactants, in the order of the template's patterns, would not react as written; None if they do."""
    unsuitable = _compiled(UNSUITABLE[name]) if name in UNSUITABLE else None
    if unsuitable is not None and any(one.HasSubstructMatch(unsuitable) for one in molecules):
        return Refusal(f"{name} isn't used for such molecules")
    if len(patterns) > 1 and any(all(one.HasSubstructMatch(other) for other in patterns) for one in molecules):
        return Refusal(f"{name}: a reactant would react with itself")
    return None


def clash(molecules: Sequence[Chem.Mol]) -> Refusal | None:
    """Why these molecules can't be kept together, or a molecule by itself; None if they can."""
    for name, (electrophile, nucleophile) in CLASHES.items():
        if any(one.HasSubstructMatch(_compiled(electrophile)) for one in molecules) and any(
            one.HasSubstructMatch(_compiled(nucleophile)) for one in molecules
        ):
            return Refusal(f"{name} beside a group that it reacts with")
    return None


@cache
def _compiled(smarts: str) -> Chem.Mol:
    return Chem.MolFromSmarts(smarts)
