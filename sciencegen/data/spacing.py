"""Some rows of many, for what needs no more."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int


def evenly_spaced(count: int, most: int) -> Int[np.ndarray, " row"]:
    """At most so many rows of `count`, the first and the last among them."""
    if not count:
        return np.empty(0, int)
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))
