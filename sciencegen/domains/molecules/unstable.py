"""Groups that a chemist would not expect to isolate: they decompose, tautomerize, or are reactive intermediates.

Generative models and graph edits write such molecules, because they obey the valence rules, and QED, SA and structural
alerts don't see most of them. The list is about stability alone. Reactive but storable reagents (acid chlorides,
epoxides, azides) and toxic groups are the subject of the structural alerts.

In the names stand the sources: [C, n] Clayden, Greeves & Warren, Organic Chemistry, 2nd ed. 2012, and [M, n] Smith,
March's Advanced Organic Chemistry, 7th ed. 2013, with the chapter; [H] Hann et al., J. Chem. Inf. Comput. Sci. 1999,
39, 897; [W] Walters & Murcko, Adv. Drug Deliv. Rev. 2002, 54, 255; [B] Bundgaard & Johansen, J. Pharm. Sci. 1980, 69,
44.
"""

from __future__ import annotations

from rdkit import Chem

from sciencegen.domains.molecules.screening import NamedPatterns

AMINE = "$([NX3;!$(N~[C,S,P]=[O,S,N]);!$(N[a]);!$(NC#N);!$(N[N,O])])"
"""A nitrogen whose lone pair isn't delocalized."""
ANILINE = "$([NX3;!$(N~[C,S,P]=[O,S,N]);!$(NC#N);!$(N[N,O])]a)"
"""The nitrogen of an arylamine, without an acyl group at it."""
_ARYLAMINE = f"{ANILINE},$([nX3;!$(n:c=[O,S])])"
"""The nitrogen of an arylamine or an azole, without an acyl group at it."""
NO_ACCEPTOR = "!$(C[CX4]([F,Cl])([F,Cl]));!$(C[CX3]=O)"
"""A carbon whose neighbours don't stabilize its hydrate (as in chloral hydrate)."""
NO_CONJUGATION = "!$(C=C-[C,S,N,P]=[O,N,S]);!$(C=C-C#N)"

_LONE_END = "NX2,NX3,OX2,SX2;!$(*=[!#6])"
"""A heteroatom with single bonds to others."""

UNSTABLE = {
    "peroxide [H, W]": "[OX2,OX1-][OX2,OX1-]",
    "chain of sulfur atoms [W]": "[SX2;!r5][SX2][SX2]",
    "hypohalite or sulfenyl halide [H]": "[O,S;X2][F,Cl,Br,I]",
    "nitrogen-halogen bond [H, W]": "[#7][F,Cl,Br,I]",
    "phosphorus halide [W]": "[#15][Cl,Br,I]",
    "phosphorus(III) with P, N or H [M]": "[$([#15X3;!H0]),$([#15X3][#15,#7])]",
    "multiple bond of phosphorus(III) [M]": "[#15X1,#15X2]",
    "silicon or selenium halide [W]": "[#14,#34][Cl,Br,I]",
    "sulfenic acid or ester [W]": "[SX2][OX2]",
    "carbonyl hydrate [C, 6]": f"[CX4;{NO_ACCEPTOR}]([OX2H,SX2H])[OX2H,SX2H]",
    "hemiacetal that is not a ring's [C, 6]": f"[CX4;{NO_ACCEPTOR}]([OX2H,SX2H])[OX2H0,SX2H0;!R]",
    "hemiaminal [C, 11]": f"[CX4;{NO_ACCEPTOR}]([OX2H,SX2H])[{AMINE},{ANILINE}]",
    "aminal with N-H [C, 11]": f"[CX4]([{AMINE};!H0])[{AMINE}]",
    "aminal with a C-N bond outside rings [C, 11]": f"[CX4]([{AMINE},{ANILINE}])!@[{AMINE},{ANILINE}]",
    "amine and amide at one carbon that is not a ring's [C, 11; B]": (
        f"[CX4;!R]([{AMINE},{ANILINE}])[NX3;$(N~[C,S,P]=[O,S,N])]"
    ),
    "halogen and OH, SH or NH at one carbon [C, 6]": "[CX4]([F,Cl,Br,I])[OX2H,SX2H,$([NX3;!H0])]",
    "halogen and amine at one carbon [C, 11]": f"[CX4;!$(C(F)(F)F)]([F,Cl,Br,I])[{AMINE}]",
    "alpha-halogen ether or amide [W]": "[CX4;!$(C([F,Cl])([F,Cl])[F,Cl])]([Cl,Br,I])[OX2,SX2,#7]",
    "enol [C, 20]": f"[CX3;{NO_CONJUGATION};!$(C=C-a);!$(C(=C)[C,S]=O)]=[CX3;!$(C-[C,S]=O)][OX2H,SX2H]",
    "enamine with N-H [C, 11]": (
        f"[CX3;{NO_CONJUGATION};!$(C(C#N)=C);!$(C([C,S,N,P]=[O,N,S])=C);!$(C-a)]=[CX3][{AMINE};!H0]"
    ),
    "alkyne with OH, SH, NH or halogen [C, 20]": "[CX2]#[CX2][OX2H,SX2H,$([NX3;!H0]),F,Cl]",
    "N-H imine [C, 11]": "[#6][CX3;H1,$(C([#6])[#6])]=[NX2H]",
    "imine of formaldehyde [C, 11]": "[CX3H2]=[NX2,NX3+]",
    "aliphatic, vinylic or acyl nitroso compound [C, 21; M, 15]": "C[NX2]=O",
    "thioaldehyde or thioketone [M, 16]": "[$([CH1](=S)[#6]),$([CH2]=S),$(C(=S)([#6;!a])[#6;!a])]",
    "thioformate [W]": "[CX3H1](=O)[SX2]",
    "carbamic or carbonic acid [C, 10]": "[OX2H,SX2H][CX3](=[O,S])[OX2,SX2,NX3]",
    "chain of three heteroatoms with single bonds [H]": f"[{_LONE_END}]-[NX3,OX2,SX2;!$(*=*)]-[{_LONE_END}]",
    "triazene with N-H [M]": "[NX3;!H0;!R]-[NX2;!R]=[NX2;!R]",
    "two heteroatoms at an oxygen [H]": "[NX3;!$(N=*)]-[OX2]-[NX3,SX2,PX3;!$(N=*)]",
    "diimide [M]": "[NX2;H1]=[NX2]",
    "diazo or diazonium [H]": "[$([NX2+]#N),$([NX2+](=[NX1-])=[#6])]",
    "ketene [H]": "[CX3]=[CX2]=[O,S]",
    "cumulene in a small ring [M, 4]": "[#6,#7;r3,r4,r5,r6,r7]=[#6X2;r3,r4,r5,r6,r7]=[#6,#7]",
    "triple bond in a small ring [M, 13]": "[*;r3,r4,r5,r6,r7]#[*;r3,r4,r5,r6,r7]",
    "antiaromatic ring [M, 2]": (
        "[$([#6]1=[#6][#6]=[#6,#7]1),$([O,S,N;r3]1[C,N;r3]=[C,N;r3]1),$([O,S,N;r3]1c:c1),$([CX3]1(=[O,N,S])[CX3]=[CX3]1)]"
    ),
    "aromatic ring of four with a heteroatom [M, 2]": "[o,s,n;r4]1~a~a~a~1",
    "benzo-fused ring of four with a heteroatom [M, 4]": "[c;r4]1[c;r4]*[O,N,S;r4]1",
    "ring of three or four heteroatoms in a row [M, 16]": "[$([O,S;r3]1[N,O,S]*1),$([N,O,S;r4]1[N,O,S][N,O,S]*1)]",
    "carbocation or nitrenium [C, 15]": (
        "[$([#6+;!$([#6+]=,#,:[#7,#8,#16]);!$([#6+]~[#6-])]),$([NX2+;!$(N=*);!$(N#*);!$([nX2+])])]"
    ),
    "oxonium or halonium [C, 5]": "[$([OX3+;!a]),$([OX2+;!a]=*),$([F,Cl,Br,I;+])]",
    "carbanion [C, 9]": "[#6-;!$([#6-]#[#7+]);!$([#6-]~[#7+,#16+,#15+,#6+]);!$([#6-](C#N)C#N);!$([#6-](C=O)C=O);!a]",
    "hypervalent sulfur, chlorine or bromine [M]": (
        "[$([#16X4;!$(S=[O,N,S]);!$(S~[O-,N-])]),$([#16X5]),$([Cl,Br;X2,X3,X4;!$(*(~O)(~O)~O)])]"
    ),
    "boron or silicon with hydrogen [M]": "[#5,#14;!H0]",
    "boron halide [M]": "[BX3][F,Cl,Br,I]",
    "thiol and nitrogen at one carbon [C, 11]": "[CX4]([SX2H])[#7]",
    "N-H imidoyl halide [C, 11]": "[CX3](=[NX2H])[F,Cl,Br,I]",
    "unsaturated ring of four with oxygen or sulfur [M, 4]": "[OX2,SX2;r4]1[#6,#7]=[#6,#7][#6,#7]1",
    "aromatic ring fused to a ring of three [M, 4]": "[a;r3;R2]",
    "NH2 and arylamine or azole at one carbon [C, 11]": f"[CX4]([NX3H2])[{_ARYLAMINE}]",
    "hemiaminal ether with NH2 [C, 11]": f"[CX4;{NO_ACCEPTOR}]([NX3H2])[OX2H0,SX2H0]",
    "amine and sulfonamide at one carbon [C, 11]": f"[CX4]([{AMINE}])[SX4](=O)(=O)[#7]",
    "ketene acetal [M, 10]": "[CX3]([OX2])([OX2])=[CX3;!$(C-[C,S,N,P]=[O,N,S]);!$(C-C#N)]",
    "ring of four with two amines [M, 4]": "[$([NX3]1[CX4][CX4][NX3]1),$([NX3]1[CX4][NX3][CX4]1)]",
    "fluorine and sulfur at one carbon, beside C-H [C, 17]": "[CX4;!$(C(F)F)](F)([SX2])[CX4;!H0]",
    "N-arylhydroxylamine with N-H [M, 13]": "[NX3;H1]([OX2H])a",
    "diazohydroxide [C, 22]": "[NX2]=[NX2][OX2H]",
    "cyclopentadiene with hydrogen at its sp3 carbon [C, 34]": "[CX4;r5;!H0]1[CX3]=[CX3][CX3]=[CX3]1",
    "open enehydrazine with N-H [C, 30]": (
        f"[CX3;{NO_CONJUGATION};!$(C(C#N)=C);!$(C([C,S,N,P]=[O,N,S])=C);!$(C-a)]=[CX3]"
        "[NX3;!H0;!R;!$(N~[C,S,P]=[O,S])][#7]"
    ),
    "alkylamine and azole at one carbon [B]": f"[CX4]([{AMINE}])!@[nX3;!$(n:c=[O,S])]",
}
"""Name and source -> SMARTS."""
_GROUPS = NamedPatterns(UNSTABLE)

RADICAL = "radical [M, 5]"
BRIDGED_AROMATIC = "short bridge across an aromatic ring [M, 4]"
LONGEST_BRIDGE = 5
"""Bonds of a bridge between atoms of an aromatic ring that aren't neighbours; that of [6]metacyclophane has seven."""
LARGE_AROMATIC = "aromatic ring of nine to eleven atoms [M, 2]"
LARGE_SIZES = range(9, 12)
"""Larger ones are the inner rings of porphyrins."""


def unstable_groups(molecule: Chem.Mol) -> list[str]:
    """Names of the unstable groups in a molecule, in the order of `UNSTABLE`."""
    found = _GROUPS.found(molecule)
    if any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms()):
        found.append(RADICAL)
    if any(len(ring) in LARGE_SIZES and _aromatic(molecule, ring) for ring in molecule.GetRingInfo().AtomRings()):
        found.append(LARGE_AROMATIC)
    if any(_bridged(molecule, ring) for ring in molecule.GetRingInfo().AtomRings() if _aromatic(molecule, ring)):
        found.append(BRIDGED_AROMATIC)
    return found


def is_stable(molecule: Chem.Mol) -> bool:
    """Whether a molecule has none of the unstable groups."""
    return not unstable_groups(molecule)


def _aromatic(molecule: Chem.Mol, ring: tuple[int, ...]) -> bool:
    return all(molecule.GetAtomWithIdx(index).GetIsAromatic() for index in ring)


def _bridged(molecule: Chem.Mol, ring: tuple[int, ...]) -> bool:
    """Whether at most `LONGEST_BRIDGE` bonds outside a ring join two of its atoms that aren't neighbours."""
    for place, start in enumerate(ring):
        beside = {start, ring[place - 1], ring[(place + 1) % len(ring)]}
        across = set(ring) - beside
        reached, border = set(ring), [start]
        for _ in range(LONGEST_BRIDGE):
            following = {near.GetIdx() for index in border for near in molecule.GetAtomWithIdx(index).GetNeighbors()}
            if following & across:
                return True
            border = list(following - reached)
            reached |= following
    return False
