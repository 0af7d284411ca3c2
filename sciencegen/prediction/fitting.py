"""From a table of features and measured values to a `Predictor`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sciencegen.errors import DataError
from sciencegen.prediction.columns import (
    FeatureBlock,
    FeatureColumns,
    FeatureTable,
    fit_columns,
    roles_of,
    side_by_side,
)
from sciencegen.prediction.conformal import fit_difficulty, fit_difficulty_quantile, required_rows, signed_level
from sciencegen.prediction.families import FAMILIES, Family, Neighbours, Training, nearest_left_in
from sciencegen.prediction.predictor import Calibration, Predictor, PredictorSettings, combine, difficulty
from sciencegen.prediction.training_tables import (
    FEWEST_ROWS,
    Folds,
    Split,
    TrainingTables,
    below_cut,
    fit_scale,
    joined_groups,
    row_groups,
    split_folds,
)

# Out-of-fold predictions: the weights of the families, and the calibration of intervals.

PRIOR_ROWS = 30
"""Strength, in rows, of the prior that all families have equal weights."""
NEAR_KINDS = ("random", "groups")
"""Kinds of split whose new items resemble training items. Errors of neighbours say little about items that extrapolate,
for which errors grow with the distance: with them, 83 instead of 88% of FLIP's `two_vs_rest` are in their intervals."""
ROWS_PER_PASS = 1024
"""Bounds the memory of distances to the reference rows."""


def out_of_fold(
    families: Mapping[str, Family], training: Training
) -> tuple[Float[np.ndarray, "family item"], Neighbours]:
    """Each family's prediction of an item by the model that leaves it out, and the nearest rows of that model."""
    folds, left_in = training.fold, training.left_in[training.reference]
    held_out, neighbours = np.empty((len(families), len(folds))), []
    for start in range(0, len(folds), ROWS_PER_PASS):
        rows = np.arange(start, min(start + ROWS_PER_PASS, len(folds)))
        query, own = training.query(rows), (np.arange(len(rows)), folds[rows])
        for index, family in enumerate(families.values()):
            held_out[index, rows] = family.predict(query)[own]
        neighbours.append(nearest_left_in(query, left_in).of(*own))
    near, squared = [one.row for one in neighbours], [one.squared for one in neighbours]
    return held_out, Neighbours(np.concatenate(near), np.concatenate(squared))


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
    neighbours: Neighbours,
    weights: Sequence[float],
    training: Training,
    settings: PredictorSettings,
    generator: np.random.Generator,
    kind: str = "random",
) -> Calibration:
    """Difficulty, domain border and normalized residuals from the out-of-fold predictions."""
    mean, spread = combine(held_out, weights)
    distance = neighbours.distance()
    border = max(float(np.quantile(distance, settings.domain)), 1e-6)
    errors = np.abs(training.target - mean)
    causes, reference_errors = [spread, distance], None
    if kind in NEAR_KINDS:
        reference_errors = errors[training.reference]
        causes.append(neighbours.mean(reference_errors))
        coefficients = fit_difficulty_quantile(errors, np.column_stack(causes), settings.level)
    else:
        coefficients = fit_difficulty(errors, np.column_stack(causes))
    residuals = errors / difficulty(coefficients, causes, border)
    # a random subset of the rows is as valid as all of them, and bounds the cost of a prediction
    rows = np.sort(generator.permutation(len(residuals))[: settings.reference_rows])
    return Calibration(
        residuals[rows], training.fold[rows], coefficients, border, kind, reference_errors=reference_errors
    )


# Errors of extrapolation: models of the items below a cut predict those above it.


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
    weights = family_weights(out_of_fold(families, lower)[0], lower.target)
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
    inputs = training.inputs.take(rows)
    folds = split_folds(Split(), inputs, settings.folds, generator)
    reference = np.sort(generator.permutation(len(rows))[: settings.reference_rows])
    return replace(
        training, inputs=inputs, target=training.target[rows], fold=folds.fold, left_out=folds.left_out,
        reference=reference,
    )  # fmt: skip


LARGEST_GROUP = 1 / 3
"""Share of the rows above which "auto" doesn't leave out groups: too few rows would remain to fit a model."""
SCORE = FeatureBlock(1, emphasis=10.0)
"""A model's score is one informative column (Hsu et al. 2022): its penalty is a hundredth of that of the others."""


def fit_predictor(
    tables: TrainingTables,
    settings: PredictorSettings,
    generator: np.random.Generator,
    made_by: Mapping[str, Any] | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> Predictor:
    """Fit a predictor of the tables' values.

    Rows without a finite value or with mostly missing features are dropped and counted in `summary`. Items with equal
    features are repeated measurements: all are used, and always on the same side of a split.

    Parameters
    ----------
    tables : TrainingTables
    settings : PredictorSettings
    generator : numpy.random.Generator
    made_by : mapping, optional
        Plain data that is saved with the predictor and describes how the features were made.
    log : callable
        Called with a line of text before each family is fitted.

    Returns
    -------
    Predictor

    Raises
    ------
    ShapeError
        If the tables don't have equal numbers of rows.
    DataError
        If there are too few values, or all are equal.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.prediction import PredictorSettings, TrainingTables, fit_predictor
    >>> generator = np.random.default_rng(0)
    >>> features = generator.normal(size=(60, 3))
    >>> tables = TrainingTables(features, features @ [1.0, -2.0, 0.0])
    >>> predictor = fit_predictor(tables, PredictorSettings(("ridge",), folds=5), generator)
    >>> prediction = predictor.predict(np.array([[1.0, 0.0, 0.0]]))
    >>> bool(abs(prediction.mean[0] - 1) < 0.1), bool(prediction.lower[0] < 1 < prediction.upper[0])
    (True, True)
    """
    kept, dropped = tables.usable_rows(settings.inputs)
    used = tables.take(np.flatnonzero(kept))
    inputs_of, target = used.inputs(settings.inputs), used.target
    check_values(target, settings.level)
    columns, roles = _columns(inputs_of, used.blocks)
    inputs = side_by_side([columns[name].table(inputs_of[name]) for name in columns])
    split = used.split or calibration_split(inputs, used.groups, settings)
    folds = split_folds(split, inputs, settings.folds, generator)
    scale = fit_scale(settings.scale, target, inputs)
    sparse = np.concatenate([column.sparse for column in columns.values()])
    training = _training(inputs, scale.forward(target), folds, sparse, roles, settings, generator)
    families = {}
    for name in settings.families:
        log(f"fitting {name} to {len(target)} items in {training.folds} folds")
        families[name] = FAMILIES[name](training, generator)
    held_out, neighbours = out_of_fold(families, training)
    weights = family_weights(held_out, training.target)
    calibration = calibrate(held_out, neighbours, weights, training, settings, generator, split.kind)
    if split.kind == "order":
        errors_beyond = extrapolation_errors(training, split, settings, generator)
        calibration = replace(calibration, extrapolation_errors=errors_beyond)
    errors = np.sqrt(((scale.inverse(held_out) - target) ** 2).mean(axis=1))
    summary = {
        "rows": len(target),
        "measured": (float(target.min()), float(target.max())),
        "distinct_items": len(set(row_groups(inputs).tolist())),
        "dropped": dropped,
        "calibration": split.name,
        "out_of_fold_rmse": dict(zip(families, errors.tolist(), strict=True)),
    }
    return Predictor(
        settings, columns, inputs[training.reference], training.left_in[training.reference], families,
        weights=dict(zip(families, weights, strict=True)), calibration=calibration, scale=scale, summary=summary,
        made_by=made_by or {},
    )  # fmt: skip


def _columns(
    tables: Mapping[str, FeatureTable], blocks: Sequence[FeatureBlock]
) -> tuple[dict[str, FeatureColumns], dict[str, np.ndarray]]:
    """The columns of each table, and the roles of all kept columns together."""
    blocks_by_table = {name: [FeatureBlock(table.shape[1])] for name, table in tables.items()}
    if "scores" in tables:
        blocks_by_table["scores"] = [SCORE] * tables["scores"].shape[1]
    if "features" in tables and blocks:
        blocks_by_table["features"] = list(blocks)
    columns = {name: fit_columns(table, blocks_by_table[name]) for name, table in tables.items()}
    roles = [roles_of(blocks_by_table[name], columns[name].kept) for name in tables]
    return columns, {name: np.concatenate([one[name] for one in roles]) for name in roles[0]}


def _training(
    inputs: FeatureTable, target: np.ndarray, folds: Folds, sparse: np.ndarray, roles: Mapping[str, np.ndarray],
    settings: PredictorSettings, generator: np.random.Generator,
) -> Training:  # fmt: skip
    reference = np.sort(generator.permutation(len(target))[: settings.reference_rows])
    near, grown, emphasis = (roles[name] for name in ("near", "grown", "emphasis"))
    weighed = None if (emphasis == 1).all() else emphasis.astype(float)
    return Training(inputs, target, folds.fold, reference, sparse, near, grown, weighed, folds.left_out)


def check_values(target: Float[np.ndarray, " item"], level: float) -> None:
    """Raise an error for too few values to fit or to give intervals of this level, or if all are equal."""
    fewest = max(FEWEST_ROWS, required_rows(level))
    if len(target) < fewest:
        raise DataError(
            f"Expected at least {fewest} rows with a value to fit a predictor, found {len(target)}. Add measurements."
        )
    if np.ptp(target) <= 1e-12 * np.abs(target).max():
        raise DataError(f"Expected values that vary, found {target[0]:g} in all {len(target)} rows. Check the column.")


def calibration_split(
    inputs: FeatureTable, groups: Sequence[Hashable] | np.ndarray | None, settings: PredictorSettings
) -> Split:
    """Whether groups ("grouped") or single items ("random") are left out, see PredictorSettings."""
    if settings.calibration == "grouped" and groups is None:
        raise DataError("Expected groups for calibration='grouped', got none. Pass groups or calibration='random'.")
    if settings.calibration != "random" and groups is not None:
        joined = joined_groups(groups, row_groups(inputs))
        sizes = np.bincount(joined)
        splits_well = len(sizes) >= settings.folds and sizes.max() <= LARGEST_GROUP * len(joined)
        if settings.calibration == "grouped" or splits_well:
            return Split("grouped", "groups", list(groups))
    return Split()
