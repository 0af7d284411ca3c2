"""Every search finds known optima, spends its budget exactly, respects constraints and repeats itself."""

import numpy as np
import pytest

from sciencegen.errors import ConfigError
from sciencegen.optimization.search import METHODS, load_method
from tests.optimization.running import run

SEARCHES = [name for name in METHODS if name != "prior"]


@pytest.mark.long
@pytest.mark.parametrize("method", SEARCHES)
def test_beats_prior_draws_on_a_sphere(method, toy_space, objective, prior_best):
    trace = run(toy_space(), objective("maximize sphere", budget=500), method)
    assert len(trace) == 500
    assert max(e.scalar for e in trace) > prior_best.max() + 0.2


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_spends_exactly_the_budget_on_distinct_items(method, toy_space, objective):
    space = toy_space(2, decode=lambda z: [tuple(float(v) for v in np.round(row.astype(float), 1)) for row in z])
    made = objective("maximize first", budget=157)
    trace = run(space, made, method, initial=30, batch=20)
    assert len(trace) == 157
    assert len({e.key for e in trace}) == 157
    assert [e.call for e in trace] == list(range(1, 158))


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_trace_and_global_generators_untouched(method, toy_space, objective):
    traces = []
    for seed, trouble in ((3, 1), (3, 2), (4, 1)):
        np.random.seed(trouble)  # noqa: NPY002
        made = objective("maximize sphere", "first >= 0", budget=110)
        traces.append([(e.key, e.scalar) for e in run(toy_space(6, 4), made, method, seed, initial=40, batch=25)])
        expected = np.random.RandomState(trouble).random_sample()
        assert np.random.random_sample() == expected  # noqa: NPY002
    assert traces[0] == traces[1]
    assert traces[0] != traces[2]


@pytest.mark.long
@pytest.mark.parametrize("method", SEARCHES)
def test_the_best_feasible_item_lies_at_the_constraint(method, toy_space, objective):
    made = objective("maximize first", "norm <= 1.5", budget=300)
    trace = run(toy_space(4), made, method, initial=60)
    best = max(e.gains[0] for e in trace if e.feasible)
    assert 1.0 < best <= 1.5


@pytest.mark.parametrize("method", METHODS)
def test_nothing_unacceptable_is_ever_scored(method, toy_space, objective):
    space = toy_space(4, accept=lambda item: item[0] < 0.5, start=((9.0, 9.0, 9.0, 9.0), (0.0, 0.0, 0.0, 0.0)))
    trace = run(space, objective("maximize sphere", budget=70), method, initial=40)
    assert trace[0].item == (0.0, 0.0, 0.0, 0.0)
    assert all(e.item[0] < 0.5 for e in trace)


@pytest.mark.parametrize("method", METHODS)
def test_a_small_space_ends_the_search(method, toy_space, objective):
    signs = lambda latents: [tuple(float(v) for v in np.sign(row)) for row in latents]  # noqa: E731
    space = toy_space(2, decode=signs, mutate=lambda item, rng: (-item[0], item[1]))
    made = objective("maximize first", budget=100)
    trace = run(space, made, method, initial=20, patience=5)
    assert 1 <= len(trace) <= 4


@pytest.mark.parametrize("method", METHODS)
def test_failures_of_decoder_and_oracle_are_survived(method, toy_space, objective):
    def decode(latents):
        return [None if row[1] > 0 else tuple(float(v) for v in np.round(row.astype(float), 2)) for row in latents]

    made = objective("maximize failing", budget=150)
    trace = run(toy_space(4, decode=decode), made, method, initial=40)
    assert len(trace) == 150
    assert any(e.failure for e in trace)
    assert max(e.scalar for e in trace if e.failure is None) > -0.5


@pytest.mark.parametrize("method", METHODS)
def test_several_objectives_spread_over_the_front(method, toy_space, objective):
    made = objective("maximize first", "maximize second", "norm <= 2", budget=200)
    trace = run(toy_space(4), made, method, initial=60)
    feasible = np.array([e.gains for e in trace if e.feasible])
    assert feasible[:, 0].max() > 1.0
    assert feasible[:, 1].max() > 1.0


def test_methods_are_known_by_name(toy_space, objective):
    with pytest.raises(ConfigError, match="Did you mean 'evolution'"):
        load_method("evoluton")
    with pytest.raises(ConfigError, match="hill_climb"):
        run(toy_space(mutate=None), objective("maximize sphere"), "hill_climb")
    with pytest.raises(ConfigError, match="at least 2"):
        run(toy_space(4, 1), objective("maximize sphere"), "cma")
