"""Operators make children of their parents, on the coordinates that they may move."""

import numpy as np
import pytest

from sciencegen.optimization.evolution import Individual, item_moves, latent_moves, make_children


@pytest.fixture
def parents(toy_space, objective):
    space = toy_space(6, 4)
    latents = space.sample(40, np.random.default_rng(0))
    evaluations = objective("maximize sphere").evaluate(space.decode(latents))
    return [Individual(e, latent) for e, latent in zip(evaluations, latents, strict=True)]


def test_semantic_moves_leave_the_noise_and_noise_moves_the_rest(toy_space):
    space, generator = toy_space(6, 4), np.random.default_rng(1)
    first, second = np.random.default_rng(0).standard_normal((2, 50, 6)).astype(np.float32)
    for name, move in latent_moves(space).items():
        children = move(first, second, generator)
        assert children.shape == first.shape
        if name.startswith("semantic"):
            assert (children[:, 4:] == first[:, 4:]).all()
        elif name.startswith("noise"):
            assert (children[:, :4] == first[:, :4]).all()


def test_a_space_offers_the_moves_that_it_has(toy_space):
    assert set(item_moves(toy_space())) == {"mutation", "mutation_twice"}
    assert not item_moves(toy_space(mutate=None))
    assert not any(name.startswith("noise") for name in latent_moves(toy_space(6)))


def test_children_carry_their_operator_and_their_latent(toy_space, parents):
    names = ["semantic_small"] * 20 + ["mutation"] * 10 + ["prior"] * 10
    children = make_children(toy_space(6, 4), names, parents, parents[::-1], np.random.default_rng(0))
    assert [child.operator for child in children] == names
    assert all(child.has_latent == (child.operator != "mutation") for child in children)


def test_children_that_are_not_acceptable_are_dropped(toy_space, parents):
    space = toy_space(6, 4, accept=lambda item: item[0] > 0)
    children = make_children(space, ["mutation", "prior"] * 20, parents, parents, np.random.default_rng(0))
    assert 0 < len(children) < 40
    assert all(child.item[0] > 0 for child in children)
