"""Orders of evaluations: feasible first, and blind to units."""

import numpy as np
import pytest

from sciencegen.optimization.selection import best_first, desirability, random_weights


@pytest.fixture
def evaluations(objective):
    made = objective("maximize first", "norm <= 2")
    return made.evaluate([(0.5, 0.0), (1.5, 0.0), (3.0, 0.0), (2.5, 0.0), (-1.0, 0.0)])


def test_feasible_ones_by_their_gain_come_before_infeasible_ones_by_their_violation(evaluations):
    assert best_first(evaluations).tolist() == [1, 0, 4, 3, 2]


def test_failed_ones_are_last(objective):
    made = objective("maximize failing", "norm <= 2")
    assert best_first(made.evaluate([(1.0, 0.0), (-3.0, 0.0), (-1.0, 0.0)])).tolist() == [2, 1, 0]


def test_desirability_has_the_same_order_and_no_unit(evaluations, objective):
    found = desirability(evaluations)
    assert np.argsort(-found).tolist() == best_first(evaluations).tolist()
    assert found.mean() == pytest.approx(0, abs=1e-9)


def test_weights_of_several_objectives_lie_on_the_simplex(objective):
    generator = np.random.default_rng(0)
    several = objective("maximize first", "maximize second").evaluate([(1.0, 2.0)])
    weights = random_weights(several, generator)
    assert weights.shape == (2,)
    assert weights.sum() == pytest.approx(1)
    assert random_weights(objective("maximize first").evaluate([(1.0, 2.0)]), generator) is None
