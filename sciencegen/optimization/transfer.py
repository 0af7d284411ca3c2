"""Earlier measurements of other targets as prior knowledge: their predictions are the mean function of a model.

    f(x) = sum_k w_k m_k(x) + g(x)          g ~ GP or ensemble
    w = (M^T M + I)^-1 M^T t          columns of M and t less their means

m_k: predictions by a model of the k-th earlier task, in its standard deviations; t: the measured targets in theirs. So
w is the correlation of the tasks, shrunk towards 0, and g what this target has of its own (Kennedy & O'Hagan 2000; the
autoregressive case of an intrinsic coregionalization). A task that is not related would only add noise: a combination
of K tasks is used if it makes the n left-out measurements likelier by more than one standard error, and by more than
K / n nats each, what so many weights gain by chance (Akaike 1974); else none is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Protocol

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.normals import Joint, Marginals

Points = Float[np.ndarray, "point column"]


class PointEncoding(Protocol):
    """Rows of features as the points of a model."""

    def points(self, rows: FeatureRows) -> Points: ...


class Model(Protocol):
    """A `posterior.SurrogateModel`."""

    noise: float

    def marginals(self, points: Points) -> Marginals: ...

    def joint(self, points: Points) -> Joint: ...

    def left_out(self) -> Marginals: ...


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
    centred = known - known.mean(0)
    return np.linalg.solve(centred.T @ centred + np.eye(known.shape[1]), centred.T @ (targets - targets.mean()))


@dataclass
class TransferModel:
    """A model of the residuals, and the mean function of the tasks. known: M at the measured items."""

    residual: Model
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


def combinations_of(count: int) -> list[tuple[int, ...]]:
    """The combinations of tasks that are tried: all, and each alone.

    Examples
    --------
    >>> combinations_of(1), combinations_of(3)
    ([(0,)], [(0, 1, 2), (0,), (1,), (2,)])
    """
    return [tuple(range(count)), *(combinations(range(count), 1) if count > 1 else [])]


def is_better(with_tasks: Float[np.ndarray, " item"], without: Float[np.ndarray, " item"], tasks: int) -> bool:
    """Whether log densities are greater by more than one standard error, and by more than so many weights gain by
    chance.

    Examples
    --------
    >>> import numpy as np
    >>> is_better(np.full(10, 0.2), np.zeros(10), 1), is_better(np.full(10, 0.2), np.zeros(10), 3)
    (True, False)
    """
    gain, count = with_tasks - without, len(without)
    return float(gain.mean()) > max(tasks / count, float(gain.std(ddof=1)) / math.sqrt(count))
