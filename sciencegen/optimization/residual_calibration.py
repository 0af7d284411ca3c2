"""Calibration of a model's deviations by its leave-one-out residuals.

Most of the first measured values are low, but plates are picked where predictions are highest: intervals that cover
90% of all items cover fewer of the picked ones. Leave-one-out residuals give the correction: with means m_i,
deviations s_i and z_i = (y_i - m_i) / s_i,

    widening(m)^2 = max(1, (c + sum_i w_i z_i^2) / (c + sum_i w_i)),    w_i = exp(-(m - m_i)^2 / 2 h^2)

For a prediction outside the range of the m_i, the squared distance to the nearest of them is added to the variance.

Errors are often skewed or have heavy tails. Draws of measurements have the shape of the z_i, with the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

WIDTH = 0.5
"""h, on the scale on which the measured values have variance 1."""
PRIOR_WEIGHT = 2.0
"""c: weight, in measurements, of the assumption that the model's own deviation is right."""
NORMAL = 21
"""Quantiles of a normal distribution that stand for this assumption where errors are drawn."""
FEW = 5
"""Predictions beyond the FEW-th greatest or least m_i are calibrated as if they were equal to it."""


@dataclass(frozen=True)
class ResidualCalibration:
    """Deviations calibrated by residuals, and the shape of the errors.

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
        weight = self._weights(mean)
        squares = (PRIOR_WEIGHT + weight @ np.square(self.residual)) / (PRIOR_WEIGHT + weight.sum(1))
        beyond = mean - np.clip(mean, self.mean.min(), self.mean.max())
        return np.sqrt(np.maximum(1.0, squares) * np.square(deviation) + np.square(beyond))

    def shaped(
        self, mean: Float[np.ndarray, " point"], errors: Float[np.ndarray, "draw point"]
    ) -> Float[np.ndarray, "draw point"]:
        """Standard normal errors of predictions with these means, by their quantiles turned into errors that are
        distributed as the residuals are near each mean, with mean 0 and variance 1.

        Examples
        --------
        >>> import numpy as np
        >>> rare = np.where(np.arange(200) % 20, 0.2, -4.0)  # one in twenty fails
        >>> found = ResidualCalibration(np.zeros(200), rare).shaped(np.zeros(1), np.array([[-2.5], [0.0], [2.5]]))
        >>> found[:, 0].round(1)
        array([-4.4,  0.2,  0.2])
        """
        normal = ndtri((np.arange(NORMAL) + 0.5) / NORMAL)
        residual = np.concatenate([self.residual, normal])
        order, share = np.argsort(residual), np.full((len(mean), NORMAL), PRIOR_WEIGHT / NORMAL)
        residual, weight = residual[order], np.hstack([self._weights(mean), share])[:, order]
        weight /= weight.sum(1, keepdims=True)
        centre = weight @ residual
        scale = np.sqrt(weight @ np.square(residual) - np.square(centre))
        edge = ndtri(np.square(weight).sum(1) / 2)
        inner, middle = np.clip(errors, edge, -edge), np.cumsum(weight, 1) - weight / 2
        drawn = [np.interp(ndtr(one), own, residual) for one, own in zip(inner.T, middle, strict=True)]
        return (np.array(drawn).reshape(inner.T.shape).T - centre) / scale + (errors - inner)

    def _weights(self, mean: Float[np.ndarray, " point"]) -> Float[np.ndarray, "point item"]:
        """w_i of each mean."""
        ordered = np.sort(self.mean)
        few = min(FEW, len(ordered))
        near = np.clip(mean, ordered[few - 1], ordered[-few]) if 2 * few <= len(ordered) else mean
        return np.exp(-np.square((near[:, None] - self.mean) / WIDTH) / 2)
