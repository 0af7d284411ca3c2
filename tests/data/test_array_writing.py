"""Arrays are written as numpy writes them."""

import io

import numpy as np
import pytest

from sciencegen.data import writers as array_writing


@pytest.mark.parametrize("texts", [["a", "longer", ""], [""], [], ["ø", "\U0001f600x"], [f"t{at}" for at in range(20)]])
def test_bytes_are_those_of_numpy(texts, monkeypatch):
    monkeypatch.setattr(array_writing, "BLOCK", 7)
    numbers = {"latent": np.ones((3, 2), np.float32), "index": np.arange(3)}
    found, expected = io.BytesIO(), io.BytesIO()
    array_writing.save_arrays(found, {**numbers, "item": texts})
    np.savez(expected, **numbers, item=np.array(texts, dtype=np.str_))
    assert found.getvalue() == expected.getvalue()
