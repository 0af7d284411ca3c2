"""Which pixels of a stamp don't show its galaxy, by a mask or by a map of segments."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Num

MASKS = ("MASK",)
"""Names of masks, in any case: 0 where a pixel is good."""
SEGMENTS = ("SEG", "SEGMENTATION", "SEGMAP")
"""Names of maps of segments, in any case: 0 for the sky, else the number of a source."""


def hidden_pixels(plane: Num[np.ndarray, "y x"], name: str) -> Bool[np.ndarray, "y x"]:
    """Pixels to mask: those of a mask that aren't 0, or those of other sources than the one in the middle.

    Parameters
    ----------
    plane : array [y x]
    name : str
        Of the array; one of `SEGMENTS` is a map of segments, any other a mask.

    Examples
    --------
    >>> segments = np.array([[0, 2, 2], [0, 1, 0], [0, 0, 3]])
    >>> hidden_pixels(segments, "segmentation").astype(int)
    array([[0, 1, 1],
           [0, 0, 0],
           [0, 0, 1]])
    """
    if name.upper() not in SEGMENTS:
        return plane != 0
    middle = plane[plane.shape[0] // 2, plane.shape[1] // 2]
    return (plane != 0) & (plane != middle)
