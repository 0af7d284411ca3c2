"""The heavy atoms of the 20 amino acids, and the letters of residues, also of modified ones."""

from __future__ import annotations

from functools import cache

BACKBONE = ("N", "CA", "C", "O")
SIDE_CHAINS = {
    "A": "CB",
    "C": "CB SG",
    "D": "CB CG OD1 OD2",
    "E": "CB CG CD OE1 OE2",
    "F": "CB CG CD1 CD2 CE1 CE2 CZ",
    "G": "",
    "H": "CB CG ND1 CD2 CE1 NE2",
    "I": "CB CG1 CG2 CD1",
    "K": "CB CG CD CE NZ",
    "L": "CB CG CD1 CD2",
    "M": "CB CG SD CE",
    "N": "CB CG OD1 ND2",
    "P": "CB CG CD",
    "Q": "CB CG CD OE1 NE2",
    "R": "CB CG CD NE CZ NH1 NH2",
    "S": "CB OG",
    "T": "CB OG1 CG2",
    "V": "CB CG1 CG2",
    "W": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "Y": "CB CG CD1 CD2 CE1 CE2 CZ OH",
}
UNKNOWN = "X"
"""Letter of a residue that is neither one of the 20 amino acids nor a modification of one."""


@cache
def expected_atoms(letter: str) -> frozenset[str]:
    """Names of a residue's heavy atoms; for an unknown residue, those of the backbone."""
    return frozenset((*BACKBONE, *SIDE_CHAINS.get(letter, "").split()))


def letter_of(name: str) -> str:
    """The one-letter code of a three-letter name, or `UNKNOWN`."""
    from Bio.Data.PDBData import protein_letters_3to1_extended

    letter = protein_letters_3to1_extended.get(name.strip().upper(), UNKNOWN)
    return letter if letter in SIDE_CHAINS else UNKNOWN


def is_standard(name: str) -> bool:
    """Whether a three-letter name, in any case, is one of the 20 unmodified amino acids."""
    from Bio.Data.PDBData import protein_letters_3to1

    return name.strip().upper() in protein_letters_3to1
