"""Folds leave out what they say."""

from dataclasses import replace

import numpy as np

from sciencegen.prediction.columns import as_table
from sciencegen.prediction.families import TUNING_ROWS, Training, tuning_rows

TRAINING = Training(as_table(np.eye(6)), np.arange(6.0), np.arange(6) % 3, np.array([0, 2]), np.zeros(6, bool))


def test_each_item_is_out_of_its_folds_model_alone_unless_more_are_said():
    assert TRAINING.folds == 3
    assert (~TRAINING.left_in).sum(1).tolist() == [1] * 6
    assert TRAINING.rows_in(1).tolist() == [0, 2, 3, 5]
    several = replace(TRAINING, left_out=np.ones((6, 3), bool))
    assert not several.left_in.any()


def test_a_query_of_rows_is_one_of_their_inputs():
    assert (TRAINING.query(slice(2)).dense == TRAINING.query_of(np.eye(6)[:2]).dense).all()
    assert TRAINING.query(np.array([5])).dense.shape == (1, 2)


def test_tuning_looks_at_distinct_rows_in_order():
    rows = tuning_rows(5000, np.random.default_rng(0))
    assert len(rows) == TUNING_ROWS
    assert (np.diff(rows) > 0).all()
    assert tuning_rows(4, np.random.default_rng(0)).tolist() == [0, 1, 2, 3]
