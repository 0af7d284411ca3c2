"""Statistics of replayed campaigns, on campaigns whose figures are known."""

import math

import numpy as np
import pytest
from scipy import stats

from sciencegen.optimization.backtest import ReplayedRound, replay_statistics

NONE = math.nan


def campaign(best, held=None):
    """Plates of 10."""
    held = held or [NONE] * len(best)
    return [ReplayedRound(n, 10 * n, one, inside) for n, (one, inside) in enumerate(zip(best, held, strict=True), 1)]


def test_the_mean_has_the_interval_of_a_t_test():
    final = [0.5, 0.7, 0.9, 1.0]
    found = replay_statistics([campaign([0.1, one]) for one in final], 0.9)
    expected = stats.ttest_1samp(final, 0).confidence_interval(0.95)
    assert (found.mean_lower, found.mean_upper) == pytest.approx((expected.low, expected.high))
    assert (found.campaigns, found.worst) == (4, 0.5)
    assert math.isnan(replay_statistics([campaign([0.1])], 0.9).mean_lower)


@pytest.mark.parametrize(
    ("plates", "median", "most"),
    [([1, 2, 3], 20, 30), ([1, 2, None], 20, None), ([1, None, None], None, None), ([1, None], 10, None)],
)
def test_items_until_the_threshold_count_whole_plates(plates, median, most):
    """None: the threshold is not reached."""
    campaigns = [campaign([0.95 if one is not None and n >= one else 0.2 for n in (1, 2, 3)]) for one in plates]
    found = replay_statistics(campaigns, 0.9)
    assert (found.items_to_threshold, found.most_items_to_threshold) == (median, most)
    assert found.reached == np.mean([one is not None for one in plates])


def test_coverage_counts_items():
    short = [ReplayedRound(1, 10, 0.1, NONE), ReplayedRound(2, 12, 0.1, 0.5), ReplayedRound(3, 22, 0.1, 0.7)]
    found = replay_statistics([campaign([0.1] * 3, [NONE, 0.9, 0.8]), short], 0.9)
    assert found.coverage == pytest.approx((9 + 8 + 1 + 7) / (10 + 10 + 2 + 10))
    assert math.isnan(found.coverage_by_round[0])
    assert found.coverage_by_round[1:] == pytest.approx([(9 + 1) / 12, (8 + 7) / 20])
    assert math.isnan(replay_statistics([campaign([0.1, 0.2])], 0.9).coverage)
