"""Superposition of points in space by rigid motions, without reflection."""

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


def squared_distances(
    first: Float[np.ndarray, "*set point 3"],
    second: Float[np.ndarray, "*others point 3"],
    weights: Float[np.ndarray, "*pair point"] | None = None,
) -> Float[np.ndarray, "*pair point"]:
    """Squared distances of the points of each pair of sets after the rigid motion with the least weighted sum of them.

    Sets are paired by broadcasting. By default all points have the same weight. Kabsch 1976.
    """
    shares = np.ones((first.shape[-2], 1), first.dtype) if weights is None else weights[..., None]
    shares = shares / shares.sum(-2, keepdims=True)
    a, b = (one - (shares * one).sum(-2, keepdims=True) for one in (first, second))
    covariance = np.swapaxes(shares * a, -1, -2) @ b
    return np.square(a @ proper_rotation(covariance) - b).sum(-1)


def proper_rotation(covariance: Float[np.ndarray, "*pair 3 3"]) -> Float[np.ndarray, "*pair 3 3"]:
    """Rotations R for which the points a R are nearest to points b, of covariances a' b. Kabsch 1976."""
    left, _, right = np.linalg.svd(covariance)
    right[..., 2, :] *= np.where(np.linalg.det(covariance) < 0, -1, 1)[..., None].astype(right.dtype)
    return left @ right
