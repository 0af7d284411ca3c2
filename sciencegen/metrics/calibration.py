"""Whether stated uncertainties are true."""

from __future__ import annotations

import numpy as np
from jaxtyping import Real
from scipy.stats import norm

LEVELS = np.linspace(0.05, 0.95, 19)
"""Confidence levels at which a curve is compared with its promise."""


def interval_coverage(
    measured: Real[np.ndarray, " item"], lower: Real[np.ndarray, " item"], upper: Real[np.ndarray, " item"]
) -> float:
    """Share of measured values inside [lower, upper], borders included."""
    return float(np.mean((lower <= measured) & (measured <= upper)))


def mean_interval_width(lower: Real[np.ndarray, " item"], upper: Real[np.ndarray, " item"]) -> float:
    """mean (upper − lower): of two sets of intervals with one coverage the narrower is the better."""
    return float(np.mean(upper - lower))


def interval_score(
    measured: Real[np.ndarray, " item"],
    lower: Real[np.ndarray, " item"],
    upper: Real[np.ndarray, " item"],
    confidence: float,
) -> float:
    """Mean width plus (2/α) × the distance of each miss, α = 1 − confidence; smaller is better, and least in
    expectation for the true quantiles (Gneiting & Raftery 2007, eq. 43)."""
    miss = np.clip(lower - measured, 0, None) + np.clip(measured - upper, 0, None)
    return float(np.mean(upper - lower + 2 / (1 - confidence) * miss))


def coverage_curve(
    measured: Real[np.ndarray, " item"],
    mean: Real[np.ndarray, " item"],
    deviation: Real[np.ndarray, " item"],
    levels: Real[np.ndarray, " level"] = LEVELS,
) -> Real[np.ndarray, " level"]:
    """Share of measured values inside the central Gaussian interval of each confidence level."""
    score = np.abs(measured - mean) / np.maximum(deviation, np.finfo(float).tiny)
    return (score <= norm.ppf(0.5 + np.asarray(levels)[:, None] / 2)).mean(1)


def calibration_error(
    measured: Real[np.ndarray, " item"],
    mean: Real[np.ndarray, " item"],
    deviation: Real[np.ndarray, " item"],
    levels: Real[np.ndarray, " level"] = LEVELS,
) -> float:
    """mean over levels p of |coverage(p) − p| of Gaussian predictions (Kuleshov et al. 2018, section 3.5)."""
    return float(np.mean(np.abs(coverage_curve(measured, mean, deviation, levels) - levels)))


def probability_calibration_error(
    probability: Real[np.ndarray, " item"], outcome: Real[np.ndarray, " item"], bins: int = 10
) -> float:
    """Σ over equal-width bins of (share of items) × |mean outcome − mean probability| (Guo et al. 2017, eq. 5)."""
    index = np.minimum((np.asarray(probability) * bins).astype(int), bins - 1)
    gap = np.bincount(index, weights=np.asarray(outcome, float) - probability, minlength=bins)
    return float(np.abs(gap).sum() / len(index))
