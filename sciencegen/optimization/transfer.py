"""Earlier measurements of other targets as prior knowledge: their predictions are the mean function of a model.

    f(x) = sum_k w_k m_k(x) + g(x)          g ~ GP or ensemble
    b = (M^T M)^-1 M^T t                    columns of M and t less their means
    w_k = b_k max(0, 1 - s_k^2 / b_k^2)     s_k: standard error of b_k

m_k: predictions by a model of the k-th earlier task, in its standard deviations; t: the measured targets in theirs. So
b_k is the part that both have in common, g what this target has of its own (Kennedy & O'Hagan 2000; the autoregressive
case of an intrinsic coregionalization). A task that is not related would only add noise: a weight is shrunk towards 0
by the positive-part rule of James & Stein (1961), and is 0 where it is less than its standard error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.normals import Joint, Marginals
from sciencegen.optimization.surrogate_models import Points, SurrogateModel


class PointEncoding(Protocol):
    """Rows of features as the points of a model."""

    def points(self, rows: FeatureRows) -> Points: ...


class Task(Protocol):
    """An earlier task: rows -> predictions, with a variance of about 1 among the items that it was fitted to."""

    def __call__(self, rows: FeatureRows) -> Float[np.ndarray, " item"]: ...


@dataclass(frozen=True)
class TransferEncoding:
    """The points of another encoding, and the predictions of earlier tasks as further columns."""

    encoding: PointEncoding
    tasks: Sequence[Task]

    def points(self, rows: FeatureRows) -> Points:
        return np.concatenate([self.encoding.points(rows), predictions(self.tasks, rows)], 1)


def predictions(tasks: Sequence[Task], rows: FeatureRows) -> Float[np.ndarray, "item task"]:
    """M."""
    return np.stack([task(rows) for task in tasks], 1)


def weights_of(
    known: Float[np.ndarray, "item task"], targets: Float[np.ndarray, " item"]
) -> Float[np.ndarray, " task"]:
    """W. The model of the residuals has a mean of its own.

    Examples
    --------
    >>> import numpy as np
    >>> known = np.random.default_rng(0).standard_normal((1000, 1))
    >>> weights_of(known, 0.5 * known[:, 0]).round(2)
    array([0.5])
    """
    count, tasks = known.shape
    centred, own = known - known.mean(0), targets - targets.mean()
    covariance = np.linalg.inv(centred.T @ centred + 1e-9 * np.eye(tasks))
    found = covariance @ centred.T @ own
    variance = float(np.square(own - centred @ found).sum()) / max(count - tasks - 1, 1)
    shrunk = 1 - variance * np.diag(covariance) / np.maximum(np.square(found), 1e-12)
    return found * np.maximum(shrunk, 0.0)


@dataclass
class TransferModel:
    """A model of the residuals, and the mean function of the tasks. known: M at the measured items."""

    residual: SurrogateModel
    weights: Float[np.ndarray, " task"]
    known: Float[np.ndarray, "item task"]
    noise: float

    def marginals(self, points: Points) -> Marginals:
        own, mean = self._parts(points)
        found = self.residual.marginals(own)
        return replace(found, mean=found.mean + mean)

    def joint(self, points: Points) -> Joint:
        own, mean = self._parts(points)
        found = self.residual.joint(own)
        return replace(found, mean=found.mean + mean)

    def left_out(self) -> Marginals:
        found = self.residual.left_out()
        return replace(found, mean=found.mean + self.known @ self.weights)

    def _parts(self, points: Points) -> tuple[Points, Float[np.ndarray, " point"]]:
        count = len(self.weights)
        return points[:, :-count], points[:, -count:] @ self.weights
