"""A mixture of two Gaussians of one variable, and the probability that a number belongs to the higher one.

    p(x) = share_low N(x; low) + share_high N(x; high)
    log odds(x) = log share_high N(x; high) - log share_low N(x; low)

Fitted by expectation maximization, which starts from the two halves of the sorted data, so that the fit is
deterministic. The log odds of Gaussians of different widths are a parabola, whose turning point lies outside the two
means; beyond it they are held constant, so that they never decrease (else the lowest numbers could count as high).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

FEWEST = 50
"""Least number of values to which two groups are fitted."""
LEAST_SHARE = 0.01
LEAST_SEPARATION = 1.0
"""Least difference of the means, in root-mean-square deviations of the groups."""
NARROWEST = 1e-3
"""Least variance of a group, relative to that of all numbers."""

SUREST, SMALLEST = 0.9, 0.05
"""Two groups separate numbers if the highest number belongs to the higher group with at least the first probability,
the lowest likewise to the lower, and the smaller group has at least the second share. Probabilities are 0.75 to 0.79
for a family's model after 30 to 100 steps, whose two groups overlap, and 0.91 to 0.98 after some hundreds."""


@dataclass(frozen=True)
class Group:
    """One Gaussian of the mixture. deviation: its standard deviation; share: of all numbers, 0 to 1."""

    mean: float
    deviation: float
    share: float


@dataclass(frozen=True)
class Unfit:
    """The reason why no two groups were fitted."""

    reason: str


@dataclass(frozen=True)
class TwoGroups:
    """The two groups, ordered by their means."""

    low: Group
    high: Group

    @property
    def turning_point(self) -> float:
        """Where the log odds have their least or greatest value; infinite for groups of one width."""
        precise_low, precise_high = self.low.deviation**-2, self.high.deviation**-2
        if math.isclose(precise_low, precise_high, rel_tol=1e-9):
            return math.inf
        return (precise_high * self.high.mean - precise_low * self.low.mean) / (precise_high - precise_low)

    def log_odds(self, values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
        """Log odds of the higher group against the lower; never decreasing in the value, NaN for values not finite."""
        turn, wider = self.turning_point, self.high.deviation > self.low.deviation
        values = np.asarray(values, float)
        values = np.where(np.isfinite(values), values, np.nan)
        if math.isfinite(turn):
            values = np.maximum(values, turn) if wider else np.minimum(values, turn)
        return _log_density(values, self.high) - _log_density(values, self.low)

    def probability(self, values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
        """Probability of the higher group, in 0..1."""
        from scipy.special import expit

        return expit(self.log_odds(values))

    def doubts(self, values: Float[np.ndarray, " value"]) -> list[str]:
        """Reasons why the groups hardly separate the numbers that they were fitted to; empty if they separate them."""
        chances, smaller = self.probability(values), min(self.low.share, self.high.share)
        surest = min(float(np.nanmax(chances)), 1 - float(np.nanmin(chances)))
        few = [f"one of the two groups has {smaller:.0%} of them only"] if smaller < SMALLEST else []
        return few + (
            [f"the groups overlap, the surest of one has a chance of {surest:.0%}"] if surest < SUREST else []
        )


def fit_two_groups(values: Float[np.ndarray, " value"]) -> TwoGroups | Unfit:
    """The two groups, or why there are none: too few numbers, all equal, or one Gaussian fits as well (BIC)."""
    values = np.asarray(values, float)
    values = np.sort(values[np.isfinite(values)])
    if len(values) < FEWEST:
        return Unfit(f"{len(values)} numbers, at least {FEWEST} are needed")
    centre, scale = float(values.mean()), float(values.std())
    if scale <= 1e-9 * max(1.0, abs(centre)):
        return Unfit("all numbers are alike")
    return _fit((values - centre) / scale, centre, scale)


def _fit(standard: Float[np.ndarray, " value"], centre: float, scale: float) -> TwoGroups | Unfit:
    from sklearn.mixture import GaussianMixture

    rows, halves = standard[:, None], np.array_split(standard, 2)
    variances = np.array([max(float(half.var()), NARROWEST) for half in halves])
    two = GaussianMixture(
        2, means_init=[[half.mean()] for half in halves], precisions_init=(1 / variances)[:, None, None],
        weights_init=[0.5, 0.5], reg_covar=NARROWEST, tol=1e-6, max_iter=2000, random_state=0,
    ).fit(rows)  # fmt: skip
    one = GaussianMixture(1, reg_covar=NARROWEST, random_state=0).fit(rows)
    order = np.argsort(two.means_[:, 0])
    means, spread = two.means_[order, 0], np.sqrt(two.covariances_[order, 0, 0])
    separation = (means[1] - means[0]) / math.sqrt(float(np.square(spread).mean()))
    if two.bic(rows) >= one.bic(rows) or two.weights_.min() < LEAST_SHARE or separation < LEAST_SEPARATION:
        return Unfit("one group describes the numbers as well as two")
    groups = [
        Group(float(mean * scale + centre), float(deviation * scale), float(share))
        for mean, deviation, share in zip(means, spread, two.weights_[order], strict=True)
    ]
    return TwoGroups(*groups)


def _log_density(values: np.ndarray, group: Group) -> np.ndarray:
    standard = (values - group.mean) / group.deviation
    return math.log(group.share) - math.log(group.deviation) - 0.5 * np.square(standard)
