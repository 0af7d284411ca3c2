"""A predictor as an oracle: scores with intervals, and whether an item is in the predictor's domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.items import Direction
from sciencegen.prediction.predictor import Prediction, Predictor
from sciencegen.scoring.oracles import Score

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
    distance.
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
        return Score(value, lower, upper, in_domain=inside)
