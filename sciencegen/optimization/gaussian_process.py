"""A Gaussian process of measured values, fitted by BoTorch; marginals of a large pool are computed in blocks."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext, suppress

import numpy as np
import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.kernels import Kernel
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood
from gpytorch.mlls import ExactMarginalLogLikelihood
from jaxtyping import Float
from torch import Tensor

from sciencegen.devices import computing_device
from sciencegen.optimization.feature_rows import Encoding, SiteEncoding
from sciencegen.optimization.kernels import SiteKernel, table_kernel
from sciencegen.optimization.normals import Joint, Marginals, stable_cholesky

Points = Float[np.ndarray, "point column"]

BLOCK = 8192
TUNING_POINTS = 600
"""Most measured points that the kernel's parameters are fitted on: the cost of a fit grows as n^3."""
ITERATIONS, BRIEF_ITERATIONS = 40, 12
"""Steps of L-BFGS; the brief number suffices to compare scales."""


class GaussianProcess:
    """BoTorch's SingleTaskGP of standardized targets, with a kernel for the rows' encoding.

    noise_i = e_i^2 + s^2: the stated error of each target, if any, and a common noise that is fitted. It is computed on
    the device on which it was made (`computing_on`), in double precision.
    """

    name = "gp"

    def __init__(
        self, encoding: Encoding, points: Points, targets: Float[np.ndarray, " point"],
        errors: Float[np.ndarray, " point"], generator: np.random.Generator, brief: bool = False,
    ) -> None:  # fmt: skip
        stated = np.nan_to_num(np.square(errors))
        self.device = computing_device()
        with self._on_device():
            self._learn(encoding, points, targets, stated, generator, brief)

    def _learn(
        self, encoding: Encoding, points: Points, targets: np.ndarray, stated: np.ndarray,
        generator: np.random.Generator, brief: bool,
    ) -> None:  # fmt: skip
        tuned = _model(encoding, *_subset(points, targets, stated, generator))
        _fit(tuned, BRIEF_ITERATIONS if brief else ITERATIONS)
        self.model = tuned
        if len(points) > TUNING_POINTS:
            self.model = _model(encoding, points, targets, stated)
            self.model.load_state_dict(_shared_state(tuned), strict=False)
        self.model.eval()
        self.condition(points, targets, stated)

    def _on_device(self) -> AbstractContextManager[object]:
        """A block in which torch makes new tensors on the device."""
        return nullcontext() if self.device == "cpu" else torch.device(self.device)

    def condition(self, points: Points, targets: np.ndarray, stated: np.ndarray) -> None:
        """(K + noise)^-1 and its product with the residuals. stated: variances of the targets beyond the noise."""
        with torch.no_grad(), self._on_device():
            self._points = torch.as_tensor(points)
            self.constant = self.model.mean_module.constant.item()
            kernel = self.model.covar_module(self._points).to_dense()
            self.noise = self._learned_noise().item()
            kernel = kernel + torch.diag(torch.as_tensor(stated) + self.noise)
            self._factor = stable_cholesky(kernel)
            residual = torch.as_tensor(targets) - self.constant
            self._weights = torch.cholesky_solve(residual[:, None], self._factor)[:, 0]
            self._targets = np.asarray(targets, float)

    def _learned_noise(self) -> Tensor:
        likelihood = self.model.likelihood
        if isinstance(likelihood, FixedNoiseGaussianLikelihood):
            return likelihood.second_noise_covar.noise.mean()
        return likelihood.noise.mean()

    def marginals(self, points: Points) -> Marginals:
        """Computed block by block and partly in single precision, since a pool may be large."""
        kernel = self.model.covar_module
        with torch.no_grad(), self._on_device():
            return self._blocks(kernel, points)

    def _blocks(self, kernel: Kernel, points: Points) -> Marginals:
        inverse = torch.linalg.solve_triangular(
            self._factor, torch.eye(len(self._factor)).to(self._factor), upper=False
        ).float()
        weights, training_points = self._weights.float(), self._points.float()
        means, deviations = np.empty(len(points)), np.empty(len(points))
        for start in range(0, len(points), BLOCK):
            rows = slice(start, min(start + BLOCK, len(points)))
            block = torch.as_tensor(points[rows], dtype=torch.float32)
            cross = kernel(block, training_points).to_dense().float()
            variance = kernel(block, diag=True) - (cross @ inverse.T).square().sum(1)
            means[rows] = (cross @ weights + self.constant).double().numpy(force=True)
            deviations[rows] = variance.clamp_min(1e-9).sqrt().double().numpy(force=True)
        return Marginals(means, deviations)

    def joint(self, points: Points) -> Joint:
        with torch.no_grad(), self._on_device():
            here = torch.as_tensor(points)
            cross = self.model.covar_module(here, self._points).to_dense()
            explained = torch.linalg.solve_triangular(self._factor, cross.T, upper=False)
            covariance = self.model.covar_module(here).to_dense() - explained.T @ explained
            mean = cross @ self._weights + self.constant
        return Joint(mean.numpy(force=True), ((covariance + covariance.T) / 2).numpy(force=True), self.noise)

    def kernel(self, points: Points) -> Float[np.ndarray, "point point"]:
        """The prior covariance of the function at these points."""
        with torch.no_grad(), self._on_device():
            return self.model.covar_module(torch.as_tensor(points)).to_dense().numpy(force=True)

    def left_out(self) -> Marginals:
        """Leave-one-out distribution of each target, noise included (Rasmussen & Williams 2006, eq. 5.12)."""
        precision = torch.cholesky_inverse(self._factor).diagonal()
        return Marginals(
            self._targets - (self._weights / precision).numpy(force=True), (1 / precision).sqrt().numpy(force=True)
        )


def _model(encoding: Encoding, points: Points, targets: np.ndarray, stated: np.ndarray) -> SingleTaskGP:
    kernel = SiteKernel(encoding) if isinstance(encoding, SiteEncoding) else table_kernel(encoding)
    noisy = FixedNoiseGaussianLikelihood(torch.as_tensor(stated), learn_additional_noise=True) if stated.any() else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # inputs are scaled already, and fingerprints must not be
        return SingleTaskGP(
            torch.as_tensor(points), torch.as_tensor(targets)[:, None], likelihood=noisy, covar_module=kernel,
            outcome_transform=None,
        )  # fmt: skip


def _fit(model: SingleTaskGP, iterations: int) -> None:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # early stopping is intended: the fit is repeated every round
        torch.manual_seed(0)  # retries after a failed fit draw from the global generator
        options = {"options": {"maxiter": iterations}}
        evidence = ExactMarginalLogLikelihood(model.likelihood, model)
        with suppress(ModelFittingError):  # BoTorch then restores the initial values, the modes of the priors
            fit_gpytorch_mll(evidence, optimizer_kwargs=options, max_attempts=1)


def _subset(points: Points, targets: np.ndarray, stated: np.ndarray, generator: np.random.Generator) -> tuple:
    """At most TUNING_POINTS points: two thirds of them the best, the others drawn from the rest."""
    from sciencegen.optimization.surrogate import training_subset

    if len(points) <= TUNING_POINTS:
        return points, targets, stated
    rows = training_subset(targets, TUNING_POINTS, generator)
    return points[rows], targets[rows], stated[rows]


def _shared_state(model: SingleTaskGP) -> dict[str, Tensor]:
    """The parameters without those that belong to single points."""
    own = "likelihood.noise_covar.noise"
    return {name: value for name, value in model.state_dict().items() if not name.startswith(own)}
