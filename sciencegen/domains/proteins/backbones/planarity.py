"""Planarity of peptide bonds: the height of each CA over the plane of the CA, C and N before it.

    h = (a × b) · c / A,     a: CA to C,  b: C to N,  c: N to the next CA,     A = |a × b| of ideal bonds

h is |c| sin(angle of b and c) sin(omega), 1.24 Å sin(omega) for ideal bonds, trans and cis alike. Unlike omega it is a
polynomial of the coordinates, so that fits of coordinates can minimize it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.backbones.geometry import C_N, CA_C, CA_C_N

AREA = float(CA_C * C_N * np.sin(np.radians(CA_C_N)))
"""A above, Å²."""

Atoms = Float[np.ndarray, "residue 3 3"]
"""Positions of N, CA and C, in ångström."""


def heights(atoms: Atoms) -> Float[np.ndarray, " bond"]:
    """The height of each peptide bond in ångström, with the sign of omega."""
    a, b, c = _bonds(atoms)
    return (np.cross(a, b) * c).sum(-1) / AREA


def squared_heights(atoms: Atoms, highest: float) -> tuple[float, Atoms]:
    """The sum over peptide bonds of max(0, |h| - highest)^2, and its gradient."""
    (a, b, c), height = _bonds(atoms), heights(atoms)
    wrong = np.sign(height) * np.maximum(abs(height) - highest, 0)
    slope = (2 * wrong / AREA)[:, None]
    of_a, of_b, of_c = slope * np.cross(b, c), slope * np.cross(c, a), slope * np.cross(a, b)
    gradient = np.zeros_like(atoms)
    gradient[:-1, 1] -= of_a
    gradient[:-1, 2] += of_a - of_b
    gradient[1:, 0] += of_b - of_c
    gradient[1:, 1] += of_c
    return float((wrong**2).sum()), gradient


def _bonds(atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[bond 3] the vectors a, b and c above."""
    n, ca, c = atoms.swapaxes(0, 1)
    return (c - ca)[:-1], n[1:] - c[:-1], (ca - n)[1:]
