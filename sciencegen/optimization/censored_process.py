"""A Gaussian process of exact and censored values, its parameters fitted by turns with the factors of the bounds.

With the factors fixed, the gradient of the evidence of expectation propagation by the kernel's parameters is that of a
Gaussian process with pseudo-measurements (Rasmussen & Williams 2006, section 5.5.2), so that fits of both by turns end
at a stationary point of it. The noise is estimated by the exact values.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.censored import Factors, Limits, propagate
from sciencegen.optimization.feature_rows import Encoding
from sciencegen.optimization.gaussian_process import GaussianProcess, Points
from sciencegen.optimization.normals import JointNormal, Marginals

TURNS, BRIEF_TURNS = 2, 1
FEWEST_EXACT = 10
"""Exact values from which the first fit is to these alone; with fewer, bounds count as numbers in it."""

LEAST = 2e-6
"""Of stated variances: smaller ones are rounded up by GPyTorch."""


class CensoredProcess:
    """`GaussianProcess` in which some targets are only known to lie between limits.

    limits: of all targets, on their scale; equal ends where a target is exact.
    """

    def __init__(
        self, encoding: Encoding, points: Points, targets: Float[np.ndarray, " point"],
        errors: Float[np.ndarray, " point"], limits: Limits, generator: np.random.Generator, brief: bool = False,
    ) -> None:  # fmt: skip
        self._points, self._limits = points, limits
        self._censored = limits.censored
        self._targets, self._stated = targets, np.maximum(np.nan_to_num(np.square(errors)), LEAST)
        rows = ~self._censored if (~self._censored).sum() >= FEWEST_EXACT else np.ones(len(targets), bool)
        model = GaussianProcess(encoding, points[rows], targets[rows], errors[rows], generator, brief)
        for _ in range(BRIEF_TURNS if brief else TURNS):
            values, variances = self._measurements(model)
            model = GaussianProcess(encoding, points, values, np.sqrt(variances), generator, brief)
        values, self._variances = self._measurements(model)
        model.condition(points, values, self._variances)
        self.model, self.noise = model, model.noise

    def _measurements(self, model: GaussianProcess) -> tuple[np.ndarray, np.ndarray]:
        """Values with the variances that they have beyond the model's noise: exact ones, and pseudo-measurements."""
        values, variances = self._targets.copy(), self._stated.copy()
        value, variance = factors_of(model, self._points, values, variances, self._limits)
        values[self._censored] = value
        variances[self._censored] = np.maximum(variance - model.noise, LEAST)
        return values, variances

    def marginals(self, points: Points) -> Marginals:
        return self.model.marginals(points)

    def joint(self, points: Points) -> JointNormal:
        return self.model.joint(points)

    def left_out(self) -> Marginals:
        """Predictive distribution of each measurement from the others; of a censored one, of what it would be."""
        found = self.model.left_out()
        beyond = np.where(self._censored, self._variances - self._stated, 0.0)
        return Marginals(found.mean, np.sqrt(np.maximum(np.square(found.deviation) - beyond, 1e-9)))


def factors_of(
    model: GaussianProcess, points: Points, targets: np.ndarray, stated: np.ndarray, limits: Limits
) -> Factors:
    """The factors of the bounds with the model's kernel and noise, given the exact values."""
    censored = limits.censored
    exact = ~censored
    kernel = model.kernel(points)
    prior = np.full(int(censored.sum()), model.constant)
    known = kernel[np.ix_(exact, exact)] + np.diag(stated[exact] + model.noise + 1e-8)
    gain = np.linalg.solve(known, kernel[np.ix_(exact, censored)]).T
    mean = prior + gain @ (targets[exact] - model.constant)
    covariance = kernel[np.ix_(censored, censored)] - gain @ kernel[np.ix_(exact, censored)]
    symmetric = (covariance + covariance.T) / 2 + 1e-8 * np.eye(len(mean))
    return propagate(mean, symmetric, stated[censored] + model.noise, limits.of(censored))[0]
