"""A cheap model of the objective, fitted on the scored items, to choose among proposed children."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from jaxtyping import Float

Features = Float[np.ndarray, "item feature"]


class TanimotoProcess:
    """Gaussian process with k(x, y) = <x, y> / (|x|^2 + |y|^2 - <x, y>) (Ralaivola et al. 2005, eq. 7).

    The kernel is positive definite on all of R^d, is the usual similarity of counts and bits, and is
    smooth on dense features. Columns are divided by their greatest absolute value. The noise is the one of a short
    list with the greatest marginal likelihood.
    """

    NOISE = (1e-3, 1e-2, 0.1, 0.5)

    def fit(self, features: Features, targets: Float[np.ndarray, " item"]) -> TanimotoProcess:
        features = np.asarray(features, np.float32)
        self._largest = np.abs(features).max(0)
        self._points = self._scaled(features)
        self._mean, self._scale = targets.mean(), targets.std() + 1e-9
        kernel = tanimoto_kernel(self._points, self._points).astype(np.float64)
        residual = (targets - self._mean) / self._scale
        candidates = [_solve(kernel, residual, noise) for noise in self.NOISE]
        _, self._factor, self._weights = max(candidates, key=lambda candidate: candidate[0])
        return self

    def predict(self, features: Features) -> tuple[Float[np.ndarray, " item"], Float[np.ndarray, " item"]]:
        """Posterior mean and standard deviation (without noise)."""
        cross = tanimoto_kernel(self._scaled(np.asarray(features, np.float32)), self._points).astype(np.float64)
        explained = scipy.linalg.solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        variance = np.clip(1 - np.square(explained).sum(0), 1e-9, None)
        return self._mean + self._scale * (cross @ self._weights), self._scale * np.sqrt(variance)

    def _scaled(self, features: Features) -> Features:
        return np.nan_to_num(features / np.where(self._largest > 0, self._largest, 1.0))


def tanimoto_kernel(first: Features, second: Features) -> Float[np.ndarray, "item other"]:
    """<x, y> / (|x|^2 + |y|^2 - <x, y>), 1 for two zero rows."""
    product = first @ second.T
    total = np.square(first).sum(1)[:, None] + np.square(second).sum(1)[None] - product
    return np.where(total > 1e-12, product / np.where(total > 1e-12, total, 1.0), 1.0)


def _solve(kernel: np.ndarray, residual: np.ndarray, noise: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Log marginal likelihood (Rasmussen & Williams 2006, eq. 2.30, without its constant), factor, weights."""
    factor = scipy.linalg.cholesky(kernel + (noise + 1e-6) * np.eye(len(kernel)), lower=True, check_finite=False)
    weights = scipy.linalg.cho_solve((factor, True), residual, check_finite=False)
    return float(-residual @ weights / 2 - np.log(np.diag(factor)).sum()), factor, weights


def training_subset(targets: Float[np.ndarray, " item"], size: int, generator: np.random.Generator) -> np.ndarray:
    """Rows, two thirds the best and one third drawn from the rest, so that a local model separates good from bad."""
    order = np.argsort(-targets, kind="stable")
    best = order[: size * 2 // 3]
    rest = order[size * 2 // 3 :]
    return np.concatenate([best, generator.permutation(rest)[: size - len(best)]])
