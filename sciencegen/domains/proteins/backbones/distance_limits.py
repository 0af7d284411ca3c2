"""Limits of distances between atoms, and the sum of their squared violations, which fits of coordinates minimize."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Limits(NamedTuple):
    """Pairs of atoms, by their rows, and their least and greatest distances in ångström, equal for an ideal one."""

    pairs: Int[np.ndarray, "pair 2"]
    low: Float[np.ndarray, " pair"]
    high: Float[np.ndarray, " pair"]


def squared_violations(
    points: Float[np.ndarray, "atom 3"], limits: Limits, scale: float = 1.0
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
