"""Dihedral angles, positions of atoms that follow from others, breaks of a chain, and the handedness of residues.

Ideal bond lengths and angles: Engh & Huber 1991, Acta Cryst. A47, 392.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.domains.proteins.residues import PEPTIDE_BOND

N_CA, CA_C, C_N, C_O = 1.458, 1.525, 1.329, 1.231
"""Bond lengths in ångström."""
N_CA_C, CA_C_N, C_N_CA, CA_C_O = 111.2, 116.2, 121.7, 120.8
"""Bond angles in degrees."""
N_H = 1.0
"""Length of the bond of N and H in DSSP, ångström."""
END_PSI = 140.0
"""Torsion psi of a last residue without a neighbour before it, degrees."""
CERTAIN = 0.3
"""Ångström by which a CB must lie on the wrong side of the plane of N, CA and C."""

Coordinates = Float[np.ndarray, "residue 4 3"]
"""Positions of N, CA, C and O, in ångström."""
Points = Float[np.ndarray, "residue 3"]


def unit(vectors: Float[np.ndarray, "*point 3"]) -> Float[np.ndarray, "*point 3"]:
    """Vectors of length 1; those of length 0 are unchanged."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def dihedrals(points: Float[np.ndarray, "*angle 4 3"]) -> Float[np.ndarray, "*angle"]:
    """Dihedral angles of chains of four points, in degrees: atan2(|b| a · (b × c), (a × b) · (b × c)).

    a, b, c are the vectors from each point to the next. The sign is that of IUPAC.
    """
    a, b, c = np.moveaxis(np.diff(np.asarray(points, np.float64), axis=-2), -2, 0)
    normal = np.cross(b, c)
    sine = np.linalg.norm(b, axis=-1) * (a * normal).sum(-1)
    return np.degrees(np.arctan2(sine, (np.cross(a, b) * normal).sum(-1)))


def place_atoms(
    a: Float[np.ndarray, "*atom 3"],
    b: Float[np.ndarray, "*atom 3"],
    c: Float[np.ndarray, "*atom 3"],
    length: float,
    angle: float,
    dihedral: Float[np.ndarray, "*atom"] | float,
) -> Float[np.ndarray, "*atom 3"]:
    """Atoms bonded to c, from internal coordinates: bond length, bond angle with b and c, and dihedral with a, b and c
    in degrees. Parsons et al. 2005, J. Comput. Chem. 26, 1063 (NeRF)."""
    along = unit(c - b)
    normal = unit(np.cross(b - a, along))
    bend, turn = np.radians(angle), np.radians(dihedral)[..., None]
    sideways = np.cos(turn) * np.cross(normal, along) + np.sin(turn) * normal
    return c + length * (np.sin(bend) * sideways - np.cos(bend) * along)


def bonded(n: Points, c: Points) -> Bool[np.ndarray, " bond"]:
    """[residue - 1] whether each residue is bonded to the next one."""
    return np.linalg.norm(n[1:] - c[:-1], axis=-1) <= PEPTIDE_BOND


def place_oxygens(n: Points, ca: Points, c: Points) -> Points:
    """Carbonyl oxygens: in the plane of CA, C and the next N, opposite to both. A residue that isn't bonded
    to a next one gets the torsion psi of the residue before it."""
    oxygens = place_atoms(n, ca, c, C_O, CA_C_O, _last_psi(n, ca, c) + 180.0)
    joined = np.flatnonzero(bonded(n, c))
    away = unit(c[joined] - ca[joined]) + unit(c[joined] - n[joined + 1])
    oxygens[joined] = c[joined] + C_O * unit(away)
    return oxygens


def _last_psi(n: Points, ca: Points, c: Points) -> Float[np.ndarray, " residue"]:
    """[residue] psi of the residue before, if it is bonded to this one, else `END_PSI`."""
    before = dihedrals(np.stack([n[:-1], ca[:-1], c[:-1], n[1:]], -2))
    return np.concatenate([[END_PSI], np.where(bonded(n, c), before, END_PSI)])


def place_hydrogens(n: Points, c: Points, o: Points) -> Points:
    """Hydrogens of the amide groups, opposite to the C=O before, as in DSSP; NaN where no C is bonded before."""
    hydrogens = np.full_like(n, np.nan)
    joined = np.flatnonzero(bonded(n, c)) + 1
    hydrogens[joined] = n[joined] + N_H * unit(c[joined - 1] - o[joined - 1])
    return hydrogens


def is_dextro(n: Points, ca: Points, c: Points, beta: Points) -> Bool[np.ndarray, " residue"]:
    """Whether the beta carbon lies on the side of a D-amino acid; False where it is NaN."""
    normal = unit(np.cross(ca - n, c - ca))
    with np.errstate(invalid="ignore"):
        return np.einsum("ix,ix->i", beta - ca, normal) > CERTAIN
