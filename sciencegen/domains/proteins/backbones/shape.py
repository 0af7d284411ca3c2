"""Shape of whole backbones: radius of gyration and contact order, both against the length."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree

from sciencegen.domains.proteins.backbones.geometry import Coordinates

CONTACT_DISTANCE = 8.0
"""Distance in ångström below which two CA are in contact."""
LEAST_SEPARATION = 3
"""Minimum number of residues from one of a contact to the other."""

Size = TypeVar("Size", float, Float[np.ndarray, "..."])


def radius_of_gyration(coordinates: Coordinates) -> float:
    """Root mean square distance of the CA from their centre, ångström."""
    ca = np.asarray(coordinates, np.float64)[:, 1]
    return float(np.sqrt(np.square(ca - ca.mean(0)).sum(-1).mean()))


def expected_radius(residues: Size) -> Size:
    """Radius of gyration of a globular protein, 2.2 N^0.38, ångström (Skolnick et al. 1997, J. Mol. Biol. 265, 217)."""
    return 2.2 * residues**0.38


def gyration_ratio(coordinates: Coordinates) -> float:
    """Radius of gyration as a multiple of that of a globular protein of the same length."""
    return radius_of_gyration(coordinates) / expected_radius(len(coordinates))


def relative_contact_order(coordinates: Coordinates) -> float:
    """Mean separation along the chain of residues in contact, as a share of the length; NaN without contacts.

        RCO = 1 / (L N) Σ_contacts |i − j|

    Plaxco, Simons & Baker 1998, eq. 1, with contacts of CA instead of all heavy atoms.
    """
    pairs = cKDTree(np.asarray(coordinates)[:, 1]).query_pairs(CONTACT_DISTANCE, output_type="ndarray")
    separation = abs(pairs[:, 0] - pairs[:, 1])
    far = separation[separation >= LEAST_SEPARATION]
    return float(far.mean()) / len(coordinates) if len(far) else float("nan")
