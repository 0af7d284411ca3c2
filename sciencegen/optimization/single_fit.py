"""One surrogate model on one scale, fitted to measured values: the posterior, and how likely left-out values are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Integer
from scipy.special import ndtri

from sciencegen.metrics.warps import Warp, fit_warp
from sciencegen.optimization.censored import Limits, log_interval_probability
from sciencegen.optimization.feature_rows import Encoding, FeatureRows
from sciencegen.optimization.measurements import Measurement, typical_variance
from sciencegen.optimization.normals import Joint, Marginals, log_density, rank_correlation
from sciencegen.optimization.residual_calibration import ResidualCalibration
from sciencegen.optimization.surrogate_models import Points, SurrogateModel, load_model
from sciencegen.optimization.transfer import PointEncoding, TransferModel, weights_of

LEVEL = 0.9


@dataclass(frozen=True)
class Posterior:
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
    others: Sequence[Posterior] = ()

    def points(self, rows: FeatureRows) -> Points:
        return self.encoding.points(rows)

    def marginals(self, rows: FeatureRows) -> Marginals:
        return self.model.marginals(self.points(rows))

    def means(self, rows: FeatureRows) -> Float[np.ndarray, " item"]:
        """Those of `marginals`; of an earlier task, it is a `transfer.Task`."""
        return self.marginals(rows).mean

    def joint(self, points: Points) -> Joint:
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
) -> tuple[Posterior, Float[np.ndarray, " item"]]:  # fmt: skip
    """The posterior of one model and scale (`choice`), and the left-out log density of each value. known: predictions
    of earlier tasks, whose weighted sum is the mean function."""
    name, shape = choice
    warp = fit_warp(shape, measured.values)
    targets, slope = warp.forward(measured.values), warp.slope(measured.values)
    limits = None if measured.limits is None else _warped(measured.limits, warp)
    weights = np.zeros(0) if known is None else weights_of(known, targets)
    mean = np.zeros(len(targets)) if known is None else known @ weights
    model: SurrogateModel
    if limits is None:
        model = load_model(name)(encoding, points, targets - mean, measured.errors * slope, generator, brief)
    else:
        from sciencegen.optimization.censored_process import CensoredProcess  # on use: imports BoTorch

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
    return Posterior(encoding, model, warp, noise, calibration, likelihood, correlation=correlation), density


def _warped(limits: Limits, warp: Warp) -> Limits:
    """Limits on the warp's scale."""
    ends = (np.where(np.isfinite(end), warp.forward(end), end) for end in (limits.low, limits.high))
    return Limits(*ends)
