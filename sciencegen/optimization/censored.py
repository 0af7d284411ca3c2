"""Gaussian processes of censored values: expectation propagation with a Tobit likelihood.

    p(low <= y <= high | f) = Phi((high - f) / s) - Phi((low - f) / s)

A value is only known to lie in [low, high] (`>5` is [5, inf)); s is the standard deviation of a measurement (Tobin
1958). Each such factor is approximated by a Gaussian one, exp(-t (f - nu / t)^2 / 2), for which mean and variance are
those of the tilted distribution (Minka 2001; Rasmussen & Williams 2006, section 3.6; Groot & Lucas 2012). The result is
a Gaussian process with pseudo-measurements nu / t of variance 1 / t in place of the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from jaxtyping import Bool, Float
from scipy.special import log_ndtr

Vector = Float[np.ndarray, " item"]

SWEEPS, DAMPING, TOLERANCE = 100, 0.7, 1e-6
LEAST_PRECISION = 1e-6
"""Of a factor that says nothing, such as of a bound that the prediction meets by far."""


@dataclass(frozen=True)
class Limits:
    """Ends of the intervals in which values are known to lie, -inf or inf where there is no bound."""

    low: Vector
    high: Vector

    def of(self, rows: slice | np.ndarray) -> Limits:
        """Those of some items."""
        return Limits(self.low[rows], self.high[rows])

    @property
    def censored(self) -> Bool[np.ndarray, " item"]:
        """Which values are no numbers."""
        return self.low < self.high


Factors = tuple[Vector, Vector]
"""Gaussian approximations of likelihoods: pseudo-measurements and their variances."""


def log_interval_probability(mean: Vector, deviation: Vector, limits: Limits) -> Vector:
    """Log probability that a normal variable lies in its interval, log(Phi(b) - Phi(a)), also in the tails.

    Examples
    --------
    >>> import numpy as np
    >>> limits = Limits(np.array([0.0]), np.array([np.inf]))
    >>> np.exp(log_interval_probability(np.array([0.0]), np.array([1.0]), limits))
    array([0.5])
    """
    low, high = _standardized(mean, deviation, limits)
    mirrored = low > 0  # the differences of two numbers near 1 would cancel
    low, high = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    upper, lower = log_ndtr(high), log_ndtr(low)
    with np.errstate(divide="ignore"):
        return upper + np.log1p(-np.exp(np.minimum(lower - upper, -1e-15)))


def _standardized(mean: Vector, deviation: Vector, limits: Limits) -> tuple[Vector, Vector]:
    return (limits.low - mean) / deviation, (limits.high - mean) / deviation


def tilted_moments(mean: Vector, variance: Vector, noise: Vector, limits: Limits) -> tuple[Vector, Vector]:
    """Mean and variance of N(f; m, v) (Phi((high - f) / s) - Phi((low - f) / s)) / Z, with noise s^2.

    u = v / sqrt(v + s^2)       a, b = (low - m, high - m) / sqrt(v + s^2)      r(x) = phi(x) / (Phi(b) - Phi(a))

    mean = m + u (r(a) - r(b))
    variance = v - u^2 ((r(a) - r(b))^2 + b r(b) - a r(a))
    """
    deviation = np.sqrt(variance + noise)
    low, high = _standardized(mean, deviation, limits)
    log_z = log_interval_probability(mean, deviation, limits)
    at_low, at_high = _ratio(low, log_z), _ratio(high, log_z)
    shift, step = at_low - at_high, variance / deviation
    slope = np.where(np.isfinite(high), high, 0.0) * at_high - np.where(np.isfinite(low), low, 0.0) * at_low
    curvature = np.clip(shift**2 + slope, 0.0, 1.0)
    return mean + step * shift, variance - step**2 * curvature


def _ratio(place: Vector, log_z: Vector) -> Vector:
    """phi(x) / Z; 0 at infinity."""
    density = -0.5 * np.square(np.where(np.isfinite(place), place, 0.0)) - 0.5 * np.log(2 * np.pi)
    return np.exp(np.where(np.isfinite(place), density - log_z, -np.inf))


def propagate(
    mean: Vector, covariance: Float[np.ndarray, "item item"], noise: Vector, limits: Limits
) -> tuple[Factors, Vector, Vector]:
    """Expectation propagation: the factors of all bounds, and the cavity's mean and variance at each.

    Parameters
    ----------
    mean, covariance : array
        Of the function at the censored items, given all exact values.
    noise : array [item]
        Variance of a measurement of each.
    limits : Limits

    Returns
    -------
    Factors, array, array
        The cavity is the prediction of an item from all others.
    """
    precision, shift = np.full(len(mean), LEAST_PRECISION), LEAST_PRECISION * mean
    for _ in range(SWEEPS):
        centre, spread = _given(mean, covariance, precision, shift)
        cavity = _cavity(centre, spread, precision, shift)
        tilted, variance = tilted_moments(*cavity, noise, limits)
        wanted = np.maximum(1 / variance - 1 / cavity[1], LEAST_PRECISION)
        moved = (wanted + 1 / cavity[1]) * tilted - cavity[0] / cavity[1]
        change = float(np.max(np.abs(tilted - centre) / np.sqrt(spread), initial=0.0))
        precision += DAMPING * (wanted - precision)
        shift += DAMPING * (moved - shift)
        if change < TOLERANCE:
            break
    centre, spread = _given(mean, covariance, precision, shift)
    return (shift / precision, 1 / precision), *_cavity(centre, spread, precision, shift)


def _given(
    mean: Vector, covariance: Float[np.ndarray, "item item"], precision: Vector, shift: Vector
) -> tuple[Vector, Vector]:
    """Mean and variance of the function given the factors: B = I + T^1/2 K T^1/2 (Rasmussen & Williams 2006, 3.67)."""
    root = np.sqrt(precision)
    factor = scipy.linalg.cholesky(np.eye(len(mean)) + root[:, None] * covariance * root, lower=True)
    half = scipy.linalg.solve_triangular(factor, root[:, None] * covariance, lower=True)
    spread = np.diag(covariance) - np.square(half).sum(0)
    weights = root * scipy.linalg.cho_solve((factor, True), root * (shift / precision - mean))
    return mean + covariance @ weights, np.maximum(spread, 1e-12)


def _cavity(mean: Vector, variance: Vector, precision: Vector, shift: Vector) -> tuple[Vector, Vector]:
    """Mean and variance without an item's own factor."""
    left = np.maximum(1 / variance - precision, 1e-12)
    return (mean / variance - shift) / left, 1 / left
