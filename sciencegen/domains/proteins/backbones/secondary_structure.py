"""Secondary structure by hydrogen bonds of the backbone. Kabsch & Sander 1983, Biopolymers 22, 2577 (DSSP).

Simplified to three states: alpha, 3-10 and pi helices are helix, every bridge is strand, the rest coil. Hydrogens are
placed by geometry, and every residue may donate, so that designs without a sequence are treated as natural chains are.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.domains.proteins.backbones.geometry import place_hydrogens

HELIX, STRAND, COIL = "H", "E", "C"
COUPLING = 0.084 * 332.0
"""Product of the partial charges and the unit factor, in kcal/mol Å."""
BOND_ENERGY = -0.5
"""kcal/mol: a lower energy is a hydrogen bond."""
TURNS = (4, 3, 5)
"""Residues of a turn, in the order of precedence: alpha, 3-10 and pi helices."""

Map = Bool[np.ndarray, "residue residue"]


def hydrogen_bonds(coordinates: Float[np.ndarray, "residue 4 3"]) -> Map:
    """[i, j] whether the CO of residue i is bonded to the NH of residue j.

    E = q1 q2 f (1/r_ON + 1/r_CH - 1/r_OH - 1/r_CN) < -0.5 kcal/mol.
    """
    n, ca, c, o = (coordinates[:, atom].astype(np.float64) for atom in range(4))
    hydrogen = place_hydrogens(n, ca, c)

    def inverse(acceptor: np.ndarray, donor: np.ndarray) -> np.ndarray:
        squares = (acceptor**2).sum(1)[:, None] + (donor**2).sum(1) - 2 * acceptor @ donor.T
        return 1 / np.sqrt(np.maximum(squares, 0.25))

    centre = ca.mean(0)
    n, c, o, hydrogen = n - centre, c - centre, o - centre, hydrogen - centre
    energy = COUPLING * (inverse(o, n) + inverse(c, hydrogen) - inverse(o, hydrogen) - inverse(c, n))
    index = np.arange(len(n))
    near = np.abs(index[:, None] + 1 - index) <= 1  # its own, the next and the one after: j = i, i + 1, i + 2
    with np.errstate(invalid="ignore"):
        return (energy < BOND_ENERGY) & ~near


def secondary_structure(coordinates: Float[np.ndarray, "residue 4 3"]) -> str:
    """A letter for each residue: H (helix), E (strand) or C (coil).

    Parameters
    ----------
    coordinates : [residue 4 3]
        Atoms N, CA, C and O in ångström.
    """
    bonds = hydrogen_bonds(coordinates)
    helix, strand = _helix(bonds), _strand(bonds)
    return "".join(np.where(helix, HELIX, np.where(strand, STRAND, COIL)).tolist())


def _helix(bonds: Map) -> Bool[np.ndarray, " residue"]:
    """Two successive n-turns, bonds (i - 1, i - 1 + n) and (i, i + n), make i to i + n - 1 helical; a 3-10 or pi
    helix must not overlap an alpha helix."""
    count = len(bonds)
    helix = np.zeros(count, bool)
    alpha = helix
    for size in TURNS:
        turns = np.diagonal(bonds, size)
        starts = np.flatnonzero(turns[1:] & turns[:-1]) + 1
        found = np.zeros(count, bool)
        for start in starts.tolist():
            place = slice(start, start + size)
            if not alpha[place].any():
                found[place] = True
        helix = helix | found
        alpha = found if size == TURNS[0] else alpha
    return helix


def _strand(bonds: Map) -> Bool[np.ndarray, " residue"]:
    """Residues with a bridge: parallel if bonds (i - 1, j) and (j, i + 1), or with i and j exchanged; antiparallel if
    bonds (i, j) and (j, i), or (i - 1, j + 1) and (j - 1, i + 1). Bridged residues are three or more apart."""
    count, inner = len(bonds), slice(1, -1)
    bridges = np.zeros((count, count), bool)
    parallel = bonds[:-2, inner] & bonds[inner, 2:].T  # (i - 1, j) and (j, i + 1)
    anti = (bonds & bonds.T)[inner, inner] | (bonds[:-2, 2:] & bonds[:-2, 2:].T)
    bridges[inner, inner] = parallel | parallel.T | anti
    index = np.arange(count)
    bridges &= np.abs(index[:, None] - index) >= 3
    return np.asarray(bridges.any(1))
