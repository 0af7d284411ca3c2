"""Secondary structure from backbone hydrogen bonds, in three states, by the rules of DSSP (Kabsch & Sander 1983).

A hydrogen bond from C=O of residue i to N-H of residue j has an electrostatic energy below -0.5 kcal/mol:

    E = 0.084 · 332 (1/r(ON) + 1/r(CH) − 1/r(OH) − 1/r(CN)), distances in ångström

Two consecutive n-turns, bonds from i − 1 to i − 1 + n and from i to i + n with n of 3, 4 or 5, make residues i to
i + n − 1 a helix. Bridges between two stretches of three residues make strands.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from sciencegen.domains.proteins.backbones.geometry import Coordinates, dihedrals, place_hydrogens

HELIX, STRAND, COIL = STATES = "HE-"
"""Helix (α, 3-10 and π; DSSP's H, G, I), strand (E, B), and all else."""
STRENGTH = 0.084 * 332
"""Product of the partial charges and the unit factor, kcal/mol · Å."""
STRONGEST_FREE = -0.5
"""Energy below which a hydrogen bond is assigned, kcal/mol."""
SHORTEST_DISTANCE = 0.5
"""Shorter distances, of atoms that clash, count as this, as in DSSP."""
FURTHEST_CA = 9.0
"""Distance of two CA beyond which residues have no hydrogen bond, as in DSSP."""


class Run(NamedTuple):
    """Successive residues of one state: start to stop - 1."""

    state: str
    start: int
    stop: int


def runs(states: str) -> list[Run]:
    """The runs of equal states, in order.

    Examples
    --------
    >>> [tuple(run) for run in runs("--HHE")]
    [('-', 0, 2), ('H', 2, 4), ('E', 4, 5)]
    """
    found: list[Run] = []
    for state, group in groupby(states):
        start = found[-1].stop if found else 0
        found.append(Run(state, start, start + len(list(group))))
    return found


def secondary_structure(coordinates: Float[np.ndarray, "residue 4 3"]) -> str:
    """Secondary structure of a backbone, one letter for each residue.

    Helices come before strands where a residue has both. Prolines count as donors of hydrogen bonds, since no sequence
    is given. Of DSSP's rules, that of β bulges is left out, so that 2% of native residues are "-" instead of "E".

    Parameters
    ----------
    coordinates : array [residue, 4, 3]
        Positions of N, CA, C and O, in ångström, finite.

    Returns
    -------
    str
        "H" for a helix (α, 3-10, π), "E" for a strand or an isolated bridge, "-" for all else.

    References
    ----------
    Kabsch and Sander 1983, Dictionary of protein secondary structure, Biopolymers 22.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.domains.proteins.backbones.geometry import backbone_of
    >>> secondary_structure(backbone_of(np.full(12, -57.0), np.full(12, -47.0)))
    '-HHHHHHHHHH-'
    """
    bonds = hydrogen_bonds(coordinates)
    helix, strand = _helices(bonds), _strands(bonds)
    return "".join(np.where(helix, HELIX, np.where(strand, STRAND, COIL)))


def hydrogen_bonds(coordinates: Float[np.ndarray, "residue 4 3"]) -> Bool[np.ndarray, "acceptor donor"]:
    """Whether the C=O of one residue and the N-H of another have a hydrogen bond.

    The first residue, and one after a chain break, has no hydrogen at N and is no donor. Residues do not bond to
    themselves or to the N-H of the next two.
    """
    n, ca, c, o = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    found = np.zeros((len(ca), len(ca)), bool)
    if len(ca) < 2:
        return found
    hydrogens = place_hydrogens(n, c, o)
    pairs = cKDTree(ca).query_pairs(FURTHEST_CA, output_type="ndarray")
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T  # acceptor, donor
    usable = (j < i) | (j > i + 2)
    i, j = i[usable], j[usable]
    h = hydrogens[j]
    energy = STRENGTH * (_inverse(o[i], n[j]) + _inverse(c[i], h) - _inverse(o[i], h) - _inverse(c[i], n[j]))
    found[i, j] = energy < STRONGEST_FREE  # False where there is no hydrogen and the energy is NaN
    return found


def _helices(bonds: Bool[np.ndarray, "residue residue"]) -> Bool[np.ndarray, " residue"]:
    """Residues in an α helix, or else in a 3-10 or π helix that overlaps with none."""
    alpha = _spread(_starts(bonds, 4), 4)
    found = alpha
    for n in (3, 5):
        overlaps = _spread(alpha[::-1], n)[::-1]  # of residues i to i + n − 1
        found = found | _spread(_starts(bonds, n) & ~overlaps, n)
    return found


def _starts(bonds: Bool[np.ndarray, "residue residue"], n: int) -> Bool[np.ndarray, " residue"]:
    """Residues i with n-turns at i − 1 and i."""
    found = np.zeros(len(bonds), bool)
    turns = np.diagonal(bonds, n) if n < len(bonds) else found[:0]
    found[1 : len(turns)] = turns[:-1] & turns[1:]
    return found


def _spread(starts: Bool[np.ndarray, " residue"], n: int) -> Bool[np.ndarray, " residue"]:
    """Residues i to i + n − 1 for each start i."""
    found = starts.copy()
    for step in range(1, min(n, len(starts))):
        found[step:] |= starts[: len(starts) - step]
    return found


def _strands(bonds: Bool[np.ndarray, "residue residue"]) -> Bool[np.ndarray, " residue"]:
    """Residues i with a bridge to any j; |i − j| ≥ 3, so that their stretches of three residues do not overlap."""
    size = len(bonds)
    found = np.zeros(size, bool)
    if size < 5:
        return found

    def at(first: int, second: int) -> np.ndarray:
        """Bonds [i + first, j + second] for inner residues i and j."""
        return bonds[1 + first : size - 1 + first, 1 + second : size - 1 + second]

    parallel = at(-1, 0) & at(0, 1).T
    antiparallel = (at(0, 0) & at(0, 0).T) | (at(-1, 1) & at(-1, 1).T)
    bridge = parallel | parallel.T | antiparallel
    inner = np.arange(size - 2)
    bridge &= abs(inner[:, None] - inner) >= 3
    found[1:-1] = bridge.any(1)
    return found


def _inverse(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return 1 / np.maximum(np.linalg.norm(first - second, axis=-1), SHORTEST_DISTANCE)


# Handedness of helices. In nature nearly all are right-handed; distances alone do not tell mirror images apart.

TURN = 4
"""Number of successive CA in a turn; an α helix's dihedral is +50 degrees, its mirror image's -50."""


class Handedness(NamedTuple):
    """Number of right-handed turns, and of all turns of helices."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """Share of right-handed turns; NaN without a helix."""
        return self.right / self.total if self.total else float("nan")


def helix_handedness(coordinates: Coordinates, states: str | None = None) -> Handedness:
    """Handedness of the turns, four successive CA, inside a backbone's helices.

    states: secondary structure, as of `secondary_structure`, if it is known already.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.domains.proteins.backbones.geometry import backbone_of
    >>> helix = backbone_of(np.full(12, -57.0), np.full(12, -47.0))
    >>> helix_handedness(helix), helix_handedness(-helix)
    (Handedness(right=7, total=7), Handedness(right=0, total=7))
    """
    assigned = secondary_structure(coordinates) if states is None else states
    helices = [run for run in runs(assigned) if run.state == HELIX]
    starts = np.array([start for run in helices for start in range(run.start, run.stop - TURN + 1)], int)
    if not len(starts):
        return Handedness(0, 0)
    ca = np.asarray(coordinates)[:, 1]
    turned = dihedrals(ca[starts[:, None] + np.arange(TURN)])
    return Handedness(int((turned > 0).sum()), len(turned))
