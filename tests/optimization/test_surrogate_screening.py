"""A screen learns from what was scored and prefers children that will score well."""

import numpy as np

from sciencegen.optimization.evolution import Bandit, Child, Individual, SurrogateScreen


def individuals(space, objective, count, seed=0):
    latents = space.sample(count, np.random.default_rng(seed))
    evaluations = objective.evaluate(space.decode(latents))
    return [Individual(e, latent) for e, latent in zip(evaluations, latents, strict=True)]


def children_of(space, count, seed=1):
    latents = space.sample(count, np.random.default_rng(seed))
    return [Child("prior", item, latent) for item, latent in zip(space.decode(latents), latents, strict=True)]


def test_it_is_ready_once_enough_is_scored(toy_space, objective):
    space, judge = toy_space(4), objective("maximize first", budget=100)
    screen = SurrogateScreen(space, repr)
    screen.learn(individuals(space, judge, 10), None, np.random.default_rng(0))
    assert not screen.ready
    screen.learn(individuals(space, judge, 60, seed=2), None, np.random.default_rng(0))
    assert screen.ready


def test_its_best_children_score_better_than_any(toy_space, objective):
    space, judge = toy_space(4), objective("maximize first", budget=300)
    screen = SurrogateScreen(space, repr)
    screen.learn(individuals(space, judge, 150), None, np.random.default_rng(0))
    children = children_of(space, 200)
    best = screen.best(children, 20)
    assert len(best) == 20
    assert np.mean([child.item[0] for child in best]) > np.mean([child.item[0] for child in children]) + 0.5
    assert screen.best([], 5) == []


def test_it_chooses_distinct_children_and_says_why(toy_space, objective):
    space, judge = toy_space(4), objective("maximize first", budget=300)
    screen, pickers = SurrogateScreen(space, repr), Bandit(["greedy", "optimistic", "blind"])
    children = children_of(space, 60)
    chosen, why = screen.choose(children, 10, pickers, np.random.default_rng(0))
    assert set(why) == {"blind"}
    screen.learn(individuals(space, judge, 150), None, np.random.default_rng(0))
    chosen, why = screen.choose(children, 10, pickers, np.random.default_rng(0))
    assert len({child.item for child in chosen}) == len(why) == 10
    assert set(why) <= {"greedy", "optimistic", "blind"}
