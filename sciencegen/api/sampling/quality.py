"""Quality by compute: what the best of fewer draws of each item would have been."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sciencegen.api.sampling.ranking import Ranking
from sciencegen.items import Json

DISTANCE = "distance to the conditions"


def quality_name(ranking: Ranking) -> str:
    """What is averaged: the property of the first objective, else of the first goal, else the distance."""
    goals = [goal for goal in ranking.goals if goal.is_objective] or list(ranking.goals)
    return goals[0].name if goals else DISTANCE


@dataclass
class QualityByDraws:
    """Means over items of the best of the first 1, 2, 4 ... of `most` draws, by the ranking.

    Examples
    --------
    >>> from sciencegen.api.sampling.quality import QualityByDraws
    >>> quality = QualityByDraws("qed", 4)
    >>> quality.add([0.2, None, 0.9, 0.4], [0.2, 0.0, 0.9, 0.4])
    >>> quality.to_json()["mean"]
    [0.2, 0.2, 0.9]
    """

    name: str
    most: int
    draws: tuple[int, ...] = field(init=False)
    items: list[int] = field(init=False)
    sums: list[float] = field(init=False)

    def __post_init__(self) -> None:
        powers = [1 << power for power in range(self.most.bit_length()) if 1 << power < self.most]
        self.draws = (*powers, self.most)
        self.items, self.sums = [0] * len(self.draws), [0.0] * len(self.draws)

    def add(self, merits: Sequence[float | None], values: Sequence[float]) -> None:
        """Add the draws of an item, in order. merits: None for draws that don't meet the request."""
        best: int | None = None
        for place, merit in enumerate(merits):
            before = None if best is None else merits[best]
            if merit is not None and (before is None or merit > before):
                best = place
            if place + 1 in self.draws and best is not None and math.isfinite(values[best]):
                at = self.draws.index(place + 1)
                self.items[at] += 1
                self.sums[at] += values[best]

    def to_json(self) -> Json:
        """`of`: what is averaged. draws, items, mean: for each number of draws, the items of which one met the request,
        and the mean of their best."""
        known = [at for at, count in enumerate(self.items) if count]
        return {
            "of": self.name,
            "draws": [self.draws[at] for at in known],
            "items": [self.items[at] for at in known],
            "mean": [float(f"{self.sums[at] / self.items[at]:.6g}") for at in known],
        }
