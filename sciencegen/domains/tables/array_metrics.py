"""Metrics of series and images: distances of the numbers' distribution, and of the mean arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from sciencegen.data.spacing import evenly_spaced
from sciencegen.domains.tables.array_cells import array_of
from sciencegen.domains.tables.rows import TableCell
from sciencegen.metrics.distances import wasserstein_1d

MOST_COMPARED = 2000
"""Arrays of each set that are compared; of more, evenly spaced ones."""


def distances_of_arrays(name: str, found: Sequence[TableCell], known: Sequence[TableCell]) -> dict[str, float]:
    """Distances of two sets of arrays with the shape of most of the reference; none if a set has no such array.

    `wasserstein_` and `scaled_`: of all numbers, in their unit and in standard deviations of the reference. `profile_`:
    root of the mean squared difference of the mean arrays, in standard deviations.
    """
    arrays = [[array_of(cell) for cell in cells if isinstance(cell, list)] for cells in (found, known)]
    if not arrays[0] or not arrays[1]:
        return {}
    shape = Counter(one.shape for one in arrays[1]).most_common(1)[0][0]
    fitting = [[one for one in part if one.shape == shape] for part in arrays]
    if not fitting[0]:
        return {}
    first, second = (_chosen(part) for part in fitting)
    one, other = (stack[~np.isnan(stack)] for stack in (first, second))
    if not one.size or not other.size:
        return {}
    scale = float(other.std()) or 1.0
    distance = wasserstein_1d(one, other)
    profile = np.nan_to_num(_mean(first) - _mean(second))
    return {
        f"wasserstein_{name}": distance,
        f"scaled_{name}": distance / scale,
        f"profile_{name}": float(np.sqrt(np.mean(profile**2))) / scale,
    }


def _chosen(arrays: Sequence[Float[np.ndarray, "..."]]) -> Float[np.ndarray, "row ..."]:
    return np.stack([arrays[at] for at in evenly_spaced(len(arrays), MOST_COMPARED)])


def _mean(stack: Float[np.ndarray, "row ..."]) -> Float[np.ndarray, "..."]:
    """The mean array of the known numbers; NaN where none is known."""
    known = ~np.isnan(stack)
    with np.errstate(invalid="ignore"):
        return np.where(known, stack, 0.0).sum(0) / known.sum(0)
