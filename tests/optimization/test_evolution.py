"""Evolution beats its controls, spends its budget and uses the moves that a domain offers."""

import numpy as np
import pytest

from tests.optimization.running import run


@pytest.mark.long
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


def test_evolution_starts_from_items_that_cannot_be_encoded(toy_space, objective):
    nowhere = lambda items: np.full((len(items), 8), np.nan, np.float32)  # noqa: E731
    space = toy_space(encode=nowhere, start=[(0.5,) * 8])
    trace = run(space, objective("maximize sphere", budget=200), "evolution", initial=1)
    assert len(trace) == 200
    assert max(e.scalar for e in trace) > trace[0].scalar


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
    from sciencegen.optimization.evolution import Child

    seen = []
    propose = evolution.propose
    monkeypatch.setattr(evolution, "propose", lambda *all: seen.append(all[3]) or propose(*all))
    run(toy_space(), objective("maximize sphere", budget=200), "evolution", generations=2)
    assert any(pool and all(isinstance(one, Child) for one in pool) for pool in seen)
