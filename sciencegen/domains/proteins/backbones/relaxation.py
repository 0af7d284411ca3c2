"""Bonds of drawn backbones, repaired: nearby coordinates whose distances and peptide planes are those of proteins.

    minimize over x   sum_p max(0, low_p - d_p(x))^2 + max(0, d_p(x) - high_p)^2 + sum_bonds max(0, |h(x)| - highest)^2

d_p are distances of bonded atoms, of atoms two bonds apart, of neighbours' CA, and of N, CA, C, O, CB and side chains
that could overlap; h is the height of a CA over the plane of the peptide bond before it (`geometry.heights`), since
distances within their limits leave omega free by 48 degrees. A chain whose sum for the limits of 99.9% of native values
is at most `TOLERANCE` stays as it is, as 93% of native chains do. Others get values within the narrower limits of 95%
of them. L-BFGS begins at the given coordinates and ends as soon as all are within their limits, so that atoms move no
farther than they must.

Then (t(x) / OUTSIDE)^2 of each residue joins the sum, where t is the distance of its phi and psi to those of 98% of
native residues. A chain whose bonds would suffer from that, as one that is far from any protein, goes without it.
Last, hydrogen bonds between strands that are nearly formed are completed (`nearly_bonded`), in rounds of growing reach:
their distances join the sum too. A chain that is good otherwise is moved if it lacks a quarter of these bonds.
Distances and planes within fixed residues don't count, since nothing can change them.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import binary_dilation
from scipy.optimize import minimize
from scipy.sparse import csr_array, eye_array, vstack
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from sciencegen.domains.proteins.backbones.geometry import (
    APART,
    ATOM_DISTANCE,
    BETA,
    C_N,
    C_N_CA,
    C_O,
    CA_C,
    CA_C_N,
    CLASH_DISTANCE,
    LEAST_APART,
    N_CA,
    N_CA_C,
    N_H,
    OVERLAP_DISTANCE,
    OVERLAP_SEPARATION,
    SIDE_CHAIN,
    Coordinates,
    bonded,
    dihedrals,
    hydrogen_bonds,
    place_betas,
    place_oxygens,
    squared_heights,
    squared_outliers,
)
from sciencegen.domains.proteins.backbones.given_atoms import LEAST_TO_GIVEN, OVERLAP, GivenAtoms, joined
from sciencegen.domains.proteins.backbones.items import FARTHEST
from sciencegen.domains.superposition import superposed

# Limits of distances between atoms, and the sum of their squared violations, which fits of coordinates minimize.


class DistanceLimits(NamedTuple):
    """Pairs of atoms, by their rows, and their least and greatest distances in ångström, equal for an ideal one."""

    pairs: Int[np.ndarray, "pair 2"]
    low: Float[np.ndarray, " pair"]
    high: Float[np.ndarray, " pair"]

    def selected(self, chosen: Bool[np.ndarray, " pair"]) -> DistanceLimits:
        return DistanceLimits(*(part[chosen] for part in self))


def squared_violations(
    points: Float[np.ndarray, "atom 3"], limits: DistanceLimits, scale: float = 1.0
) -> tuple[float, Float[np.ndarray, "atom 3"]]:
    """The sum over pairs of (max(0, low - d, d - high) / scale)^2, with distances d, and its gradient."""
    first, second = limits.pairs.T
    apart = points[second] - points[first]
    distance = np.maximum(np.linalg.norm(apart, axis=-1), 1e-9)
    wrong = (np.maximum(distance - limits.high, 0) - np.maximum(limits.low - distance, 0)) / scale
    slope = (2 * wrong / scale / distance)[:, None] * apart
    gradient = np.zeros_like(points)
    np.add.at(gradient, second, slope)
    np.subtract.at(gradient, first, slope)
    return float((wrong**2).sum()), gradient


# Join fixed residues to the drawn ones around them: superposition, then a fit of the neighbours' bond geometry.
#
# The fit minimizes, over the atoms of the residues next to the fixed ones,
#
#     sum over bonds and angles of (d - d0)^2 / s^2 + sum over atoms of |x - x_drawn|^2 / t^2,
#
# where angles and trans peptide planes are distances of atoms two or three bonds apart. Ideal values: Engh & Huber
# 1991.

NEIGHBOURS = 5
"""Number of residues next to a fixed one that the fit may move."""
TOLERANCES, LOOSENESS = (0.3, 0.08, 0.02), 1.0
"""s, which falls from fit to fit so that far atoms find their places, and t, in ångström."""
TRANS_LENGTH = 3.80
"""Distance of neighbours' CA across a trans peptide bond, ångström."""
O_C_N = 123.0
"""Bond angle in degrees."""
STEPS = 150
"""Of each fit."""
Atoms = Float[np.ndarray, "residue 3 3"]
"""Positions of N, CA and C."""


def _third_side(a: float, b: float, angle: float) -> float:
    """The distance of the ends of two bonds with this angle in degrees: c^2 = a^2 + b^2 - 2 a b cos angle."""
    return float(np.sqrt(a * a + b * b - 2 * a * b * np.cos(np.radians(angle))))


WITHIN = ((0, 1, N_CA), (1, 2, CA_C), (0, 2, _third_side(N_CA, CA_C, N_CA_C)))
"""Of a residue: atom, atom (N, CA, C), distance."""
BETWEEN = (
    (2, 0, C_N), (1, 0, _third_side(CA_C, C_N, CA_C_N)), (2, 1, _third_side(C_N, N_CA, C_N_CA)), (1, 1, TRANS_LENGTH),
)  # fmt: skip
"""Of a residue and the next one: atom, atom of the next one, distance."""
O_N = _third_side(C_O, C_N, O_C_N)


def join(drawn: Atoms, fixed: Bool[np.ndarray, " residue"], motif: Coordinates) -> Coordinates:
    """The chain in the frame of `motif`, whose residues replace the fixed ones, and whose neighbours fit it.

    Parameters
    ----------
    drawn : array [residue 3 3]
        N, CA and C of the chain, ångström.
    fixed : array [residue]
        True at the residues of the motif.
    motif : array [fixed 4 3]
        Their N, CA, C and O; an O that is NaN is placed.

    Returns
    -------
    array [residue 4 3]
        NaN everywhere if the drawn chain isn't finite.
    """
    if not np.isfinite(drawn).all():
        return np.full((len(drawn), 4, 3), np.nan)
    wanted = motif[:, :3].reshape(-1, 3)
    places = superposed(drawn.reshape(-1, 3), drawn[fixed].reshape(-1, 3), wanted).reshape(drawn.shape)
    places[fixed] = motif[:, :3]
    places = _fitted(places, fixed, motif[:, 3])
    n, ca, c = places.swapaxes(0, 1)
    oxygens = place_oxygens(n, ca, c)
    oxygens[fixed] = np.where(np.isnan(motif[:, 3]), oxygens[fixed], motif[:, 3])
    return np.concatenate([places, oxygens[:, None]], 1)


def _fitted(places: Atoms, fixed: Bool[np.ndarray, " residue"], oxygens: Float[np.ndarray, "fixed 3"]) -> Atoms:
    """The places after a fit of the neighbours. The oxygens of fixed residues direct the next residue's N."""
    near = binary_dilation(fixed, iterations=NEIGHBOURS)
    free = np.repeat(near & ~fixed, 3)
    if not free.any():
        return places
    points = np.concatenate([places.reshape(-1, 3), oxygens])
    ideal, moving = _ideal(near, fixed, np.isfinite(oxygens).all(1)), np.flatnonzero(free)
    moved = points[moving].ravel()
    for tolerance in TOLERANCES:
        cost = partial(_cost, points=points, moving=moving, ideal=ideal, tolerance=tolerance)
        moved = minimize(cost, moved, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    points[moving] = moved.reshape(-1, 3)
    return points[: 3 * len(places)].reshape(places.shape)


def _cost(
    flat: np.ndarray, points: Float[np.ndarray, "atom 3"], moving: Int[np.ndarray, " moving"], ideal: DistanceLimits,
    tolerance: float,
) -> tuple[float, np.ndarray]:  # fmt: skip
    """The sum above with the moving atoms at `flat`, and its gradient."""
    moved = points.copy()
    moved[moving] = flat.reshape(-1, 3)
    value, gradient = squared_violations(moved, ideal, tolerance)
    away = (moved - points)[moving] / LOOSENESS
    return value + float((away**2).sum()), (gradient[moving] + 2 * away / LOOSENESS).ravel()


def _ideal(
    near: Bool[np.ndarray, " residue"], fixed: Bool[np.ndarray, " residue"], directed: Bool[np.ndarray, " fixed"]
) -> DistanceLimits:
    """The ideal distances in and between the residues that move or are fixed, one of which moves. directed: fixed
    residues whose O is known."""
    count, moves = len(fixed), near & ~fixed
    rows = [(3 * i + a, 3 * i + b, d) for i in np.flatnonzero(moves).tolist() for a, b, d in WITHIN]
    for i in range(count - 1):
        if moves[i] or moves[i + 1]:
            rows += [(3 * i + a, 3 * i + 3 + b, d) for a, b, d in BETWEEN]
    for number, i in enumerate(np.flatnonzero(fixed).tolist()):
        if directed[number] and i + 1 < count and moves[i + 1]:
            rows.append((3 * count + number, 3 * i + 3, O_N))
    first, second, distance = (np.array(part) for part in zip(*rows, strict=True))
    return DistanceLimits(np.stack([first, second], 1), distance, distance)


# Hydrogen bonds of bridges between strands that a chain nearly has, as limits of distances that complete them.
#
# In draws, strands lie side by side with bonds that are off by an ångström, too long for a strand by DSSP's rules.
# The two bonds of an antiparallel bridge of residues i and j are i → j and j → i, those of a parallel one i - 1 → j
# and j → i + 1, from the oxygen of one residue to the nitrogen of the other (Kabsch & Sander 1983). The error of a
# bridge is
#
#     sqrt(mean of (d - 2.9 Å)^2 over its two distances d of O and N)
#
# Ladders grow like a zipper. The best bridge within `Reach.first` is taken, then others within it or, next to one that
# is taken (two residues on), within `Reach.next`, unless they share an atom with it. One next to another counts as
# `LADDER` ångström better. A bridge alone is taken up to an error of `ALONE`, as native ones that stand alone have.

IDEAL = 2.9
"""Distance of O and N, ångström."""


class Reach(NamedTuple):
    """Greatest errors of bridges that are nearly there, ångström: of the first of a ladder, and of one next to it."""

    first: float
    next: float


REACHES = (Reach(1.6, 2.2), Reach(2.0, 2.6), Reach(2.2, 3.0))
"""Of the rounds, each after a fit of the chain to the bridges of the round before."""
LADDER, ALONE = 0.6, 1.0
BRIDGED = 3
"""Least number of residues from one to the other of a bridge, as in DSSP."""
HELD = 0.75
"""Least share of the bonds of bridges that a chain has, or else it is moved. Of 60 native chains all have it."""
EXTENDED = 6.0
"""Ångström: least distance of the CA before and after a residue of a strand; 5.5 in helices, 6.2 to 7 in strands."""
LONGEST_TURN = 5
"""Bonds between residues no further apart are those of helices and turns, which are kept."""
OXYGEN_NITROGEN, OXYGEN_HYDROGEN, CARBON_HYDROGEN = (2.7, 3.1), (1.75, 2.1), (2.5, 3.4)
"""Distances within a hydrogen bond, ångström; by the second the angle at its hydrogen is 136 degrees or more."""


class Bridge(NamedTuple):
    """Two residues, the number of one's neighbour over that of the other's (-1: antiparallel), and the error in Å."""

    i: int
    j: int
    direction: int
    error: float

    @property
    def bonds(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Acceptor and donor of each of the two bonds."""
        antiparallel = self.direction < 0
        return ((self.i, self.j), (self.j, self.i)) if antiparallel else ((self.i - 1, self.j), (self.j, self.i + 1))

    def next_along(self, step: int) -> tuple[int, int, int]:
        return self.i + step, self.j + self.direction * step, self.direction


def nearly_bonded(atoms: Atoms, reach: Reach = REACHES[0]) -> Int[np.ndarray, "bond 2"]:
    """Acceptor and donor of each bond of a bridge that the chain nearly has, and of each bond of a turn that it has.

    Empty if there is no such bridge.
    """
    n, ca, c = atoms.swapaxes(0, 1)
    oxygens = place_oxygens(n, ca, c)
    joined = bonded(n, c)
    chosen = ladders(_bridges(_errors(n, oxygens, joined), _extended(ca), reach), reach) if len(atoms) > BRIDGED else []
    if not chosen:
        return np.zeros((0, 2), int)
    held = hydrogen_bonds(np.stack([n, ca, c, oxygens], 1))[:-1] & joined[:, None]
    turns = [(i, j) for i, j in np.argwhere(held).tolist() if abs(i - j) <= LONGEST_TURN]
    return np.array(sorted({*turns, *(bond for bridge in chosen for bond in bridge.bonds)}))


def _unfinished(atoms: Atoms) -> bool:
    """Whether the chain lacks more bonds of the bridges that it nearly has than native ones do."""
    n, ca, c = atoms.swapaxes(0, 1)
    bonds = nearly_bonded(atoms)
    bonds = bonds[abs(bonds[:, 0] - bonds[:, 1]) > LONGEST_TURN]
    held = hydrogen_bonds(np.stack([n, ca, c, place_oxygens(n, ca, c)], 1))[*bonds.T]
    return held.sum() < HELD * len(bonds)


def _errors(
    n: Float[np.ndarray, "residue 3"], oxygens: Float[np.ndarray, "residue 3"], joined: Bool[np.ndarray, " bond"]
) -> Float[np.ndarray, "acceptor donor"]:
    """Squared errors of the distances of O and N, in Å². Infinite for an N without a residue before it, which places
    its hydrogen, and for an O without a residue after it, at the ends and at breaks."""
    squares = (np.linalg.norm(oxygens[:, None] - n, axis=-1) - IDEAL) ** 2
    squares[:, ~np.append(False, joined)] = np.inf
    squares[~np.append(joined, False)] = np.inf
    return squares


def _bridges(
    squares: Float[np.ndarray, "acceptor donor"], extended: Bool[np.ndarray, " residue"], reach: Reach
) -> list[Bridge]:
    """All bridges of two extended residues that are nearly there."""
    residue = np.arange(len(squares))
    apart = (abs(residue[:, None] - residue) >= BRIDGED) & extended & extended[:, None]
    anti = np.where(np.triu(apart), squares + squares.T, np.inf)
    parallel = np.full_like(squares, np.inf)
    parallel[1:-1] = np.where(apart[1:-1], squares[:-2] + squares.T[2:], np.inf)
    return [
        Bridge(i, j, direction, float(np.sqrt(sums[i, j] / 2)))
        for direction, sums in ((-1, anti), (1, parallel))
        for i, j in np.argwhere(sums <= 2 * max(reach) ** 2).tolist()
    ]


def _extended(ca: Float[np.ndarray, "residue 3"]) -> Bool[np.ndarray, " residue"]:
    """Inner residues whose neighbours are as far from each other as in strands, not as in helices."""
    found = np.zeros(len(ca), bool)
    found[1:-1] = np.linalg.norm(ca[2:] - ca[:-2], axis=-1) >= EXTENDED
    return found


def ladders(bridges: list[Bridge], reach: Reach) -> list[Bridge]:
    """The bridges that are taken, in the order above."""
    left = {bridge[:3]: bridge for bridge in bridges}
    first = {place for place, bridge in left.items() if bridge.error <= reach.first}
    taken: dict[tuple[int, int, int], Bridge] = {}
    acceptors: set[int] = set()
    donors: set[int] = set()

    def beside(bridge: Bridge, others: Container[tuple[int, int, int]]) -> int:
        return sum(bridge.next_along(step) in others for step in (-2, 2))

    def rank(bridge: Bridge) -> float:
        return bridge.error - LADDER * beside(bridge, first | taken.keys())

    while ready := [
        bridge
        for place, bridge in left.items()
        if place in first or (bridge.error <= reach.next and beside(bridge, taken))
    ]:
        best = min(ready, key=rank)
        del left[best[:3]]
        one, other = zip(*best.bonds, strict=True)
        if acceptors.isdisjoint(one) and donors.isdisjoint(other):
            acceptors.update(one)
            donors.update(other)
            taken[best[:3]] = best
    return [bridge for bridge in taken.values() if bridge.error < ALONE or beside(bridge, taken)]


def bond_limits(bonds: Int[np.ndarray, "bond 2"], residues: int) -> DistanceLimits:
    """The limits of hydrogen bonds, of points as in `with_oxygens_and_hydrogens`."""
    acceptor, donor = bonds.T
    oxygen, hydrogen = 3 * residues + acceptor, 4 * residues + donor
    kinds = (
        (oxygen, 3 * donor, OXYGEN_NITROGEN),
        (oxygen, hydrogen, OXYGEN_HYDROGEN),
        (3 * acceptor + 2, hydrogen, CARBON_HYDROGEN),
    )
    pairs = np.concatenate([np.stack([first, second], 1) for first, second, _ in kinds])
    low, high = np.repeat([limits for *_, limits in kinds], len(bonds), 0).T
    return DistanceLimits(pairs, low, high)


class PlacedAtoms:
    """N, CA and C of a chain [3 residue], then each residue's O, H, ideal CB, and where its side chain begins, then the
    given atoms around it, which stay. fixed: residues that stay, too."""

    def __init__(
        self, residues: int, around: GivenAtoms | None = None, fixed: Bool[np.ndarray, " residue"] | None = None
    ) -> None:
        self.linear = with_oxygens_and_hydrogens(residues)
        self.around = joined([]) if around is None else around
        self.fixed = np.zeros(residues, bool) if fixed is None else fixed
        self.movable = ~(self.fixed[:-1] & self.fixed[1:])
        self.apart = self.around.apart(self.fixed)
        self.stays = np.concatenate([
            np.repeat(self.fixed, 3), np.tile(self.fixed, 4), np.ones(len(self.around.places), bool)
        ])  # fmt: skip

    def points(self, atoms: Atoms) -> Float[np.ndarray, "atom 3"]:
        ca, beta = atoms[:, 1], place_betas(atoms)
        side = ca + SIDE_CHAIN * (beta - ca)
        return np.concatenate([self.linear @ atoms.reshape(-1, 3), beta, side, self.around.places])

    def pulled(self, atoms: Atoms, slope: Float[np.ndarray, "atom 3"]) -> Atoms:
        """The gradient of a function of the atoms from that of the points."""
        n, ca, c = atoms.swapaxes(0, 1)
        size = len(atoms)
        found = (self.linear.T @ slope[: 5 * size]).reshape(atoms.shape)
        side = slope[6 * size : 7 * size]
        beta = slope[5 * size : 6 * size] + SIDE_CHAIN * side
        of_u = BETA[0] * np.cross(c - ca, beta) - BETA[1] * beta  # of CA - N
        of_v = BETA[0] * np.cross(beta, ca - n) + BETA[2] * beta  # of C - CA
        return found + np.stack([-of_u, of_u - of_v + beta + (1 - SIDE_CHAIN) * side, of_v], 1)


def with_oxygens_and_hydrogens(residues: int) -> csr_array:
    """The matrix from positions of N, CA and C [3 residue] to those and each residue's O and H [5 residue].

        O = C + p (C - CA) + q (C - N),     H = N - (O - C) / 1.23 Å of the residue before

    with N of the next residue, exact for ideal bond lengths and angles. The last residue's O is its C, and the first
    one's H its N.
    """
    half = np.radians(CA_C_N) / 2
    p, q = (C_O / (2 * np.cos(half) * bond) for bond in (CA_C, C_N))
    atoms = csr_array(eye_array(3 * residues))
    n, ca, c = (atoms[place::3] for place in range(3))
    away = p * (c[:-1] - ca[:-1]) + q * (c[:-1] - n[1:])
    nothing = csr_array((1, 3 * residues))
    oxygens, hydrogens = c + vstack([away, nothing]), n - N_H / C_O * vstack([nothing, away])
    return csr_array(vstack([atoms, oxygens, hydrogens]))


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
LEAST = {False: CLASH_DISTANCE + 0.1, True: OVERLAP_DISTANCE}
"""Least distance of CA that aren't neighbours, by `narrow`, in ångström."""
OVERLAPPING = {False: 1.0, True: 0.2}
"""Weight of overlaps in the sum, by `narrow`: bonds give way less than they do."""
ATOMS_APART = ATOM_DISTANCE + 0.1
"""Least distance in ångström of N, CA, C and O of residues `APART` or more apart."""
FAR = 10.0
"""Ångström: residues with CA this near at the start are kept from overlapping,"""
NEARBY = 1.5
"""and of their atoms those that are so much farther from each other than they must be."""
OUTSIDE = 40.0
"""Degrees from the allowed torsion angles that cost as much as a distance that is wrong by 1 Å."""
BONDING = 0.1
"""Weight of the squared violations of hydrogen bonds."""
TOLERANCE = 0.02
"""Å², of the sum."""
SOUND = TOLERANCE / 20
"""Å², of the sum by narrow limits, above which a chain is not turned, nor its strands completed."""
TENSIONS = (0.3, 0.18, 0.1, 0.0)
"""Ångström by which a distance within a completed bond may be off, else the bond is let go, from fit to fit; last all
that are off at all."""
NOTHING = np.zeros((0, 2), int)
"""No bonds."""
ROUNDS, FEWER_ROUNDS = 500, 100
"""Of L-BFGS, and of fits after which more follow."""


def relaxed(atoms: Atoms, fixed: Bool[np.ndarray, " residue"] | None = None, around: GivenAtoms | None = None) -> Atoms:
    """The chain within the limits, where that can be reached; the same array if it nearly is.

    Parameters
    ----------
    atoms : array [residue, 3, 3]
        N, CA and C of one chain, in ångström.
    fixed : array [residue], optional
        Residues that stay where they are.
    around : GivenAtoms, optional
        Atoms that the others are kept from overlapping.

    Returns
    -------
    array [residue, 3, 3]
    """
    start = np.asarray(atoms, np.float64)
    if not (np.abs(start) < FARTHEST).all():  # no item, for which squares may overflow; also if not finite
        return atoms
    free = np.full(start.shape, True) if fixed is None else np.broadcast_to(~fixed[:, None, None], start.shape)
    if len(atoms) < 2 or not free.any():
        return atoms
    placement = PlacedAtoms(len(atoms), around, fixed)
    wide = violations(start, limits_of(start, placement, narrow=False), placement, narrow=False)[0]
    if wide <= TOLERANCE and not _unfinished(start):
        return atoms
    limits = limits_of(start, placement, narrow=True)
    near = _nearest(start, free, lambda places: violations(places, limits, placement, narrow=True))
    turned = _nearest(near, free, _turning(near, NOTHING, placement))
    return _completed(turned if _unsound(turned, placement) <= SOUND else near, free, placement)


def _completed(atoms: Atoms, free: Bool[np.ndarray, "residue 3 3"], placement: PlacedAtoms) -> Atoms:
    """The chain with the bonds of the bridges that it nearly has. Bonds that it can't reach are let go."""
    places, bonds, highest = atoms, NOTHING, max(SOUND, _unsound(atoms, placement))

    def good(found: Atoms) -> bool:
        bent = squared_heights(found, HEIGHTS[True], placement.movable)[0]
        return bent <= SOUND / 10 and _unsound(found, placement) <= highest

    for reach in REACHES:
        bonds = nearly_bonded(places, reach)
        if not len(bonds):
            return atoms
        places = _nearest(places, free, _turning(places, bonds, placement), FEWER_ROUNDS)
    for tension in TENSIONS:
        points, distances = placement.points(places), bond_limits(bonds, len(places))
        length = np.linalg.norm(np.subtract(*points[distances.pairs.T]), axis=-1)
        excess = np.maximum(distances.low - length, length - distances.high).reshape(3, -1).max(0)
        if (excess <= tension).all() and good(places):
            return places
        bonds = bonds[excess <= tension]
        places = _nearest(places, free, _turning(places, bonds, placement))
    return places if good(places) else atoms


def _unsound(atoms: Atoms, placement: PlacedAtoms) -> float:
    """The sum by narrow limits."""
    return violations(atoms, limits_of(atoms, placement, narrow=True), placement, narrow=True)[0]


Sum = Callable[[Atoms], tuple[float, Atoms]]
"""Positions to a sum of squared violations, and its gradient."""


def _nearest(start: Atoms, free: Bool[np.ndarray, "residue 3 3"], total: Sum, rounds: int = ROUNDS) -> Atoms:
    """The minimum that L-BFGS finds from `start`."""

    def moved(flat: np.ndarray) -> Atoms:
        places = start.copy()
        places[free] = flat
        return places

    def energy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = total(moved(flat))
        return value, gradient[free]

    found = minimize(energy, start[free], method="L-BFGS-B", jac=True, options={"maxiter": rounds})
    return moved(found.x)


def _turning(atoms: Atoms, bonds: Int[np.ndarray, "bond 2"], placement: PlacedAtoms) -> Sum:
    """The sum by narrow limits with torsion angles, and the distances of hydrogen bonds. bonds: acceptor and donor of
    each."""
    limits, distances = limits_of(atoms, placement, narrow=True), bond_limits(bonds, len(atoms))

    def total(places: Atoms) -> tuple[float, Atoms]:
        value, gradient = violations(places, limits, placement, narrow=True)
        excess, pull = squared_violations(placement.points(places), distances)
        outside, slope = squared_outliers(places)
        value += BONDING * excess + outside / OUTSIDE**2
        return value, gradient + BONDING * placement.pulled(places, pull) + slope / OUTSIDE**2

    return total


def violations(
    atoms: Atoms, limits: tuple[DistanceLimits, DistanceLimits], placement: PlacedAtoms, narrow: bool
) -> tuple[float, Atoms]:
    """The sum above, and its gradient. limits: of bonds, and of overlaps, which have a weight."""
    points, weight = placement.points(atoms), OVERLAPPING[narrow]
    (value, slope), (overlap, push) = (squared_violations(points, one) for one in limits)
    bent, gradient = squared_heights(atoms, HEIGHTS[narrow], placement.movable)
    return value + bent + weight * overlap, gradient + placement.pulled(atoms, slope + weight * push)


def limits_of(atoms: Atoms, placement: PlacedAtoms, narrow: bool) -> tuple[DistanceLimits, DistanceLimits]:
    """The limits of a chain's bonds and of its overlaps; atoms are numbered as the points of its placement."""
    here = 3 * np.arange(len(atoms))
    before, after = here[:-1], here[1:]
    apart = np.linalg.norm(np.diff(atoms[:, 1], axis=0), axis=-1)
    omega = dihedrals(np.stack([atoms[:-1, 1], atoms[:-1, 2], atoms[1:, 0], atoms[1:, 1]], 1))
    cis = (apart >= CIS.wide[0]) & (apart <= CIS.wide[1]) & (abs(omega) <= CIS_ANGLE)
    near = cKDTree(atoms[:, 1]).query_pairs(FAR, output_type="ndarray")
    near = near[np.lexsort(near.T)]
    near = near[abs(near[:, 0] - near[:, 1]) >= APART]

    def pairs(kind: Kind, first: np.ndarray, second: np.ndarray) -> DistanceLimits:
        return _limits(first + kind.atoms[0], second + kind.atoms[1], kind.narrow if narrow else kind.wide)

    parts = [
        *(pairs(kind, here, here) for kind in INSIDE),
        *(pairs(kind, before, after) for kind in ACROSS),
        *(pairs(kind, before[chosen], after[chosen]) for kind, chosen in ((TRANS, ~cis), (CIS, cis))),
        _limits(3 * near[:, 0] + 1, 3 * near[:, 1] + 1, (LEAST[narrow], np.inf)),
    ]
    bonds = DistanceLimits(*map(np.concatenate, zip(*parts, strict=True)))
    both = (bonds, _overlaps(atoms, placement, near, narrow))
    moving = [~placement.stays[limits.pairs].all(1) for limits in both]
    return both[0].selected(moving[0]), both[1].selected(moving[1])


def _overlaps(atoms: Atoms, placement: PlacedAtoms, near: Int[np.ndarray, "pair 2"], narrow: bool) -> DistanceLimits:
    """Least distances of N, CA, C and O, and by `narrow` those of native chains (`geometry.LEAST_APART`), with CB
    and the beginnings of side chains."""
    count = len(atoms)
    places = np.concatenate(
        [np.arange(3 * count).reshape(-1, 3), np.arange(count)[:, None] + [3 * count, 5 * count, 6 * count]], 1
    )
    far = (abs(near[:, 0] - near[:, 1]) >= OVERLAP_SEPARATION)[:, None, None] & narrow
    backbone = np.arange(6) < 4
    least = np.where(far, LEAST_APART, np.where(backbone & backbone[:, None], ATOMS_APART, 0.0))
    first, second = (
        np.broadcast_to(part, least.shape) for part in (places[near[:, 0], :, None], places[near[:, 1], None])
    )
    points = placement.points(atoms)
    chosen = np.linalg.norm(points[first] - points[second], axis=-1) < least + NEARBY * (least > 0)
    pairs, low = np.stack([first[chosen], second[chosen]], 1), least[chosen]
    around = placement.around
    row, atom = np.nonzero(placement.apart & (cdist(atoms[:, 1], around.places) < FAR))
    wanted = LEAST_TO_GIVEN if narrow else np.pad(OVERLAP, ((0, 1), (0, 0)))
    pairs = np.concatenate([pairs, np.stack([places[row].ravel(), np.repeat(7 * count + atom, 6)], 1)])
    low = np.concatenate([low, wanted.T[around.kinds[atom]].ravel()])
    return DistanceLimits(pairs, low, np.full(len(pairs), np.inf))


def _limits(first: np.ndarray, second: np.ndarray, limits: tuple[float, float]) -> DistanceLimits:
    low, high = np.tile(limits, (len(first), 1)).T
    return DistanceLimits(np.stack([first, second], 1), low, high)
