"""How far off a model was with what it hadn't seen, by how much it had predicted.

Most of what is measured first is poor, and a plate is picked where the model promises most: an interval that holds of
nine in ten of all items holds of few of these. What was measured tells, each item left out (mean m_i, deviation s_i),
with z_i = (y_i - m_i) / s_i:

    widening(m)^2 = max(1, (c + sum_i w_i z_i^2) / (c + sum_i w_i)),    w_i = exp(-(m - m_i)^2 / 2 h^2)

and of a prediction beyond all m_i that nothing is known of so much: that it is too much by about what it lies beyond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

WIDTH = 0.5
"""h, on the scale on which the measured values have variance 1."""
BELIEF = 2.0
"""c: that the model is right about itself counts as much as so many measurements."""
FEW = 5
"""Predictions higher than all but so many are judged like these."""


@dataclass(frozen=True)
class Surprise:
    """mean, surprise: m_i and z_i of each left-out item."""

    mean: Float[np.ndarray, " item"]
    surprise: Float[np.ndarray, " item"]

    def deviation(
        self, mean: Float[np.ndarray, " point"], deviation: Float[np.ndarray, " point"]
    ) -> Float[np.ndarray, " point"]:
        """What a measurement is to be expected away from predictions of these means and deviations."""
        ordered = np.sort(self.mean)
        few = min(FEW, len(ordered))
        near = np.clip(mean, ordered[few - 1], ordered[-few]) if 2 * few <= len(ordered) else mean
        weight = np.exp(-np.square((near[:, None] - self.mean) / WIDTH) / 2)
        squares = (BELIEF + weight @ np.square(self.surprise)) / (BELIEF + weight.sum(1))
        beyond = mean - np.clip(mean, ordered[0], ordered[-1])
        return np.sqrt(np.maximum(1.0, squares) * np.square(deviation) + np.square(beyond))
