"""Columns are comparable whatever their unit, and say nothing where they are constant."""

import numpy as np
import pytest

from sciencegen.errors import DataError, ShapeError
from sciencegen.prediction import columns as module
from sciencegen.prediction.columns import (
    CLIP,
    FeatureBlock,
    as_table,
    fit_columns,
    mostly_missing,
    packed,
    side_by_side,
)

GENERATOR = np.random.default_rng(0)


def test_columns_are_standardized_clipped_and_gaps_are_the_median():
    values = GENERATOR.standard_normal((300, 3)) * [1.0, 1e6, 1e-6] + [5.0, 0.0, 1.0]
    values[7, 1] = np.nan
    columns = fit_columns(values)
    found = columns.transform(values)
    assert found.mean(0) == pytest.approx(0, abs=0.01)
    assert found.std(0) == pytest.approx(1, abs=0.05)
    assert found[7, 1] == pytest.approx(np.median(found[:, 1]), abs=1e-6)
    assert np.abs(columns.transform(1e9 * values)).max() == CLIP


def test_a_heavy_tail_is_bent_and_keeps_its_order():
    values = np.exp(3 * GENERATOR.standard_normal((400, 1)))
    columns = fit_columns(values)
    assert columns.bent.tolist() == [True]
    order = np.argsort(values[:, 0], kind="stable")
    assert (np.diff(columns.transform(values)[order, 0]) >= 0).all()


def test_constant_and_empty_columns_are_left_out_and_sparse_ones_told_apart():
    bits = (GENERATOR.random((200, 2)) < 0.1).astype(float)
    values = np.column_stack([GENERATOR.standard_normal(200), np.ones(200), np.full(200, np.nan), bits])
    columns = fit_columns(values)
    assert columns.kept.tolist() == [0, 3, 4]
    assert columns.sparse.tolist() == [False, True, True]


def test_blocks_say_which_columns_are_scaled_and_near():
    values = GENERATOR.integers(0, 2, (100, 4)).astype(float)
    columns = fit_columns(values, [FeatureBlock(2, scaled=False, sparse=True), FeatureBlock(2, near=False)])
    assert (columns.transform(values)[:, :2] == values[:, :2]).all()
    assert columns.sparse[:2].all()
    assert columns.near.tolist() == [True, True, False, False]


def test_rows_of_gaps_and_tables_of_other_widths_are_found():
    assert mostly_missing(np.array([[np.nan, np.nan, 1.0], [1.0, np.nan, 2.0], [1e300, np.inf, 1.0]])).tolist() == [
        True, False, True,
    ]  # fmt: skip
    with pytest.raises(ShapeError, match=r"\(items, 2\)"):
        fit_columns(GENERATOR.standard_normal((20, 2))).transform(np.zeros((3, 3)))
    with pytest.raises(DataError, match="constant"):
        fit_columns(np.ones((20, 2)))


def test_a_packed_table_gives_the_numbers_of_its_arrays():
    values = GENERATOR.standard_normal((50, 6)).astype(np.float32)
    values[:, 1] = np.arange(50) % 3
    values[:, 3] = np.arange(50) == 40  # its other parts are zeros
    values[:, 4] = np.where(np.arange(50) < 30, 1, 0.5)  # whole numbers in the first parts only
    values[7, 5], values[8, 1] = np.nan, 255
    table = packed(values[start : start + 15] for start in range(0, 50, 15))
    assert [array.dtype for array, *_ in table.parts] == [np.uint8, np.float32]
    assert table.parts[0][0].shape == (50, 2)
    rows = np.array([8, 8, 3, 45, 7])
    assert np.array_equal(table[:], values, equal_nan=True)
    assert np.array_equal(table.take(rows)[1:3], values[rows][1:3], equal_nan=True)
    assert np.array_equal(table.take(rows).columns(np.array([4, 1, 5])), values[rows][:, [4, 1, 5]], equal_nan=True)
    both = side_by_side([table, as_table(values[:, :2])])
    assert np.array_equal(both.take(rows)[:], np.hstack([values, values[:, :2]])[rows], equal_nan=True)
    assert (both.with_columns(np.array([2, 0]), np.zeros((50, 2))).columns(np.arange(3))[:, [0, 2]] == 0).all()


def test_a_transformed_table_has_the_transformed_rows(monkeypatch):
    monkeypatch.setattr(module, "PART_ROWS", 7)
    values = GENERATOR.standard_normal((40, 6)).astype(np.float32)
    values[:, :3] = GENERATOR.integers(0, 2, (40, 3))
    values[:, 1] = 0
    blocks = [FeatureBlock(3, scaled=False, sparse=True), FeatureBlock(2, scaled=False), FeatureBlock(1)]
    columns = fit_columns(values, blocks)
    table = columns.table(packed([values[:25], values[25:]]).take(np.arange(5, 40)))
    assert np.array_equal(table[:], columns.transform(values[5:]))
    assert sum(array.dtype == np.float32 and array.shape[1] == 1 for array, *_ in table.parts) == 1  # the scaled one
    values[30, 0] = np.nan
    assert np.array_equal(columns.table(as_table(values))[:], columns.transform(values))
