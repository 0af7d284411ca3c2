"""Blocks fill their table."""

import numpy as np
import pytest

from sciencegen.errors import ShapeError
from sciencegen.prediction.columns import FeatureBlock, blocks_of, of_columns, roles_of

BLOCKS = [FeatureBlock(2, emphasis=3.0), FeatureBlock(3, near=False), FeatureBlock(1, grown=False)]


def test_a_field_of_blocks_is_one_of_each_column():
    assert of_columns(BLOCKS, "near").tolist() == [True, True, False, False, False, True]
    assert of_columns(BLOCKS, "emphasis").tolist() == [3, 3, 1, 1, 1, 1]


def test_roles_are_of_the_columns_that_are_kept():
    roles = roles_of(BLOCKS, np.array([0, 4, 5]))
    assert roles["near"].tolist() == [True, False, True]
    assert roles["grown"].tolist() == [True, True, False]
    assert roles["emphasis"].tolist() == [3, 1, 1]


def test_blocks_that_do_not_fill_the_table_are_refused():
    assert blocks_of(6, BLOCKS) == BLOCKS
    assert [block.size for block in blocks_of(4, ())] == [4]
    with pytest.raises(ShapeError, match="fill 7 columns"):
        blocks_of(7, BLOCKS)
