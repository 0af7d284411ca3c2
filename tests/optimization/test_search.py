"""Every search finds known optima, spends its budget exactly, respects constraints and repeats itself."""

import numpy as np
import pytest

from sciencegen.errors import ConfigError
from sciencegen.optimization.bayes import TrustRegion
from sciencegen.optimization.population import score_neighbours
from sciencegen.optimization.search import METHODS, load_method, search
from sciencegen.optimization.spaces import SearchSettings

SEARCHES = [name for name in METHODS if name != "prior"]


def run(space, objective, method, seed=0, **settings):
    search(space, objective, np.random.default_rng(seed), SearchSettings(**settings), method)
    return objective.trace


@pytest.fixture(scope="module")
def prior_best():
    draws = np.random.default_rng(1).standard_normal((20, 500, 8))
    return -np.square(draws - 1).sum(-1).min(1)  # twenty searches by prior draws


@pytest.mark.parametrize("method", SEARCHES)
def test_beats_prior_draws_on_a_sphere(method, toy_space, objective, prior_best):
    trace = run(toy_space(), objective("maximize sphere", budget=500), method)
    assert len(trace) == 500
    assert max(e.scalar for e in trace) > prior_best.max() + 0.2


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


@pytest.mark.parametrize("method", SEARCHES)
def test_the_best_feasible_item_lies_at_the_constraint(method, toy_space, objective):
    made = objective("maximize first", "norm <= 1.5", budget=300)
    trace = run(toy_space(4), made, method, initial=60)
    best = max(e.gains[0] for e in trace if e.feasible)
    assert 1.0 < best <= 1.5


@pytest.mark.parametrize("method", METHODS)
def test_nothing_unacceptable_is_ever_scored(method, toy_space, objective):
    space = toy_space(4, accept=lambda item: item[0] < 0.5, start=((9.0, 9.0, 9.0, 9.0), (0.0, 0.0, 0.0, 0.0)))
    trace = run(space, objective("maximize sphere", budget=90), method, initial=40)
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


def test_evolution_beats_mutation_on_many_traps(toy_space):
    from sciencegen.optimization.goals import parse_goal
    from sciencegen.optimization.objective import Objective
    from sciencegen.scoring.oracles import FunctionOracle

    def rastrigin(item):
        y = np.array(item) - 1.0
        return -float(np.sum(y * y + 0.5 * (1 - np.cos(2 * np.pi * y))))

    best = {}
    for method in ("evolution", "hill_climb", "prior"):
        made = Objective([parse_goal("maximize f")], {"f": FunctionOracle("f", rastrigin)}, repr, 1500)
        best[method] = max(e.scalar for e in run(toy_space(8), made, method))
    assert best["evolution"] > -0.3
    assert best["prior"] < best["hill_climb"] < best["evolution"]


@pytest.mark.parametrize("semantic", [3, 8])
def test_evolution_without_encoder_mutation_or_screen(semantic, toy_space, objective, prior_best):
    space = toy_space(8, semantic, encode=None, mutate=None)
    trace = run(space, objective("maximize sphere", budget=500), "evolution", screen=1)
    assert max(e.scalar for e in trace) > np.median(prior_best)


def test_evolution_uses_features_and_recombination(toy_space, objective, prior_best):
    called = []

    def recombine(first, second, generator):
        called.append(1)
        return tuple(a if generator.random() < 0.5 else b for a, b in zip(first, second, strict=True))

    features = lambda items: np.concatenate([np.array(items), np.ones((len(items), 1))], 1)  # noqa: E731
    trace = run(
        toy_space(recombine=recombine, features=features), objective("maximize sphere", budget=400), "evolution"
    )
    assert called
    assert max(e.scalar for e in trace) > prior_best.max() + 0.2


def test_evolution_uses_edits_and_no_control_does(toy_space, objective):
    called = []

    def edit(item, generator):
        called.append(1)
        return tuple(float(value) for value in np.round(np.array(item) + generator.normal(0, 0.1, len(item)), 2))

    for method in ("hill_climb", "prior"):
        run(toy_space(edit=edit), objective("maximize sphere", budget=200), method)
    assert not called
    run(toy_space(edit=edit), objective("maximize sphere", budget=200), "evolution")
    assert called


@pytest.mark.parametrize("generations", [1, 2, 4])
def test_evolution_breeds_in_generations(generations, toy_space, objective, prior_best):
    traces = [
        run(toy_space(), objective("maximize sphere", budget=300), "evolution", generations=generations)
        for _ in range(2)
    ]
    assert [e.key for e in traces[0]] == [e.key for e in traces[1]]
    assert len({e.key for e in traces[0]}) == 300
    assert max(e.scalar for e in traces[0]) > prior_best.max()


def test_neighbours_of_a_start_that_is_not_acceptable_itself_are_found(toy_space, objective):
    space = toy_space(4, accept=lambda item: item[0] != 0.5, start=[(0.5,) * 4])
    judge = objective("maximize sphere", budget=50)
    found = score_neighbours(space, judge, np.random.default_rng(0), 10)
    assert len(found) == 10
    assert all(one.item[0] != 0.5 for one in found)


def test_evolution_starts_from_items_that_cannot_be_encoded(toy_space, objective):
    nowhere = lambda items: np.full((len(items), 8), np.nan, np.float32)  # noqa: E731
    space = toy_space(encode=nowhere, start=[(0.5,) * 8])
    trace = run(space, objective("maximize sphere", budget=200), "evolution", initial=1)
    assert len(trace) == 200
    assert max(e.scalar for e in trace) > trace[0].scalar


def test_ascent_follows_a_given_predictor(toy_space, objective):
    exact = lambda latent: -(latent - 1).square().sum(1)  # noqa: E731
    trace = run(toy_space(), objective("maximize sphere", budget=150), "ascent", predictor=exact)
    assert max(e.scalar for e in trace) > -0.3


def test_methods_are_known_by_name(toy_space, objective):
    with pytest.raises(ConfigError, match="Did you mean 'evolution'"):
        load_method("evoluton")
    with pytest.raises(ConfigError, match="hill_climb"):
        run(toy_space(mutate=None), objective("maximize sphere"), "hill_climb")
    with pytest.raises(ConfigError, match="at least 2"):
        run(toy_space(4, 1), objective("maximize sphere"), "cma")


def test_evolution_goes_on_when_no_first_draw_can_be_scored(toy_space, objective):
    calls = []

    def sample(n, generator):
        calls.append(n)
        draws = generator.standard_normal((n, 4)).astype(np.float32)
        return np.abs(draws) + 0.1 if len(calls) == 1 else draws

    trace = run(toy_space(4, sample=sample), objective("maximize failing", budget=120), "evolution", initial=30)
    assert all(e.failure for e in trace[:30])
    assert len(trace) == 120
    assert any(e.failure is None for e in trace)


def test_bayes_restarts_and_ascent_begins_from_draws_that_only_the_encoder_locates(toy_space, objective, monkeypatch):
    """Draws that come as items have no latent until they are encoded: a search that forgets it only draws."""
    drawn = []

    def draw(n, generator):
        drawn.append(n)
        items = toy_space(4).decode(generator.standard_normal((n, 4)))
        return [(abs(first) + 0.1, *rest) for first, *rest in items] if len(drawn) == 1 else items

    monkeypatch.setattr(TrustRegion, "after", lambda region, improved: TrustRegion(0.0))  # restarts after each round
    for method, goal in (("bayes", "maximize sphere"), ("ascent", "maximize failing")):
        drawn.clear()
        trace = run(toy_space(4, draw=draw), objective(goal, budget=140), method, initial=20, batch=20)
        assert len(trace) == 140
        assert 20 < sum(drawn) < 60


@pytest.mark.parametrize("settings", [
    {"batch": 1, "screen": 1}, {"batch": 10, "screen": 1}, {"batch": 1, "screen": 2, "generations": 4},
    {"batch": 50, "screen": 3, "generations": 4, "initial": 56},
], ids=str)  # fmt: skip
def test_evolution_spends_its_budget_however_few_children_a_round_has(settings, toy_space, objective):
    assert len(run(toy_space(), objective("maximize sphere", budget=157), "evolution", **settings)) == 157


def test_latent_evolution_leaves_the_domains_moves_alone(toy_space, objective):
    def never(*arguments):
        raise AssertionError("a move of the domain was made")

    space = toy_space(mutate=never, edit=never, recombine=never)
    assert len(run(space, objective("maximize sphere", budget=200), "latent_evolution")) == 200


def test_a_second_generation_descends_from_the_first(toy_space, objective, monkeypatch):
    from sciencegen.optimization import evolution
    from sciencegen.optimization.operators import Child

    seen = []
    propose = evolution.propose
    monkeypatch.setattr(evolution, "propose", lambda *all: seen.append(all[3]) or propose(*all))
    run(toy_space(), objective("maximize sphere", budget=200), "evolution", generations=2)
    assert any(pool and all(isinstance(one, Child) for one in pool) for pool in seen)


@pytest.mark.parametrize("name", ["batch", "screen", "generations", "population", "patience"])
def test_settings_that_mean_nothing_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        SearchSettings(**{name: 0})
