"""How a predictor does on items it has not seen, at random and in new groups, beside guessing the mean."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import unknown_name
from sciencegen.metrics.calibration import interval_coverage, mean_interval_width
from sciencegen.metrics.regression import REGRESSION_METRICS
from sciencegen.prediction.fitting import check_values, fit_predictor, usable_rows
from sciencegen.prediction.folds import grouped_folds, joined_groups, row_groups
from sciencegen.prediction.predictor import Prediction, PredictorSettings, select_inputs

SPLITS = ("random", "grouped")


@dataclass(frozen=True)
class Evaluation:
    """Held-out figures of one kind of split, over all tested rows. baseline_rmse, baseline_mae: of the training mean.

    coverage: share of intervals that hold the measured value. in_domain: share of items inside, whose figures end in
    `_in_domain`. measured, predicted, lower, upper, inside, row: what the figures are made of.
    """

    split: str
    rows: int
    rmse: float
    mae: float
    r2: float
    spearman: float
    baseline_rmse: float
    baseline_mae: float
    level: float
    coverage: float
    width: float
    in_domain: float
    rmse_in_domain: float
    coverage_in_domain: float
    measured: Float[np.ndarray, " test"]
    predicted: Float[np.ndarray, " test"]
    lower: Float[np.ndarray, " test"]
    upper: Float[np.ndarray, " test"]
    inside: Bool[np.ndarray, " test"]
    row: Int[np.ndarray, " test"]

    def figures(self) -> dict[str, Any]:
        """The numbers without the arrays, for metrics.json."""
        return {name: value for name, value in asdict(self).items() if not isinstance(value, np.ndarray)}


def evaluate_predictor(
    features: np.ndarray | None,
    values: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable] | np.ndarray | None,
    settings: PredictorSettings,
    generator: np.random.Generator,
    latents: np.ndarray | None = None,
    splits: Sequence[str] = SPLITS,
    folds: int = 5,
    repeats: int | None = None,
) -> dict[str, Evaluation]:
    """Cross-validated figures by split ("grouped" is left out where there are no groups, or only one).

    Each of `repeats` (default all) of `folds` test sets is predicted by a predictor fitted on the rest.
    """
    given = select_inputs(settings.inputs, features, latents)
    target = np.asarray(values, dtype=np.float64)
    kept = np.flatnonzero(usable_rows(given, target, groups)[0])
    given, target = {name: array[kept] for name, array in given.items()}, target[kept]
    check_values(target, settings.level)
    labels = None if groups is None else [groups[int(index)] for index in kept]
    results = {}
    for split in splits:
        if split not in SPLITS:
            raise unknown_name("split", split, SPLITS)
        units = row_groups(np.concatenate(list(given.values()), axis=1))
        if split == "grouped":
            if labels is None or len(set(labels)) < 2:
                continue
            units = joined_groups(labels, units)
        fold = grouped_folds(units, folds, generator)
        results[split] = _cross_validated(split, given, target, labels, fold, settings, generator, repeats, kept)
    return results


def _cross_validated(
    split: str,
    given: dict[str, np.ndarray],
    target: np.ndarray,
    groups: Sequence[Hashable] | np.ndarray | None,
    fold: np.ndarray,
    settings: PredictorSettings,
    generator: np.random.Generator,
    repeats: int | None,
    rows: np.ndarray,
) -> Evaluation:
    parts: list[Prediction] = []
    tested, baseline = [], []
    for k in range(int(fold.max()) + 1)[:repeats]:
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        pick = lambda index: {name: array[index] for name, array in given.items()}  # noqa: E731
        labels = None if groups is None else [groups[int(index)] for index in train]
        known = {"features": None, **pick(train)}
        predictor = fit_predictor(values=target[train], groups=labels, settings=settings, generator=generator, **known)
        parts.append(predictor.predict(**pick(test)))
        tested.append(test)
        baseline.append(np.full(len(test), target[train].mean()))
    join = lambda name: np.concatenate([getattr(part, name) for part in parts])  # noqa: E731
    joined = Prediction(*map(join, Prediction.__annotations__))
    index = np.concatenate(tested)
    return summarize(split, target[index], joined, np.concatenate(baseline), settings.level, rows[index])


def summarize(
    split: str, measured: np.ndarray, predicted: Prediction, baseline: np.ndarray, level: float, row: np.ndarray
) -> Evaluation:
    """The figures of predictions beside the measured values."""
    inside = predicted.in_domain
    figures = {name: metric(measured, predicted.mean) for name, metric in REGRESSION_METRICS.items()}
    of_inside = lambda figure: figure(inside) if inside.any() else float("nan")  # noqa: E731
    rmse = REGRESSION_METRICS["rmse"]
    return Evaluation(
        split=split,
        rows=len(measured),
        **figures,
        baseline_rmse=rmse(measured, baseline),
        baseline_mae=REGRESSION_METRICS["mae"](measured, baseline),
        level=level,
        coverage=interval_coverage(measured, predicted.lower, predicted.upper),
        width=mean_interval_width(predicted.lower, predicted.upper),
        in_domain=float(inside.mean()),
        rmse_in_domain=of_inside(lambda i: rmse(measured[i], predicted.mean[i])),
        coverage_in_domain=of_inside(lambda i: interval_coverage(measured[i], predicted.lower[i], predicted.upper[i])),
        measured=measured,
        predicted=predicted.mean,
        lower=predicted.lower,
        upper=predicted.upper,
        inside=inside,
        row=row,
    )
