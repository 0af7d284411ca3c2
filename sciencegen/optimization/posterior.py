"""The posterior given measured values: a surrogate model and a scale, chosen by cross-validated likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, Integer
from scipy.special import ndtri

from sciencegen.errors import ConfigError, DataError, unknown_name
from sciencegen.metrics.warps import GREATEST, SHAPES, Warp, check_magnitude, fit_warp
from sciencegen.optimization.censored import Limits, log_interval_probability
from sciencegen.optimization.feature_rows import Encoding, FeatureRows, fit_encoding
from sciencegen.optimization.measurements import typical_variance
from sciencegen.optimization.normals import Joint, Marginals, log_density, rank_correlation
from sciencegen.optimization.residual_calibration import ResidualCalibration

Points = Float[np.ndarray, "point column"]

LEAST_MEASURED = 3
TRAINING_POINTS = 2000
"""Most measured items that the model is fitted on: two thirds of them the best, the others drawn from the rest."""
LEVEL = 0.9


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

    def joint(self, points: Points) -> Joint: ...

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


@dataclass(frozen=True)
class Posterior:
    """A fitted model on its scale. `marginals` and `joint` are of warped values, `interval` of measured ones.

    noise: variance of one new measurement around the function, on the warp's scale. likelihoods: cross-validated log
    likelihood of each pair of model and scale, in nats per measurement. calibration: of the model's deviations. name:
    of the model and the scale, such as "gp log". correlation: rank correlation of values and left-out predictions.
    """

    encoding: Encoding
    model: SurrogateModel
    warp: Warp
    noise: float
    calibration: ResidualCalibration
    likelihoods: Mapping[str, float] = field(default_factory=dict)
    name: str = ""
    correlation: float = math.nan

    def points(self, rows: FeatureRows) -> Points:
        return self.encoding.points(rows)

    def joint(self, points: Points) -> Joint:
        """The model's `Joint`, with the noise of a new measurement."""
        return replace(self.model.joint(points), noise=self.noise)

    def interval(self, mean: np.ndarray, deviation: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Median and ends of a 90% interval of the next measurement, noise included, in the unit of the values."""
        expected = self.calibration.deviation(mean, np.sqrt(np.square(deviation) + self.noise))
        reach = float(ndtri((1 + LEVEL) / 2)) * expected
        return self.warp.inverse(mean), self.warp.inverse(mean - reach), self.warp.inverse(mean + reach)


def fit_posterior(
    rows: FeatureRows,
    values: Float[np.ndarray, " item"],
    errors: Float[np.ndarray, " item"],
    generator: np.random.Generator,
    *,
    replicates: Integer[np.ndarray, " item"] | int = 1,
    surrogate: str = "auto",
    scale: str = "auto",
    limits: Limits | None = None,
) -> Posterior:
    """Fit the first model that `surrogate` allows on every scale, the others on the best scale; keep the most likely.

    The density of a measured value is that of the warped one times the warp's slope, so that scales are comparable. It
    is cross-validated: leave-one-out with the kernel fitted on all items, or members that each leave out a fifth.
    The linear scale is kept unless another is better by more than one standard error (`best_scale`).

    errors: of the means of `replicates` measurements, NaN where none is stated. The noise is that of one measurement:

    noise = s^2 + median_i(n_i e_i^2)

    limits: of censored values; the values are their bounds then. The model is a Gaussian process, and the likelihood of
    such a value is its probability to be within its limits.
    """
    models, shapes = names_for("surrogate", surrogate, MODELS), names_for("scale", scale, SHAPES)
    _check_measured(values, errors)
    if limits is not None:
        models = _models_of_limits(models, limits)
    taken = _subset(values, generator)
    measured = Measured(
        values[taken],
        errors[taken],
        (errors * np.sqrt(replicates))[taken],
        None if limits is None else limits.of(taken),
    )
    encoding = fit_encoding(rows[taken])
    points = encoding.points(rows[taken])
    fitted: dict[str, Posterior] = {}

    def fit(name: str, shape: str, brief: bool = False) -> Float[np.ndarray, " item"]:
        fitted[f"{name} {shape}"], density = _fit_one(encoding, points, measured, name, shape, generator, brief)
        return density

    chosen = shapes[0] if len(shapes) == 1 else best_scale({one: fit(models[0], one, brief=True) for one in shapes})
    for name in models:
        fit(name, chosen)
    likelihoods = {name: one.likelihoods[name] for name, one in fitted.items()}
    best = max((f"{name} {chosen}" for name in models), key=lambda name: likelihoods[name])
    return replace(fitted[best], name=best, likelihoods=likelihoods)


@dataclass(frozen=True)
class Measured:
    """What a model is fitted to. errors: of the values, which may be means; single: of one measurement. limits: of
    censored values, None if all are exact."""

    values: Float[np.ndarray, " item"]
    errors: Float[np.ndarray, " item"]
    single: Float[np.ndarray, " item"]
    limits: Limits | None = None

    @property
    def exact(self) -> slice | Bool[np.ndarray, " item"]:
        return slice(None) if self.limits is None else ~self.limits.censored


def _fit_one(
    encoding: Encoding, points: Points, measured: Measured, name: str, shape: str, generator: np.random.Generator,
    brief: bool,
) -> tuple[Posterior, Float[np.ndarray, " item"]]:  # fmt: skip
    """The posterior of one model and scale, and the left-out log density of each value."""
    warp = fit_warp(shape, measured.values)
    targets, slope = warp.forward(measured.values), warp.slope(measured.values)
    limits = None if measured.limits is None else _warped(measured.limits, warp)
    model: SurrogateModel
    if limits is None:
        model = load_model(name)(encoding, points, targets, measured.errors * slope, generator, brief)
    else:
        from sciencegen.optimization.censored_process import CensoredProcess  # on use: imports BoTorch

        model = CensoredProcess(encoding, points, targets, measured.errors * slope, limits, generator, brief)
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
    return Posterior(encoding, model, warp, noise, calibration, likelihood, correlation=correlation), density


def _warped(limits: Limits, warp: Warp) -> Limits:
    """Limits on the warp's scale."""
    ends = (np.where(np.isfinite(end), warp.forward(end), end) for end in (limits.low, limits.high))
    return Limits(*ends)


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
