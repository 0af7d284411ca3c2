"""Distances are those of the columns that they look at, to the rows that a model was fitted on."""

import numpy as np
import pytest

from sciencegen.prediction.families import CANDIDATES, LOCAL, NEIGHBOURS, Neighbours, make_query, nearest_left_in

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


def folds_by_turns():
    return np.arange(20)[:, None] % 3 != np.arange(3)


def nearest_left_out():
    """Of fold 0: the candidates of item 0, so that its neighbours must be looked for among the other rows."""
    squared = np.square(ITEMS[:, None] - REFERENCE[None])
    order = np.argsort(squared[..., :2].mean(2) + squared[..., 2:].mean(2), axis=1)[0]
    left_in = np.ones((20, 3), bool)
    left_in[order[: CANDIDATES - 1], 0] = False
    left_in[order[1:], 1] = False
    return left_in


@pytest.mark.parametrize("left_in", [folds_by_turns(), nearest_left_out()])
def test_neighbours_are_the_nearest_rows_that_a_fold_was_fitted_on(left_in):
    query = make_query(ITEMS, REFERENCE, SPARSE)
    found, squared = nearest_left_in(query, left_in), (query.dense + query.sparse) / 2
    assert found.row.shape == (6, 3, LOCAL)
    for fold, rows in enumerate(left_in.T):
        count = min(LOCAL, rows.sum())
        nearest = np.sort(squared[:, rows], axis=1)[:, :count]
        assert found.squared[:, fold, :count] == pytest.approx(nearest)
        assert np.isinf(found.squared[:, fold, count:]).all()
        assert rows[found.row[:, fold, :count]].all()
        assert found.distance()[:, fold] == pytest.approx(np.sqrt(nearest[:, :NEIGHBOURS].mean(1)))


def test_fewer_reference_rows_than_candidates():
    found = nearest_left_in(make_query(ITEMS, REFERENCE[:4], SPARSE), np.ones((4, 2), bool))
    assert np.isfinite(found.squared).sum(2).tolist() == [[4, 4]] * 6
    assert found.mean(np.full(4, 7.0)) == pytest.approx(7)


def test_means_lie_nearer_to_the_values_of_near_rows():
    near = Neighbours(np.arange(LOCAL)[None], np.array([[0.1, 1, 1, 4, np.inf]]))
    values = np.eye(LOCAL)
    share = np.array([near.mean(one)[0] for one in values])
    assert share.sum() == pytest.approx(1)
    assert share[0] > share[1] == share[2] > share[3] > share[4] == 0


def test_parts_of_a_query_are_parts_of_its_blocks():
    query = make_query(ITEMS, REFERENCE, SPARSE)
    part = query.rows(np.array([1, 4])).references(np.array([0, 3, 7]))
    assert part.inputs.tolist() == ITEMS[[1, 4]].tolist()
    assert (part.dense == query.dense[np.ix_([1, 4], [0, 3, 7])]).all()
