"""How well predicted numbers agree with measured ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Real
from scipy.stats import rankdata

from sciencegen.errors import unknown_name
from sciencegen.metrics.estimates import Estimate, bootstrap


def mean_absolute_error(measured: Real[np.ndarray, " item"], predicted: Real[np.ndarray, " item"]) -> float:
    """mean |y − ŷ|"""
    return float(np.mean(np.abs(measured - predicted)))


def root_mean_squared_error(measured: Real[np.ndarray, " item"], predicted: Real[np.ndarray, " item"]) -> float:
    """√ mean (y − ŷ)²"""
    return float(np.sqrt(np.mean((measured - predicted) ** 2)))


def r2(measured: Real[np.ndarray, " item"], predicted: Real[np.ndarray, " item"]) -> float:
    """1 − Σ(y − ŷ)² / Σ(y − ȳ)²: 0 for predicting the mean, negative below that, NaN where y is constant."""
    spread = float(np.sum((measured - np.mean(measured)) ** 2))
    return 1 - float(np.sum((measured - predicted) ** 2)) / spread if spread > 0 else float("nan")


def spearman(measured: Real[np.ndarray, " item"], predicted: Real[np.ndarray, " item"]) -> float:
    """Pearson correlation of the ranks, ties sharing their mean rank; NaN where either is constant."""
    first, second = (rankdata(column) - (len(column) + 1) / 2 for column in (measured, predicted))
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale > 0 else float("nan")


REGRESSION_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
    "r2": r2,
    "spearman": spearman,
}


def regression_summary(
    measured: Real[np.ndarray, " item"],
    predicted: Real[np.ndarray, " item"],
    *,
    generator: np.random.Generator,
    names: Sequence[str] = tuple(REGRESSION_METRICS),
    resamples: int = 1000,
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """The named metrics of `REGRESSION_METRICS`, each with a bootstrap interval over items."""
    for name in names:
        if name not in REGRESSION_METRICS:
            raise unknown_name("regression metric", name, REGRESSION_METRICS)
    return {
        name: bootstrap(
            REGRESSION_METRICS[name],
            measured,
            predicted,
            generator=generator,
            resamples=resamples,
            confidence=confidence,
        )
        for name in names
    }
