"""Packed arrays are the arrays that were packed, in memory or in a file."""

import os

import numpy as np
import pytest

from sciencegen.data.prepared import PackedArrays, pack

KINDS = {
    "rows": [np.arange(3, dtype=np.float32) + at for at in range(50)],
    "tokens of different lengths": [np.arange(at % 7, dtype=np.int16) for at in range(50)],
    "images": [np.full((2, 3), at, np.uint8) for at in range(50)],
}


@pytest.mark.parametrize("most_held", [1 << 26, 16])
@pytest.mark.parametrize("arrays", KINDS.values(), ids=KINDS)
def test_each_array_is_as_before(arrays, most_held, tmp_path, monkeypatch):
    monkeypatch.setattr("sciencegen.data.prepared.MOST_HELD", most_held)
    packed = pack(iter(arrays), tmp_path)
    assert isinstance(packed, PackedArrays)
    assert packed.lengths.tolist() == [len(one) for one in arrays]
    for found, expected in ((packed, arrays), (packed[10:3:-2], arrays[10:3:-2]), ([packed[-1]], arrays[-1:])):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert type(one) is np.ndarray
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
    with pytest.raises(IndexError):
        packed[50]
    assert os.listdir(tmp_path) == [], "the file has no name"


def test_a_large_block_may_be_changed(tmp_path, monkeypatch):
    monkeypatch.setattr("sciencegen.data.prepared.MOST_HELD", 16)
    packed = pack([np.zeros(100)], tmp_path)
    packed[0][3] = 1.0
    assert packed[0].sum() == 1.0


@pytest.mark.parametrize(
    "items",
    [
        [],
        ["a", "b"],
        [np.array(["a"]), np.array(["b"])],
        [np.arange(2), np.arange(2.0), np.arange(3)],
        [np.zeros((2, 2)), np.zeros((2, 3))],
        [np.arange(2), "a", np.arange(3)],
    ],
)
def test_other_items_are_a_list(items):
    found = pack(iter(items))
    assert isinstance(found, list)
    assert len(found) == len(items)
    assert all(np.array_equal(one, other) for one, other in zip(found, items, strict=True))
