"""Metrics of prediction intervals: coverage and width."""

from __future__ import annotations

import numpy as np
from jaxtyping import Real


def interval_coverage(
    measured: Real[np.ndarray, " item"], lower: Real[np.ndarray, " item"], upper: Real[np.ndarray, " item"]
) -> float:
    """Share of measured values inside [lower, upper], borders included."""
    return float(np.mean((lower <= measured) & (measured <= upper)))


def mean_interval_width(lower: Real[np.ndarray, " item"], upper: Real[np.ndarray, " item"]) -> float:
    """Mean of upper − lower; of two sets of intervals with equal coverage, the narrower one is better."""
    return float(np.mean(upper - lower))
