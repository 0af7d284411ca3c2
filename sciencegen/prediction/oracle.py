"""A predictor as an oracle: it scores items, and says how sure it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.prediction.predictor import Predictor
from sciencegen.scoring.oracles import Direction, Score

BOUNDS = ("mean", "lower", "upper")


@dataclass(frozen=True)
class PredictorOracle:
    """Scores of a predictor, in the sense of `sciencegen.scoring.oracles.Oracle`.

    features: items -> [item feature], as in training. latents: items -> [item latent] where the predictor uses them.
    bound: what counts as the value: the mean, or an end of the interval. The pessimistic end ("lower" to maximize,
    "upper" to minimize) keeps a search from living on the regressor's errors.
    A score's `in_domain` tells whether the item is near enough to the training items for its interval to mean what it
    says. outside: what one is that isn't: "flag" scores it with its (wide) interval; "fail" is a failure that names its
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

    def __post_init__(self) -> None:
        if self.bound not in BOUNDS or self.outside not in ("flag", "fail"):
            raise ConfigError(
                f"Expected bound one of {', '.join(BOUNDS)} and outside 'flag' or 'fail', "
                f"got {self.bound!r} and {self.outside!r}."
            )

    def score(self, items: Sequence[Any]) -> list[Score]:
        if not len(items):
            return []
        prediction = self._predict(items)
        values = getattr(prediction, self.bound)
        columns = (values, prediction.lower, prediction.upper, prediction.in_domain, prediction.distance)
        return [self._score_one(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]

    def _predict(self, items: Sequence[Any]):
        tables = {"features": self.features, "latents": self.latents}
        wanted = self.predictor.columns
        prediction = self.predictor.predict(**{n: f(items) for n, f in tables.items() if f is not None and n in wanted})
        if len(prediction) != len(items):
            raise ShapeError(f"Expected one row of features for each of {len(items)} items, got {len(prediction)}.")
        return prediction

    def _score_one(self, value: float, lower: float, upper: float, inside: bool, distance: float) -> Score:
        if value != value:
            return Score(None, failure="features could not be computed")
        if self.outside == "fail" and not inside:
            reason = f"outside the predictor's domain: {distance:.2f} times as far from its data as it allows"
            return Score(None, failure=reason, in_domain=False)
        return Score(value, lower, upper, in_domain=inside)
