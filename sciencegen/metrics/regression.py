"""Agreement of predicted with measured numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Real


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
