"""A batch: one size for all tensors, and operations that keep items together."""

import pytest
import torch

from sciencegen.batch import Batch, concatenate
from sciencegen.errors import ShapeError


def batch(first: int, count: int) -> Batch:
    rows = torch.arange(first, first + count, dtype=torch.float32)
    return Batch({"x": rows[:, None]}, rows[:, None] > 1, -rows[:, None])


def test_tensors_of_several_sizes_are_refused():
    with pytest.raises(ShapeError, match="'condition': 3"):
        Batch({"x": torch.zeros(2, 1)}, condition=torch.zeros(3, 1))


def test_parts_of_a_batch_join_to_the_whole():
    whole = batch(0, 5)
    joined = concatenate([whole.select(slice(0, 2)), whole.select(slice(2, 5))])
    assert len(joined) == 5
    for name in ("mask", "condition"):
        assert torch.equal(getattr(joined, name), getattr(whole, name))
    assert torch.equal(joined["x"], whole["x"])
    assert concatenate([Batch({"x": whole["x"]})]).mask is None


def test_repeated_items_stand_in_a_row():
    repeated = batch(0, 2).repeat_interleave(3)
    assert repeated["x"].flatten().tolist() == [0, 0, 0, 1, 1, 1]
    assert repeated.condition.flatten().tolist() == [0, 0, 0, -1, -1, -1]
    assert batch(0, 2).with_condition(None).condition is None
