"""Calibration of a model's deviations by its leave-one-out residuals.

Most of the first measured values are low, but plates are picked where predictions are highest: intervals that cover
90% of all items cover fewer of the picked ones. Leave-one-out residuals give the correction: with means m_i,
deviations s_i and z_i = (y_i - m_i) / s_i,

    widening(m)^2 = max(1, (c + sum_i w_i z_i^2) / (c + sum_i w_i)),    w_i = exp(-(m - m_i)^2 / 2 h^2)

For a prediction outside the range of the m_i, the squared distance to the nearest of them is added to the variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

WIDTH = 0.5
"""h, on the scale on which the measured values have variance 1."""
PRIOR_WEIGHT = 2.0
"""c: weight, in measurements, of the assumption that the model's own deviation is right."""
FEW = 5
"""Predictions beyond the FEW-th greatest or least m_i are calibrated as if they were equal to it."""


@dataclass(frozen=True)
class ResidualCalibration:
    """Deviations calibrated by residuals.

    Parameters
    ----------
    mean : array [item]
        Leave-one-out means m_i, on the model's scale.
    residual : array [item]
        Standardized residuals z_i.

    Examples
    --------
    >>> import numpy as np
    >>> exact = ResidualCalibration(mean=np.linspace(-1, 1, 50), residual=np.zeros(50))
    >>> exact.deviation(np.array([0.5]), np.array([0.1]))
    array([0.1])
    """

    mean: Float[np.ndarray, " item"]
    residual: Float[np.ndarray, " item"]

    def deviation(
        self, mean: Float[np.ndarray, " point"], deviation: Float[np.ndarray, " point"]
    ) -> Float[np.ndarray, " point"]:
        """Calibrated deviations of measurements from predictions with these means and deviations."""
        ordered = np.sort(self.mean)
        few = min(FEW, len(ordered))
        near = np.clip(mean, ordered[few - 1], ordered[-few]) if 2 * few <= len(ordered) else mean
        weight = np.exp(-np.square((near[:, None] - self.mean) / WIDTH) / 2)
        squares = (PRIOR_WEIGHT + weight @ np.square(self.residual)) / (PRIOR_WEIGHT + weight.sum(1))
        beyond = mean - np.clip(mean, ordered[0], ordered[-1])
        return np.sqrt(np.maximum(1.0, squares) * np.square(deviation) + np.square(beyond))
