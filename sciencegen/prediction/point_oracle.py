"""A predictor of points as an oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sciencegen.items import Direction
from sciencegen.prediction.points import PointPredictor
from sciencegen.scoring.oracles import Score


@dataclass(frozen=True)
class PointOracle:
    """Scores of one target. points: items -> their points, or a record with the `reason` why they have none.

    An item with types or a charge that the predictor never saw is a failure, one of another size only out of domain.
    """

    name: str
    predictor: PointPredictor
    target: str
    points: Callable[[Sequence[Any]], Sequence[Any]]
    unit: str = ""
    direction: Direction | None = None

    def score(self, items: Sequence[Any]) -> list[Score]:
        found = self.points(items) if len(items) else []
        good = [row for row, one in enumerate(found) if not hasattr(one, "reason")]
        predicted = self.predictor.predict([found[row] for row in good])[self.target] if good else None
        scores = [Score(None, failure=getattr(one, "reason", ""), in_domain=False) for one in found]
        for index, row in enumerate(good):
            assert predicted is not None
            value, lower, upper = (float(part[index]) for part in (predicted.mean, predicted.lower, predicted.upper))
            if value != value:
                reason = self.predictor.why_unknown(found[row]) or "no finite prediction"
                scores[row] = Score(None, failure=reason, in_domain=False)
            else:
                scores[row] = Score(value, lower, upper, in_domain=bool(predicted.in_domain[index]))
        return scores
