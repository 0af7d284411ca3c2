import numpy as np

from sciencegen.metrics.numbers import interval_coverage, mean_interval_width


def test_intervals_by_hand():
    measured, lower, upper = np.array([0.0, 1, 2, 3]), np.array([0.0, 2, 1, 0]), np.array([0.0, 3, 3, 1])
    assert interval_coverage(measured, lower, upper) == 0.5
    assert mean_interval_width(lower, upper) == 1
