"""Forecasts of hits: counts of a known posterior, correlated errors, scales, and both directions."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from sciencegen.errors import DataError
from sciencegen.metrics.numbers import fit_warp
from sciencegen.optimization.forecast import Forecast, default_threshold, forecast, is_hit, read_forecast
from sciencegen.optimization.normals import JointNormal
from sciencegen.optimization.posterior import Misfit, ResidualCalibration

VALUES = np.linspace(-2, 2, 41)


class Known:
    """A posterior with a given joint distribution; calibration multiplies the deviations by `wider`, and turns normal
    errors into others by `shape`."""

    def __init__(self, mean, covariance, noise=0.0, wider=1.0, warp=None, shape=lambda errors: errors):
        self._joint, self.others = JointNormal(np.asarray(mean, float), np.asarray(covariance, float), noise), ()
        self.warp = warp or SimpleNamespace(inverse=lambda targets: targets)
        self.calibration = SimpleNamespace(
            deviation=lambda mean, deviation: wider * deviation, shaped=lambda mean, errors: shape(errors)
        )

    def points(self, rows):
        return rows

    def joint(self, points):
        where = np.asarray(points)[:, 0].astype(int)
        return JointNormal(self._joint.mean[where], self._joint.covariance[np.ix_(where, where)], self._joint.noise)


def of(posterior, count, **options):
    rows = np.arange(count, dtype=float)[:, None]
    return forecast(rows, posterior, VALUES, np.random.default_rng(0), **{"misfit": Misfit(), "hit": 1.0, **options})


@pytest.mark.parametrize("noise", [0.0, 0.75])
def test_independent_items_give_a_binomial_count(noise):
    posterior = Known(np.zeros(40), (1 - noise) * np.eye(40), noise)
    found = of(posterior, 40, hit=1.0)
    expected = stats.binom(40, stats.norm.sf(1.0))
    assert found.expected == pytest.approx(expected.mean(), abs=0.2)
    assert (found.lower, found.upper) == tuple(expected.ppf([0.05, 0.95]))


def test_surrogates_have_equal_parts_in_a_forecast_of_hits():
    posterior = Known(np.full(40, -9.0), np.eye(40))
    posterior.others = [Known(np.full(40, 9.0), np.eye(40))]
    found = of(posterior, 40, hit=0.0)
    assert found.expected == pytest.approx(20, abs=0.1)
    assert (found.lower, found.upper) == (0, 40)
    assert found.beats_best == 0  # by the most likely one alone


def test_items_with_a_common_error_are_hits_together():
    found = of(Known(np.zeros(40), np.ones((40, 40))), 40, hit=0.0)
    assert found.expected == pytest.approx(20, abs=1.5)
    assert (found.lower, found.upper) == (0, 40)


def test_a_wider_calibration_widens_the_count():
    plain, wide = (of(Known(np.zeros(40), np.eye(40), wider=wider), 40, hit=2.0) for wider in (1.0, 3.0))
    assert wide.expected == pytest.approx(40 * stats.norm.sf(2 / 3), abs=0.4)
    assert wide.expected > 5 * plain.expected


def test_errors_have_the_shape_of_the_residuals():
    """Nine in ten are a third of a deviation better than predicted, one fails."""
    skewed = np.where(np.arange(400) % 10, 1 / 3, -3.0)
    calibration = ResidualCalibration(np.zeros(400), skewed)
    found = of(
        Known(np.zeros(40), np.eye(40), shape=lambda errors: calibration.shaped(np.zeros(40), errors)), 40, hit=0.2
    )
    assert found.expected == pytest.approx(36, abs=1)
    assert of(Known(np.zeros(40), np.eye(40)), 40, hit=0.2).expected == pytest.approx(40 * stats.norm.sf(0.2), abs=0.4)


def test_few_residuals_do_not_bound_what_a_plate_may_reach():
    calibration = ResidualCalibration(np.zeros(6), np.linspace(-0.5, 0.5, 6))
    found = of(Known(np.zeros(40), np.eye(40), shape=lambda errors: calibration.shaped(np.zeros(40), errors)), 40)
    assert found.best == 2.0
    assert found.beats_best > 0.3


@pytest.mark.parametrize("minimize", [False, True])
def test_picked_items_are_worse_by_the_bias_in_either_direction(minimize):
    shifted = of(Known(np.zeros(40), np.eye(40)), 40, hit=0.0, misfit=Misfit(bias=1.0), minimize=minimize)
    assert shifted.expected == pytest.approx(40 * stats.norm.sf(1.0), abs=0.4)


def test_a_common_error_widens_the_count_and_leaves_its_mean():
    plain, common = (of(Known(np.zeros(40), np.eye(40)), 40, hit=0.0, misfit=Misfit(0, c)) for c in (0.0, 1.0))
    assert (common.lower, common.upper) == (0, 40)
    assert common.expected == pytest.approx(plain.expected, abs=1.5)


def test_the_chance_to_beat_the_best_is_that_of_the_greatest_draw():
    found = of(Known(np.zeros(10), np.eye(10)), 10)
    assert found.best == 2.0
    assert found.beats_best == pytest.approx(1 - stats.norm.cdf(2.0) ** 10, abs=0.03)


def test_no_more_hits_are_expected_than_a_given_share():
    posterior = Known(np.full(5, 2.0), np.eye(5))
    free, bounded = of(posterior, 5), of(posterior, 5, most=0.5)
    assert free.expected == pytest.approx(5 * stats.norm.cdf(1.0), abs=0.1)
    assert bounded.expected == pytest.approx(2.5, abs=0.1)
    assert bounded.beats_best < free.beats_best
    assert of(posterior, 5, most=0.9) == free


def test_to_minimize_is_to_maximize_the_negative():
    high = of(Known(np.full(20, 0.5), np.eye(20)), 20, hit=1.5)
    rows = np.arange(20.0)[:, None]
    low = forecast(
        rows,
        Known(np.full(20, 0.5), np.eye(20)),
        -VALUES,
        np.random.default_rng(0),
        hit=-1.5,
        minimize=True,
        misfit=Misfit(),
    )
    assert (low.expected, low.lower, low.upper, low.beats_best) == (
        high.expected, high.lower, high.upper, high.beats_best
    )  # fmt: skip
    assert (low.best, low.threshold) == (-2.0, -1.5)


def test_a_threshold_beyond_the_end_of_the_scale_is_never_reached():
    """The scale "log-from-above" ends just beyond the best value."""
    warp = fit_warp("log-from-above", VALUES)
    found = of(Known(np.full(5, 50.0), np.eye(5), warp=warp), 5, hit=2.5)
    assert (found.expected, found.upper) == (0, 0)


def test_large_plates_are_drawn_in_blocks():
    class Blocks(Known):
        def joint(self, points):
            assert len(points) <= 1000
            return super().joint(points)

    found = of(Blocks(np.zeros(1100), np.eye(1100)), 1100, hit=0.0)
    assert found.expected == pytest.approx(550, abs=5)
    assert found.items == 1100


def test_the_default_threshold_is_reached_by_a_tenth_of_the_measured():
    assert is_hit(VALUES, default_threshold(VALUES, False), False).sum() == 4
    assert is_hit(VALUES, default_threshold(VALUES, True), True).sum() == 4
    assert default_threshold([1.0, 3.0, 2.0], False) == 3.0


@pytest.mark.parametrize("text", ["", "{}", "[1]", "none", '{"threshold": 1}', "1"])
def test_a_damaged_forecast_is_an_error(text):
    with pytest.raises(DataError, match=r"Expected a forecast .* in line 3, found"):
        read_forecast(text, "line 3")


def test_a_forecast_is_read_back():
    one = Forecast(0.1 + 0.2, 96, 1 / 3, 0, 3, 2.5, 0.25)
    assert read_forecast(one.to_text(), "line 3") == one
    with pytest.raises(DataError):
        read_forecast(Forecast(math.nan, 96, 1 / 3, 0, 3, 2.5, 0.25).to_text(), "line 3")
