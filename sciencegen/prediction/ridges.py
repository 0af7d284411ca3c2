"""Two families of additive models: a ridge regression, and one followed by an increasing curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from sciencegen.prediction.geometry import Query
from sciencegen.prediction.task import Training, tuning_rows

PENALTIES = np.logspace(-1, 5, 13)
SEGMENTS = 12
ENDS = (0.003, 0.997)
"""Quantiles of the sums between which the knots lie."""
ROWS_PER_SEGMENT = 15
ROUNDS = 5
LEAST_SLOPE = 0.05
"""Of the curve, whose mean slope is near 1: every segment still ranks items."""
SMOOTHNESS = 0.01
"""Penalty on the squared change of slope between neighbouring segments, relative to the mean squared error."""
LONGEST_STEP = 2.0
"""Greatest change of an item's sum in one round, in standard deviations."""


@dataclass(frozen=True)
class Ridge:
    """y = x . weights + intercept (Hoerl & Kennard 1970), with the penalty chosen by leave-one-out error."""

    weights: Float[np.ndarray, "column fold"]
    intercept: Float[np.ndarray, " fold"]

    def predict(self, query: Query) -> Float[np.ndarray, "item fold"]:
        return query.inputs @ self.weights + self.intercept


def fit_ridge(training: Training, generator: np.random.Generator) -> Ridge:
    """A ridge regression for each fold, with one penalty for all."""
    inputs, target = emphasized(training), training.target
    penalty = ridge_penalty(inputs, target, generator)
    models = [_fit_ridge(inputs[kept], target[kept], penalty) for kept in map(training.rows_in, range(training.folds))]
    weights = np.stack([weights for weights, _ in models], axis=1)
    return Ridge(_unemphasized(weights, training), np.array([intercept for _, intercept in models]))


def emphasized(training: Training) -> Float[np.ndarray, "item column"]:
    """The columns times their emphasis, so that a common penalty is smaller for emphasized columns."""
    return training.inputs if training.emphasis is None else training.inputs * training.emphasis


def _unemphasized(weights: Float[np.ndarray, "column fold"], training: Training) -> Float[np.ndarray, "column fold"]:
    return weights if training.emphasis is None else weights * training.emphasis[:, None]


def ridge_penalty(inputs: np.ndarray, target: np.ndarray, generator: np.random.Generator) -> float:
    """The one of `PENALTIES` with the least leave-one-out error over `TUNING_ROWS` rows."""
    from sklearn.linear_model import RidgeCV

    tuning = tuning_rows(len(target), generator)
    return float(RidgeCV(PENALTIES).fit(inputs[tuning], target[tuning]).alpha_)


def _fit_ridge(inputs: np.ndarray, target: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    from sklearn.linear_model import Ridge as RidgeRegression

    model = RidgeRegression(penalty).fit(inputs, target)
    return model.coef_, float(model.intercept_)


@dataclass(frozen=True)
class Curve:
    """y = g(x . weights + intercept), with g increasing, linear between knots and logarithmic beyond them.

    For effects that are additive on another scale than the measured one (global epistasis, Otwinowski et al. 2018).
    """

    weights: Float[np.ndarray, "column fold"]
    intercept: Float[np.ndarray, " fold"]
    knots: Float[np.ndarray, "knot fold"]
    heights: Float[np.ndarray, "knot fold"]

    def predict(self, query: Query) -> Float[np.ndarray, "item fold"]:
        sums = query.inputs @ self.weights + self.intercept
        curves = zip(sums.T, self.knots.T, self.heights.T, strict=True)
        return np.stack([on_curve(one, knots, heights)[0] for one, knots, heights in curves], axis=1)


def fit_curve(training: Training, generator: np.random.Generator) -> Curve:
    """Sums and their curve for each fold, with one penalty for all: that of a ridge regression."""
    inputs, target = emphasized(training), training.target
    penalty = ridge_penalty(inputs, target, generator)
    models = [_fit_one(inputs[kept], target[kept], penalty) for kept in map(training.rows_in, range(training.folds))]
    weights, intercept, knots, heights = zip(*models, strict=True)
    columns = [np.stack(parts, axis=1) for parts in (weights, knots, heights)]
    return Curve(_unemphasized(columns[0], training), np.array(intercept), *columns[1:])


def _fit_one(
    inputs: np.ndarray, target: np.ndarray, penalty: float
) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Gauss-Newton: alternately fit the curve to the sums, and the sums with the curve's slope s at each of them.

    y ~ g(sum) + s (new sum - sum), so that new sum ~ sum + (y - g) / s with weight s^2
    """
    weights, intercept = _fit_ridge(inputs, target, penalty)
    for _ in range(ROUNDS):
        sums = inputs @ weights + intercept
        reached, slope = on_curve(sums, *rising_curve(sums, target))
        step = np.clip((target - reached) / slope, -LONGEST_STEP, LONGEST_STEP)
        weights, intercept = weighted_ridge(inputs, sums + step, slope**2, penalty, weights)
    knots, heights = rising_curve(inputs @ weights + intercept, target)
    return weights, intercept, knots, heights


def rising_curve(
    sums: Float[np.ndarray, " item"], target: Float[np.ndarray, " item"]
) -> tuple[Float[np.ndarray, " knot"], Float[np.ndarray, " knot"]]:
    """Knots and heights of the least-squares curve, by non-negative least squares on its slopes.

    There are always SEGMENTS segments, so that all folds fit in one array; with few items, segments share slopes.
    """
    from scipy.optimize import nnls

    start, end = np.quantile(sums, ENDS)
    knots = np.linspace(start, max(end, start + 1e-9), SEGMENTS + 1)
    segments = max(1, min(SEGMENTS, len(sums) // ROWS_PER_SEGMENT))
    owner = np.arange(SEGMENTS) * segments // SEGMENTS
    inside = np.clip(sums[:, None] - knots[:-1], 0, np.diff(knots))
    inside[:, 0] += np.minimum(sums - knots[0], 0)
    inside[:, -1] += np.maximum(sums - knots[-1], 0)
    design = inside @ (owner[:, None] == np.arange(segments))
    constant = np.ones((len(sums), 1))
    bends = np.sqrt(SMOOTHNESS * len(sums)) * np.diff(np.eye(segments), axis=0)
    matrix = np.block([[constant, -constant, design], [np.zeros((segments - 1, 2)), bends]])
    aim = np.concatenate([target - LEAST_SLOPE * design.sum(axis=1), np.zeros(segments - 1)])
    found, _ = nnls(matrix, aim)
    slopes = found[2:][owner] + LEAST_SLOPE
    return knots, found[0] - found[1] + np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))])


def on_curve(
    sums: Float[np.ndarray, " item"], knots: Float[np.ndarray, " knot"], heights: Float[np.ndarray, " knot"]
) -> tuple[Float[np.ndarray, " item"], Float[np.ndarray, " item"]]:
    """The curve's height and its slope at each sum.

    Beyond the knots it is logarithmic: there are few data, and assays saturate. With excess e, last slope s and the
    distance w between knots:    height + s w log(1 + e / w)
    """
    segment = np.clip(np.searchsorted(knots, sums) - 1, 0, len(knots) - 2)
    slope, inside = (np.diff(heights) / np.diff(knots))[segment], np.clip(sums, knots[0], knots[-1])
    width, beyond = knots[1] - knots[0], sums - inside
    reached = inside + np.sign(beyond) * width * np.log1p(np.abs(beyond) / width)
    return heights[segment] + slope * (reached - knots[segment]), slope / (1 + np.abs(beyond) / width)


def weighted_ridge(
    inputs: Float[np.ndarray, "item column"],
    target: Float[np.ndarray, " item"],
    weight: Float[np.ndarray, " item"],
    penalty: float,
    start: Float[np.ndarray, " column"],
    steps: int = 60,
    tolerance: float = 1e-6,
) -> tuple[Float[np.ndarray, " column"], float]:
    """Coefficients and intercept, by conjugate gradients from `start`: X' W X is never formed.

    (Xc' W Xc + penalty) v = Xc' W (y - mean y), where Xc is X minus its weighted mean
    """
    share = weight / weight.sum()
    centred = lambda values: values - share @ values  # noqa: E731
    applied = lambda vector: inputs.T @ (weight * centred(inputs @ vector)) + penalty * vector  # noqa: E731
    scale = weight @ inputs**2 + penalty
    found = start.copy()
    aim = inputs.T @ (weight * centred(target))
    left = aim - applied(found)
    towards = preconditioned = left / scale
    for _ in range(steps):
        if left @ left <= (tolerance**2) * (aim @ aim):
            break
        moved = applied(towards)
        length = (left @ preconditioned) / (towards @ moved)
        found, before = found + length * towards, left @ preconditioned
        left = left - length * moved
        preconditioned = left / scale
        towards = preconditioned + (left @ preconditioned) / before * towards
    return found, float(share @ target - share @ (inputs @ found))
