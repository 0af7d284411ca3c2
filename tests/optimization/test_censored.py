"""Censored values: moments by draws, limits of the likelihood, and the joint posterior by rejection sampling."""

import numpy as np
import pytest

from sciencegen.optimization.censored import Limits, log_interval_probability, propagate, tilted_moments

INFINITE = np.inf


def limits(low, high):
    return Limits(np.atleast_1d(float(low)), np.atleast_1d(float(high)))


def moments(mean, variance, noise, low, high):
    found = tilted_moments(np.array([mean]), np.array([variance]), np.array([noise]), limits(low, high))
    return float(found[0][0]), float(found[1][0])


@pytest.mark.parametrize(("low", "high"), [(1, INFINITE), (-INFINITE, -1), (0.2, 0.9), (-INFINITE, INFINITE)])
def test_moments_and_probability_are_those_of_draws(low, high):
    generator = np.random.default_rng(0)
    function = 0.3 + np.sqrt(0.7) * generator.standard_normal(400_000)
    value = function + np.sqrt(0.2) * generator.standard_normal(400_000)
    kept = (value >= low) & (value <= high)
    assert moments(0.3, 0.7, 0.2, low, high) == pytest.approx((function[kept].mean(), function[kept].var()), abs=0.01)
    logarithm = log_interval_probability(np.array([0.3]), np.sqrt([0.9]), limits(low, high))
    assert np.exp(logarithm[0]) == pytest.approx(kept.mean(), abs=0.005)


@pytest.mark.parametrize("value", [-3.0, 0.4, 8.0])
def test_a_narrow_interval_is_an_exact_value(value):
    width, variance, noise = 1e-3, 0.7, 0.2
    gain = variance / (variance + noise)
    exact = 0.3 + gain * (value - 0.3), variance * (1 - gain)
    assert moments(0.3, variance, noise, value - width, value + width) == pytest.approx(exact, abs=1e-4)


@pytest.mark.parametrize(("low", "high"), [(-30, INFINITE), (-INFINITE, 30), (-INFINITE, INFINITE)])
def test_a_bound_that_is_met_by_far_says_nothing(low, high):
    assert moments(0.3, 0.7, 0.2, low, high) == pytest.approx((0.3, 0.7), abs=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_bounds_far_in_a_tail_stay_finite_and_symmetric(sign):
    ends = sorted((sign * 40.0, sign * INFINITE))
    mean, variance = moments(0.0, 1.0, 0.01, *ends)
    assert sign * mean == pytest.approx(39.63, abs=0.01)
    assert 0 < variance < 0.02


def test_the_factors_give_the_posterior_of_rejection_sampling():
    generator = np.random.default_rng(0)
    places = np.linspace(0, 3, 5)
    kernel = np.exp(-np.square(places[:, None] - places) / 2) + 1e-6 * np.eye(5)
    low, high = np.array([0.5, -np.inf, -np.inf, 0.2, -np.inf]), np.array([np.inf, 1, np.inf, np.inf, -0.1])
    functions = generator.standard_normal((1_000_000, 5)) @ np.linalg.cholesky(kernel).T
    values = functions + 0.3 * generator.standard_normal(functions.shape)
    kept = functions[((values >= low) & (values <= high)).all(1)]
    (pseudo, noise), cavity, variance = propagate(np.zeros(5), kernel, np.full(5, 0.09), Limits(low, high))
    covariance = np.linalg.inv(np.linalg.inv(kernel) + np.diag(1 / noise))
    assert covariance @ (pseudo / noise) == pytest.approx(kept.mean(0), abs=0.05)
    assert np.diag(covariance) == pytest.approx(kept.var(0), abs=0.02)
    others = np.delete(np.arange(5), 2)  # the third has no bound, so that its cavity is its posterior
    assert (cavity[2], variance[2]) == pytest.approx((kept[:, 2].mean(), kept[:, 2].var()), abs=0.05)
    assert (variance[others] > np.diag(covariance)[others]).all()
