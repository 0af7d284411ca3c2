"""Items on disk are the sequence of what was added."""

import pytest

from sciencegen.data.writers import StoredItems

TEXTS = ["a", "", "żółw\n", "b" * 10_000, "\udcff"]


def test_it_is_the_list_of_what_was_parsed():
    stored = StoredItems(lambda text: ("item", text))
    expected = []
    for text in TEXTS:
        stored.append(text)
        expected.append(("item", text))
        assert list(stored) == expected
        assert stored[-1] == expected[-1]
    assert len(stored) == len(TEXTS)
    assert stored[1:4] == expected[1:4]
    assert stored[::-2] == expected[::-2]
    assert ("item", "a") in stored


def test_no_items_need_no_file():
    stored = StoredItems(str)
    assert list(stored) == stored[:] == []
    with pytest.raises(IndexError):
        stored[0]
