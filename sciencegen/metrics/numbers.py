"""Metrics of predicted numbers and of their intervals, and scales of measured values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from sciencegen.errors import DataError

# Agreement of predicted with measured numbers.


def mean_absolute_error(measured: Real[np.ndarray, " item"], predicted: Real[np.ndarray, " item"]) -> float:
    """Mean |y − ŷ|."""
    return float(np.mean(np.abs(measured - predicted)))


def root_mean_squared_error(measured: Real[np.ndarray, " item"], predicted: Real[np.ndarray, " item"]) -> float:
    """√ mean (y − ŷ)²."""
    return float(np.sqrt(np.mean((measured - predicted) ** 2)))


def r2(measured: Real[np.ndarray, " item"], predicted: Real[np.ndarray, " item"]) -> float:
    """1 − Σ(y − ŷ)² / Σ(y − ȳ)²: 0 for predicting the mean, negative below that, NaN if y is constant."""
    spread = float(np.sum((measured - np.mean(measured)) ** 2))
    return 1 - float(np.sum((measured - predicted) ** 2)) / spread if spread > 0 else float("nan")


def spearman(measured: Real[np.ndarray, " item"], predicted: Real[np.ndarray, " item"]) -> float:
    """Pearson correlation of the ranks (ties have their mean rank); NaN if either is constant."""
    from scipy.stats import rankdata  # half a second to import

    first, second = (rankdata(column) - (len(column) + 1) / 2 for column in (measured, predicted))
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale > 0 else float("nan")


REGRESSION_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
    "r2": r2,
    "spearman": spearman,
}


# Metrics of prediction intervals: coverage and width.


def interval_coverage(
    measured: Real[np.ndarray, " item"], lower: Real[np.ndarray, " item"], upper: Real[np.ndarray, " item"]
) -> float:
    """Share of measured values inside [lower, upper], borders included."""
    return float(np.mean((lower <= measured) & (measured <= upper)))


def mean_interval_width(lower: Real[np.ndarray, " item"], upper: Real[np.ndarray, " item"]) -> float:
    """Mean of upper − lower; of two sets of intervals with equal coverage, the narrower one is better."""
    return float(np.mean(upper - lower))


# Scales on which measured values are closer to a Gaussian: linear, or logarithmic towards one end.
#
# Predictors and the surrogates of campaigns choose among them.

Values = Float[np.ndarray, "..."]

QUANTILE = 0.98
"""The range of values extends to this quantile, so that a few extreme values do not affect it."""


@dataclass(frozen=True)
class Warp:
    """t(y) = (g(y) - centre) / scale, increasing.

    g(y) = y                                             offset is infinite
    g(y) = sign log(sign (y - end) + offset)             else, from the end with most values

    sign 1 spreads the low values (most variants are inactive, a few are very good), -1 the high ones.
    """

    name: str
    end: float
    offset: float
    sign: float
    centre: float
    scale: float

    def forward(self, values: Values) -> Values:
        return (self._bent(np.asarray(values, float)) - self.centre) / self.scale

    def inverse(self, targets: Values) -> Values:
        bent = np.asarray(targets, float) * self.scale + self.centre
        if math.isinf(self.offset):
            return bent
        return self.end + self.sign * (np.exp(np.minimum(self.sign * bent, 700.0)) - self.offset)

    def slope(self, values: Values) -> Values:
        """dt/dy at y."""
        if math.isinf(self.offset):
            return np.full_like(np.asarray(values, float), 1 / self.scale)
        return 1 / (self.scale * self._above(np.asarray(values, float)))

    def _bent(self, values: Values) -> Values:
        return values if math.isinf(self.offset) else self.sign * np.log(self._above(values))

    def _above(self, values: Values) -> Values:
        """Distance from the end, plus the offset; at least offset / 100, as later values may be beyond the end."""
        return np.maximum(self.sign * (values - self.end) + self.offset, self.offset / 100)


GREATEST = 1e150
"""Of greater numbers, and of ranges below 1 / GREATEST, the variance is infinite or 0 in floating point."""


def check_magnitude(values: Float[np.ndarray, " item"], what: str = "values") -> None:
    """Raise an error for numbers without a finite, positive variance, though they differ. NaN counts as missing."""
    known = values[~np.isnan(values)]
    if not len(known):
        return
    low, high = float(known.min()), float(known.max())
    if max(-low, high) > GREATEST or 0 < high - low < 1 / GREATEST:
        raise DataError(
            f"Expected {what} of at most {GREATEST:g} whose range is at least {1 / GREATEST:g}, got some from {low:g} "
            f"to {high:g}. Correct them, or state them in another unit."
        )


SHAPES = {"linear": (math.inf, 1.0), "log": (0.01, 1.0), "log-from-above": (0.01, -1.0), "saturating": (0.3, -1.0)}
"""Name -> (offset as a share of the values' range, sign). "saturating" has its end well above the greatest value."""


def fit_warp(name: str, values: Float[np.ndarray, " item"]) -> Warp:
    """Fit the warp of this shape with which the values have mean 0 and variance 1."""
    check_magnitude(values)
    share, sign = SHAPES[name]
    end = float(values.min() if sign > 0 else values.max())
    span = float(np.quantile(sign * values, QUANTILE)) - sign * end
    offset = share * (span or float(np.ptp(values)) or 1.0)
    plain = Warp(name, end, offset, sign, 0.0, 1.0)
    targets = plain.forward(values)
    return Warp(name, end, offset, sign, float(targets.mean()), float(targets.std()) or 1.0)
