"""Geometry of backbones: bond lengths and angles, distances of neighbours, clashes and chain breaks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from sciencegen.domains.proteins.backbones.geometry import Coordinates, bonded

TRANS_DISTANCE = (3.6, 4.0)
"""Distance in ångström of neighbours' CA across a trans peptide bond, 3.80; across a cis bond it is 2.9."""
CLASH_DISTANCE = 3.4
"""Distance in ångström below which two CA clash that aren't neighbours."""
OVERLAP_DISTANCE, OVERLAP_SEPARATION = 4.0, 3
"""Distance in ångström within which few CA of native chains lie that are so many residues apart: their side chains
have no room."""
TRANS_ANGLE = 150.0
"""Minimum |omega| of a trans peptide bond, degrees."""


def bond_lengths(coordinates: Coordinates) -> Mapping[str, Float[np.ndarray, " bond"]]:
    """Bond lengths by kind, ångström; "C-N" is the peptide bond, also across chain breaks."""
    n, ca, c, o = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    ends = {"N-CA": (n, ca), "CA-C": (ca, c), "C=O": (c, o), "C-N": (c[:-1], n[1:])}
    return {kind: np.linalg.norm(second - first, axis=-1) for kind, (first, second) in ends.items()}


def bond_angles(coordinates: Coordinates) -> Mapping[str, Float[np.ndarray, " angle"]]:
    """Bond angles by kind, degrees; those with "C-N" are at peptide bonds."""
    n, ca, c, o = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    points = {
        "N-CA-C": (n, ca, c), "CA-C=O": (ca, c, o), "CA-C-N": (ca[:-1], c[:-1], n[1:]),
        "O=C-N": (o[:-1], c[:-1], n[1:]), "C-N-CA": (c[:-1], n[1:], ca[1:]),
    }  # fmt: skip
    return {kind: _angles(*three) for kind, three in points.items()}


def _angles(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> Float[np.ndarray, " angle"]:
    """Angle at the middle point, degrees: atan2(|u × v|, u · v), which is accurate near 0 and 180."""
    u, v = first - middle, last - middle
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(u, v), axis=-1), (u * v).sum(-1)))


def ca_distances(coordinates: Coordinates) -> Float[np.ndarray, " bond"]:
    """Distances of neighbours' CA, ångström."""
    return np.linalg.norm(np.diff(np.asarray(coordinates, np.float64)[:, 1], axis=0), axis=-1)


def ca_clashes(coordinates: Coordinates) -> int:
    """Number of pairs of CA closer than `CLASH_DISTANCE` that aren't neighbours in the chain."""
    return _close_pairs(coordinates, CLASH_DISTANCE, 2)


def overlaps(coordinates: Coordinates) -> int:
    """Number of pairs of CA within `OVERLAP_DISTANCE` that are `OVERLAP_SEPARATION` or more residues apart."""
    return _close_pairs(coordinates, OVERLAP_DISTANCE, OVERLAP_SEPARATION)


def _close_pairs(coordinates: Coordinates, distance: float, separation: int) -> int:
    if len(coordinates) <= separation:
        return 0
    pairs = cKDTree(np.asarray(coordinates)[:, 1]).query_pairs(distance, output_type="ndarray")
    return int((abs(pairs[:, 0] - pairs[:, 1]) >= separation).sum())


def assembly_clashes(copies: Float[np.ndarray, "copy residue 4 3"]) -> bool:
    """Whether two CA clash in the first of the equal chains, or one of the first and one of another chain."""
    if ca_clashes(copies[0]) > 0:
        return True
    chain, *others = copies[:, :, 1]
    return any(bool((cdist(chain, other) < CLASH_DISTANCE).any()) for other in others)


def chain_breaks(coordinates: Coordinates) -> int:
    """Number of peptide bonds that are longer than a bond can be."""
    n, _, c, _ = np.moveaxis(np.asarray(coordinates, np.float64), 1, 0)
    return int((~bonded(n, c)).sum())
