"""Errors of extrapolation: models of the items below a cut predict those above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from sciencegen.prediction.calibration import ROWS_PER_PASS, family_weights, out_of_fold
from sciencegen.prediction.conformal import required_rows, signed_level
from sciencegen.prediction.families import FAMILIES
from sciencegen.prediction.predictor import PredictorSettings, combine
from sciencegen.prediction.splits import Split, below_cut, split_folds
from sciencegen.prediction.task import Training


def extrapolation_errors(
    training: Training, split: Split, settings: PredictorSettings, generator: np.random.Generator
) -> Float[np.ndarray, " row"]:
    """Signed errors above a cut, of families fitted below it with the predictor's settings.

    Parameters
    ----------
    training : Training
        All items.
    split : Split
        Of kind "order": a number for each item.
    settings : PredictorSettings
    generator : numpy.random.Generator

    Returns
    -------
    array [row]
        measured - predicted, on the scale of `training.target`.
    """
    below = below_cut(split, training.inputs, training.target, required_rows(signed_level(settings.level)))
    lower = _lower(training, np.flatnonzero(below), settings, generator)
    families = {name: FAMILIES[name](lower, generator) for name in settings.families}
    weights = family_weights(out_of_fold(families, lower).predictions, lower.target)
    above = np.sort(generator.permutation(np.flatnonzero(~below))[: settings.reference_rows])
    parts = []
    for start in range(0, len(above), ROWS_PER_PASS):
        query = lower.query_of(training.inputs[above[start : start + ROWS_PER_PASS]])
        each = np.stack([family.predict(query) for family in families.values()])
        parts.append(combine(each, weights)[0].mean(axis=1))
    return training.target[above] - np.concatenate(parts)


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
