"""How far earlier plates were off tells the next one's bias, as Bayes' rule has it."""

import numpy as np
import pytest
from scipy import integrate, stats

from sciencegen.metrics.numbers import SHAPES, fit_warp
from sciencegen.optimization.posterior import AMONG, BIAS, COMMON, PICKED, WIDER, PlateError, misfit_after, plate_error


def test_the_bias_is_the_mean_of_the_posterior():
    plates = [PlateError(0.4, 48), PlateError(-0.1, 96)]

    def density(bias):
        told = [stats.norm.pdf(one.mean, -bias, np.sqrt(COMMON + 1 / one.items)) for one in plates]
        return stats.norm.pdf(bias, BIAS, np.sqrt(AMONG)) * np.prod(told)

    whole, mean, square = (
        integrate.quad(lambda bias, power=power: bias**power * density(bias), -4, 4)[0] for power in range(3)
    )
    found = misfit_after(plates)
    assert found.bias == pytest.approx(mean / whole)
    assert found.common == pytest.approx(COMMON + square / whole - (mean / whole) ** 2)


def test_many_plates_that_were_right_leave_no_bias():
    found = misfit_after([PlateError(0.0, 96)] * 1000)
    assert (found.bias, found.common) == pytest.approx((0, COMMON), abs=0.01)
    assert misfit_after([PlateError(0.0, 1)]).bias > 0.9 * PICKED.bias


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("minimize", [False, True])
def test_an_error_is_that_on_the_scale_of_the_model(shape, minimize):
    """An interval's ends are known in the unit of the values alone, and the scale is among those that are fitted."""
    sign = -1 if minimize else 1
    warp = fit_warp(shape, sign * np.geomspace(0.01, 10, 60))
    mean, deviation, error = np.array([-0.5, 0.2]), np.array([0.4, 0.3]), np.array([0.9, -0.3])
    reach = WIDER * stats.norm.ppf(0.95) * deviation
    median, *ends = (sign * warp.inverse(mean + far) for far in (0, -reach, reach))
    found = plate_error(
        sign * warp.inverse(mean + error * deviation), [median, np.minimum(*ends), np.maximum(*ends)], minimize
    )
    assert (found.mean, found.items) == (pytest.approx(error.mean()), 2)


def test_an_item_far_from_its_interval_counts_as_one_at_five_deviations():
    ends = [np.full(3, 1.0), np.full(3, 0.5), np.full(3, 3.0)]
    assert plate_error([1e9, -1e9, np.nan], ends, minimize=False) == PlateError(0.0, 2)
    assert plate_error([1e9], [one[:1] for one in ends], minimize=False) == PlateError(5.0, 1)


def test_what_was_not_predicted_has_no_error():
    nothing = np.full(2, np.nan)
    assert plate_error([1.0, 2.0], [nothing, nothing, nothing], minimize=False) is None
    assert plate_error([2.0], [np.ones(1), np.ones(1), np.ones(1)], minimize=False) is None
