"""A property regressor that gives an interval for every prediction, and whether the item is in its domain.

A predictor is one ensemble: K folds x several families (families.py). Model k of a family leaves out fold k, which
gives the families' weights, the difficulty of an item, the conformal intervals and the applicability domain:

    mean(x)    = average over folds k of  sum_f weight_f mu_{f,k}(x)
    sigma_k(x) = a + b spread_k(x) + c distance_k(x) + d error_k(x)
                 spread: between families; distance: to training items; error: out-of-fold errors of the nearest of them
    interval   = CV+ with residuals normalized by sigma, or errors of extrapolation (conformal.py)
    in_domain  = distance(x) <= the stated percentile of the training items' own out-of-fold distances

Items outside the domain are not exchangeable with the training data, so their intervals have no guarantee. There sigma
grows in proportion to the distance, so that a search does not mistake extrapolations for discoveries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.items import Direction
from sciencegen.metrics.numbers import Warp
from sciencegen.prediction.columns import FeatureColumns, FeatureTable, mostly_missing
from sciencegen.prediction.conformal import cross_validated_interval, required_rows, signed_interval
from sciencegen.prediction.families import FAMILIES, Family, make_query, nearest_left_in
from sciencegen.prediction.training_tables import INPUTS, SCALES, select_inputs
from sciencegen.scoring.oracles import Score, within_measured

CHUNK = 128
"""Items per chunk; the last chunk is padded. Matrix products of equal size round equally, so that a prediction does
not depend on the other items of the call."""
NOVEL = 2.0
"""Least distance of an item with a novel part, relative to the border of the domain."""


@dataclass(frozen=True)
class PredictorSettings:
    """How to build a predictor.

    inputs: "features", "latents" (of a generative model: a learned embedding) or "both"; "scored": features and a
        model's scores, "all": these and its latents.
    calibration: "grouped" leaves out whole groups, for intervals that hold on new groups; "random" leaves out items,
        for intervals that hold on items like these; "auto" is grouped if groups are given and none is too large.
    level: nominal coverage of the intervals. domain: share of training items that counts as inside the domain.
    scale: that the target is fitted on: "linear", "log" (for values of 0 or more), "saturating" (bounded above the best
        value), "auto": the better of two, see `training_tables.fit_scale`.
    """

    families: tuple[str, ...] = ("ridge", "kernel", "boosting")
    inputs: str = "features"
    level: float = 0.9
    folds: int = 10
    calibration: str = "auto"
    domain: float = 0.95
    reference_rows: int = 5000
    scale: str = "linear"

    def __post_init__(self) -> None:
        choices_of = {"inputs": INPUTS, "calibration": ("auto", "grouped", "random"), "scale": SCALES}
        for name, choices in choices_of.items():
            if getattr(self, name) not in choices:
                raise unknown_name(name, getattr(self, name), choices)
        for family in self.families:
            if family not in FAMILIES:
                raise unknown_name("family of regressors", family, FAMILIES)
        required_rows(self.level)
        if not self.families or self.folds < 2 or not 0 < self.domain <= 1 or self.reference_rows < 10:
            raise ConfigError(
                "Expected at least one family, folds >= 2, 0 < domain <= 1 and reference_rows >= 10, "
                f"got {self.families}, {self.folds}, {self.domain} and {self.reference_rows}."
            )


@dataclass(frozen=True)
class Prediction:
    """Predicted values with their interval, in the unit of the training values; NaN for items without features."""

    mean: Float[np.ndarray, " item"]
    lower: Float[np.ndarray, " item"]
    upper: Float[np.ndarray, " item"]
    in_domain: Bool[np.ndarray, " item"]
    distance: Float[np.ndarray, " item"]
    """To the training items, 1 at the border of the domain."""

    def __len__(self) -> int:
        return len(self.mean)


@dataclass(frozen=True)
class Calibration:
    """What is estimated from out-of-fold predictions.

    Parameters
    ----------
    residuals, folds : array [row]
        Normalized residuals (conformal.py), and the fold that left each item out.
    difficulty : array [cause + 1]
        Coefficients of sigma.
    border : float
        Distance at the border of the domain.
    kind : str
        Kind of the split (training_tables.py).
    extrapolation_errors : array [row], optional
        Of kind "order", whose folds are random: signed errors above a cut (fitting.py).
    reference_errors : array [reference], optional
        Absolute out-of-fold errors of the reference rows: near an activity cliff they are large. None for other kinds
        of split, and in predictors of an earlier version: sigma has no such term.
    """

    residuals: Float[np.ndarray, " row"]
    folds: Int[np.ndarray, " row"]
    difficulty: Float[np.ndarray, " cause_and_one"]
    border: float
    kind: str = "random"
    extrapolation_errors: Float[np.ndarray, " row"] | None = None
    reference_errors: Float[np.ndarray, " reference"] | None = None


@dataclass(frozen=True)
class Predictor:
    """Fitted by `fit_predictor`, stored by `storage.save`.

    columns: one per kind of input ("features", "latents", "scores"). reference: training rows that distances are
    measured to; reference_left_in: the folds whose models were fitted on them. scale: of the target.
    summary: what was used and dropped, the calibration that was chosen, weights and errors of the families.
    made_by: plain data that describes how the features were made, if that was fitted too.
    """

    settings: PredictorSettings
    columns: Mapping[str, FeatureColumns]
    reference: Float[np.ndarray, "reference column"]
    reference_left_in: Bool[np.ndarray, "reference fold"]
    families: Mapping[str, Family]
    weights: Mapping[str, float]
    calibration: Calibration
    scale: Warp
    summary: Mapping[str, Any] = field(default_factory=dict)
    made_by: Mapping[str, Any] = field(default_factory=dict)

    def predict(
        self,
        features: np.ndarray | FeatureTable | None = None,
        latents: np.ndarray | FeatureTable | None = None,
        scores: np.ndarray | FeatureTable | None = None,
        novel: Bool[np.ndarray, " item"] | None = None,
    ) -> Prediction:
        """[item feature], [item latent] and [item score], whichever the settings' `inputs` name.

        novel: which items have a part that no training item had and that features do not describe. They are outside the
        domain, at least twice as far as its border, unless intervals were calibrated for new parts.
        """
        tables = select_inputs(self.settings.inputs, features, latents, scores)
        missing = np.stack([mostly_missing(values) for values in tables.values()]).any(axis=0)
        count = len(next(iter(tables.values())))
        expected = novel is None or self.calibration.kind == "parts"
        strange = np.zeros(count, bool) if expected else np.asarray(novel, bool)
        parts = []
        for place in (slice(start, start + CHUNK) for start in range(0, count, CHUNK)):
            inputs = np.concatenate(
                [self.columns[name].transform(tables[name][place]) for name in self.columns], axis=1
            )
            parts.append(self._predict_chunk(inputs, strange[place]))
        mean, lower, upper, distance = np.concatenate([*parts, np.empty((4, 0))], axis=1)
        mean, lower, upper = (np.where(missing, np.nan, self.scale.inverse(end)) for end in (mean, lower, upper))
        return Prediction(mean, lower, upper, (distance <= 1) & ~missing, np.where(missing, np.nan, distance))

    def _predict_chunk(
        self, inputs: Float[np.ndarray, "item column"], novel: Bool[np.ndarray, " item"]
    ) -> Float[np.ndarray, "4 item"]:
        """Rows mean, lower, upper (of the standardized target) and distance."""
        count, calibration = len(inputs), self.calibration
        padded = np.concatenate([inputs, np.zeros((CHUNK - count, inputs.shape[1]))])
        query = make_query(padded, self.reference, self.sparse, self.near)
        each = np.stack([self.families[name].predict(query) for name in self.weights])
        means, spread = combine(each, list(self.weights.values()))
        neighbours = nearest_left_in(query, self.reference_left_in)
        distance = neighbours.distance()
        distance[:count][novel] = np.maximum(distance[:count][novel], NOVEL * calibration.border)
        errors = [] if calibration.reference_errors is None else [neighbours.mean(calibration.reference_errors)]
        sigma = difficulty(calibration.difficulty, [spread, distance, *errors], calibration.border)
        mean = means.mean(axis=1)
        lower, upper = cross_validated_interval(
            means, sigma, calibration.residuals, calibration.folds, self.settings.level
        )
        lower, upper = np.minimum(lower, mean), np.maximum(upper, mean)
        if calibration.extrapolation_errors is not None:
            below, above = signed_interval(mean, calibration.extrapolation_errors, self.settings.level)
            lower, upper = np.minimum(lower, below), np.maximum(upper, above)
        return np.stack([mean, lower, upper, distance.mean(axis=1) / calibration.border])[:, :count]

    @property
    def near(self) -> Bool[np.ndarray, " column"]:
        parts = [(columns.near, columns.sparse) for columns in self.columns.values()]
        return np.concatenate([np.ones_like(sparse) if near is None else near for near, sparse in parts])

    @property
    def sparse(self) -> Bool[np.ndarray, " column"]:
        return np.concatenate([columns.sparse for columns in self.columns.values()])


def combine(
    each: Float[np.ndarray, "family ..."], weights: Sequence[float]
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Weighted mean over families, and the families' standard deviation around it."""
    mean = sum(weight * opinion for weight, opinion in zip(weights, each, strict=True))
    return mean, np.sqrt(((each - mean) ** 2).mean(axis=0))


def difficulty(
    coefficients: Float[np.ndarray, " cause_and_one"], causes: Sequence[np.ndarray], border: float
) -> Float[np.ndarray, "..."]:
    """The deviation sigma = (a + b spread + c distance + ...) max(1, distance / border). causes: spread, distance..."""
    constant, *slopes = coefficients
    sigma = constant + sum(slope * cause for slope, cause in zip(slopes, causes, strict=True))
    return sigma * np.maximum(1, causes[1] / border)


# A predictor as an oracle: scores with intervals, and whether an item is in the predictor's domain.

BOUNDS = ("mean", "lower", "upper")


@dataclass(frozen=True)
class PredictorOracle:
    """Scores of a predictor, in the sense of `sciencegen.scoring.oracles.Oracle`.

    features: items -> [item feature], as in training; a row of NaN for an item without features. latents, scores:
    the same for latents and scores of models, if the predictor uses them. reason: item -> why it has no features.
    novel: items -> which have a part that no training item had.
    bound: what counts as the value: the mean, or an end of the interval. The pessimistic end ("lower" to maximize,
    "upper" to minimize) keeps a search from exploiting the regressor's errors.
    A score's `in_domain` says whether the item is near enough to the training items for its interval to be valid.
    outside: how other items are scored: "flag" gives the value and its (wide) interval, "fail" a failure with the
    distance. An interval that is wider than the range of the training values is cut to it (`within_measured`).
    """

    name: str
    predictor: Predictor
    features: Callable[[Sequence[Any]], np.ndarray] | None
    unit: str = ""
    direction: Direction | None = None
    bound: str = "mean"
    outside: str = "flag"
    latents: Callable[[Sequence[Any]], np.ndarray] | None = None
    scores: Callable[[Sequence[Any]], np.ndarray] | None = None
    novel: Callable[[Sequence[Any]], np.ndarray] | None = None
    reason: Callable[[Any], str | None] | None = None

    def __post_init__(self) -> None:
        if self.bound not in BOUNDS or self.outside not in ("flag", "fail"):
            raise ConfigError(
                f"Expected bound one of {', '.join(BOUNDS)} and outside 'flag' or 'fail', "
                f"got {self.bound!r} and {self.outside!r}."
            )

    @property
    def measured(self) -> tuple[float, float] | None:
        """The least and the greatest training value; None for predictors that were saved without them."""
        return self.predictor.summary.get("measured")

    def score(self, items: Sequence[Any]) -> list[Score]:
        if not len(items):
            return []
        prediction = self._predict(items)
        values = getattr(prediction, self.bound)
        columns = (values, prediction.lower, prediction.upper, prediction.in_domain, prediction.distance)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [self._score_one(item, *row) for item, row in zip(items, rows, strict=True)]

    def _predict(self, items: Sequence[Any]) -> Prediction:
        tables = {"features": self.features, "latents": self.latents, "scores": self.scores}
        used = self.predictor.columns
        inputs = {n: f(items) for n, f in tables.items() if f is not None and n in used}
        prediction = self.predictor.predict(**inputs, novel=None if self.novel is None else self.novel(items))
        if len(prediction) != len(items):
            raise ShapeError(f"Expected one row of features for each of {len(items)} items, got {len(prediction)}.")
        return prediction

    def _score_one(
        self, item: object, value: float, lower: float, upper: float, inside: bool, distance: float
    ) -> Score:
        if value != value:
            why = None if self.reason is None else self.reason(item)
            return Score(None, failure=why or "features could not be computed")
        if self.outside == "fail" and not inside:
            reason = f"outside the predictor's domain: {distance:.2f} times as far from its data as it allows"
            return Score(None, failure=reason, in_domain=False)
        return Score(value, *within_measured(value, lower, upper, self.measured), in_domain=inside)
