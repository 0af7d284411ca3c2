"""Hydrogen bonds of bridges between strands that a chain nearly has, as limits of distances that complete them.

In draws, strands lie side by side with bonds that are off by an ångström, too long for a strand by DSSP's rules. The
two bonds of an antiparallel bridge of residues i and j are i → j and j → i, those of a parallel one i - 1 → j and
j → i + 1, from the oxygen of one residue to the nitrogen of the other (Kabsch & Sander 1983). A bridge is nearly there
if

    sqrt(mean of (d - 2.9 Å)^2 over its two distances d of O and N) <= NEAR

Of bridges that would share an atom the best one is taken, where a bridge two residues on counts as `LADDER` ångström.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array, eye_array, vstack

from sciencegen.domains.proteins.backbones.distance_limits import Limits
from sciencegen.domains.proteins.backbones.geometry import C_N, C_O, CA_C, CA_C_N, N_H, bonded, place_oxygens
from sciencegen.domains.proteins.backbones.planarity import Atoms
from sciencegen.domains.proteins.backbones.secondary_structure import hydrogen_bonds

IDEAL = 2.9
"""Distance of O and N, ångström."""
NEAR, LADDER = 1.6, 0.6
APART = 3
"""Least number of residues from one to the other of a bridge, as in DSSP."""
EXTENDED = 6.0
"""Ångström: least distance of the CA before and after a residue of a strand; 5.5 in helices, 6.2 to 7 in strands."""
LONGEST_TURN = 5
"""Bonds between residues no further apart are those of helices and turns, which are kept."""
OXYGEN_NITROGEN, OXYGEN_HYDROGEN, CARBON_HYDROGEN = (2.7, 3.1), (1.75, 2.2), (2.5, 3.4)
"""Distances within a hydrogen bond, ångström."""


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


def nearly_bonded(atoms: Atoms) -> Int[np.ndarray, "bond 2"]:
    """Acceptor and donor of each bond of a bridge that the chain nearly has, and of each bond of a turn that it has.

    Empty if there is no such bridge.
    """
    n, ca, c = atoms.swapaxes(0, 1)
    oxygens = place_oxygens(n, ca, c)
    backbone = np.stack([n, ca, c, oxygens], 1)
    joined = bonded(n, c)
    chosen = _best(_bridges(_errors(n, oxygens, joined), _extended(ca))) if len(atoms) > APART else []
    if not chosen:
        return np.zeros((0, 2), int)
    held = hydrogen_bonds(backbone)[:-1] & joined[:, None]
    turns = [(i, j) for i, j in np.argwhere(held).tolist() if abs(i - j) <= LONGEST_TURN]
    return np.array(sorted({*turns, *(bond for bridge in chosen for bond in bridge.bonds)}))


def _errors(
    n: Float[np.ndarray, "residue 3"], oxygens: Float[np.ndarray, "residue 3"], joined: Bool[np.ndarray, " bond"]
) -> Float[np.ndarray, "acceptor donor"]:
    """Squared errors of the distances of O and N, in Å². Infinite for an N without a residue before it, which places
    its hydrogen, and for an O without a residue after it, at the ends and at breaks."""
    squares = (np.linalg.norm(oxygens[:, None] - n, axis=-1) - IDEAL) ** 2
    squares[:, ~np.append(False, joined)] = np.inf
    squares[~np.append(joined, False)] = np.inf
    return squares


def _bridges(squares: Float[np.ndarray, "acceptor donor"], extended: Bool[np.ndarray, " residue"]) -> list[Bridge]:
    """All bridges of two extended residues that are nearly there."""
    residue = np.arange(len(squares))
    apart = (abs(residue[:, None] - residue) >= APART) & extended & extended[:, None]
    anti = np.where(np.triu(apart), squares + squares.T, np.inf)
    parallel = np.full_like(squares, np.inf)
    parallel[1:-1] = np.where(apart[1:-1], squares[:-2] + squares.T[2:], np.inf)
    return [
        Bridge(i, j, direction, float(np.sqrt(sums[i, j] / 2)))
        for direction, sums in ((-1, anti), (1, parallel))
        for i, j in np.argwhere(sums <= 2 * NEAR**2).tolist()
    ]


def _extended(ca: Float[np.ndarray, "residue 3"]) -> Bool[np.ndarray, " residue"]:
    """Inner residues whose neighbours are as far from each other as in strands, not as in helices."""
    found = np.zeros(len(ca), bool)
    found[1:-1] = np.linalg.norm(ca[2:] - ca[:-2], axis=-1) >= EXTENDED
    return found


def _best(bridges: list[Bridge]) -> list[Bridge]:
    """Bridges in order of their errors, each unless an atom of its bonds has one already."""
    places = {bridge[:3] for bridge in bridges}

    def rank(bridge: Bridge) -> float:
        return bridge.error - LADDER * sum(bridge.next_along(step) in places for step in (-2, 2))

    acceptors: set[int] = set()
    donors: set[int] = set()
    chosen = []
    for bridge in sorted(bridges, key=rank):
        (first, second), (third, fourth) = bridge.bonds
        if {first, third} & acceptors or {second, fourth} & donors:
            continue
        acceptors |= {first, third}
        donors |= {second, fourth}
        chosen.append(bridge)
    return chosen


def bond_limits(bonds: Int[np.ndarray, "bond 2"], residues: int) -> Limits:
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
    return Limits(pairs, low, high)


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
