"""A predictor of points as an oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sciencegen.items import Direction, Refusal
from sciencegen.prediction.points import PointPredictor, Points
from sciencegen.scoring.oracles import Score


@dataclass(frozen=True)
class PointOracle:
    """Scores of one target. points: items -> their points, or a Refusal.

    An item with types or a charge outside the training set is a failure; one of another size is only out of domain.
    """

    name: str
    predictor: PointPredictor
    target: str
    points: Callable[[Sequence[Any]], Sequence[Points | Refusal]]
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[Any]) -> list[Score]:
        found = self.points(items) if len(items) else []
        good = {row: one for row, one in enumerate(found) if not isinstance(one, Refusal)}
        predicted = self.predictor.predict(list(good.values()))[self.target] if good else None
        scores = [Score(None, failure=one.reason if isinstance(one, Refusal) else "", in_domain=False) for one in found]
        for index, (row, item) in enumerate(good.items()):
            assert predicted is not None
            value, lower, upper = (float(part[index]) for part in (predicted.mean, predicted.lower, predicted.upper))
            if value != value:
                reason = self.predictor.why_unknown(item) or "no finite prediction"
                scores[row] = Score(None, failure=reason, in_domain=False)
            else:
                scores[row] = Score(value, lower, upper, in_domain=bool(predicted.in_domain[index]))
        return scores
