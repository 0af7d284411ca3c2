"""Model and scale are chosen by what they say of measurements that they have not seen."""

from contextlib import suppress

import numpy as np
import pytest

from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization import posterior as module
from sciencegen.optimization.posterior import MODELS, Measured, best_scale, fit_posterior
from tests.optimization.test_kernels import site_rows


def table(count=80, seed=0):
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((count, 4))
    return rows, rows @ np.array([1.0, -0.5, 0.0, 0.2]) + 0.05 * generator.standard_normal(count)


NOTHING = np.full(80, np.nan)


@pytest.mark.long
def test_the_scale_is_that_of_the_values():
    rows, values = table()
    generator = np.random.default_rng(0)
    fitted = {
        "linear": fit_posterior(rows, Measured(values, NOTHING), generator, surrogate="gp"),
        "log": fit_posterior(rows, Measured(np.exp(2 * values), NOTHING), generator, surrogate="gp"),
        "log-from-above": fit_posterior(rows, Measured(-np.exp(2 * values), NOTHING), generator, surrogate="gp"),
        "saturating": fit_posterior(rows, Measured(-np.exp(-0.8 * values), NOTHING), generator, surrogate="gp"),
    }
    assert {name: one.warp.name for name, one in fitted.items()} == {name: name for name in fitted}


@pytest.mark.parametrize(("gain", "chosen"), [(0.05, "linear"), (0.2, "log"), (-0.2, "linear")])
def test_another_scale_than_the_linear_one_is_better_by_more_than_a_standard_error(gain, chosen):
    noise = np.resize([-0.6, 0.6], 36)  # its standard error is 0.1
    assert best_scale({"linear": np.zeros(36), "log": noise + gain, "saturating": noise - 1}) == chosen


def test_the_model_is_on_the_chosen_scale_even_if_another_is_likelier(monkeypatch):
    rows, values = table()
    monkeypatch.setattr(module, "best_scale", lambda densities: "linear")
    found = fit_posterior(rows, Measured(np.exp(2 * values), NOTHING), np.random.default_rng(0), surrogate="gp")
    assert max(found.likelihoods, key=found.likelihoods.get) == "gp log"
    assert (found.name, found.warp.name) == ("gp linear", "linear")


def test_likelihoods_don_t_depend_on_the_unit():
    rows, values = table()
    in_metres = fit_posterior(rows, Measured(values, NOTHING), np.random.default_rng(0), surrogate="gp").likelihoods
    in_microns = fit_posterior(
        rows, Measured(1e6 * values, NOTHING), np.random.default_rng(0), surrogate="gp"
    ).likelihoods
    for name, density in in_metres.items():
        assert in_microns[name] == pytest.approx(density - np.log(1e6), abs=1e-3)


@pytest.mark.long
@pytest.mark.parametrize("surrogate", MODELS)
@pytest.mark.parametrize("kind", ["table", "sites"])
def test_every_model_learns_and_its_intervals_hold(surrogate, kind):
    if kind == "table":
        rows, values = table(280)
    else:
        rows = site_rows(280, 4, kinds=4)
        values = rows.letters[rows.codes].sum((1, 2)) + 0.1 * np.random.default_rng(0).standard_normal(280)
    posterior = fit_posterior(rows[:80], Measured(values[:80], NOTHING), np.random.default_rng(0), surrogate=surrogate)
    marginals = posterior.model.marginals(posterior.points(rows[80:]))
    median, lower, upper = posterior.interval(marginals.mean, marginals.deviation)
    assert np.corrcoef(median, values[80:])[0, 1] > 0.7
    assert ((lower <= values[80:]) & (values[80:] <= upper)).mean() > 0.75
    joint = posterior.model.joint(posterior.points(rows[80:120]))
    assert joint.mean == pytest.approx(marginals.mean[:40], abs=1e-3)
    assert np.sqrt(np.diag(joint.covariance)) == pytest.approx(marginals.deviation[:40], abs=1e-2)
    assert np.linalg.eigvalsh(joint.covariance).min() > -1e-6


@pytest.mark.parametrize("surrogate", MODELS)
@pytest.mark.parametrize("replicates", [1, 4])
def test_intervals_are_those_of_one_measurement_whatever_errors_are_stated(surrogate, replicates):
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((600, 4))
    function = rows @ np.array([1.0, -0.5, 0.0, 0.2])
    means = function[:200] + 0.8 / np.sqrt(replicates) * generator.standard_normal(200)
    errors = np.full(200, 0.8 / np.sqrt(replicates))
    posterior = fit_posterior(
        rows[:200],
        Measured(means, errors, np.full(200, replicates)),
        generator,
        surrogate=surrogate,
        scale="linear",
    )
    points = posterior.points(rows[200:])
    marginals = posterior.model.marginals(points)
    _, lower, upper = posterior.interval(marginals.mean, marginals.deviation)
    measured = function[200:] + 0.8 * generator.standard_normal(400)
    covered = ((lower <= measured) & (measured <= upper)).mean()
    print(surrogate, replicates, covered)
    assert 0.85 < covered < 0.96
    assert posterior.joint(points[:3]).noise * posterior.warp.scale**2 == pytest.approx(0.64, rel=0.3)


def test_errors_that_few_measurements_state_are_not_those_of_a_new_one():
    rows, values = table()
    errors = np.where(np.arange(80) < 20, 5.0, np.nan)
    posterior = fit_posterior(rows, Measured(values, errors), np.random.default_rng(0), surrogate="gp", scale="linear")
    assert posterior.noise == posterior.model.noise


def test_a_process_and_an_ensemble_are_compared():
    rows, values = table()
    found = fit_posterior(rows, Measured(values, NOTHING), np.random.default_rng(0))
    assert {name.split()[0] for name in found.likelihoods} == set(MODELS)
    (other,) = found.others
    assert {found.name, *other.likelihoods} == {f"{name} {found.warp.name}" for name in MODELS}


@pytest.mark.parametrize("unit", [1e-310, 1e-100, 1e300])
@pytest.mark.parametrize("error", [1.0, 1e100, np.inf])
def test_numbers_of_any_size_give_finite_intervals_or_an_error(unit, error):
    rows, values = table(12)
    with suppress(DataError):
        posterior = fit_posterior(
            rows,
            Measured(values * unit, np.full(12, error)),
            np.random.default_rng(0),
            surrogate="ensemble",
            scale="linear",
        )
        marginals = posterior.model.marginals(posterior.points(rows))
        assert np.isfinite(posterior.interval(marginals.mean, marginals.deviation)).all()


def test_too_little_is_an_error_with_a_remedy():
    rows, values = table(5)
    for count, given in ((2, values[:2]), (5, np.ones(5))):
        with pytest.raises(DataError, match="at least 3 measured items whose values differ"):
            fit_posterior(rows[:count], Measured(given, NOTHING[:count]), np.random.default_rng(0))
    with pytest.raises(ConfigError, match="Did you mean 'ensemble'"):
        fit_posterior(rows, Measured(values, NOTHING[:5]), np.random.default_rng(0), surrogate="ensembel")


def test_columns_without_a_number_or_without_a_difference_do_no_harm():
    rows, values = table()
    odd = np.concatenate([rows, np.full((80, 1), np.nan), np.ones((80, 1))], 1)
    odd[::7, 0] = np.nan
    posterior = fit_posterior(odd, Measured(values, NOTHING), np.random.default_rng(0), surrogate="gp", scale="linear")
    assert np.isfinite(posterior.model.marginals(posterior.points(odd)).mean).all()
