"""Intervals that hold where a plate is picked, not of all items alone."""

import numpy as np
import pytest

from sciencegen.optimization.residual_calibration import ResidualCalibration


def test_a_calibrated_model_keeps_its_deviations():
    generator = np.random.default_rng(0)
    calibration = ResidualCalibration(generator.standard_normal(2000), generator.standard_normal(2000))
    found = calibration.deviation(np.linspace(-1, 1, 9), np.full(9, 0.3))
    assert found == pytest.approx(0.3, rel=0.15)
    assert (found >= 0.3).all()


def test_residuals_twice_as_large_widen_twofold_where_they_occur():
    generator = np.random.default_rng(0)
    mean, residual = generator.standard_normal(4000), generator.standard_normal(4000)
    calibration = ResidualCalibration(mean, np.where(mean > 0.5, 2 * residual, residual))
    low, high = calibration.deviation(np.array([-1.5, 1.8]), np.ones(2))
    assert low == pytest.approx(1, rel=0.1)
    assert high == pytest.approx(2, rel=0.1)


def test_beyond_all_means_the_distance_to_them_is_added():
    calibration = ResidualCalibration(np.linspace(-1, 1, 50), np.zeros(50))
    found = calibration.deviation(np.array([1.0, 4.0, -5.0]), np.full(3, 0.1))
    assert found == pytest.approx(np.hypot(0.1, [0, 3, 4]))


def test_a_handful_of_items_is_enough():
    calibration = ResidualCalibration(np.zeros(3), np.ones(3))
    assert np.isfinite(calibration.deviation(np.array([0.0, 9.0]), np.ones(2))).all()
