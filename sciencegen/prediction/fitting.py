"""From a table of features and measured values to a `Predictor`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.errors import DataError
from sciencegen.prediction.blocks import Block, Roles, joined_roles, roles_of
from sciencegen.prediction.calibration import calibrate, family_weights, out_of_fold
from sciencegen.prediction.columns import Columns, fit_columns
from sciencegen.prediction.conformal import required_rows
from sciencegen.prediction.extrapolation_calibration import extrapolation_errors
from sciencegen.prediction.families import FAMILIES
from sciencegen.prediction.folds import joined_groups, row_groups
from sciencegen.prediction.predictor import Predictor, PredictorSettings, standardized
from sciencegen.prediction.splits import FEWEST_ROWS, Folds, Split, split_folds
from sciencegen.prediction.targets import fit_scale
from sciencegen.prediction.task import Training
from sciencegen.prediction.training_tables import TrainingTables

LARGEST_GROUP = 1 / 3
"""Share of the rows above which "auto" doesn't leave out groups: too few rows would remain to fit a model."""
SCORE = Block(1, emphasis=10.0)
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
    inputs = standardized(columns, inputs_of)
    split = used.split or calibration_split(inputs, used.groups, settings)
    folds = split_folds(split, inputs, settings.folds, generator)
    scale = fit_scale(settings.scale, target, inputs)
    sparse = np.concatenate([column.sparse for column in columns.values()])
    training = _training(inputs, scale.forward(target), folds, sparse, roles, settings, generator)
    families = {}
    for name in settings.families:
        log(f"fitting {name} to {len(target)} items in {training.folds} folds")
        families[name] = FAMILIES[name](training, generator)
    held_out = out_of_fold(families, training)
    weights = family_weights(held_out.predictions, training.target)
    calibration = calibrate(held_out, weights, training, settings, generator, split.kind)
    if split.kind == "order":
        errors_beyond = extrapolation_errors(training, split, settings, generator)
        calibration = replace(calibration, extrapolation_errors=errors_beyond)
    errors = np.sqrt(((scale.inverse(held_out.predictions) - target) ** 2).mean(axis=1))
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


def _columns(tables: Mapping[str, np.ndarray], blocks: Sequence[Block]) -> tuple[dict[str, Columns], Roles]:
    """The columns of each table, and the roles of all kept columns together."""
    blocks_by_table = {name: [Block(array.shape[1])] for name, array in tables.items()}
    if "scores" in tables:
        blocks_by_table["scores"] = [SCORE] * tables["scores"].shape[1]
    if "features" in tables and blocks:
        blocks_by_table["features"] = list(blocks)
    columns = {name: fit_columns(array, blocks_by_table[name]) for name, array in tables.items()}
    return columns, joined_roles([roles_of(blocks_by_table[name], columns[name].kept) for name in tables])


def _training(
    inputs: np.ndarray, target: np.ndarray, folds: Folds, sparse: np.ndarray, roles: Roles,
    settings: PredictorSettings, generator: np.random.Generator,
) -> Training:  # fmt: skip
    reference = np.sort(generator.permutation(len(target))[: settings.reference_rows])
    emphasis = None if (roles.emphasis == 1).all() else roles.emphasis
    return Training(inputs, target, folds.fold, reference, sparse, roles.near, roles.grown, emphasis, folds.left_out)


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
    inputs: np.ndarray, groups: Sequence[Hashable] | np.ndarray | None, settings: PredictorSettings
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
