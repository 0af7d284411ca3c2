"""Noise of images without a map of it, and the number of bits that no code can save of it."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Num

MAD = 1.4826
"""Standard deviation of a Gaussian in units of its median absolute deviation."""


NOISE_BITS = 0.5 * math.log2(2 * math.pi * math.e)
"""Differential entropy of N(0, 1)."""


def noise_of(images: Num[np.ndarray, "image y x"]) -> float:
    """Standard deviation of the noise, 0 if it can't be told: from differences of pixels two apart.

    sigma = 1.4826 median |v[x + 2] - v[x]| / sqrt(2), which structures and correlated neighbours hardly change.
    """
    if images.shape[2] < 3:
        return 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        wide = images.astype(np.float64)
        differences = np.abs(wide[..., 2:] - wide[..., :-2])
    differences = differences[np.isfinite(differences)]
    if not differences.size:
        return 0.0
    middle = float(np.median(differences)) or float(differences.mean()) / 2  # coarse integers: most are 0
    return MAD * middle / math.sqrt(2)


def noise_floor(sigma: float) -> float:
    """Entropy in bits of Gaussian noise that is rounded to integers: what a lossless code needs at least, on average.

    sigma: standard deviation in steps.

    >>> round(noise_floor(16.0), 3), round(noise_floor(1.0), 3)
    (6.047, 2.105)
    """
    if sigma <= 0:
        return 0.0
    if sigma > 64:
        return math.log2(sigma) + NOISE_BITS
    edges = np.arange(-math.ceil(10 * sigma) - 1, math.ceil(10 * sigma) + 2) - 0.5
    masses = np.diff([0.5 * math.erfc(-edge / sigma / math.sqrt(2)) for edge in edges])
    masses = masses[masses > 0]
    return float(-(masses * np.log2(masses)).sum())
