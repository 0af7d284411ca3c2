"""Out-of-fold predictions: the weights of the families, and the calibration of intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from sciencegen.prediction.conformal import fit_difficulty
from sciencegen.prediction.families import Family
from sciencegen.prediction.geometry import distance_to_left_in
from sciencegen.prediction.predictor import Calibration, PredictorSettings, combine, difficulty
from sciencegen.prediction.task import Training

PRIOR_ROWS = 30
"""Strength, in rows, of the prior that all families have equal weights."""
ROWS_PER_PASS = 1024
"""Bounds the memory of distances to the reference rows."""


def out_of_fold(
    families: Mapping[str, Family], training: Training
) -> tuple[Float[np.ndarray, "family item"], Float[np.ndarray, " item"]]:
    """Each family's prediction of an item by the model that leaves it out, and its distance to that model's rows."""
    folds, left_in = training.fold, training.left_in[training.reference]
    held_out, distance = np.empty((len(families), len(folds))), np.empty(len(folds))
    for start in range(0, len(folds), ROWS_PER_PASS):
        rows = np.arange(start, min(start + ROWS_PER_PASS, len(folds)))
        query, own = training.query(rows), (np.arange(len(rows)), folds[rows])
        for index, family in enumerate(families.values()):
            held_out[index, rows] = family.predict(query)[own]
        distance[rows] = distance_to_left_in(query, left_in)[own]
    return held_out, distance


def family_weights(held_out: Float[np.ndarray, "family item"], target: Float[np.ndarray, " item"]) -> list[float]:
    """Weights that sum to one: stacking with non-negative least squares (Breiman 1996), shrunk towards equal weights
    if there are few rows."""
    from scipy.optimize import nnls

    stacked, _ = nnls(held_out.T, target)
    count, rows = held_out.shape
    stacked = stacked / stacked.sum() if stacked.sum() > 0 else np.full(count, 1 / count)
    return ((rows * stacked + PRIOR_ROWS / count) / (rows + PRIOR_ROWS)).tolist()


def calibrate(
    held_out: Float[np.ndarray, "family item"],
    weights: Sequence[float],
    distance: Float[np.ndarray, " item"],
    training: Training,
    settings: PredictorSettings,
    generator: np.random.Generator,
    kind: str = "random",
) -> Calibration:
    """Difficulty, domain border and normalized residuals from the out-of-fold predictions."""
    mean, spread = combine(held_out, weights)
    border = max(float(np.quantile(distance, settings.domain)), 1e-6)
    errors = np.abs(training.target - mean)
    coefficients = fit_difficulty(errors, np.column_stack([spread, distance]))
    residuals = errors / difficulty(coefficients, spread, distance, border)
    # a random subset of the rows is as valid as all of them, and bounds the cost of a prediction
    rows = np.sort(generator.permutation(len(residuals))[: settings.reference_rows])
    return Calibration(residuals[rows], training.fold[rows], coefficients, border, kind)
