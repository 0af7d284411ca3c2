"""BoTorch's acquisition functions over a finite set whose joint posterior is known: an input is an index into it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.models.gpytorch import GPyTorchModel
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.sampling.normal import SobolQMCNormalSampler
from gpytorch.distributions import MultivariateNormal
from jaxtyping import Float, Int
from torch import Tensor

from sciencegen.optimization.normals import Joint

JITTER = 1e-6
"""Variance added to the diagonal, relative to the mean variance: it allows an index to occur twice in a set."""


class FinitePool(GPyTorchModel):
    """posterior(X): the joint normal of the points whose indices X [... q 1] holds."""

    num_outputs = 1
    batch_shape = torch.Size([])

    def __init__(self, joint: Joint) -> None:
        super().__init__()
        self._mean, self._covariance = torch.as_tensor(joint.mean), torch.as_tensor(joint.covariance)
        self._jitter = JITTER * max(float(np.diag(joint.covariance).mean()), 1e-12)

    def posterior(
        self, X: Tensor, *arguments: object, posterior_transform: object = None, **options: object
    ) -> GPyTorchPosterior:
        index = X[..., 0].long()
        covariance = self._covariance[index[..., :, None], index[..., None, :]]
        covariance = covariance + self._jitter * torch.eye(index.shape[-1], dtype=covariance.dtype)
        return GPyTorchPosterior(MultivariateNormal(self._mean[index], covariance))


def log_noisy_improvement(
    pool: FinitePool, candidates: Int[np.ndarray, " candidate"], reference: Sequence[int], draws: int, seed: int
) -> Float[np.ndarray, " candidate"]:
    """Log E[max(0, f(candidate) - max f(reference))] of each candidate, where the reference is uncertain too.

    The reference includes pending items, so that the value is what the candidate adds to them.
    """
    sampler = SobolQMCNormalSampler(torch.Size([draws]), seed=seed)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # BoTorch expects inputs in the unit cube; these are indices
        function = qLogNoisyExpectedImprovement(pool, _column(reference), sampler, prune_baseline=False)
        return function(_column(candidates)[:, None]).numpy()


def _column(index: Sequence[int] | np.ndarray) -> Tensor:
    return torch.as_tensor(np.asarray(index, float))[:, None]
