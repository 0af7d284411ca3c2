"""Bonds of drawn backbones, repaired: the nearest coordinates whose distances are those of proteins.

    minimize over x   sum_p max(0, low_p - d_p(x))^2 + max(0, d_p(x) - high_p)^2

d_p are distances of bonded atoms, of atoms two bonds apart, of neighbours' CA, and of CA that could clash. A chain
whose sum for the limits of 99.9% of native distances is at most `TOLERANCE` stays as it is, as 99% of native chains do.
Others get distances within the narrower limits of 95% of them. L-BFGS begins at the given coordinates; where all
residues may move, at the chain stretched to the right distances of neighbours' CA, so that peptide bonds stay planar.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from sciencegen.domains.proteins.backbones.bond_geometry import CLASH_DISTANCE
from sciencegen.domains.proteins.backbones.distance_limits import Limits, squared_violations
from sciencegen.domains.proteins.backbones.geometry import dihedrals

Atoms = Float[np.ndarray, "residue 3 3"]
"""Positions of N, CA and C, in ångström."""


class Kind(NamedTuple):
    """The distance of two atoms (0: N, 1: CA, 2: C): limits of 99.9% and of 95% of native ones, in ångström."""

    atoms: tuple[int, int]
    wide: tuple[float, float]
    narrow: tuple[float, float]


INSIDE = (
    Kind((0, 1), (1.39, 1.53), (1.435, 1.488)),
    Kind((1, 2), (1.45, 1.60), (1.497, 1.551)),
    Kind((0, 2), (2.30, 2.62), (2.367, 2.543)),
)
"""Of one residue."""
ACROSS = (
    Kind((2, 0), (1.25, 1.42), (1.312, 1.350)),
    Kind((1, 0), (2.30, 2.56), (2.386, 2.477)),
    Kind((2, 1), (2.30, 2.56), (2.389, 2.485)),
)
"""Of an atom of a residue and one of the next."""
TRANS = Kind((1, 1), (3.65, 3.95), (3.78, 3.84))
CIS = Kind((1, 1), (2.75, 3.15), (2.781, 3.109))
"""Of neighbours' CA; the narrow limits of trans bonds hold 80%, since a shorter distance leaves the plane. A bond is
cis if it starts so, by distance and omega."""
CIS_ANGLE = 30.0
"""Greatest |omega| of a cis bond, degrees."""
MARGIN = 0.1
"""Ångström beyond `CLASH_DISTANCE`."""
REACH = 6.0
"""Ångström: CA this near at the start are kept from clashing."""
TOLERANCE = 0.02
"""Å², of the sum."""
ROUNDS = 500


def relaxed(atoms: Atoms, fixed: Bool[np.ndarray, " residue"] | None = None) -> Atoms:
    """The chain with distances within their limits, where that can be reached; the same array if they nearly are.

    Parameters
    ----------
    atoms : array [residue, 3, 3]
        N, CA and C of one chain, in ångström.
    fixed : array [residue], optional
        Residues that stay where they are.

    Returns
    -------
    array [residue, 3, 3]
    """
    start = np.asarray(atoms, np.float64)
    if not np.isfinite(start).all():
        return atoms
    free = np.full(3 * len(start), True) if fixed is None else np.repeat(~fixed, 3)
    if squared_violations(start.reshape(-1, 3), limits_of(start, narrow=False))[0] <= TOLERANCE or not free.any():
        return atoms
    begin = stretched(start) if fixed is None else start
    points, limits = begin.reshape(-1, 3), limits_of(begin, narrow=True)

    def moved(flat: np.ndarray) -> Float[np.ndarray, "atom 3"]:
        places = points.copy()
        places[free] = flat.reshape(-1, 3)
        return places

    def energy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = squared_violations(moved(flat), limits)
        return value, gradient[free].ravel()

    found = minimize(energy, points[free].ravel(), method="L-BFGS-B", jac=True, options={"maxiter": ROUNDS})
    return moved(found.x).reshape(start.shape)


def stretched(atoms: Atoms) -> Atoms:
    """The chain with the usual distances of neighbours' CA, by shifts of whole residues along the line between them.

    The mean place stays.
    """
    steps = np.diff(atoms[:, 1], axis=0)
    apart = np.maximum(np.linalg.norm(steps, axis=-1), 1e-9)
    lengths = np.where(is_cis(atoms), np.mean(CIS.narrow), np.mean(TRANS.narrow))
    steps *= (lengths / apart)[:, None]
    trace = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, 0)])
    shift = trace - atoms[:, 1]
    return atoms + (shift - shift.mean(0))[:, None]


def is_cis(atoms: Atoms) -> Bool[np.ndarray, " bond"]:
    """Which peptide bonds are cis, by the distance of CA and by omega."""
    apart = np.linalg.norm(np.diff(atoms[:, 1], axis=0), axis=-1)
    omega = dihedrals(np.stack([atoms[:-1, 1], atoms[:-1, 2], atoms[1:, 0], atoms[1:, 1]], 1))
    return (apart >= CIS.wide[0]) & (apart <= CIS.wide[1]) & (abs(omega) <= CIS_ANGLE)


def limits_of(atoms: Atoms, narrow: bool) -> Limits:
    """The limits of a chain; its atoms are numbered 3 residue + atom."""
    here = 3 * np.arange(len(atoms))
    before, after = here[:-1], here[1:]
    cis = is_cis(atoms)
    near = cKDTree(atoms[:, 1]).query_pairs(REACH, output_type="ndarray")
    near = near[np.lexsort(near.T)]
    near = 3 * near[abs(near[:, 0] - near[:, 1]) > 1] + 1

    def pairs(kind: Kind, first: np.ndarray, second: np.ndarray) -> Limits:
        return _limits(first + kind.atoms[0], second + kind.atoms[1], kind.narrow if narrow else kind.wide)

    parts = [
        *(pairs(kind, here, here) for kind in INSIDE),
        *(pairs(kind, before, after) for kind in ACROSS),
        *(pairs(kind, before[chosen], after[chosen]) for kind, chosen in ((TRANS, ~cis), (CIS, cis))),
        _limits(near[:, 0], near[:, 1], (CLASH_DISTANCE + MARGIN, np.inf)),
    ]
    return Limits(*map(np.concatenate, zip(*parts, strict=True)))


def _limits(first: np.ndarray, second: np.ndarray, limits: tuple[float, float]) -> Limits:
    low, high = np.tile(limits, (len(first), 1)).T
    return Limits(np.stack([first, second], 1), low, high)
