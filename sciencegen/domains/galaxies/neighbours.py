"""Sources beside the one in the middle of a cut: found above the noise, or given as a map of segments.

Pixels above `THRESHOLD` sigma of the image, smoothed by a Gaussian of `SMOOTHING` pixels, are segments where they
touch. Those that don't reach the middle are neighbours; they are widened by `MARGIN` pixels. What touches the source in
the middle belongs to it, also a neighbour whose light overlaps: other positions of the catalogue tell that (`blended`).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

THRESHOLD, SMOOTHING = 3.5, 1.0
"""Sigma of the smoothed image, which noise alone exceeds in one of 60 cuts of 64 x 64; pixels."""
FEWEST, MARGIN, REACH = 5, 2, 2.5
"""Fewest pixels of a segment; pixels around a neighbour that are masked too; pixels from the middle within which a
segment is that of the source."""


def segments(image: Float[np.ndarray, "y x"], sigma: float, hidden: Bool[np.ndarray, "y x"]) -> np.ndarray:
    """[y x] numbers of the sources in an image, 0 for the sky. hidden: pixels that aren't looked at."""
    smooth = ndimage.gaussian_filter(np.where(hidden, 0.0, image), SMOOTHING)
    white = sigma / (2 * math.sqrt(math.pi) * SMOOTHING)  # noise of the smoothed image, if it isn't correlated
    seen = smooth[~hidden]
    spread = 1.4826 * float(np.median(np.abs(seen - np.median(seen)))) if seen.size else 0.0
    level = THRESHOLD * max(white, min(spread, sigma))
    found, _ = ndimage.label((smooth > level) & ~hidden, np.ones((3, 3)))
    few = np.flatnonzero(np.bincount(found.ravel()) < FEWEST)
    return np.where(np.isin(found, few), 0, found)


def own_segment(found: np.ndarray) -> int:
    """The number of the segment in the middle, 0 for none."""
    side = np.array(found.shape)
    y, x = np.mgrid[: side[0], : side[1]]
    distance = np.hypot(y - (side[0] - 1) / 2, x - (side[1] - 1) / 2)
    near = np.where((found > 0) & (distance <= REACH), distance, np.inf)
    return int(found.flat[near.argmin()]) if np.isfinite(near).any() else 0


def neighbours_in(found: np.ndarray) -> Bool[np.ndarray, "y x"]:
    """Pixels of other sources than the one in the middle, widened, but not into the source's own."""
    own = own_segment(found)
    others = (found > 0) & (found != own)
    wide = ndimage.binary_dilation(others, np.ones((3, 3)), MARGIN) if others.any() else others
    return wide & ~((found == own) & (own > 0))
