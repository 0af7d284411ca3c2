"""Distances are those of the columns that they look at, to the rows that a model was fitted on."""

import numpy as np
import pytest

from sciencegen.prediction.geometry import NEIGHBOURS, distance_to_left_in, make_query

GENERATOR = np.random.default_rng(0)
ITEMS, REFERENCE = GENERATOR.standard_normal((6, 5)), GENERATOR.standard_normal((20, 5))
SPARSE = np.array([False, False, True, True, True])


def test_blocks_are_mean_squared_differences():
    query = make_query(ITEMS, REFERENCE, SPARSE)
    squares = np.square(ITEMS[:, None] - REFERENCE[None])
    assert query.dense == pytest.approx(squares[..., :2].mean(2))
    assert query.sparse == pytest.approx(squares[..., 2:].mean(2))
    near = np.array([True, False, False, False, True])
    assert make_query(ITEMS, REFERENCE, SPARSE, near).sparse == pytest.approx(squares[..., 4])
    assert make_query(ITEMS, REFERENCE, ~np.zeros(5, bool)).dense is None


def test_the_distance_is_to_the_nearest_rows_that_a_fold_was_fitted_on():
    query = make_query(ITEMS, REFERENCE, SPARSE)
    left_in = np.arange(20)[:, None] % 3 != np.arange(3)
    found = distance_to_left_in(query, left_in)
    squared = (query.dense + query.sparse) / 2
    for fold in range(3):
        nearest = np.sort(squared[:, left_in[:, fold]], axis=1)[:, :NEIGHBOURS]
        assert found[:, fold] == pytest.approx(np.sqrt(nearest.mean(1)))


def test_parts_of_a_query_are_parts_of_its_blocks():
    query = make_query(ITEMS, REFERENCE, SPARSE)
    part = query.rows(np.array([1, 4])).references(np.array([0, 3, 7]))
    assert part.inputs.tolist() == ITEMS[[1, 4]].tolist()
    assert (part.dense == query.dense[np.ix_([1, 4], [0, 3, 7])]).all()
