import numpy as np
import pytest
from scipy.stats import norm

from sciencegen.metrics.calibration import (
    LEVELS,
    calibration_error,
    coverage_curve,
    interval_coverage,
    interval_score,
    mean_interval_width,
    probability_calibration_error,
)


@pytest.fixture
def sample():
    generator = np.random.default_rng(0)
    mean, deviation = generator.normal(size=20_000), generator.uniform(0.5, 2, 20_000)
    return mean + deviation * generator.normal(size=20_000), mean, deviation


def test_intervals_by_hand():
    measured, lower, upper = np.array([0.0, 1, 2, 3]), np.array([0.0, 2, 1, 0]), np.array([0.0, 3, 3, 1])
    assert interval_coverage(measured, lower, upper) == 0.5
    assert mean_interval_width(lower, upper) == 1
    assert interval_score(measured, lower, upper, 0.9) == pytest.approx(1 + (20 * 1 + 20 * 2) / 4)


def test_true_deviations_are_calibrated_and_wrong_ones_are_not(sample):
    measured, mean, deviation = sample
    np.testing.assert_allclose(coverage_curve(measured, mean, deviation), LEVELS, atol=0.015)
    assert calibration_error(measured, mean, deviation) < 0.01
    for factor in (0.5, 2):
        expected = np.abs(2 * norm.cdf(factor * norm.ppf(0.5 + LEVELS / 2)) - 1 - LEVELS).mean()
        assert calibration_error(measured, mean, factor * deviation) == pytest.approx(expected, abs=0.01)


def test_a_zero_deviation_is_an_interval_of_one_point():
    np.testing.assert_array_equal(coverage_curve(np.array([1.0, 2]), np.array([1.0, 1]), np.zeros(2)), 0.5)


def test_interval_score_is_least_for_the_true_quantiles(sample):
    measured, mean, deviation = sample
    score = {
        factor: interval_score(measured, mean - factor * z, mean + factor * z, 0.9)
        for z in [deviation * norm.ppf(0.95)]
        for factor in (0.8, 1, 1.25)
    }
    assert min(score, key=score.get) == 1


def test_probabilities_that_mean_what_they_say():
    generator = np.random.default_rng(0)
    probability = generator.random(50_000)
    outcome = generator.random(50_000) < probability
    assert probability_calibration_error(probability, outcome) < 0.01
    assert probability_calibration_error(np.ones(4), np.array([1, 0, 1, 0])) == pytest.approx(0.5)
    assert probability_calibration_error(np.full(4, 0.5), np.array([1, 0, 1, 0])) == pytest.approx(0)
