"""Scales are increasing, have an inverse and a slope."""

import numpy as np
import pytest

from sciencegen.errors import DataError
from sciencegen.metrics.numbers import SHAPES, fit_warp

VALUES = np.exp(np.random.default_rng(0).standard_normal(200))


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("values", [VALUES, -VALUES, 1e6 + VALUES, np.round(VALUES)], ids=["up", "down", "far", "ties"])
def test_a_scale_inverts_increases_and_standardizes(name, values):
    warp = fit_warp(name, values)
    targets = warp.forward(values)
    assert warp.inverse(targets) == pytest.approx(values, abs=1e-6 * np.ptp(values))
    assert (targets.mean(), targets.std()) == pytest.approx((0, 1), abs=1e-9)
    order = np.argsort(values)
    assert (np.diff(targets[order]) >= -1e-12).all()


@pytest.mark.parametrize("name", SHAPES)
def test_the_slope_is_the_derivative(name):
    warp = fit_warp(name, VALUES)
    step = 1e-6
    difference = (warp.forward(VALUES + step) - warp.forward(VALUES - step)) / (2 * step)
    inside = np.minimum(VALUES - VALUES.min(), VALUES.max() - VALUES) > 1e-3
    assert warp.slope(VALUES)[inside] == pytest.approx(difference[inside], rel=1e-3)


@pytest.mark.parametrize("name", SHAPES)
def test_values_beyond_what_was_seen_are_finite(name):
    warp = fit_warp(name, VALUES)
    assert np.isfinite(warp.forward(np.array([-1e3, 1e3]))).all()
    assert np.isfinite(warp.inverse(np.array([-50.0, 50.0]))).all()
    assert np.isfinite(warp.slope(np.array([-1e3, 1e3]))).all()


@pytest.mark.parametrize("name", SHAPES)
def test_a_scale_ends_where_no_prediction_exceeds(name):
    warp = fit_warp(name, VALUES)
    most = warp.inverse(np.array(1e6))
    assert VALUES.max() < most
    assert (most < 2 * VALUES.max()) == (name not in ("linear", "log"))


def test_a_constant_is_no_division_by_zero():
    assert np.isfinite(fit_warp("log", np.ones(5)).forward(np.ones(5))).all()


@pytest.mark.parametrize("name", SHAPES)
def test_whatever_the_unit_numbers_are_standardized_or_refused(name):
    for exponent in range(-320, 308, 12):
        values = VALUES / VALUES.max() * 10.0**exponent
        if abs(exponent) > 150:
            with pytest.raises(DataError, match="in another unit"):
                fit_warp(name, values)
        else:
            warp = fit_warp(name, values)
            assert warp.inverse(warp.forward(values)) == pytest.approx(values, rel=1e-6), exponent
            assert np.isfinite(warp.slope(values)).all(), exponent
