"""Rough similarity of two folds, fast enough for a search among thousands.

Each trace is reduced to the same number of points, evenly spaced along the chain, and superposed by proper rotations
(Kabsch 1976); the score has the form of the TM-score (Zhang & Skolnick 2004), without an alignment: chains that share
only a part of their fold look unlike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sciencegen.domains.base import Similarity
from sciencegen.domains.proteins.backbones.items import Backbone
from sciencegen.domains.proteins.backbones.tm_score import distance_scale
from sciencegen.domains.superposition import squared_distances

POINTS = 32
AT_ONCE = 64


def reduced(items: Sequence[Backbone]) -> Float[np.ndarray, "item point 3"]:
    """Points evenly spaced along each trace."""
    found = np.empty((len(items), POINTS, 3))
    for row, item in enumerate(items):
        at, index = np.linspace(0, len(item) - 1, POINTS), np.arange(len(item))
        found[row] = np.stack([np.interp(at, index, axis) for axis in item.trace.astype(np.float64).T], 1)
    return found


def similarity(items: Sequence[Backbone], references: Sequence[Backbone]) -> Float[np.ndarray, "item reference"]:
    """[item reference] mean of 1 / (1 + (d / d0)^2) over the points, with d0 of the longer chain."""
    first, second = reduced(items), reduced(references)
    lengths = [np.array([len(one) for one in group], float) for group in (items, references)]
    table = np.empty((len(items), len(references)))
    for start in range(0, len(items), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        d0 = distance_scale(np.maximum(lengths[0][part, None], lengths[1]))
        squared = squared_distances(first[part, None], second[None])
        table[part] = (1 / (1 + squared / d0[..., None] ** 2)).mean(-1)
    return table


SIMILARITY = Similarity(matrix=similarity)
