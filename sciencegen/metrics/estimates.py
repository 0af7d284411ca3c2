"""A number with its uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sciencegen.errors import DataError, ShapeError


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic of a sample and its confidence interval; lower and upper are NaN where none can be made."""

    value: float
    lower: float
    upper: float


def bootstrap(
    statistic: Callable[..., float],
    *columns: np.ndarray,
    generator: np.random.Generator,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> Estimate:
    """`statistic(*columns)` with its percentile interval over resampled rows (Efron 1979).

    Resamples on which the statistic isn't defined (a constant column has no rank correlation) are left out.
    """
    size = len(columns[0])
    if any(len(column) != size for column in columns):
        raise ShapeError(f"Expected columns of one length, got {[len(column) for column in columns]}.")
    if size == 0:
        raise DataError("Expected at least one row to measure, got none.")
    draws = np.empty(resamples)
    for draw in range(resamples):
        rows = generator.integers(size, size=size)
        draws[draw] = statistic(*(column[rows] for column in columns))
    draws, tail = draws[np.isfinite(draws)], (1 - confidence) / 2
    lower, upper = np.quantile(draws, [tail, 1 - tail]) if len(draws) else (np.nan, np.nan)
    return Estimate(float(statistic(*columns)), float(lower), float(upper))
