"""Similarity of stamps: the distance between their smoothed first bands, independent of brightness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from sciencegen.domains.galaxies.items import Stamp
from sciencegen.domains.galaxies.measurements import adaptive_moments

SMOOTHING = 1.5
"""sigma in pixels: about the width of a survey's PSF, so that pixel noise has little effect."""
WINDOW, BINNING = 32, 2
"""Side in pixels of the compared window around the galaxy's centre, and of the bins."""
BLOCK = 2048


def pictures(stamps: Sequence[Stamp]) -> np.ndarray:
    """[stamp 16 16] float32: smoothed, centred on the galaxy to the nearest pixel, binned, with unit norm."""
    return np.array([_picture(stamp) for stamp in stamps], np.float32).reshape(len(stamps), *(WINDOW // BINNING,) * 2)


def _picture(stamp: Stamp) -> np.ndarray:
    image = stamp.image[0].astype(np.float64)
    moments = adaptive_moments(image)
    middle = (stamp.side - 1) / 2
    x, y = (middle, middle) if moments is None else (moments.x, moments.y)
    smooth = np.pad(ndimage.gaussian_filter(image, SMOOTHING), WINDOW // 2)
    row, column = int(np.floor(y + 1)), int(np.floor(x + 1))
    window = smooth[row : row + WINDOW, column : column + WINDOW]
    small = window.reshape(WINDOW // BINNING, BINNING, WINDOW // BINNING, BINNING).sum((1, 3))
    return small / max(np.linalg.norm(small), 1e-30)


def orientations(images: np.ndarray) -> np.ndarray:
    """[8 stamp y x] images rotated by multiples of 90 degrees, and their reflections."""
    turned = [np.rot90(images, turn, (1, 2)) for turn in range(4)]
    return np.stack([*turned, *(one[:, :, ::-1] for one in turned)])


def similarity(stamps: Sequence[Stamp], references: Sequence[Stamp]) -> np.ndarray:
    """[stamp reference] in 0..1: 1 - d / sqrt(2), where d is the minimum distance of the two pictures as unit vectors
    over the eight orientations of a square. With their correlation rho this is 1 - sqrt(1 - rho).

    Galaxies have no preferred orientation, so a reflection is the same galaxy; another size or shape isn't.
    """
    if not len(stamps) or not len(references):
        return np.zeros((len(stamps), len(references)))
    own, others = pictures(stamps).reshape(len(stamps), -1), orientations(pictures(references))
    flat = others.reshape(8, len(references), -1)
    return _of_correlation(np.max([own @ one.T for one in flat], 0))


def nearest(stamps: Sequence[Stamp], references: Sequence[Stamp]) -> np.ndarray:
    """[stamp] the greatest similarity to any reference, 0 without references."""
    best = np.zeros(len(stamps))
    if not len(stamps) or not len(references):
        return best
    own = pictures(stamps).reshape(len(stamps), -1)
    for start in range(0, len(references), BLOCK):
        flat = orientations(pictures(references[start : start + BLOCK])).reshape(-1, own.shape[1])
        best = np.maximum(best, (own @ flat.T).max(1))
    return _of_correlation(best)


def _of_correlation(rho: np.ndarray) -> np.ndarray:
    return 1 - np.sqrt(1 - np.clip(rho, 0.0, 1.0).astype(np.float64))
