"""An ensemble of small networks as a posterior: for features without a suitable kernel."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from sciencegen.optimization.ascent import fit_ensemble
from sciencegen.optimization.feature_rows import Encoding
from sciencegen.optimization.measurements import typical_variance
from sciencegen.optimization.normals import JointNormal, Marginals, log_density

MEMBERS, FOLDS = 20, 5
COMPONENTS = 64
BLOCK = 8192
SCALES = (0.5, 1.0, 2.0, 4.0, 8.0)
NOISES = (1e-3, 1e-2, 3e-2, 0.1, 0.2, 0.4, 0.7, 1.0)


class DeepEnsemble:
    """Perceptrons over principal components (Lakshminarayanan et al. 2017), each fitted without one of five folds.

    mean = average of f_m        covariance = a cov_m(f)        noise = s^2 - median(e^2)

    a and s^2 are chosen from short lists to maximize the likelihood of each row under the members that leave it out;
    s^2 includes the stated errors e.
    """

    name = "ensemble"

    def __init__(
        self, encoding: Encoding, points: Float[np.ndarray, "point column"], targets: Float[np.ndarray, " point"],
        errors: Float[np.ndarray, " point"], generator: np.random.Generator, brief: bool = False,
    ) -> None:  # fmt: skip
        self._encoding, self._targets = encoding, targets
        columns = encoding.columns(points)
        self._centre = columns.mean(0)
        _, singular, directions = np.linalg.svd(columns - self._centre, full_matrices=False)
        self._basis = directions[:COMPONENTS].T * (len(points) ** 0.5 / max(float(singular[0]), 1e-9))
        fold = generator.permutation(len(points)) % FOLDS
        left_in = (fold[None] != (np.arange(MEMBERS) % FOLDS)[:, None]).astype(np.float32)
        self._network = fit_ensemble(self._components(columns), targets, generator, left_in)
        self._blind = 1 - left_in
        self._calibrate(self._members(points), typical_variance(errors))

    def _components(self, columns: np.ndarray) -> Float[np.ndarray, "point component"]:
        return ((columns - self._centre) @ self._basis).astype(np.float32)

    def _members(self, points: np.ndarray) -> Float[np.ndarray, "member point"]:
        parts = []
        with torch.no_grad():
            for start in range(0, len(points), BLOCK):
                columns = self._encoding.columns(points[start : start + BLOCK])
                parts.append(self._network.members(torch.as_tensor(self._components(columns))).double().numpy())
        return np.concatenate(parts, 1) if parts else np.empty((MEMBERS, 0))

    def _calibrate(self, members: Float[np.ndarray, "member point"], stated: float) -> None:
        count = np.maximum(self._blind.sum(0), 1)
        mean = (self._blind * members).sum(0) / count
        spread = (self._blind * np.square(members - mean)).sum(0) / np.maximum(count - 1, 1)
        likelihood = {
            (scale, noise): float(log_density(self._targets, mean, np.sqrt(scale * spread + noise)).sum())
            for scale in SCALES
            for noise in NOISES
        }
        self._scale, noise = max(likelihood, key=lambda pair: likelihood[pair])
        self._left_out = Marginals(mean, np.sqrt(self._scale * spread + noise))
        self.noise = max(noise - stated, 0.0)

    def marginals(self, points: np.ndarray) -> Marginals:
        members = self._members(points)
        return Marginals(members.mean(0), np.sqrt(self._scale * members.var(0, ddof=1) + 1e-9))

    def joint(self, points: np.ndarray) -> JointNormal:
        members = self._members(points)
        centred = members - members.mean(0)
        covariance = self._scale * centred.T @ centred / (len(members) - 1)
        return JointNormal(members.mean(0), covariance + 1e-9 * np.eye(len(covariance)), self.noise)

    def left_out(self) -> Marginals:
        """Predictive distribution of each target from the members that leave it out."""
        return self._left_out
