"""Groups that react with proteins or water at once: reagents, not candidates.

Searches and models find them where a predictor values their atoms, as it was never shown how they react. Groups of
approved drugs that bind covalently, such as acrylamides and nitriles, are not in the list; a chloroacetamide is.

In the names stand the sources: [H] Hann et al., J. Chem. Inf. Comput. Sci. 1999, 39, 897; [W] Walters & Murcko, Adv.
Drug Deliv. Rev. 2002, 54, 255; [C, n] Clayden, Greeves & Warren, Organic Chemistry, 2nd ed. 2012, and [M, n] Smith,
March's Advanced Organic Chemistry, 7th ed. 2013, with the chapter; [B] Bundgaard & Johansen, J. Pharm. Sci. 1980, 69,
44.
"""

from __future__ import annotations

from rdkit import Chem

from sciencegen.domains.molecules.screening import NamedPatterns
from sciencegen.domains.molecules.unstable import AMINE, ANILINE, NO_ACCEPTOR, NO_CONJUGATION, is_stable

REACTIVE = {
    "acyl halide [H, W]": "[CX3](=[OX1,SX1])[F,Cl,Br,I]",
    "sulfonyl or sulfinyl halide [H, W]": "[SX3,SX4](=[O,N])[F,Cl,Br,I]",
    "phosphoryl halide [H, W]": "[PX4](=[O,S])[F,Cl,Br,I]",
    "imidoyl halide [H]": "[CX3;!R](=[NX2])[Cl,Br,I]",
    "anhydride [H, W]": "[CX3;!$(C([OX2])[OX2])](=[O,S])[OX2,SX2][CX3;!$(C([OX2])[OX2])]=[O,S]",
    "isocyanate, isothiocyanate or carbodiimide [H, W]": "[NX2]=[CX2]=[O,S,N]",
    "acyl cyanide [H]": "[CX3](=O)[CX2]#[NX1]",
    "acyl azide or sulfonyl azide [W]": "[$([CX3]=O),$([SX4](=O)=O)][NX2]=[NX2+]=[NX1-]",
    "halogen beside a carbonyl [H, W]": "[CX4;!$(C([F,Cl,Br,I])[F,Cl,Br,I])]([Cl,Br,I])[CX3]=[O,S,N]",
    "alkyl bromide or iodide [H]": "[CX4;!$(C([F,Cl,Br,I])[F,Cl,Br,I])][Br,I]",
    "benzylic, allylic or propargylic chloride [H]": "[CX4;!$(C([F,Cl])[F,Cl])]([Cl])[c,n,$([CX3]=C),$([CX2]#C)]",
    "mustard [H, W]": "[Cl,Br,I][CX4][CX4][$([NX3;!$(N[C,S]=[O,S,N]);!$(N[a])]),SX2]",
    "alkyl ester of a sulfonic or sulfuric acid [H, W]": "[SX4](=O)(=O)[OX2][CX4]",
    "epoxide, aziridine or thiirane [H, W]": "[O,S,N;r3]1[C;r3][C;r3]1",
    "beta-lactone [H]": "[OX2;r4]1[CX3;r4](=O)[C;r4][C;r4]1",
    "activated ester [H]": (
        "[CX3;!$(C(=O)([OX2,NX3])[OX2,NX3])](=O)[OX2]"
        "[$([NX3]([CX3]=O)[CX3]=O),$(n1nnc2ccccc21),$(c1c(F)c(F)c(F)c(F)c1F),$(c1ccc([N+](=O)[O-])cc1)]"
    ),
    "acyl azole [C, 10]": "[CX3;!R](=O)([#6])[nX3]1[c,n][n,c][c,n][c,n]1",
    "imidate with a sulfonate [C, 10]": "[CX3](=[NX2])[OX2][SX4](=O)=O",
    "aldehyde [H, W]": "[CX3H1;!$(C([OX2,NX3,SX2]))](=O)[#6,#1]",
    "sulfenamide [H]": "[NX3;!$(N[C,S]=O)][SX2]",
    "phosphite [H]": "[PX3]([OX2])[OX2]",
    "open acetal or hemiaminal ether [C, 11]": (
        "[CX4;!R]([OX2H0;!$(O[C,S,P]=O)])[OX2H0,$([NX3;!$(N~[C,S,P]=[O,S,N]);!$(N[a])]);!$(O[C,S,P]=O)]"
    ),
    "hemiaminal ether of an arylamine, ester of a hemiaminal [C, 11]": (
        f"[$([CX4;!R;!$(C[CX3]=O)]([OX2H0])[{ANILINE}]),$([CX4;!R]([OX2][CX3]=O)[{AMINE}])]"
    ),
    "N-hydroxymethyl amide or another adduct of an amide and an aldehyde [B]": (
        f"[CX4;!R;{NO_ACCEPTOR}]([OX2H])[NX3;$(N~[C,S,P]=[O,S,N])]"
    ),
    "anhydride of a sulfonic acid [C, 10]": "[SX4](=[OX1])(=[OX1])[OX2][$([SX4]=O),$([CX3]=[O,S]),$([PX4]=O)]",
    "enamine without N-H [C, 11]": (
        f"[CX3;{NO_CONJUGATION};!$(C(C#N)=C);!$(C([C,S,N,P]=[O,N,S])=C);!$(C-a)]"
        f"=[CX3;!$(C-[C,S,N,P]=[O,N,S]);!$(C-C#N)][{AMINE};H0]"
    ),
    "imine of an alkylamine [C, 11]": "[CX3;!R;!$(C[#7,O,S]);!$(C-c:c[OX2H]);!$(C-C=C[OX2H])]=[NX2;!R][CX4]",
    "acyl ammonium or pyridinium [C, 10]": "[CX3](=[OX1,SX1])[$([nX3+]),$([NX4+])]",
    "ynamine [M, 15]": "[CX2]#[CX2][NX3;!$(N[C,S,P]=[O,S,N])]",
    "aminating hydroxylamine: aryl, acyl or sulfonyl at O, N-H2 [M, 12]": (
        "[NX3H2][OX2][c,n,$([CX3]=[O,S,N]),$([SX4]=O),$([PX4]=O)]"
    ),
    "thiophenol [H]": "[SX2H]c(:c):c",
}
"""Name and source -> SMARTS."""


_GROUPS = NamedPatterns(REACTIVE)


def reactive_groups(molecule: Chem.Mol) -> list[str]:
    """Names of the reactive groups in a molecule, in the order of `REACTIVE`."""
    return _GROUPS.found(molecule)


def is_plausible(molecule: Chem.Mol) -> bool:
    """Whether a molecule could be a candidate: it has neither unstable nor reactive groups."""
    return is_stable(molecule) and not reactive_groups(molecule)
