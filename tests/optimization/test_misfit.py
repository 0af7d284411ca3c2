"""How far earlier plates were off tells the next one's bias, as Bayes' rule has it."""

from dataclasses import astuple

import numpy as np
import pytest
from scipy import integrate, stats

from sciencegen.metrics.numbers import SHAPES, fit_warp
from sciencegen.optimization.forecast import misfit_of_plate, series_errors, series_of
from sciencegen.optimization.posterior import (
    AMONG,
    BIAS,
    COMMON,
    PICKED,
    WIDER,
    Measured,
    PlateError,
    fit_posterior,
    misfit_after,
    plate_error,
)


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


def test_series_that_differ_make_the_next_plate_uncertain():
    apart = [PlateError(error, 24, 1.5) for error in (-1.5, 0.2, 1.0, -0.9, 1.2)]
    found, usual = misfit_after([], apart), misfit_after([])
    assert found.common > 2 * usual.common
    assert found.widening > 1.2
    worse = misfit_after([], [PlateError(one.mean - 1, 24, 1.5) for one in apart])
    assert worse.bias > found.bias + 0.2
    assert misfit_after([], [PlateError(-BIAS, 24)] * 9).common < usual.common


def test_new_series_are_as_good_as_predicted_unless_left_out_ones_were_not():
    assert misfit_after([], [PlateError(0.0, 24)] * 3).bias == 0
    assert misfit_after([], [PlateError(-0.5, 24)] * 30).bias == pytest.approx(0.5, abs=0.02)


def test_a_left_out_series_is_predicted_as_by_a_model_without_it():
    """The blocks of the inverse covariance give what a process conditioned on the other series gives."""
    generator = np.random.default_rng(0)
    rows = np.concatenate([centre + generator.standard_normal((12, 2)) for centre in (-4, 0, 4)])
    values = np.sin(rows[:, 0]) + rows[:, 1] + 0.1 * generator.standard_normal(36)
    found = fit_posterior(rows, Measured(values, np.full(36, np.nan)), generator, surrogate="gp", scale="linear")
    series = [np.arange(start, start + 12) for start in (0, 12, 24)]
    errors = series_errors(found, rows, values, series)
    own, points, targets = series[1], found.points(rows), found.warp.forward(values)
    rest = np.setdiff1d(np.arange(36), own)
    kernel = found.model.kernel(points)
    known = kernel[np.ix_(rest, rest)] + found.model.noise * np.eye(24)
    gain = np.linalg.solve(known, kernel[np.ix_(rest, own)]).T
    mean = found.model.constant + gain @ (targets[rest] - found.model.constant)
    variance = np.diag(kernel)[own] + found.model.noise - np.einsum("ij,ji->i", gain, kernel[np.ix_(rest, own)])
    error = (targets[own] - mean) / found.calibration.deviation(mean, np.sqrt(variance))
    best = np.argsort(-mean)[:4]
    covariance = kernel[np.ix_(own, own)] + found.model.noise * np.eye(12) - gain @ kernel[np.ix_(rest, own)]
    correlation = (covariance / np.sqrt(np.outer(variance, variance)))[np.ix_(best, best)]
    assert errors[1].items == pytest.approx(1 / correlation.mean(), rel=1e-4)
    assert errors[1].mean == pytest.approx(np.clip(error[np.argsort(-mean)[:4]], -5, 5).mean(), rel=1e-4)
    assert series_errors(found, rows, values, series[:2]) == []


def test_the_misfit_of_a_plate_grows_with_how_new_its_items_are():
    generator, alike = np.random.default_rng(0), np.kron(np.eye(3), np.ones((12, 12)))
    rows = np.concatenate([centre + generator.standard_normal((12, 2)) for centre in (-4, 0, 4)])
    values = np.sin(rows[:, 0]) + rows[:, 1]
    found = fit_posterior(rows, Measured(values, np.full(36, np.nan)), generator, surrogate="gp", scale="linear")
    told = misfit_after([], series_errors(found, rows, values, series_of(alike)))
    measured, new = np.eye(36)[:1], np.full((1, 36), 0.2)
    both = np.array([[1.0, 0.2], [0.3, 0.4]])[:, [0, *[1] * 35]]
    misfits = [misfit_of_plate([], found, rows, values, alike, picked) for picked in (measured, both, new)]
    expected = [PICKED, PICKED.towards(told, 0.5), told]
    assert np.array(list(map(astuple, misfits))) == pytest.approx(np.array(list(map(astuple, expected))))
    assert told != PICKED


def test_series_hold_every_item_once_but_few_that_are_alone():
    similarity = np.eye(60)
    similarity[:20, :20] = similarity[20:32, 20:32] = 1.0
    found = series_of(similarity)
    assert [len(one) for one in found] == [20, 12, 28]
    assert sorted(np.concatenate(found).tolist()) == list(range(60))
    assert series_of(np.eye(5)) == series_of(np.zeros((5, 5))) == []
