"""Positions of atoms that follow from the backbone, breaks of a chain, and the handedness of residues.

Ideal bond lengths and angles: Engh & Huber 1991, Acta Cryst. A47, 392.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

CARBONYL = 1.231
"""Ångström: length of the bond of C and O."""
AMIDE = 1.01
"""Ångström: length of the bond of N and H."""
CARBONYL_ANGLE = np.radians(120.1)
"""Angle of CA, C and O."""
PEPTIDE_BOND = 2.0
"""Maximum distance of bonded C and N in ångström; the bond length is 1.33."""
END_PSI = np.radians(140.0)
"""Torsion psi of a last residue without a neighbour before it."""
CERTAIN = 0.3
"""Ångström by which a CB must lie on the wrong side of the plane of N, CA and C."""

Points = Float[np.ndarray, "residue 3"]


def unit(vectors: Float[np.ndarray, "... 3"]) -> Float[np.ndarray, "... 3"]:
    """Vectors of length 1; those of length 0 are unchanged."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def bonded(n: Points, c: Points) -> Bool[np.ndarray, " bond"]:
    """[residue - 1] whether each residue is bonded to the next one."""
    return np.linalg.norm(n[1:] - c[:-1], axis=-1) <= PEPTIDE_BOND


def place_oxygens(n: Points, ca: Points, c: Points) -> Points:
    """Carbonyl oxygens: in the plane of CA, C and the next N, opposite to both. A residue that isn't bonded
    to a next one gets the torsion psi of the residue before it."""
    oxygens = _at_torsion(n, ca, c, _last_psi(n, ca, c) + np.pi)
    joined = np.flatnonzero(bonded(n, c))
    away = unit(c[joined] - ca[joined]) + unit(c[joined] - n[joined + 1])
    oxygens[joined] = c[joined] + CARBONYL * unit(away)
    return oxygens


def _last_psi(n: Points, ca: Points, c: Points) -> Float[np.ndarray, " residue"]:
    """[residue] psi of the residue before, if it is bonded to this one, else `END_PSI`."""
    before = torsion(n[:-1], ca[:-1], c[:-1], n[1:])
    return np.concatenate([[END_PSI], np.where(bonded(n, c), before, END_PSI)])


def _at_torsion(n: Points, ca: Points, c: Points, angle: Float[np.ndarray, " residue"]) -> Points:
    """Oxygens at these torsions N-CA-C-O. Parsons et al. 2005, J. Comput. Chem. 26, 1063 (NeRF)."""
    along = unit(c - ca)
    normal = unit(np.cross(ca - n, along))
    across = np.cross(normal, along)
    bend = np.sin(CARBONYL_ANGLE)
    direction = (
        -np.cos(CARBONYL_ANGLE) * along
        + bend * np.cos(angle)[:, None] * across
        + bend * np.sin(angle)[:, None] * normal
    )
    return c + CARBONYL * direction


def torsion(a: Points, b: Points, c: Points, d: Points) -> Float[np.ndarray, " residue"]:
    """Torsion angles of four points in radians, by the sign of IUPAC."""
    middle = unit(c - b)
    first = (a - b) - np.einsum("ix,ix->i", a - b, middle)[:, None] * middle
    second = (d - c) - np.einsum("ix,ix->i", d - c, middle)[:, None] * middle
    return np.arctan2(np.einsum("ix,ix->i", np.cross(middle, first), second), np.einsum("ix,ix->i", first, second))


def place_hydrogens(n: Points, ca: Points, c: Points) -> Points:
    """Hydrogens of the amide groups, opposite to the C before and to CA; NaN where no C is bonded before."""
    hydrogens = np.full_like(n, np.nan)
    joined = np.flatnonzero(bonded(n, c)) + 1
    away = unit(unit(n[joined] - c[joined - 1]) + unit(n[joined] - ca[joined]))
    hydrogens[joined] = n[joined] + AMIDE * away
    return hydrogens


def pseudo_beta(n: Points, ca: Points, c: Points) -> Points:
    """Beta carbons of L-amino acids with ideal geometry. Dauparas et al. 2022, Science 378, 49 (ProteinMPNN)."""
    first, second = ca - n, c - ca
    return -0.58273431 * np.cross(first, second) + 0.56802827 * first - 0.54067466 * second + ca


def is_dextro(n: Points, ca: Points, c: Points, beta: Points) -> Bool[np.ndarray, " residue"]:
    """Whether the beta carbon lies on the side of a D-amino acid; False where it is NaN."""
    normal = unit(np.cross(ca - n, c - ca))
    with np.errstate(invalid="ignore"):
        return np.einsum("ix,ix->i", beta - ca, normal) > CERTAIN


def radius_of_gyration(trace: Points) -> float:
    """Root mean square distance of the alpha carbons from their centre, in ångström."""
    centred = trace.astype(np.float64) - trace.mean(0, dtype=np.float64)
    return float(np.sqrt(np.square(centred).sum(1).mean()))
