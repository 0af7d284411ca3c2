"""Laws of Pareto sets, against definitions by brute force."""

import numpy as np
import pytest

from sciencegen.optimization.pareto import (
    are_optimal,
    crowding_distance,
    hypervolume,
    nondominated,
    nondominated_ranks,
    pareto_set,
)
from sciencegen.optimization.selection import best_first, desirability


@pytest.fixture(params=[2, 3])
def gains(request):
    return np.random.default_rng(request.param).integers(0, 12, (60, request.param)).astype(float)


def dominated(row, rows):
    return any((other >= row).all() and (other > row).any() for other in rows)


def test_nondominated_is_the_definition(gains):
    assert nondominated(gains).tolist() == [not dominated(row, gains) for row in gains]


def test_every_row_of_a_later_front_is_dominated_by_the_front_before(gains):
    ranks = nondominated_ranks(gains)
    assert (ranks >= 0).all()
    for row, rank in zip(gains, ranks, strict=True):
        assert not dominated(row, gains[ranks == rank])
        assert rank == 0 or dominated(row, gains[ranks == rank - 1])


def test_hypervolume_is_the_measure_of_the_dominated_set(gains):
    cells = np.stack(np.meshgrid(*[np.arange(12)] * gains.shape[1], indexing="ij"), -1).reshape(-1, gains.shape[1])
    counted = sum((gains >= cell + 1).all(1).any() for cell in cells)
    assert hypervolume(gains, np.zeros(gains.shape[1])) == pytest.approx(counted)


def test_hypervolume_closed_forms():
    assert hypervolume(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]), (0, 0)) == 6.0
    assert hypervolume(np.array([[1.0, 2.0, 3.0]]), (0, 0, 0)) == 6.0
    assert hypervolume(np.array([[-1.0, 5.0]]), (0, 0)) == 0.0


def test_ends_of_a_front_are_never_crowded_out():
    front = np.array([[0.0, 4.0], [1.0, 3.0], [1.1, 2.9], [2.0, 2.0], [4.0, 0.0]])
    distance = crowding_distance(front, np.zeros(5, int))
    assert np.isinf(distance[[0, 4]]).all()
    assert distance[3] > distance[2]


def test_order_and_set_respect_feasibility(objective):
    made = objective("maximize first", "maximize second", "norm <= 5")
    items = [(9.0, 9.0), (1.0, 4.0), (4.0, 1.0), (1.0, 1.0), (5.0, 3.0)]
    evaluations = made.evaluate(items)
    assert {e.item for e in pareto_set(evaluations)} == {(1.0, 4.0), (4.0, 1.0)}
    assert are_optimal(evaluations, evaluations) == [e.item in {(1.0, 4.0), (4.0, 1.0)} for e in evaluations]
    order = [items[i] for i in best_first(evaluations)]
    assert set(order[:2]) == {(1.0, 4.0), (4.0, 1.0)}
    assert order[2:] == [(1.0, 1.0), (5.0, 3.0), (9.0, 9.0)]


def test_failures_come_last_in_order_and_desirability(objective):
    made = objective("maximize failing", "norm <= 2")
    evaluations = made.evaluate([(1.0,), (-3.0,), (-1.0,), (-0.5,)])
    assert best_first(evaluations).tolist() == [3, 2, 1, 0]
    assert np.argsort(-desirability(evaluations)).tolist() == [3, 2, 1, 0]


def test_desirability_ignores_units_and_ties_share_a_rank(objective):
    small, large = objective("maximize first"), objective("maximize first")
    values = np.array([1.0, 2.0, 2.0, 5.0])
    one = desirability(small.evaluate([(v, i) for i, v in enumerate(values)]))
    two = desirability(large.evaluate([(np.exp(9 * v), i) for i, v in enumerate(values)]))
    assert np.allclose(one, two)
    assert one[1] == one[2]
    assert np.isfinite(one).all()
