"""Evenly spaced subsets of rows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int


def evenly_spaced(count: int, most: int) -> Int[np.ndarray, " row"]:
    """At most `most` row numbers below `count`, evenly spaced and including the first and the last."""
    if not count:
        return np.empty(0, int)
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))
