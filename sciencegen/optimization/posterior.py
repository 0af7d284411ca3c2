"""The posterior given measured values: a surrogate model and a scale, chosen by cross-validated likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, Integer
from scipy.special import ndtr, ndtri

from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.metrics.numbers import GREATEST, SHAPES, Warp, check_magnitude, fit_warp
from sciencegen.optimization.censored import Limits, log_interval_probability
from sciencegen.optimization.feature_rows import Encoding, FeatureRows, fit_encoding
from sciencegen.optimization.measurements import LEAST_MEASURED, Measurement, typical_variance
from sciencegen.optimization.normals import JointNormal, Marginals, log_density, rank_correlation

# Surrogate models by name: what they are fitted to, and what they predict.

Points = Float[np.ndarray, "point column"]

GP = "gp"
MODELS = {
    GP: "sciencegen.optimization.gaussian_process:GaussianProcess",
    "ensemble": "sciencegen.optimization.ensemble:DeepEnsemble",
}
"""Import strings of surrogates: BoTorch takes seconds to import."""


class SurrogateModel(Protocol):
    """A model of a function. noise: variance of the targets around it beyond their stated errors."""

    noise: float

    def marginals(self, points: Points) -> Marginals: ...

    def joint(self, points: Points) -> JointNormal: ...

    def left_out(self) -> Marginals:
        """Each target's predictive distribution from the others, noise included."""


class FitModel(Protocol):
    """brief: few steps, enough to compare scales."""

    def __call__(
        self, encoding: Encoding, points: Points, targets: Float[np.ndarray, " point"],
        errors: Float[np.ndarray, " point"], generator: np.random.Generator, brief: bool = False,
    ) -> SurrogateModel: ...  # fmt: skip


def load_model(name: str) -> FitModel:
    """The surrogate with this name."""
    module, attribute = MODELS[name].split(":")
    return getattr(import_module(module), attribute)


# Calibration of a model's deviations by its leave-one-out residuals.
#
# Most of the first measured values are low, but plates are picked where predictions are highest: intervals that cover
# 90% of all items cover fewer of the picked ones. Leave-one-out residuals give the correction: with means m_i,
# deviations s_i and z_i = (y_i - m_i) / s_i,
#
#     widening(m)^2 = max(1, (c + sum_i w_i z_i^2) / (c + sum_i w_i)),    w_i = exp(-(m - m_i)^2 / 2 h^2)
#
# For a prediction outside the range of the m_i, the squared distance to the nearest of them is added to the variance.
#
# Errors are often skewed or have heavy tails. Draws of measurements have the shape of the z_i, with the same weights.

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


# Earlier measurements of other targets as prior knowledge: their predictions are the mean function of a model.
#
#     f(x) = sum_k w_k m_k(x) + g(x)          g ~ GP or ensemble
#     b = (M^T M)^-1 M^T t                    columns of M and t less their means
#     w_k = b_k max(0, 1 - s_k^2 / b_k^2)     s_k: standard error of b_k
#
# m_k: predictions by a model of the k-th earlier task, in its standard deviations; t: the measured targets in theirs.
# So b_k is the part that both have in common, g what this target has of its own (Kennedy & O'Hagan 2000; the
# autoregressive case of an intrinsic coregionalization). A task that is not related would only add noise: a weight is
# shrunk towards 0 by the positive-part rule of James & Stein (1961), and is 0 where it is less than its standard error.


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

    def joint(self, points: Points) -> JointNormal:
        own, mean = self._parts(points)
        found = self.residual.joint(own)
        return replace(found, mean=found.mean + mean)

    def left_out(self) -> Marginals:
        found = self.residual.left_out()
        return replace(found, mean=found.mean + self.known @ self.weights)

    def _parts(self, points: Points) -> tuple[Points, Float[np.ndarray, " point"]]:
        count = len(self.weights)
        return points[:, :-count], points[:, -count:] @ self.weights


# One surrogate model on one scale, fitted to measured values: the posterior, and how likely left-out values are.

LEVEL = 0.9
ROWS_AT_ONCE = 8192


@dataclass(frozen=True)
class SurrogatePosterior:
    """A fitted model on its scale. `marginals` and `joint` are of warped values, `interval` of measured ones.

    noise: variance of one new measurement around the function, on the warp's scale. likelihoods: cross-validated log
    likelihood of each pair of model and scale, in nats per measurement. calibration: of the model's deviations. name:
    of the model and the scale, such as "gp log". correlation: rank correlation of values and left-out predictions.
    tasks: number of each earlier task that is used -> its weight. others: less likely models on the same scale.
    """

    encoding: PointEncoding
    model: SurrogateModel
    warp: Warp
    noise: float
    calibration: ResidualCalibration
    likelihoods: Mapping[str, float] = field(default_factory=dict)
    name: str = ""
    correlation: float = math.nan
    tasks: Mapping[int, float] = field(default_factory=dict)
    others: Sequence[SurrogatePosterior] = ()

    def points(self, rows: FeatureRows) -> Points:
        return self.encoding.points(rows)

    def marginals(self, rows: FeatureRows) -> Marginals:
        """Part by part: the points of a large pool need not be in memory at once."""
        starts = range(0, max(len(rows), 1), ROWS_AT_ONCE)
        parts = [self.model.marginals(self.points(rows[start : start + ROWS_AT_ONCE])) for start in starts]
        return Marginals(*(np.concatenate([getattr(one, name) for one in parts]) for name in ("mean", "deviation")))

    def means(self, rows: FeatureRows) -> Float[np.ndarray, " item"]:
        """Those of `marginals`; of an earlier task, it is a `Task`."""
        return self.marginals(rows).mean

    def joint(self, points: Points) -> JointNormal:
        """The model's `Joint`, with the noise of a new measurement."""
        return replace(self.model.joint(points), noise=self.noise)

    def interval(
        self, mean: np.ndarray, deviation: np.ndarray, wider: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Median and ends of a 90% interval of the next measurement, noise included, in the unit of the values. wider:
        factor of the deviations."""
        expected = self.calibration.deviation(mean, np.sqrt(np.square(deviation) + self.noise))
        reach = wider * float(ndtri((1 + LEVEL) / 2)) * expected
        return self.warp.inverse(mean), self.warp.inverse(mean - reach), self.warp.inverse(mean + reach)


@dataclass(frozen=True)
class Measured:
    """What a model is fitted to. errors: of the values, which are means of `replicates` measurements; NaN where none is
    stated. limits: of censored values, whose `values` are their bounds; None if all are exact."""

    values: Float[np.ndarray, " item"]
    errors: Float[np.ndarray, " item"]
    replicates: Integer[np.ndarray, " item"] | int = 1
    limits: Limits | None = None

    @classmethod
    def from_measurements(cls, measured: Sequence[Measurement], sign: float) -> Measured:
        """The values, negated with sign -1."""
        values, errors = sign * np.array([one.value for one in measured]), np.array([one.error for one in measured])
        return cls(values, errors, np.array([one.replicates for one in measured]), _limits(measured, sign))

    @property
    def single(self) -> Float[np.ndarray, " item"]:
        """Errors of one measurement."""
        return self.errors * np.sqrt(self.replicates)

    def of(self, rows: slice | Integer[np.ndarray, " row"]) -> Measured:
        """Those of some items."""
        replicates = self.replicates if isinstance(self.replicates, int) else self.replicates[rows]
        limits = None if self.limits is None else self.limits.of(rows)
        return Measured(self.values[rows], self.errors[rows], replicates, limits)

    @property
    def exact(self) -> slice | Bool[np.ndarray, " item"]:
        return slice(None) if self.limits is None else ~self.limits.censored


def _limits(measured: Sequence[Measurement], sign: float) -> Limits | None:
    """The limits of the values, negated with sign -1; None if all are numbers."""
    if all(one.limits is None for one in measured):
        return None
    ends = np.sort(sign * np.array([one.limits or (one.value, one.value) for one in measured]), axis=1)
    return Limits(ends[:, 0], ends[:, 1])


def fit_one(
    encoding: Encoding, points: Points, measured: Measured, choice: tuple[str, str], generator: np.random.Generator,
    brief: bool, known: Float[np.ndarray, "item task"] | None = None,
) -> tuple[SurrogatePosterior, Float[np.ndarray, " item"]]:  # fmt: skip
    """The posterior of one model and scale (`choice`), and the left-out log density of each value. known: predictions
    of earlier tasks, whose weighted sum is the mean function."""
    name, shape = choice
    warp = fit_warp(shape, measured.values)
    targets, slope = warp.forward(measured.values), warp.slope(measured.values)
    limits = measured.limits
    if limits is not None:  # on the warp's scale
        limits = Limits(*(np.where(np.isfinite(end), warp.forward(end), end) for end in (limits.low, limits.high)))
    weights = np.zeros(0) if known is None else weights_of(known, targets)
    mean = np.zeros(len(targets)) if known is None else known @ weights
    model: SurrogateModel
    if limits is None:
        model = load_model(name)(encoding, points, targets - mean, measured.errors * slope, generator, brief)
    else:
        from sciencegen.optimization.gaussian_process import CensoredProcess  # on use: imports BoTorch

        around = Limits(limits.low - mean, limits.high - mean)
        errors = measured.errors * slope
        model = CensoredProcess(encoding, points, targets - mean, errors, around, generator, brief)
    if known is not None:
        model = TransferModel(model, weights, known, model.noise)
    noise = model.noise + typical_variance(measured.single * slope)
    left_out, exact = model.left_out(), measured.exact
    density = log_density(targets, left_out.mean, left_out.deviation) + np.log(slope)
    if limits is not None:
        within = log_interval_probability(left_out.mean, left_out.deviation, limits)
        density = np.where(limits.censored, within, density)
    residual = (targets - left_out.mean) / left_out.deviation
    calibration = ResidualCalibration(left_out.mean[exact], residual[exact])
    likelihood = {f"{name} {shape}": float(density.mean())}
    correlation = rank_correlation(targets[exact], left_out.mean[exact])
    return SurrogatePosterior(encoding, model, warp, noise, calibration, likelihood, correlation=correlation), density


TRAINING_POINTS = 2000
"""Most measured items that the model is fitted on: two thirds of them the best, the others drawn from the rest."""


def fit_posterior(
    rows: FeatureRows,
    measured: Measured,
    generator: np.random.Generator,
    *,
    surrogate: str = "auto",
    scale: str = "auto",
    tasks: Sequence[Task] = (),
) -> SurrogatePosterior:
    """Fit the first model that `surrogate` allows on every scale, the others on the best scale; keep the most likely.

    The density of a measured value is that of the warped one times the warp's slope, so that scales are comparable. It
    is cross-validated: leave-one-out with the kernel fitted on all items, or members that each leave out a fifth.
    The linear scale is kept unless another is better by more than one standard error (`best_scale`).

    The noise is that of one measurement, with e_i the error of the mean of n_i replicates:

    noise = s^2 + median_i(n_i e_i^2)

    The model of censored values is a Gaussian process, and the likelihood of such a value is its probability to be
    within its limits.

    tasks: predictions by models of earlier measurements, which are the mean function with shrunk weights.
    """
    models, shapes = names_for("surrogate", surrogate, MODELS), names_for("scale", scale, SHAPES)
    _check_measured(measured.values, measured.errors)
    if measured.limits is not None:
        models = _models_of_limits(models, measured.limits)
    taken = _subset(measured.values, generator)
    rows, measured = rows[taken], measured.of(taken)
    encoding = fit_encoding(rows)
    points = encoding.points(rows)
    fitted: dict[str, SurrogatePosterior] = {}

    def fit(name: str, shape: str, brief: bool = False) -> Float[np.ndarray, " item"]:
        fitted[f"{name} {shape}"], density = fit_one(encoding, points, measured, (name, shape), generator, brief)
        return density

    chosen = shapes[0] if len(shapes) == 1 else best_scale({one: fit(models[0], one, brief=True) for one in shapes})
    for name in models:
        fit(name, chosen)
    likelihoods = {name: one.likelihoods[name] for name, one in fitted.items()}
    best = max((f"{name} {chosen}" for name in models), key=lambda name: likelihoods[name])
    others = [fitted[one] for name in models if (one := f"{name} {chosen}") != best]
    found = replace(fitted[best], name=best, likelihoods=likelihoods, others=others)
    return _with_tasks(found, rows, measured, tasks, generator) if tasks else found


def _with_tasks(
    found: SurrogatePosterior,
    rows: FeatureRows,
    measured: Measured,
    tasks: Sequence[Task],
    generator: np.random.Generator,
) -> SurrogatePosterior:
    """The posterior of what earlier tasks don't predict, plus their predictions; unchanged if no weight is left."""
    name, shape = found.name.split(" ", 1)
    known = predictions(tasks, rows)
    weights = weights_of(known, found.warp.forward(measured.values))
    used = np.flatnonzero(weights).tolist()
    if not used:
        return found
    encoding = fit_encoding(rows)
    points = encoding.points(rows)
    made, density = fit_one(encoding, points, measured, (name, shape), generator, False, known[:, used])
    final = weights_of(known[:, used], made.warp.forward(measured.values)).tolist()
    return replace(
        made,
        encoding=TransferEncoding(encoding, [tasks[place] for place in used]),
        name=found.name,
        likelihoods={**found.likelihoods, found.name: float(density.mean())},
        tasks=dict(zip(used, final, strict=True)),
    )


def _models_of_limits(models: list[str], limits: Limits) -> list[str]:
    """The models that know censored values, of those allowed."""
    if GP not in models:
        raise ConfigError(
            f"Expected the surrogate {GP} or auto for censored values, got {models[0]}. Leave `surrogate` out, or "
            "leave bounds such as `>5` out of the measurements."
        )
    if limits.censored.all():
        raise DataError(
            f"Expected a measured number among {len(limits.low)} measured items, all are bounds such as `>5`. Measure "
            "items within the range of the assay."
        )
    return [GP]


def _check_measured(values: Float[np.ndarray, " item"], errors: Float[np.ndarray, " item"]) -> None:
    """Raise an error for too few different values, and for numbers so large that their squares aren't finite."""
    if len(values) < LEAST_MEASURED or np.ptp(values) == 0:
        raise DataError(
            f"Expected at least {LEAST_MEASURED} measured items whose values differ, got {len(values)} with "
            f"{len(np.unique(values))} different values. Propose a first plate without measurements, and measure it."
        )
    check_magnitude(values)
    if np.nanmax(errors / np.ptp(values), initial=0) > GREATEST:
        raise DataError(
            f"Expected standard errors of at most {GREATEST:g} times the range of the measured values, got "
            f"{np.nanmax(errors):g}. Correct the measurements."
        )


def best_scale(densities: Mapping[str, Float[np.ndarray, " item"]]) -> str:
    """The scale with the greatest mean log density; the linear one if the difference is within one standard error.

    d_i = log p_best(y_i) - log p_linear(y_i)
    error = s(d) / sqrt(n)

    The one-standard-error rule (Breiman et al. 1984, section 3.4.3), with paired differences.

    Examples
    --------
    >>> import numpy as np
    >>> linear = np.zeros(4)
    >>> best_scale({"linear": linear, "log": linear + [0.1, 0.2, 0.1, 0.2]})
    'log'
    >>> best_scale({"linear": linear, "log": linear + [1.0, -0.5, 1.0, -0.5]})
    'linear'
    """
    best = max(densities, key=lambda name: float(densities[name].mean()))
    gain = densities[best] - densities["linear"]
    return best if gain.mean() > gain.std(ddof=1) / math.sqrt(len(gain)) else "linear"


def names_for(setting: str, name: str, known: Mapping[str, object]) -> list[str]:
    """The names that a setting allows: one of the known names, or all of them for "auto".

    Examples
    --------
    >>> names_for("surrogate", "auto", {"gp": 1, "ensemble": 2})
    ['gp', 'ensemble']
    """
    if name != "auto" and name not in known:
        raise unknown_name(setting, name, [*known, "auto"])
    return list(known) if name == "auto" else [name]


def _subset(values: np.ndarray, generator: np.random.Generator) -> slice | np.ndarray:
    from sciencegen.optimization.surrogate import training_subset

    if len(values) <= TRAINING_POINTS:
        return slice(None)
    return np.sort(training_subset(values, TRAINING_POINTS, generator))


# How items that were picked for their predictions differ from the posterior, learned from the plates before.
#
#     b ~ N(b_0, v)                      how much worse such items are than predicted, on this landscape
#     e_k | b ~ N(-b, c + 1 / n_k)       mean error of the n_k measured items of plate k, in calibrated deviations
#     1 / w = 1 / v + sum_k 1 / (c + 1 / n_k)
#     E(b | e) = b_0 - w sum_k (e_k + b_0) / (c + 1 / n_k)
#
# The next plate has this bias, and c + w of the variance of its errors in common.
#
# Series that the model doesn't know count as plates before the first one. How much their e_k differ, beyond the
# posterior's correlations, gives c, and the variance of errors within them plus c + w widens the deviations. For them
# b_0 is 0: far from measured items a model falls back to their mean, so that its best predictions there are none of
# lucky errors.

WIDER = 1.2
"""Factor of the 90% intervals of a plate's items, which were picked for what the model may be wrong about: plates of
replayed campaigns on PAB1 and UBE4B held 86 to 96% of their values so, instead of 77 to 93%."""
BIAS, AMONG, COMMON = 0.3, 0.07, 0.05
"""b_0, v and c, fitted to plates of 48 of replayed campaigns on PAB1 and UBE4B, once towards high and once towards low
values. The hit counts of these four are most likely at biases of 0.57, 0.25, 0.25 and 0.22, and a common share of 0.1
or less; v is their variance with Student's t of four. With a pool of surrogates (`forecast`) shares of 0.03 to 0.1 are
equally likely, and one of 0.05 gives intervals as wide as 0.1 did without."""

NEW_BIAS = 0.0
"""b_0 of series that the model doesn't know. Of 104 assays of FS-Mol whose series were left out, the picked items had
errors of 0.07 on average, above 0: better than predicted. Forecasts of 275 hits had means of 269 with 0, of 225 with
`BIAS`."""
SERIES_WEIGHT = 3.0
"""Weight, in series, of the assumption that series are as plates of replayed campaigns."""
MOST = 5.0
"""Largest error of an item that counts, in calibrated deviations."""
LINEAR, TINY = 1e-4, 1e-12
"""Difference of an interval's halves up to which a scale counts as linear, and the least argument of a logarithm."""
Errors = Float[np.ndarray, " item"]


@dataclass(frozen=True)
class Misfit:
    """How items that were picked for their predictions differ from the posterior, in calibrated deviations.

    Parameters
    ----------
    bias : float
        b: how much worse they are on average.
    common : float
        c: share of the variance of an error that all items of the plate have in common.
    widening : float
        Factor of the deviations, 1 or more.
    """

    bias: float = 0.0
    common: float = 0.0
    widening: float = 1.0

    def towards(self, other: Misfit, share: float) -> Misfit:
        """The misfit between this one and another, whose share is from 0 to 1.

        Examples
        --------
        >>> Misfit(0.0, 0.1).towards(Misfit(1.0, 0.3, 2.0), 0.5)
        Misfit(bias=0.5, common=0.2, widening=1.5)
        """
        pairs = ((self.bias, other.bias), (self.common, other.common), (self.widening, other.widening))
        return Misfit(*(one + share * (two - one) for one, two in pairs))


PICKED = Misfit(BIAS, COMMON + AMONG)
"""Of the first plate that is picked for its predictions."""


@dataclass(frozen=True)
class PlateError:
    """mean: error of a plate's measured items on average, in calibrated deviations, above 0 if they are better than
    predicted. items: how many they are; of correlated errors the number of independent ones whose mean varies as much.
    variance: of their errors around that mean, 1 as the model has it."""

    mean: float
    items: float
    variance: float = 1.0


def misfit_after(plates: Sequence[PlateError], series: Sequence[PlateError] = ()) -> Misfit:
    """The misfit of the plate after these ones; `PICKED` after none. series: errors of plates that would have been
    picked from series that the model didn't know (`forecast.series_errors`).

    Examples
    --------
    >>> misfit_after([]) == PICKED
    True
    >>> found = misfit_after([PlateError(0.2, 96), PlateError(0.1, 96)])  # better than predicted
    >>> round(found.bias, 2), round(found.common, 2)
    (-0.01, 0.07)
    """
    common, within, bias = COMMON, 1.0, NEW_BIAS if series else BIAS
    if series:  # how much they differ among each other, and how wide their errors are
        middle = float(np.mean([one.mean for one in series]))
        apart = sum((one.mean - middle) ** 2 - 1 / one.items for one in series)
        common = (SERIES_WEIGHT * COMMON + max(0.0, apart)) / (SERIES_WEIGHT + max(len(series) - 1, 1))
        within = (SERIES_WEIGHT + sum(one.variance for one in series)) / (SERIES_WEIGHT + len(series))
    every = [*series, *plates]
    precision = [1 / (common + 1 / one.items) for one in every]
    left = 1 / (1 / AMONG + sum(precision))
    told = sum((one.mean + bias) * own for one, own in zip(every, precision, strict=True))
    shared = common + left
    whole = max(1.0, within + shared) if series else 1.0
    return Misfit(bias - left * told, min(1.0, shared / whole), math.sqrt(whole))


def plate_error(values: Sequence[float], ends: Sequence[Errors], minimize: bool) -> PlateError | None:
    """The error of a plate of which these values were measured; None without any that was predicted. ends: median,
    lower and upper end of each, as `Plate` has them. Errors are those on the model's scale, as far as `MOST`.

    Examples
    --------
    >>> import numpy as np
    >>> ends = np.array([10.0, 10.0]), np.array([1.0, 1.0]), np.array([100.0, 100.0])
    >>> plate_error([100.0, 1.0], ends, minimize=False)  # both by one interval's half on a logarithmic scale
    PlateError(mean=0.0, items=2, variance=1.0)
    """
    median, lower, upper = ends
    error, below, above = np.asarray(values, float) - median, median - lower, upper - median
    known = np.isfinite(error) & np.isfinite(below) & np.isfinite(above) & (below > 0) & (above > 0)
    if not known.any():
        return None
    halves = _halves(error[known], below[known], above[known])
    errors = np.clip(WIDER * float(ndtri((1 + LEVEL) / 2)) * halves, -MOST, MOST)
    mean = float(errors.mean())
    return PlateError(-mean if minimize else mean, int(known.sum()))


def _halves(error: Errors, below: Errors, above: Errors) -> Errors:
    """Errors in halves of their interval on the scale, linear or logarithmic, on which both halves are equal.

    With r = above / below this is log(1 + error (r - 1) / above) / log(r): 1 at the upper end, -1 at the lower one.
    """
    ratio = above / below
    bent = np.log(np.maximum(1 + error * (ratio - 1) / above, TINY)) / np.where(ratio == 1, 1, np.log(ratio))
    return np.where(np.abs(ratio - 1) < LINEAR, error / above, bent)
