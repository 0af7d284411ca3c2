"""How a predictor does on items it has not seen, at random and in new groups, beside guessing the mean."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import unknown_name
from sciencegen.metrics.calibration import interval_coverage, mean_interval_width
from sciencegen.metrics.regression import REGRESSION_METRICS
from sciencegen.prediction.blocks import Block
from sciencegen.prediction.conformal import required_rows, signed_level
from sciencegen.prediction.fitting import check_values, fit_predictor, usable_rows
from sciencegen.prediction.predictor import Prediction, Predictor, PredictorSettings, select_inputs
from sciencegen.prediction.splits import FEWEST_ROWS, Split, below_cut, has_cut, split_folds

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
    *,
    scores: np.ndarray | None = None,
    blocks: Sequence[Block] = (),
    split: Split | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> dict[str, Evaluation]:
    """Held-out figures by split: at random, and in new groups ("grouped": left out where there are no groups, or only
    one) or, instead of these, under `split`.

    Each of `repeats` (default all) of `folds` test sets is predicted by a predictor fitted on the rest; an order has
    one test set, what lies beyond its cut. Intervals are those that `fit_predictor` makes for the same split; of an
    order that has no second cut below the first, those at random.
    """
    given = select_inputs(settings.inputs, features, latents, scores)
    target = np.asarray(values, dtype=np.float64)
    kept = np.flatnonzero(usable_rows(given, target, groups)[0])
    given, target = {name: array[kept] for name, array in given.items()}, target[kept]
    check_values(target, settings.level)
    labels = None if groups is None else [groups[int(index)] for index in kept]
    results = {}
    for name in dict.fromkeys(["random", split.name] if split else splits):
        if split is None and name not in SPLITS:
            raise unknown_name("split", name, SPLITS)
        if name == "grouped" and split is None and (labels is None or len(set(labels)) < 2):
            continue
        chosen = split.of(kept) if split and name == split.name else Split()
        if name == "grouped" and split is None:
            chosen = Split(name, "groups", labels)
        data = Rows(given, target, labels, kept, blocks, chosen if split else None, log)
        results[name] = _held_out(name, data, chosen, settings, generator, folds, repeats)
    return results


@dataclass(frozen=True)
class Rows:
    """What is learned from and tested on. split: what intervals are calibrated for; None: what the settings say. log:
    hears which part is tested."""

    given: dict[str, np.ndarray]
    target: np.ndarray
    groups: Sequence[Hashable] | None
    number: np.ndarray
    blocks: Sequence[Block]
    split: Split | None
    log: Callable[[str], None]

    @property
    def inputs(self) -> np.ndarray:
        return np.concatenate(list(self.given.values()), axis=1)

    def fit(self, rows: np.ndarray, settings: PredictorSettings, generator: np.random.Generator) -> Predictor:
        groups = None if self.groups is None else [self.groups[int(index)] for index in rows]
        split = None if self.split is None else self.split.of(rows)
        above = required_rows(signed_level(settings.level))
        if split and split.kind == "order" and not has_cut(split, self.inputs[rows], above):
            split = Split()
        known: dict[str, Any] = {"features": None, **{name: array[rows] for name, array in self.given.items()}}
        return fit_predictor(
            values=self.target[rows], groups=groups, settings=settings, generator=generator, blocks=self.blocks,
            split=split, **known,
        )  # fmt: skip


def _held_out(
    name: str, data: Rows, split: Split, settings: PredictorSettings, generator: np.random.Generator, folds: int,
    repeats: int | None,
) -> Evaluation:  # fmt: skip
    parts: list[Prediction] = []
    tested, baseline = [], []
    divisions = _divisions(data, split, settings, generator, folds)[:repeats]
    for number, (train, test) in enumerate(divisions, start=1):
        data.log(f"testing on held-out rows, {name}: part {number} of {len(divisions)}")
        predictor = data.fit(train, settings, generator)
        parts.append(predictor.predict(**{name: array[test] for name, array in data.given.items()}))
        tested.append(test)
        baseline.append(np.full(len(test), data.target[train].mean()))
    join = lambda name: np.concatenate([getattr(part, name) for part in parts])  # noqa: E731
    joined = Prediction(*map(join, Prediction.__annotations__))
    index = np.concatenate(tested)
    return summarize(name, data.target[index], joined, np.concatenate(baseline), settings.level, data.number[index])


def _divisions(
    data: Rows, split: Split, settings: PredictorSettings, generator: np.random.Generator, folds: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows to learn from, rows to test on) of each test set."""
    if split.kind == "order":
        below = below_cut(split, data.inputs, data.target, FEWEST_ROWS)
        return [(np.flatnonzero(below), np.flatnonzero(~below))]
    found = split_folds(split, data.inputs, folds, generator)
    return [
        (np.flatnonzero(~found.left_out[:, k]), np.flatnonzero(found.fold == k)) for k in range(found.left_out.shape[1])
    ]


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
