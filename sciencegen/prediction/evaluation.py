"""Held-out metrics of a predictor, on random rows, new groups or a split, compared with predicting the mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import unknown_name
from sciencegen.metrics.numbers import REGRESSION_METRICS, interval_coverage, mean_interval_width
from sciencegen.prediction.columns import FeatureTable, side_by_side
from sciencegen.prediction.conformal import required_rows, signed_level
from sciencegen.prediction.fitting import check_values, fit_predictor
from sciencegen.prediction.predictor import Prediction, Predictor, PredictorSettings
from sciencegen.prediction.training_tables import FEWEST_ROWS, Split, TrainingTables, below_cut, has_cut, split_folds

SPLITS = ("random", "grouped")
MOSTLY = 0.5
"""Share of rows with one value, above which figures of all rows say little of the others."""


@dataclass(frozen=True)
class HeldOutEvaluation:
    """Held-out metrics of one kind of split, over all tested rows. baseline_rmse, baseline_mae: of the training mean.

    coverage: share of intervals that contain the measured value. in_domain: share of items in the domain; the metrics
    of these end in `_in_domain`. commonest: share of rows with the commonest measured value. others: number of rows
    with another one; coverage_of_others: of these. measured, predicted, lower, upper, inside, row: the data behind the
    metrics.
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
    commonest: float
    others: int
    coverage_of_others: float
    measured: Float[np.ndarray, " test"]
    predicted: Float[np.ndarray, " test"]
    lower: Float[np.ndarray, " test"]
    upper: Float[np.ndarray, " test"]
    inside: Bool[np.ndarray, " test"]
    row: Int[np.ndarray, " test"]

    @property
    def notes(self) -> list[str]:
        """That most rows have one value, and what intervals are worth for the others."""
        if self.commonest <= MOSTLY or not self.others:
            return []
        value, counts = np.unique(self.measured, return_counts=True)
        return [
            f"{self.split}: {self.commonest:.0%} of {self.rows} rows have the value {value[counts.argmax()]:g}; "
            f"{self.level:.0%} intervals hold {self.coverage_of_others:.0%} of the {self.others} rows with another "
            "value: the figures of all rows say little of these"
        ]

    def figures(self) -> dict[str, Any]:
        """The numbers without the arrays, for metrics.json."""
        return {name: value for name, value in asdict(self).items() if not isinstance(value, np.ndarray)}


@dataclass(frozen=True)
class EvaluationPlan:
    """Which test sets are predicted.

    Parameters
    ----------
    splits : sequence of str
        "random", and "grouped" for new groups; used if the tables have no split.
    folds : int
        Number of test sets of a split; an order has only one, the items above its cut.
    repeats : int, optional
        Number of test sets that are predicted; all by default.
    """

    splits: Sequence[str] = SPLITS
    folds: int = 5
    repeats: int | None = None


def evaluate_predictor(
    tables: TrainingTables,
    settings: PredictorSettings,
    generator: np.random.Generator,
    plan: EvaluationPlan | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> dict[str, HeldOutEvaluation]:
    """Held-out metrics by split; each test set is predicted by a predictor that is fitted on the rest.

    Intervals are those that `fit_predictor` makes for the same split. An order without a second cut below the first
    uses the intervals of a random split.

    Parameters
    ----------
    tables : TrainingTables
        If they have a split, it is evaluated together with "random", instead of the plan's splits.
    settings : PredictorSettings
    generator : numpy.random.Generator
    plan : EvaluationPlan, optional
    log : callable
        Called with a line of text before each test set.

    Returns
    -------
    dict
        Split -> Evaluation. "grouped" is absent if there are no groups, or only one.

    Examples
    --------
    >>> import numpy as np
    >>> from sciencegen.prediction import EvaluationPlan, PredictorSettings, TrainingTables, evaluate_predictor
    >>> generator = np.random.default_rng(0)
    >>> features = generator.normal(size=(80, 3))
    >>> tables = TrainingTables(features, features @ [1.0, -2.0, 0.0])
    >>> settings = PredictorSettings(("ridge",), folds=5)
    >>> found = evaluate_predictor(tables, settings, generator, EvaluationPlan(folds=2))
    >>> found["random"].rows, bool(found["random"].r2 > 0.95)
    (80, True)
    """
    plan = plan or EvaluationPlan()
    kept = np.flatnonzero(tables.usable_rows(settings.inputs)[0])
    used = tables.take(kept)
    check_values(used.target, settings.level)
    results = {}
    for split in _splits(used, plan):
        data = _Held(used, split, kept, log)
        results[split.name] = _evaluate(data, settings, generator, plan)
    return results


def _splits(tables: TrainingTables, plan: EvaluationPlan) -> list[Split]:
    """The splits to evaluate, each once."""
    if tables.split is not None:
        return [tables.split] if tables.split.name == "random" else [Split(), tables.split]
    found = []
    for name in dict.fromkeys(plan.splits):
        if name not in SPLITS:
            raise unknown_name("split", name, SPLITS)
        if name == "random":
            found.append(Split())
        elif tables.groups is not None and len(set(tables.groups)) > 1:
            found.append(Split(name, "groups", list(tables.groups)))
    return found


@dataclass(frozen=True)
class _Held:
    """The data of one split. number: the original number of each row. log: called before each test."""

    tables: TrainingTables
    split: Split
    number: np.ndarray
    log: Callable[[str], None]

    def inputs(self, settings: PredictorSettings) -> FeatureTable:
        return side_by_side(list(self.tables.inputs(settings.inputs).values()))

    def fit(self, rows: np.ndarray, settings: PredictorSettings, generator: np.random.Generator) -> Predictor:
        """Intervals are calibrated for the tables' split if there is one, else as the settings say."""
        part = self.tables.take(rows)
        if self.tables.split is not None:
            part = replace(part, split=self._calibration(rows, settings))
        return fit_predictor(part, settings, generator)

    def _calibration(self, rows: np.ndarray, settings: PredictorSettings) -> Split:
        split, above = self.split.of(rows), required_rows(signed_level(settings.level))
        return (
            Split() if split.kind == "order" and not has_cut(split, self.inputs(settings).take(rows), above) else split
        )


def _evaluate(
    data: _Held, settings: PredictorSettings, generator: np.random.Generator, plan: EvaluationPlan
) -> HeldOutEvaluation:
    parts: list[Prediction] = []
    tested, baseline = [], []
    target, name = data.tables.target, data.split.name
    divisions = _divisions(data, settings, generator, plan.folds)[: plan.repeats]
    for number, (train, test) in enumerate(divisions, start=1):
        data.log(f"testing on held-out rows, {name}: part {number} of {len(divisions)}")
        predictor = data.fit(train, settings, generator)
        held = data.tables.take(test)
        parts.append(predictor.predict(held.features, held.latents, held.scores))
        tested.append(test)
        baseline.append(np.full(len(test), target[train].mean()))
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Prediction)
    }
    index = np.concatenate(tested)
    predicted = Prediction(**columns)
    return summarize(name, target[index], predicted, np.concatenate(baseline), settings.level, data.number[index])


def _divisions(
    data: _Held, settings: PredictorSettings, generator: np.random.Generator, folds: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(training rows, test rows) of each test set."""
    inputs = data.inputs(settings)
    if data.split.kind == "order":
        below = below_cut(data.split, inputs, data.tables.target, FEWEST_ROWS)
        return [(np.flatnonzero(below), np.flatnonzero(~below))]
    found = split_folds(data.split, inputs, folds, generator)
    return [
        (np.flatnonzero(~found.left_out[:, k]), np.flatnonzero(found.fold == k)) for k in range(found.left_out.shape[1])
    ]


def summarize(
    split: str, measured: np.ndarray, predicted: Prediction, baseline: np.ndarray, level: float, row: np.ndarray
) -> HeldOutEvaluation:
    """The metrics of predictions of measured values."""
    inside = predicted.in_domain
    figures = {name: metric(measured, predicted.mean) for name, metric in REGRESSION_METRICS.items()}
    rmse = REGRESSION_METRICS["rmse"]

    def covered(i: Bool[np.ndarray, " test"]) -> float:
        return interval_coverage(measured[i], predicted.lower[i], predicted.upper[i]) if i.any() else float("nan")

    values, counts = np.unique(measured, return_counts=True)
    others = measured != values[counts.argmax()]
    return HeldOutEvaluation(
        split=split,
        rows=len(measured),
        **figures,
        baseline_rmse=rmse(measured, baseline),
        baseline_mae=REGRESSION_METRICS["mae"](measured, baseline),
        level=level,
        coverage=interval_coverage(measured, predicted.lower, predicted.upper),
        width=mean_interval_width(predicted.lower, predicted.upper),
        in_domain=float(inside.mean()),
        rmse_in_domain=rmse(measured[inside], predicted.mean[inside]) if inside.any() else float("nan"),
        coverage_in_domain=covered(inside),
        commonest=float(1 - others.mean()),
        others=int(others.sum()),
        coverage_of_others=covered(others),
        measured=measured,
        predicted=predicted.mean,
        lower=predicted.lower,
        upper=predicted.upper,
        inside=inside,
        row=row,
    )
