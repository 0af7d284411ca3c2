"""Superposition of points in space by a rigid motion."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def superposed(
    points: Float[np.ndarray, "point 3"], some: Float[np.ndarray, "atom 3"], places: Float[np.ndarray, "atom 3"]
) -> Float[np.ndarray, "point 3"]:
    """Move all points by the rigid motion that best aligns `some` with `places`, without reflection. Kabsch 1978."""
    centre, target = some.mean(0), places.mean(0)
    left, _, right = np.linalg.svd((some - centre).T @ (places - target))
    handed = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    return (points - centre) @ left @ handed @ right + target
