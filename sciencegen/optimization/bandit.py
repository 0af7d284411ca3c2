"""Adaptive choice of operators: shares in proportion to their success, and never below a minimum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


class Bandit:
    """Probability matching (Fialho et al. 2010): share_i = floor + (1 - K floor) q_i / sum q.

    q_i is the mean credit per try of operator i. Old tries are discounted by `memory` per round, so that an operator
    that no longer helps (a large step near an optimum) is used less.
    """

    def __init__(self, names: Sequence[str], floor: float = 0.01, memory: float = 0.9) -> None:
        self.names, self.floor, self.memory = tuple(names), min(floor, 0.5 / len(names)), memory
        self._tries = dict.fromkeys(self.names, 1.0)
        self._credit = dict.fromkeys(self.names, 0.3)

    def shares(self, among: Sequence[str] | None = None) -> Float[np.ndarray, " operator"]:
        """Probabilities of the operators that can be used now, in the order given (`names` by default)."""
        names = among or self.names
        quality = np.array([self._credit[name] / self._tries[name] for name in names])
        return self.floor + (1 - len(names) * self.floor) * quality / quality.sum()

    def draw(self, count: int, generator: np.random.Generator, among: Sequence[str] | None = None) -> list[str]:
        """Operators for `count` children."""
        return [str(name) for name in generator.choice(among or self.names, count, p=self.shares(among))]

    def learn(self, names: Sequence[str], credits: Sequence[float]) -> None:
        """Account for one round: the operator of each scored child and its credit in 0..1."""
        for name in self.names:  # the prior of one try at 0.3 fades in the same way, down to a small remainder
            self._tries[name] = self.memory * self._tries[name] + 0.05
            self._credit[name] = self.memory * self._credit[name] + 0.005
        for name, credit in zip(names, credits, strict=True):
            self._tries[name] += 1.0
            self._credit[name] += credit
