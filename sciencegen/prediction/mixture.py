"""Two overlapping groups of numbers: a mixture of two Gaussians on a line, and how likely a number is of the higher.

    p(x) = share_low N(x; low) + share_high N(x; high)
    log odds(x) = log share_high N(x; high) - log share_low N(x; low)

Fitted by expectation maximization from the halves of the data, so that a fit follows from the numbers alone. Log odds
of Gaussians of different widths are a parabola, which turns outside the two means and would call the lowest numbers
high again; beyond its turning point they stay as they are there, so they never fall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

FEWEST = 50
"""Numbers from which two groups are looked for."""
LEAST_SHARE = 0.01
LEAST_SEPARATION = 1.0
"""Of the means, in root-mean-square deviations of the groups."""
NARROWEST = 1e-3
"""Variance of a group, in that of all numbers."""

SUREST, SMALLEST = 0.9, 0.05
"""The chance that the highest number of all must have of the higher group, and the share of the smaller group, where
two groups separate numbers. Chances are 0.75 to 0.79 for a family's model after 30 to 100 steps, whose two groups
overlap, and 0.91 to 0.98 after some hundreds."""


@dataclass(frozen=True)
class Group:
    """One Gaussian of the mixture. deviation: its standard deviation; share: of all numbers, 0 to 1."""

    mean: float
    deviation: float
    share: float


@dataclass(frozen=True)
class Unfit:
    """Why there are no two groups."""

    reason: str


@dataclass(frozen=True)
class TwoGroups:
    """low, high: by their means."""

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
        """Of the higher group against the lower; never falls as the value rises. NaN for what is no finite number."""
        turn, wider = self.turning_point, self.high.deviation > self.low.deviation
        values = np.asarray(values, float)
        values = np.where(np.isfinite(values), values, np.nan)
        if math.isfinite(turn):
            values = np.maximum(values, turn) if wider else np.minimum(values, turn)
        return _log_density(values, self.high) - _log_density(values, self.low)

    def probability(self, values: Float[np.ndarray, " value"]) -> Float[np.ndarray, " value"]:
        """Of the higher group, in 0..1."""
        from scipy.special import expit

        return expit(self.log_odds(values))

    def doubts(self, values: Float[np.ndarray, " value"]) -> list[str]:
        """Why the groups hardly separate these numbers, which they were fitted to: in words, empty where they do."""
        chances, smaller = self.probability(values), min(self.low.share, self.high.share)
        surest = min(float(np.nanmax(chances)), 1 - float(np.nanmin(chances)))
        few = [f"one of the two groups has {smaller:.0%} of them only"] if smaller < SMALLEST else []
        return few + (
            [f"the groups overlap, the surest of one has a chance of {surest:.0%}"] if surest < SUREST else []
        )


def fit_two_groups(values: Float[np.ndarray, " value"]) -> TwoGroups | Unfit:
    """The two groups, or why there is only one: too few numbers, all alike, or one Gaussian says as much (BIC)."""
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
