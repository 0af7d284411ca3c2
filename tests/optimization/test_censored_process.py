"""A process of censored values: between dropping them and knowing them."""

import numpy as np
import pytest

from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.censored import Limits
from sciencegen.optimization.posterior import Measured, fit_posterior

COUNT = 60


def made(seed=0):
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((COUNT + 40, 3))
    values = 2 * np.sin(rows[:, 0]) + rows[:, 1] + 0.1 * generator.standard_normal(COUNT + 40)
    return rows, values


def fitted(rows, values, limits=None, **settings):
    nothing = np.full(len(values), np.nan)
    chosen = {"surrogate": "gp", "scale": "linear", **settings}
    return fit_posterior(rows, Measured(values, nothing, limits=limits), np.random.default_rng(0), **chosen)


def bounded(values, ceiling):
    """Values of which those above a ceiling are only known to be above it."""
    above = values > ceiling
    low = np.where(above, ceiling, values)
    return low, Limits(low, np.where(above, np.inf, values))


def errors_of(found, rows, values):
    marginals = found.model.marginals(found.points(rows))
    return float(np.abs(found.warp.inverse(marginals.mean) - values).mean())


def test_bounds_are_better_than_nothing_and_than_numbers():
    rows, values = made()
    reported, limits = bounded(values[:COUNT], np.quantile(values, 0.5))
    high = values[COUNT:] > np.quantile(values, 0.5)
    new, truth = rows[COUNT:][high], values[COUNT:][high]
    exact = ~limits.censored
    censored = errors_of(fitted(rows[:COUNT], reported, limits), new, truth)
    assert censored < 0.7 * errors_of(fitted(rows[:COUNT][exact], reported[exact]), new, truth)
    assert censored < 0.7 * errors_of(fitted(rows[:COUNT], reported), new, truth)


def test_narrow_limits_are_exact_values():
    rows, values = made()
    width = np.where(np.arange(COUNT) % 2, 1e-3, 0.0)
    narrow = fitted(rows[:COUNT], values[:COUNT], Limits(values[:COUNT] - width, values[:COUNT] + width))
    exact = fitted(rows[:COUNT], values[:COUNT])
    new = narrow.points(rows[COUNT:])
    assert np.abs(narrow.model.marginals(new).mean - exact.model.marginals(new).mean).mean() < 0.06
    assert narrow.noise == pytest.approx(exact.noise, rel=0.5)


def test_bounds_that_say_nothing_change_nothing():
    rows, values = made()
    low, high = values[:COUNT].copy(), values[:COUNT].copy()
    low[40:] = -1e3
    high[40:] = np.inf
    with_bounds = fitted(rows[:COUNT], values[:COUNT], Limits(low, high))
    without = fitted(rows[:40], values[:40])
    means = [one.warp.inverse(one.model.marginals(one.points(rows[COUNT:])).mean) for one in (with_bounds, without)]
    assert means[0] == pytest.approx(means[1], abs=1.0)
    assert np.abs(means[0] - means[1]).mean() < 0.08


def test_a_mirrored_problem_has_the_mirrored_answer():
    rows, values = made()
    reported, limits = bounded(values[:COUNT], 0.5)
    upward = fitted(rows[:COUNT], reported, limits)
    downward = fitted(rows[:COUNT], -reported, Limits(-limits.high, -limits.low))
    found, mirrored = (one.model.marginals(one.points(rows[COUNT:])).mean for one in (upward, downward))
    assert found == pytest.approx(-mirrored, abs=1e-3)


def test_left_out_predictions_of_bounds_are_of_what_would_be_measured():
    rows, values = made()
    reported, limits = bounded(values[:COUNT], 0.5)
    found = fitted(rows[:COUNT], reported, limits)
    left_out = found.model.left_out()
    truth = found.warp.forward(values[:COUNT])
    within = np.abs(truth - left_out.mean) < 1.645 * left_out.deviation
    assert within[limits.censored].mean() > 0.75
    assert (left_out.deviation >= np.sqrt(found.model.noise) * 0.99).all()


def test_other_models_and_bounds_alone_are_refused():
    rows, values = made()
    reported, limits = bounded(values[:COUNT], 0.5)
    with pytest.raises(ConfigError, match="got ensemble"):
        fitted(rows[:COUNT], reported, limits, surrogate="ensemble")
    everywhere = Limits(np.full(COUNT, -np.inf), values[:COUNT])
    with pytest.raises(DataError, match="all are bounds"):
        fitted(rows[:COUNT], values[:COUNT], everywhere)
    assert fitted(rows[:COUNT], reported, limits, surrogate="auto").name == "gp linear"
