"""Out-of-fold predictions: the weights of the families, and the calibration of intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.prediction.conformal import fit_difficulty, fit_difficulty_quantile
from sciencegen.prediction.families import Family
from sciencegen.prediction.geometry import Neighbours, joined_neighbours, nearest_left_in
from sciencegen.prediction.predictor import Calibration, PredictorSettings, combine, difficulty
from sciencegen.prediction.task import Training

PRIOR_ROWS = 30
"""Strength, in rows, of the prior that all families have equal weights."""
NEAR_KINDS = ("random", "groups")
"""Kinds of split whose new items resemble training items. Errors of neighbours say little about items that extrapolate,
for which errors grow with the distance: with them, 83 instead of 88% of FLIP's `two_vs_rest` are in their intervals."""
ROWS_PER_PASS = 1024
"""Bounds the memory of distances to the reference rows."""


@dataclass(frozen=True)
class HeldOut:
    """Each family's prediction of an item by the model that leaves it out, and the nearest rows of that model."""

    predictions: Float[np.ndarray, "family item"]
    neighbours: Neighbours


def out_of_fold(families: Mapping[str, Family], training: Training) -> HeldOut:
    """The predictions of the training items by the models that leave them out."""
    folds, left_in = training.fold, training.left_in[training.reference]
    held_out, neighbours = np.empty((len(families), len(folds))), []
    for start in range(0, len(folds), ROWS_PER_PASS):
        rows = np.arange(start, min(start + ROWS_PER_PASS, len(folds)))
        query, own = training.query(rows), (np.arange(len(rows)), folds[rows])
        for index, family in enumerate(families.values()):
            held_out[index, rows] = family.predict(query)[own]
        neighbours.append(nearest_left_in(query, left_in).of(*own))
    return HeldOut(held_out, joined_neighbours(neighbours))


def family_weights(held_out: Float[np.ndarray, "family item"], target: Float[np.ndarray, " item"]) -> list[float]:
    """Weights that sum to one: stacking with non-negative least squares (Breiman 1996), shrunk towards equal weights
    if there are few rows."""
    from scipy.optimize import nnls

    stacked, _ = nnls(held_out.T, target)
    count, rows = held_out.shape
    stacked = stacked / stacked.sum() if stacked.sum() > 0 else np.full(count, 1 / count)
    return ((rows * stacked + PRIOR_ROWS / count) / (rows + PRIOR_ROWS)).tolist()


def calibrate(
    held_out: HeldOut,
    weights: Sequence[float],
    training: Training,
    settings: PredictorSettings,
    generator: np.random.Generator,
    kind: str = "random",
) -> Calibration:
    """Difficulty, domain border and normalized residuals from the out-of-fold predictions."""
    mean, spread = combine(held_out.predictions, weights)
    distance = held_out.neighbours.distance()
    border = max(float(np.quantile(distance, settings.domain)), 1e-6)
    errors = np.abs(training.target - mean)
    causes, reference_errors = [spread, distance], None
    if kind in NEAR_KINDS:
        reference_errors = errors[training.reference]
        causes.append(held_out.neighbours.mean(reference_errors))
        coefficients = fit_difficulty_quantile(errors, np.column_stack(causes), settings.level)
    else:
        coefficients = fit_difficulty(errors, np.column_stack(causes))
    residuals = errors / difficulty(coefficients, causes, border)
    # a random subset of the rows is as valid as all of them, and bounds the cost of a prediction
    rows = np.sort(generator.permutation(len(residuals))[: settings.reference_rows])
    return Calibration(
        residuals[rows], training.fold[rows], coefficients, border, kind, reference_errors=reference_errors
    )
