"""Torsion angles of backbones: measured, compared as Ramachandran histograms, and built into coordinates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from sciencegen.domains.proteins.backbones.geometry import (
    C_N,
    C_N_CA,
    C_O,
    CA_C,
    CA_C_N,
    CA_C_O,
    N_CA,
    N_CA_C,
    dihedrals,
    place_atoms,
)
from sciencegen.metrics.distances import jensen_shannon_distance

BIN_WIDTH = 10
"""Of Ramachandran histograms, degrees."""


class Torsions(NamedTuple):
    """Torsion angles in degrees, -180 to 180; NaN at the ends of the chain, where an atom is missing.

    phi: C of the residue before, N, CA, C. psi: N, CA, C, N of the residue after. omega: CA, C, N and CA of the residue
    after.
    """

    phi: Float[np.ndarray, " residue"]
    psi: Float[np.ndarray, " residue"]
    omega: Float[np.ndarray, " residue"]


def torsions_of(coordinates: Float[np.ndarray, "residue 4 3"]) -> Torsions:
    """Torsion angles of each residue of a backbone, chain breaks ignored."""
    n, ca, c, _ = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    phi = dihedrals(np.stack([c[:-1], n[1:], ca[1:], c[1:]], -2))
    psi = dihedrals(np.stack([n[:-1], ca[:-1], c[:-1], n[1:]], -2))
    omega = dihedrals(np.stack([ca[:-1], c[:-1], n[1:], ca[1:]], -2))
    end = [np.nan]
    return Torsions(np.concatenate([end, phi]), np.concatenate([psi, end]), np.concatenate([omega, end]))


def ramachandran_histogram(backbones: Iterable[Float[np.ndarray, "_ 4 3"]]) -> Float[np.ndarray, "phi psi"]:
    """Number of inner residues of all backbones in each bin of phi and psi, `BIN_WIDTH` wide, from -180 degrees."""
    edges = np.arange(-180, 181, BIN_WIDTH)
    counts = np.zeros((len(edges) - 1,) * 2)
    for coordinates in backbones:
        phi, psi, _ = torsions_of(coordinates)
        counts += np.histogram2d(phi[1:-1], psi[1:-1], (edges, edges))[0]
    return counts


def ramachandran_divergence(
    backbones: Iterable[Float[np.ndarray, "_ 4 3"]], others: Iterable[Float[np.ndarray, "_ 4 3"]]
) -> float:
    """Jensen-Shannon divergence of the Ramachandran histograms of two sets, in bits, 0 to 1; NaN for an empty set.

    It grows as sets get smaller, since empty bins differ: compare it with that of two sets of real structures.
    """
    first, second = ramachandran_histogram(backbones), ramachandran_histogram(others)
    if not first.any() or not second.any():
        return float("nan")
    return jensen_shannon_distance(first.ravel(), second.ravel()) ** 2


def backbone_of(
    phi: Float[np.ndarray, " residue"],
    psi: Float[np.ndarray, " residue"],
    omega: Float[np.ndarray, " residue"] | float = 180.0,
) -> Float[np.ndarray, "residue 4 3"]:
    """Backbone with these torsion angles, in degrees, and ideal bond lengths and angles: N, CA, C and O, in ångström.

    phi of the first residue and omega of the last are not used. psi of the last one gives the direction of its O.

    Examples
    --------
    >>> import numpy as np
    >>> helix = backbone_of(np.full(20, -57.0), np.full(20, -47.0))
    >>> helix.shape
    (20, 4, 3)
    >>> torsions_of(helix).phi[1:3].round(6)
    array([-57., -57.])
    """
    twist = np.broadcast_to(omega, len(phi))
    angle = np.radians(180 - N_CA_C)
    placed = [np.zeros(3), np.array([N_CA, 0, 0]), np.array([N_CA + CA_C * np.cos(angle), CA_C * np.sin(angle), 0])]
    for k in range(1, len(phi)):
        placed.append(_next(placed, C_N, CA_C_N, psi[k - 1]))
        placed.append(_next(placed, N_CA, C_N_CA, twist[k - 1]))
        placed.append(_next(placed, CA_C, N_CA_C, phi[k]))
    chain = np.stack(placed).reshape(-1, 3, 3)
    n, ca, c = np.moveaxis(chain, 1, 0)
    oxygens = place_atoms(n, ca, c, C_O, CA_C_O, np.asarray(psi) + 180)
    return np.concatenate([chain, oxygens[:, None]], 1)


def _next(before: list[np.ndarray], length: float, angle: float, dihedral: float) -> np.ndarray:
    """The atom after the last three."""
    return place_atoms(before[-3], before[-2], before[-1], length, angle, dihedral)
