"""Mean and standard deviation of columns with missing values, accumulated over batches."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True)
class ColumnStatistics:
    """Of each column: number of values, mean, sum of squared deviations, least and greatest value."""

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def empty(columns: int) -> ColumnStatistics:
        zero = np.zeros(columns)
        return ColumnStatistics(zero, zero, zero, np.full(columns, np.inf), np.full(columns, -np.inf))

    def add(self, values: np.ndarray) -> ColumnStatistics:
        """The statistics after adding the rows of values [row column] (NaN = missing).

        M2 = M2_a + M2_b + (mean_b - mean_a)^2 n_a n_b / n (Chan, Golub & LeVeque 1983, eq. 1.5b)
        """
        values = np.asarray(values, np.float64)
        real = np.isfinite(values)
        count = real.sum(0)
        safe = np.maximum(count, 1)
        mean = np.where(real, values, 0).sum(0) / safe
        squares = np.where(real, (values - mean) ** 2, 0).sum(0)
        total = np.maximum(self.count + count, 1)
        step = np.where(count > 0, mean - self.mean, 0)
        return ColumnStatistics(
            self.count + count,
            self.mean + step * count / total,
            self.squares + squares + step**2 * self.count * count / total,
            np.minimum(self.low, np.where(real, values, np.inf).min(0, initial=np.inf)),
            np.maximum(self.high, np.where(real, values, -np.inf).max(0, initial=-np.inf)),
        )

    def describe(self, names: tuple[str, ...]) -> dict[str, dict[str, float | int | None]]:
        """Python numbers by column name; None if a column has no value."""
        deviation = np.sqrt(self.squares / np.maximum(self.count, 1))
        columns = {"mean": self.mean, "std": deviation, "min": self.low, "max": self.high}
        return {
            name: {"count": int(self.count[i])}
            | {key: float(column[i]) if self.count[i] else None for key, column in columns.items()}
            for i, name in enumerate(names)
        }


# Evenly spaced subsets of rows.


def evenly_spaced(count: int, most: int) -> Int[np.ndarray, " row"]:
    """At most `most` row numbers below `count`, evenly spaced and including the first and the last."""
    if not count:
        return np.empty(0, int)
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def finite_median(values: Float[np.ndarray, " value"]) -> float:
    """Median of the finite values; NaN if there are none (no force field has a noble gas)."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan
