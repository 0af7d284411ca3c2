"""Bonds of drawn backbones, repaired: nearby coordinates whose distances and peptide planes are those of proteins.

    minimize over x   sum_p max(0, low_p - d_p(x))^2 + max(0, d_p(x) - high_p)^2 + sum_bonds max(0, |h(x)| - highest)^2

d_p are distances of bonded atoms, of atoms two bonds apart, of neighbours' CA, and of CA that could clash; h is the
height of a CA over the plane of the peptide bond before it (`planarity`), since distances within their limits leave
omega free by 48 degrees. A chain whose sum for the limits of 99.9% of native values is at most `TOLERANCE` stays as it
is, as 95% of native chains do. Others get values within the narrower limits of 95% of them. L-BFGS begins at the given
coordinates and ends as soon as all are within their limits, so that atoms move no farther than they must.

Then hydrogen bonds between strands that are nearly formed are completed (`strand_pairing`): their distances join the
sum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from sciencegen.domains.proteins.backbones.bond_geometry import CLASH_DISTANCE, OVERLAP_DISTANCE
from sciencegen.domains.proteins.backbones.distance_limits import Limits, squared_violations
from sciencegen.domains.proteins.backbones.geometry import dihedrals
from sciencegen.domains.proteins.backbones.items import FARTHEST
from sciencegen.domains.proteins.backbones.planarity import Atoms, squared_heights
from sciencegen.domains.proteins.backbones.strand_pairing import (
    bond_limits,
    nearly_bonded,
    with_oxygens_and_hydrogens,
)


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
TRANS = Kind((1, 1), (3.65, 3.95), (3.752, 3.861))
CIS = Kind((1, 1), (2.75, 3.15), (2.781, 3.109))
"""Of neighbours' CA. A bond is cis if it starts so, by distance and omega."""
CIS_ANGLE = 30.0
"""Greatest |omega| of a cis bond, degrees."""
HEIGHTS = {False: 0.62, True: 0.24}
"""Greatest height by `narrow`, in ångström. omega is within 30 degrees of 180 or 0 as that of more than 99.9% of native
peptide bonds, and within 11 as that of 95%."""
LEAST_APART = {False: CLASH_DISTANCE + 0.1, True: OVERLAP_DISTANCE}
"""Least distance of CA that aren't neighbours, by `narrow`, in ångström."""
REACH = 6.0
"""Ångström: CA this near at the start are kept from clashing."""
FAR = 9.0
"""`REACH` where hydrogen bonds move atoms farther."""
BONDING = 0.1
"""Weight of the squared violations of hydrogen bonds."""
TOLERANCE = 0.02
"""Å², of the sum."""
ROUNDS = 500


def relaxed(atoms: Atoms, fixed: Bool[np.ndarray, " residue"] | None = None) -> Atoms:
    """The chain within the limits, where that can be reached; the same array if it nearly is.

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
    if not (np.abs(start) < FARTHEST).all():  # no item, for which squares may overflow; also if not finite
        return atoms
    free = np.full(start.shape, True) if fixed is None else np.broadcast_to(~fixed[:, None, None], start.shape)
    if violations(start, limits_of(start, narrow=False), narrow=False)[0] <= TOLERANCE or not free.any():
        return atoms
    limits = limits_of(start, narrow=True)
    near = _nearest(start, free, lambda places: violations(places, limits, narrow=True))
    bonds = nearly_bonded(near)
    return _nearest(near, free, _with_bonds(near, bonds)) if len(bonds) else near


Sum = Callable[[Atoms], tuple[float, Atoms]]
"""Positions to a sum of squared violations, and its gradient."""


def _nearest(start: Atoms, free: Bool[np.ndarray, "residue 3 3"], total: Sum) -> Atoms:
    """The minimum that L-BFGS finds from `start`."""

    def moved(flat: np.ndarray) -> Atoms:
        places = start.copy()
        places[free] = flat
        return places

    def energy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = total(moved(flat))
        return value, gradient[free]

    found = minimize(energy, start[free], method="L-BFGS-B", jac=True, options={"maxiter": ROUNDS})
    return moved(found.x)


def _with_bonds(atoms: Atoms, bonds: Int[np.ndarray, "bond 2"]) -> Sum:
    """The sum with the distances of hydrogen bonds. bonds: acceptor and donor of each."""
    limits = limits_of(atoms, narrow=True, reach=FAR)
    distances, placed = bond_limits(bonds, len(atoms)), with_oxygens_and_hydrogens(len(atoms))

    def total(places: Atoms) -> tuple[float, Atoms]:
        value, gradient = violations(places, limits, narrow=True)
        excess, slope = squared_violations(placed @ places.reshape(-1, 3), distances)
        return value + BONDING * excess, gradient + BONDING * (placed.T @ slope).reshape(gradient.shape)

    return total


def violations(atoms: Atoms, limits: Limits, narrow: bool) -> tuple[float, Atoms]:
    """The sum above, and its gradient."""
    value, gradient = squared_violations(atoms.reshape(-1, 3), limits)
    bent, slope = squared_heights(atoms, HEIGHTS[narrow])
    return value + bent, gradient.reshape(atoms.shape) + slope


def limits_of(atoms: Atoms, narrow: bool, reach: float = REACH) -> Limits:
    """The limits of a chain; its atoms are numbered 3 residue + atom."""
    here = 3 * np.arange(len(atoms))
    before, after = here[:-1], here[1:]
    apart = np.linalg.norm(np.diff(atoms[:, 1], axis=0), axis=-1)
    omega = dihedrals(np.stack([atoms[:-1, 1], atoms[:-1, 2], atoms[1:, 0], atoms[1:, 1]], 1))
    cis = (apart >= CIS.wide[0]) & (apart <= CIS.wide[1]) & (abs(omega) <= CIS_ANGLE)
    near = cKDTree(atoms[:, 1]).query_pairs(reach, output_type="ndarray")
    near = near[np.lexsort(near.T)]
    near = 3 * near[abs(near[:, 0] - near[:, 1]) > 1] + 1

    def pairs(kind: Kind, first: np.ndarray, second: np.ndarray) -> Limits:
        return _limits(first + kind.atoms[0], second + kind.atoms[1], kind.narrow if narrow else kind.wide)

    parts = [
        *(pairs(kind, here, here) for kind in INSIDE),
        *(pairs(kind, before, after) for kind in ACROSS),
        *(pairs(kind, before[chosen], after[chosen]) for kind, chosen in ((TRANS, ~cis), (CIS, cis))),
        _limits(near[:, 0], near[:, 1], (LEAST_APART[narrow], np.inf)),
    ]
    return Limits(*map(np.concatenate, zip(*parts, strict=True)))


def _limits(first: np.ndarray, second: np.ndarray, limits: tuple[float, float]) -> Limits:
    low, high = np.tile(limits, (len(first), 1)).T
    return Limits(np.stack([first, second], 1), low, high)
