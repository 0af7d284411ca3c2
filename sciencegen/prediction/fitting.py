"""From a table of features and measured values to a `Predictor`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import DataError, ShapeError
from sciencegen.prediction.columns import fit_columns, mostly_missing
from sciencegen.prediction.conformal import fit_difficulty, required_rows
from sciencegen.prediction.families import FAMILIES, Training
from sciencegen.prediction.folds import grouped_folds, joined_groups, row_groups
from sciencegen.prediction.geometry import distance_without_fold
from sciencegen.prediction.predictor import (
    Calibration,
    Predictor,
    PredictorSettings,
    combine,
    difficulty,
    select_inputs,
    standardized,
)

FEWEST_ROWS = 10
LARGEST_GROUP = 1 / 3
"""Share of the rows above which "auto" doesn't leave out groups: the models without that group would be no models."""
PRIOR_ROWS = 30
"""How many rows' worth of belief the families' weights have in being equal."""
ROWS_PER_PASS = 1024
"""Bounds the memory of distances to the reference rows."""


def fit_predictor(
    features: np.ndarray | None,
    values: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable] | np.ndarray | None,
    settings: PredictorSettings,
    generator: np.random.Generator,
    latents: np.ndarray | None = None,
) -> Predictor:
    """A predictor of `values` [item]. groups: a label per item, None where there are none.

    Rows without a finite value or with mostly missing features are dropped and counted in `summary`. Items with
    equal features are repeated measurements: all are used, and never stand on both sides of a split.
    """
    given = select_inputs(settings.inputs, features, latents)
    target = np.asarray(values, dtype=np.float64)
    kept, dropped = usable_rows(given, target, groups)
    given, target = {name: array[kept] for name, array in given.items()}, target[kept]
    labels = None if groups is None else [group for group, keep in zip(groups, kept, strict=True) if keep]
    check_values(target, settings.level)
    columns = {name: fit_columns(array) for name, array in given.items()}
    inputs = standardized(columns, given)
    fold, calibration = calibration_folds(inputs, labels, settings, generator)
    scale = target.std()
    reference = np.sort(generator.permutation(len(target))[: settings.reference_rows])
    sparse = np.concatenate([column.sparse for column in columns.values()])
    training = Training(inputs, (target - target.mean()) / scale, fold, reference, sparse)
    families = {name: FAMILIES[name](training, generator) for name in settings.families}
    held_out, distance = out_of_fold(families, training)
    weights = family_weights(held_out, training.target)
    errors = scale * np.sqrt(((held_out - training.target) ** 2).mean(axis=1))
    summary = {
        "rows": len(target),
        "distinct_items": len(set(row_groups(inputs).tolist())),
        "dropped": dropped,
        "calibration": calibration,
        "out_of_fold_rmse": dict(zip(families, errors.tolist(), strict=True)),
    }
    return Predictor(
        settings, columns, inputs[reference], fold[reference], families,
        weights=dict(zip(families, weights, strict=True)),
        calibration=calibrate(held_out, weights, distance, training, settings, generator),
        target_mean=float(target.mean()), target_scale=float(scale), summary=summary,
    )  # fmt: skip


def usable_rows(
    given: Mapping[str, np.ndarray], target: np.ndarray, groups: Sequence[Hashable] | np.ndarray | None
) -> tuple[Bool[np.ndarray, " item"], dict[str, int]]:
    """Which rows can be learned from, and how many cannot, by reason."""
    rows = len(next(iter(given.values())))
    if target.shape != (rows,) or (groups is not None and len(groups) != rows):
        found = f"values of shape {target.shape}" + ("" if groups is None else f" and {len(groups)} groups")
        raise ShapeError(f"Expected one value and one group for each of {rows} rows of features, got {found}.")
    no_value = ~np.isfinite(target)
    no_features = np.stack([mostly_missing(array) for array in given.values()]).any(axis=0) & ~no_value
    return ~(no_value | no_features), {"value": int(no_value.sum()), "features": int(no_features.sum())}


def check_values(target: Float[np.ndarray, " item"], level: float) -> None:
    fewest = max(FEWEST_ROWS, required_rows(level))
    if len(target) < fewest:
        raise DataError(
            f"Expected at least {fewest} rows with a value to fit a predictor, found {len(target)}. Add measurements."
        )
    if np.ptp(target) <= 1e-12 * np.abs(target).max():
        raise DataError(f"Expected values that vary, found {target[0]:g} in all {len(target)} rows. Check the column.")


def calibration_folds(
    inputs: np.ndarray,
    groups: Sequence[Hashable] | np.ndarray | None,
    settings: PredictorSettings,
    generator: np.random.Generator,
) -> tuple[Int[np.ndarray, " item"], str]:
    """The fold of each row, and what was left out together: "grouped" or "random" (see PredictorSettings)."""
    same_item = row_groups(inputs)
    if settings.calibration == "grouped" and groups is None:
        raise DataError("Expected groups for calibration='grouped', got none. Pass groups or calibration='random'.")
    if settings.calibration != "random" and groups is not None:
        joined = joined_groups(groups, same_item)
        sizes = np.bincount(joined)
        splits_well = len(sizes) >= settings.folds and sizes.max() <= LARGEST_GROUP * len(joined)
        if settings.calibration == "grouped" or splits_well:
            return grouped_folds(joined, settings.folds, generator), "grouped"
    return grouped_folds(same_item, settings.folds, generator), "random"


def out_of_fold(
    families: Mapping[str, Any], training: Training
) -> tuple[Float[np.ndarray, "family item"], Float[np.ndarray, " item"]]:
    """What each family's model that has not seen an item says of it, and the item's distance to what that one saw."""
    folds = training.fold
    held_out, distance = np.empty((len(families), len(folds))), np.empty(len(folds))
    for start in range(0, len(folds), ROWS_PER_PASS):
        rows = np.arange(start, min(start + ROWS_PER_PASS, len(folds)))
        query, own = training.query(rows), (np.arange(len(rows)), folds[rows])
        for index, family in enumerate(families.values()):
            held_out[index, rows] = family.predict(query)[own]
        distance[rows] = distance_without_fold(query, folds[training.reference], training.folds)[own]
    return held_out, distance


def family_weights(held_out: Float[np.ndarray, "family item"], target: Float[np.ndarray, " item"]) -> list[float]:
    """Weights that sum to one: stacking with non-negative least squares (Breiman 1996), drawn towards equal weights
    where rows are few."""
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
) -> Calibration:
    """Difficulty, domain border and normalized residuals from the out-of-fold predictions."""
    mean, spread = combine(held_out, weights)
    border = max(float(np.quantile(distance, settings.domain)), 1e-6)
    errors = np.abs(training.target - mean)
    coefficients = fit_difficulty(errors, np.column_stack([spread, distance]))
    residuals = errors / difficulty(coefficients, spread, distance, border)
    # a random share of the rows calibrates as validly as all of them, and bounds the work of a prediction
    rows = np.sort(generator.permutation(len(residuals))[: settings.reference_rows])
    return Calibration(residuals[rows], training.fold[rows], coefficients, border)
