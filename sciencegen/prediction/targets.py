"""The scale on which a target is learned: its own, or its logarithm's, where effects multiply.

    t = (f(y) - mean) / deviation, f(y) = y or log(y + shift), shift a twentieth of a large value

Predictions and the ends of intervals go back the same way; that f rises keeps the intervals' promise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.errors import DataError
from sciencegen.metrics.regression import spearman
from sciencegen.prediction.kernels import leave_one_out
from sciencegen.prediction.ridges import PENALTIES
from sciencegen.prediction.task import tuning_rows

SCALES = ("linear", "log", "auto")
SHIFT = 0.05
LARGE = 0.95
LONGEST = 50.0
"""No logarithm is predicted beyond so many deviations: its exponential stays a number."""


@dataclass(frozen=True)
class Scale:
    """shift: of the logarithm; None: the target's own scale."""

    mean: float
    deviation: float
    shift: float | None = None

    def learned(self, values: Float[np.ndarray, " item"]) -> Float[np.ndarray, " item"]:
        return ((values if self.shift is None else np.log(values + self.shift)) - self.mean) / self.deviation

    def measured(self, learned: Float[np.ndarray, " item"]) -> Float[np.ndarray, " item"]:
        if self.shift is None:
            return self.mean + self.deviation * learned
        return np.exp(self.mean + self.deviation * np.clip(learned, -LONGEST, LONGEST)) - self.shift


def fit_scale(wanted: str, values: Float[np.ndarray, " item"], inputs: Float[np.ndarray, "item column"]) -> Scale:
    """wanted: "linear", "log", or "auto": that on which a sum over columns ranks items better that it hasn't seen."""
    linear = Scale(float(values.mean()), float(values.std()))
    if wanted == "linear" or (wanted == "auto" and values.min() < 0):
        return linear
    if values.min() < 0:
        raise DataError(
            f"Expected values of 0 or more for scale=log, found {values.min():g}. Pass scale=linear, or shift them."
        )
    shift = SHIFT * float(np.quantile(values, LARGE))
    shift = shift if shift > 0 else SHIFT * float(values.max())
    bent = np.log(values + shift)
    log = Scale(float(bent.mean()), float(bent.std()), shift)
    if wanted == "log":
        return log
    rows = tuning_rows(len(values), np.random.default_rng(0))
    centred = inputs[rows] - inputs[rows].mean(axis=0)
    eigenvalues, vectors = np.linalg.eigh(centred @ centred.T)
    agreement = lambda scale: _rank_agreement(values[rows], scale, eigenvalues, vectors)  # noqa: E731
    return log if agreement(log) > agreement(linear) else linear


def _rank_agreement(values: np.ndarray, scale: Scale, eigenvalues: np.ndarray, vectors: np.ndarray) -> float:
    """Spearman correlation of a ridge regression's leave-one-out predictions with what was measured."""
    target = scale.learned(values)
    target = target - target.mean()
    errors = [leave_one_out(eigenvalues, vectors, target, penalty) for penalty in PENALTIES]
    return spearman(values, target - min(errors, key=lambda one: float((one**2).mean())))
