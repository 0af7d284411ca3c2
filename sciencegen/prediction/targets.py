"""The scale on which a target is fitted (metrics/warps.py): linear; logarithmic, for effects that multiply; or
saturating, with an end above the best value, for additive effects measured by an assay that saturates.

Predictions and the ends of intervals are transformed back; since scales increase, intervals keep their coverage.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from sciencegen.errors import DataError
from sciencegen.metrics.regression import spearman
from sciencegen.metrics.warps import Warp, check_magnitude, fit_warp
from sciencegen.prediction.kernels import leave_one_out
from sciencegen.prediction.ridges import PENALTIES
from sciencegen.prediction.task import tuning_rows

SCALES = ("linear", "log", "saturating", "auto")
SHIFT = 0.05
LARGE = 0.95

Values = Float[np.ndarray, " item"]
Judge = Callable[[Values, Warp, Values], float]
"""(measured values, scale, leave-one-out errors on the scale) -> a score of the scale; larger is better."""


def fit_scale(scale_name: str, values: Values, inputs: Float[np.ndarray, "item column"]) -> Warp:
    """scale_name: a name in `SCALES`. "auto" compares two scales by the leave-one-out errors of a ridge regression. For
    values of 0 or more: linear and log, by rank correlation. For others, which mostly are logarithms: linear and
    saturating, by likelihood."""
    if scale_name != "auto":
        return log_scale(values) if scale_name == "log" else fit_warp(scale_name, values)
    linear = fit_warp("linear", values)
    if values.min() >= 0:
        return _better(linear, log_scale(values), values, inputs, _rank_agreement)
    return _better(linear, fit_warp("saturating", values), values, inputs, _log_likelihood)


def log_scale(values: Values) -> Warp:
    """Warp t = (log(y + shift) - mean) / deviation, with a shift of 1/20 of the 95% quantile of the values."""
    if values.min() < 0:
        raise DataError(
            f"Expected values of 0 or more for scale=log, found {values.min():g}. Pass scale=linear, or shift them."
        )
    check_magnitude(values)
    shift = SHIFT * float(np.quantile(values, LARGE))
    shift = shift if shift > 0 else SHIFT * float(values.max())
    bent = np.log(values + shift)
    return Warp("log", 0.0, shift, 1.0, float(bent.mean()), float(bent.std()))


def _better(one: Warp, other: Warp, values: Values, inputs: Float[np.ndarray, "item column"], judge: Judge) -> Warp:
    """The second scale if `judge` scores it higher by a ridge regression's leave-one-out errors, else the first."""
    rows = tuning_rows(len(values), np.random.default_rng(0))
    centred = inputs[rows] - inputs[rows].mean(axis=0)
    eigenvalues, vectors = np.linalg.eigh(centred @ centred.T)

    def score(scale: Warp) -> float:
        target = scale.forward(values[rows])
        target = target - target.mean()
        errors = [leave_one_out(eigenvalues, vectors, target, penalty) for penalty in PENALTIES]
        return judge(values[rows], scale, min(errors, key=lambda one: float((one**2).mean())))

    return other if score(other) > score(one) else one


def _rank_agreement(values: Values, scale: Warp, errors: Values) -> float:
    """Spearman correlation of the predictions with the measured values."""
    return spearman(values, scale.forward(values) - errors)


def _log_likelihood(values: Values, scale: Warp, errors: Values) -> float:
    """Log likelihood in nats per value: the density of Gaussian errors on the scale, times the scale's slope."""
    return float(np.log(scale.slope(values)).mean() - 0.5 * np.log((errors**2).mean()))
