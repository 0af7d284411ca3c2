"""Statistics of replayed campaigns: final best, items until a threshold is reached, and coverage of the intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.optimization.replay import ReplayedRound

Campaign = Sequence[ReplayedRound]
LEVEL = 0.95
"""Of the interval of the mean."""


@dataclass(frozen=True)
class ReplayStatistics:
    """Figures of the campaigns of one method.

    Parameters
    ----------
    campaigns : int
    mean, mean_lower, mean_upper : float
        Of the best after the last round, with a 95% interval (Student's t); NaN for one campaign.
    worst : float
        Best after the last round of the worst campaign.
    reached : float
        Share of the campaigns that reach the threshold.
    items_to_threshold : int or None
        Items that are measured, in whole plates, until a campaign reaches the threshold: the median; None if fewer than
        half reach it.
    most_items_to_threshold : int or None
        The same of the slowest campaign; None if one doesn't reach it.
    coverage : float
        Share of the measured values that are inside their 90% intervals; NaN without intervals.
    coverage_by_round : list of float
        The same of each round.
    hits, hits_expected : float
        Mean number of hits of the plates with a forecast, and mean of what was forecast; NaN without a forecast.
    hits_coverage : float
        Share of the forecasts whose 90% interval holds the number of hits; NaN without a forecast.
    """

    campaigns: int
    mean: float
    mean_lower: float
    mean_upper: float
    worst: float
    reached: float
    items_to_threshold: int | None
    most_items_to_threshold: int | None
    coverage: float
    coverage_by_round: list[float]
    hits: float
    hits_expected: float
    hits_coverage: float


def replay_statistics(campaigns: Sequence[Campaign], threshold: float) -> ReplayStatistics:
    """Statistics of campaigns whose `best` is a fraction.

    Examples
    --------
    >>> first = [ReplayedRound(1, 8, 0.5, math.nan), ReplayedRound(2, 16, 1.0, 0.75)]
    >>> second = [ReplayedRound(1, 8, 0.9, math.nan), ReplayedRound(2, 16, 0.9, 1.0)]
    >>> found = replay_statistics([first, second], 0.9)
    >>> found.mean, found.worst, found.items_to_threshold, found.most_items_to_threshold, found.coverage
    (0.95, 0.9, 8, 16, 0.875)
    """
    final = np.array([rounds[-1].best for rounds in campaigns])
    lower, upper = _interval_of_mean(final)
    items = sorted(_items_to(threshold, rounds) for rounds in campaigns)
    by_round = [_coverage([rounds[: place + 1] for rounds in campaigns], place) for place in range(len(campaigns[0]))]
    return ReplayStatistics(
        campaigns=len(campaigns),
        mean=float(final.mean()),
        mean_lower=lower,
        mean_upper=upper,
        worst=float(final.min()),
        reached=float(np.isfinite(items).mean()),
        items_to_threshold=_whole(items[(len(items) - 1) // 2]),
        most_items_to_threshold=_whole(items[-1]),
        coverage=_coverage(campaigns),
        coverage_by_round=by_round,
        **_hits(campaigns),
    )


def _hits(campaigns: Sequence[Campaign]) -> dict[str, float]:
    """Figures of the forecasts of hits."""
    rounds = [one for own in campaigns for one in own if not math.isnan(one.hits_expected)]
    if not rounds:
        return {"hits": math.nan, "hits_expected": math.nan, "hits_coverage": math.nan}
    return {
        "hits": float(np.mean([one.hits for one in rounds])),
        "hits_expected": float(np.mean([one.hits_expected for one in rounds])),
        "hits_coverage": float(np.mean([one.hits_low <= one.hits <= one.hits_high for one in rounds])),
    }


def _interval_of_mean(values: np.ndarray) -> tuple[float, float]:
    """The ends of the interval, mean -+ t s / sqrt(n)."""
    from scipy import stats

    if len(values) < 2:
        return math.nan, math.nan
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def _items_to(threshold: float, rounds: Campaign) -> float:
    """Infinity if the threshold is not reached."""
    return next((one.measured for one in rounds if one.best >= threshold), math.inf)


def _whole(count: float) -> int | None:
    return int(count) if math.isfinite(count) else None


def _coverage(campaigns: Sequence[Campaign], first: int = 0) -> float:
    """Share inside the intervals among all items of the rounds from place `first` on."""
    inside = items = 0.0
    for rounds in campaigns:
        before = [0, *(one.measured for one in rounds)]
        for place, one in enumerate(rounds):
            if place >= first and not math.isnan(one.held):
                inside += one.held * (one.measured - before[place])
                items += one.measured - before[place]
    return inside / items if items else math.nan
