"""Normal distributions of a function's values, at single points or jointly over several, and draws from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Marginals:
    """Mean and standard deviation of the function (not of a measurement) at each point."""

    mean: Float[np.ndarray, " point"]
    deviation: Float[np.ndarray, " point"]


@dataclass(frozen=True)
class JointNormal:
    """Mean and covariance of the function over some points, and the variance of a measurement's noise
    (in the joint that a model returns, without the stated errors)."""

    mean: Float[np.ndarray, " point"]
    covariance: Float[np.ndarray, "point point"]
    noise: float


def stable_cholesky(matrix: Tensor) -> Tensor:
    """The Cholesky factor, with the smallest addition to the diagonal (from 1e-8 of its mean) for which it exists."""
    scaled = float(matrix.diagonal().mean()) * torch.eye(len(matrix), dtype=matrix.dtype)
    for power in range(-8, 0):
        factor, failed = torch.linalg.cholesky_ex(matrix + 10.0**power * scaled)
        if not int(failed):
            return factor
    raise ValueError(f"no covariance matrix: its least eigenvalue is {float(torch.linalg.eigvalsh(matrix)[0]):.3g}")


def draws_of(joint: JointNormal, count: int, generator: np.random.Generator) -> Float[np.ndarray, "draw point"]:
    """Draws from the joint posterior: mean + L eps with L L^T = covariance."""
    jitter = 1e-8 * max(float(np.diag(joint.covariance).mean()), 1e-12)
    factor = stable_cholesky(torch.as_tensor(joint.covariance) + jitter * torch.eye(len(joint.mean))).numpy()
    return joint.mean + generator.standard_normal((count, len(joint.mean))) @ factor.T


def log_density(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Log N(value; mean, deviation^2)."""
    return -0.5 * np.square((values - mean) / deviation) - np.log(deviation) - 0.5 * math.log(2 * math.pi)


def rank_correlation(some: Float[np.ndarray, " item"], others: Float[np.ndarray, " item"]) -> float:
    """Spearman's correlation; NaN for equal values.

    Examples
    --------
    >>> import numpy as np
    >>> round(rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0])), 6)
    0.5
    """
    from sciencegen.metrics.numbers import spearman  # on use: needs scipy

    return spearman(some, others) if len(some) > 1 and np.ptp(some) > 0 and np.ptp(others) > 0 else math.nan
