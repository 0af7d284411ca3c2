"""Toy spaces with known optima: an item is a latent rounded to two digits."""

import numpy as np
import pytest

from sciencegen.optimization.goals import parse_goal
from sciencegen.optimization.objective import Objective, ScoringOptions
from sciencegen.optimization.spaces import SearchSpace
from sciencegen.scoring.oracles import FunctionOracle


def item_of(latent):
    return tuple(float(value) for value in np.round(latent.astype(float), 2))


def mutate(item, generator):
    moved = np.array(item) + generator.normal(0, 0.3, len(item)) * (generator.random(len(item)) < 0.3)
    return item_of(moved)


@pytest.fixture
def toy_space():
    def make(size=8, semantic=None, **callables):
        defaults = dict(
            sample=lambda n, generator: generator.standard_normal((n, size)).astype(np.float32),
            decode=lambda latents: [item_of(latent) for latent in latents],
            encode=lambda items: np.array(items, np.float32).reshape(-1, size),
            mutate=mutate,
        )
        return SearchSpace(size, semantic or size, **(defaults | callables))

    return make


def sphere(item):
    """Greatest, 0, where every coordinate is 1."""
    return -float(np.sum((np.array(item) - 1.0) ** 2))


def first_coordinate(item):
    return item[0]


def failing(item):
    if item[0] > 0:
        raise ValueError("right half")
    return item[0]


FUNCTIONS = {
    "sphere": sphere,
    "first": first_coordinate,
    "second": lambda item: item[1],
    "failing": failing,
    "norm": lambda item: float(np.linalg.norm(item)),
}


@pytest.fixture
def objective():
    def make(*goals, budget=500, **settings):
        parsed = [parse_goal(goal) for goal in goals]
        oracles = {goal.name: FunctionOracle(goal.name, FUNCTIONS[goal.name]) for goal in parsed}
        return Objective(parsed, oracles, repr, budget, ScoringOptions(**settings))

    return make


@pytest.fixture(scope="module")
def prior_best():
    draws = np.random.default_rng(1).standard_normal((20, 500, 8))
    return -np.square(draws - 1).sum(-1).min(1)  # twenty searches by prior draws
