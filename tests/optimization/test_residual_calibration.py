"""Intervals that hold where a plate is picked, not of all items alone."""

import numpy as np
import pytest
from scipy import stats

from sciencegen.optimization.posterior import ResidualCalibration


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


def test_drawn_errors_are_distributed_as_the_residuals_near_the_prediction():
    """Skewed above 0, normal below."""
    generator = np.random.default_rng(0)
    mean = np.concatenate([np.full(2000, -2.0), np.full(2000, 2.0)])
    residual = np.concatenate([generator.standard_normal(2000), 2 * (1 - generator.exponential(size=2000))])
    calibration = ResidualCalibration(mean, residual)
    normal = generator.standard_normal((20_000, 2))
    found = calibration.shaped(np.array([-2.0, 2.0]), normal)
    inner = np.abs(normal[:, 0]) < 2
    assert found[inner, 0] == pytest.approx(normal[inner, 0], abs=0.2)
    assert found.mean(0) == pytest.approx([0, 0], abs=0.03)
    assert found.std(0) == pytest.approx([1, 1], abs=0.03)
    assert [stats.skew(one) for one in found.T] == pytest.approx([0, -2], abs=0.2)
    assert (np.diff(found[np.argsort(normal[:, 1]), 1]) >= 0).all()


def test_a_few_residuals_give_nearly_normal_errors():
    errors = np.linspace(-1.5, 1.5, 7)[:, None]
    found = ResidualCalibration(np.zeros(3), np.array([-1.0, 0.0, 1.0])).shaped(np.array([5.0]), errors)
    assert found == pytest.approx(errors, abs=0.35)


def test_beyond_the_outermost_residuals_errors_go_on_as_normal_ones():
    calibration = ResidualCalibration(np.zeros(9), np.linspace(-1.0, 1.0, 9))
    found = calibration.shaped(np.zeros(1), np.array([[-6.0], [-5.0], [-4.0], [4.0], [5.0], [6.0]]))[:, 0]
    assert np.diff(found)[[0, 1, 3, 4]] == pytest.approx(1.0)
    assert found[-1] > 5
