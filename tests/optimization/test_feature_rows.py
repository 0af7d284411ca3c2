"""Inputs of surrogates."""

import numpy as np
import pytest

from sciencegen.errors import ShapeError
from sciencegen.optimization.feature_rows import SiteRows, concatenate_rows, distinct_rows, fit_encoding


def test_sites_say_which_of_them_vary():
    codes = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [0, 2, 2]], np.uint8)
    encoding = fit_encoding(SiteRows(codes, np.eye(4)))
    assert encoding.varied.tolist() == [False, True, True]
    assert encoding.differences == pytest.approx(1.0)  # each of two sites differs half of the time


def test_rows_of_one_kind_are_concatenated_and_distinct_ones_found():
    table = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    assert distinct_rows(concatenate_rows([table, table[:1]])).tolist() == [0, 1]
    sites = SiteRows(np.array([[0, 1], [1, 1]]), np.eye(2))
    both = concatenate_rows([sites, sites])
    assert both.codes.tolist() == [[0, 1], [1, 1]] * 2
    assert distinct_rows(both).tolist() == [0, 1]


def test_dense_columns_are_standardized_sparse_ones_scaled_and_constant_ones_left_out():
    generator = np.random.default_rng(0)
    bits = (generator.random((200, 5)) < 0.1) * 4.0
    table = np.concatenate([100 + 7 * generator.standard_normal((200, 2)), bits, np.ones((200, 1))], 1)
    encoding = fit_encoding(table)
    points = encoding.points(table)
    assert (len(encoding.dense), len(encoding.sparse)) == (2, 5)
    assert points[:, :2].mean(0) == pytest.approx(0, abs=1e-9)
    assert points[:, :2].std(0) == pytest.approx(1)
    assert set(np.unique(points[:, 2:])) == {0.0, 1.0}


def test_codes_without_a_letter_are_refused():
    with pytest.raises(ShapeError, match="codes below 2"):
        SiteRows(np.array([[0, 2]]), np.eye(2))
