"""What predictions are worth beyond the training items: models of the lower of them are asked for the higher."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from sciencegen.prediction.calibration import ROWS_PER_PASS, calibrate, family_weights, out_of_fold
from sciencegen.prediction.conformal import fit_difficulty, required_rows, signed_level
from sciencegen.prediction.families import FAMILIES
from sciencegen.prediction.geometry import distance_to_seen
from sciencegen.prediction.predictor import PredictorSettings, Rehearsed, combine, difficulty
from sciencegen.prediction.splits import Split, below_cut, split_folds
from sciencegen.prediction.task import Training


def rehearse(
    training: Training, split: Split, settings: PredictorSettings, generator: np.random.Generator
) -> Rehearsed:
    """Signed residuals of the items above a cut, by families fitted below it as the predictor's own are on all."""
    below = below_cut(split, training.inputs, required_rows(signed_level(settings.level)))
    lower = _lower(training, np.flatnonzero(below), settings, generator)
    families = {name: FAMILIES[name](lower, generator) for name in settings.families}
    held_out, distance = out_of_fold(families, lower)
    weights = family_weights(held_out, lower.target)
    border = calibrate(held_out, weights, distance, lower, settings, generator).border
    above = np.sort(generator.permutation(np.flatnonzero(~below))[: settings.reference_rows])
    mean, spread, distance = _asked(families, weights, lower, training.inputs[above])
    errors = training.target[above] - mean.mean(axis=1)
    causes = np.column_stack([spread.mean(axis=1), distance.mean(axis=1)])
    coefficients = fit_difficulty(np.abs(errors), causes)
    sigma = difficulty(coefficients, spread, distance, border).mean(axis=1)
    return Rehearsed(errors / sigma, coefficients)


def _lower(
    training: Training, rows: Int[np.ndarray, " row"], settings: PredictorSettings, generator: np.random.Generator
) -> Training:
    inputs = training.inputs[rows]
    folds = split_folds(Split(), inputs, settings.folds, generator)
    reference = np.sort(generator.permutation(len(rows))[: settings.reference_rows])
    return replace(
        training, inputs=inputs, target=training.target[rows], fold=folds.fold, left_out=folds.left_out,
        reference=reference,
    )  # fmt: skip


def _asked(
    families: dict, weights: list[float], lower: Training, inputs: Float[np.ndarray, "item column"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[item fold] of what each fold's models say together, of the families' spread, and of the distance."""
    seen = lower.seen[lower.reference]
    parts = []
    for start in range(0, len(inputs), ROWS_PER_PASS):
        query = lower.asked(inputs[start : start + ROWS_PER_PASS])
        each = np.stack([family.predict(query) for family in families.values()])
        parts.append(np.stack([*combine(each, weights), distance_to_seen(query, seen)]))
    mean, spread, distance = np.concatenate(parts, axis=1)
    return mean, spread, distance
