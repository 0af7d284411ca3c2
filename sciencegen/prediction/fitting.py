"""From a table of features and measured values to a `Predictor`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from sciencegen.errors import DataError, ShapeError
from sciencegen.prediction.blocks import Block, Roles, joined_roles, roles_of
from sciencegen.prediction.calibration import calibrate, family_weights, out_of_fold
from sciencegen.prediction.columns import Columns, fit_columns, mostly_missing
from sciencegen.prediction.conformal import required_rows
from sciencegen.prediction.extrapolation_calibration import extrapolation_errors
from sciencegen.prediction.families import FAMILIES
from sciencegen.prediction.folds import joined_groups, row_groups
from sciencegen.prediction.predictor import Predictor, PredictorSettings, select_inputs, standardized
from sciencegen.prediction.splits import FEWEST_ROWS, Folds, Split, split_folds
from sciencegen.prediction.targets import fit_scale
from sciencegen.prediction.task import Training

LARGEST_GROUP = 1 / 3
"""Share of the rows above which "auto" doesn't leave out groups: the models without that group would be no models."""
SCORE = Block(1, emphasis=10.0)
"""A model's score says much in one column (Hsu et al. 2022): it is penalized a hundredth of the others."""


def fit_predictor(
    features: np.ndarray | None,
    values: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable] | np.ndarray | None,
    settings: PredictorSettings,
    generator: np.random.Generator,
    latents: np.ndarray | None = None,
    *,
    scores: np.ndarray | None = None,
    blocks: Sequence[Block] = (),
    split: Split | None = None,
    made_by: Mapping[str, Any] | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> Predictor:
    """A predictor of `values` [item]. groups: a label per item, None where there are none.

    Rows without a finite value or with mostly missing features are dropped and counted in `summary`. Items with
    equal features are repeated measurements: all are used, and never stand on both sides of a split.
    scores: [item score] of other models. blocks: of the features' columns. split: what intervals are to hold under;
    None: as the settings' `calibration` says. made_by: plain data, kept with the predictor. log: hears what is done.
    """
    given = select_inputs(settings.inputs, features, latents, scores)
    target = np.asarray(values, dtype=np.float64)
    kept, dropped = usable_rows(given, target, groups)
    given, target = {name: array[kept] for name, array in given.items()}, target[kept]
    labels = None if groups is None else [group for group, keep in zip(groups, kept, strict=True) if keep]
    check_values(target, settings.level)
    columns, roles = _columns(given, blocks)
    inputs = standardized(columns, given)
    named = split.of(np.flatnonzero(kept)) if split else calibration_split(inputs, labels, settings)
    folds = split_folds(named, inputs, settings.folds, generator)
    scale = fit_scale(settings.scale, target, inputs)
    sparse = np.concatenate([column.sparse for column in columns.values()])
    training = _training(inputs, scale.forward(target), folds, sparse, roles, settings, generator)
    families = {}
    for name in settings.families:
        log(f"fitting {name} to {len(target)} items in {training.folds} folds")
        families[name] = FAMILIES[name](training, generator)
    held_out, distance = out_of_fold(families, training)
    weights = family_weights(held_out, training.target)
    calibration = calibrate(held_out, weights, distance, training, settings, generator, named.kind)
    if named.kind == "order":
        calibration = replace(calibration, beyond=extrapolation_errors(training, named, settings, generator))
    errors = np.sqrt(((scale.inverse(held_out) - target) ** 2).mean(axis=1))
    summary = {
        "rows": len(target),
        "measured": (float(target.min()), float(target.max())),
        "distinct_items": len(set(row_groups(inputs).tolist())),
        "dropped": dropped,
        "calibration": named.name,
        "out_of_fold_rmse": dict(zip(families, errors.tolist(), strict=True)),
    }
    return Predictor(
        settings, columns, inputs[training.reference], training.left_in[training.reference], families,
        weights=dict(zip(families, weights, strict=True)), calibration=calibration, scale=scale, summary=summary,
        made_by=made_by or {},
    )  # fmt: skip


def _columns(given: Mapping[str, np.ndarray], blocks: Sequence[Block]) -> tuple[dict[str, Columns], Roles]:
    """Of each table its columns, and of all of them what families do with each."""
    known = {name: [Block(array.shape[1])] for name, array in given.items()}
    if "scores" in given:
        known["scores"] = [SCORE] * given["scores"].shape[1]
    if "features" in given and blocks:
        known["features"] = list(blocks)
    columns = {name: fit_columns(array, known[name]) for name, array in given.items()}
    return columns, joined_roles([roles_of(known[name], columns[name].kept) for name in given])


def _training(
    inputs: np.ndarray, target: np.ndarray, folds: Folds, sparse: np.ndarray, roles: Roles,
    settings: PredictorSettings, generator: np.random.Generator,
) -> Training:  # fmt: skip
    reference = np.sort(generator.permutation(len(target))[: settings.reference_rows])
    emphasis = None if (roles.emphasis == 1).all() else roles.emphasis
    return Training(inputs, target, folds.fold, reference, sparse, roles.near, roles.grown, emphasis, folds.left_out)


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


def calibration_split(
    inputs: np.ndarray, groups: Sequence[Hashable] | np.ndarray | None, settings: PredictorSettings
) -> Split:
    """What is left out together: groups ("grouped") or single items ("random"), see PredictorSettings."""
    if settings.calibration == "grouped" and groups is None:
        raise DataError("Expected groups for calibration='grouped', got none. Pass groups or calibration='random'.")
    if settings.calibration != "random" and groups is not None:
        joined = joined_groups(groups, row_groups(inputs))
        sizes = np.bincount(joined)
        splits_well = len(sizes) >= settings.folds and sizes.max() <= LARGEST_GROUP * len(joined)
        if settings.calibration == "grouped" or splits_well:
            return Split("grouped", "groups", list(groups))
    return Split()
