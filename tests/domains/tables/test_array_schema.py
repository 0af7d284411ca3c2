"""Schema and representation of arrays: they are restored, and what doesn't fit is refused."""

import json

import numpy as np
import pytest

from sciencegen.domains.tables import representation as tables
from sciencegen.domains.tables.schema import channel_axis, is_series, load_array
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from tests.domains.tables.arrays_table import items, texts

ROWS, TEXTS = items(), texts()
FITTED = tables.fit(TEXTS, np.empty((len(TEXTS), 0)), ())


def test_arrays_are_restored():
    whole = ROWS[1:]
    assert FITTED.decode(FITTED.batch(FITTED.encode(whole))) == whole
    assert [one.name for one in FITTED.arrays] == ["image", "wave", "spikes", "mask"]


def test_unknown_numbers_and_arrays_are_masked():
    row = {**ROWS[0], "image": None}
    mask = FITTED.batch(FITTED.encode([row])).mask.numpy()[0]
    image, wave = mask[2:32], mask[32:46].reshape(7, 2)
    assert not image.any()
    assert wave.sum() == 13
    assert not wave[2, 0]


def test_each_channel_is_standardized():
    batch = FITTED.batch(FITTED.encode(ROWS[1:]))
    wave = batch["values"][:, 32:46].reshape(-1, 7, 2)
    np.testing.assert_allclose(wave.mean((0, 1)), 0, atol=0.05)
    np.testing.assert_allclose(wave.std((0, 1)), 1, atol=0.05)


def test_it_is_plain_data():
    again = tables.load(json.loads(json.dumps(FITTED.to_json())))
    assert again.to_json() == FITTED.to_json()
    assert again.arrays == FITTED.arrays


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ([[1, 2]], r"an array \[1, 2\] in 'image', expected \[5, 6\]"),
        ([[0.5] * 6] * 5, "0.5, expected whole numbers, in 'image'"),
        ([[-1] * 6] * 5, "-1, expected whole numbers from 0 on, in 'image'"),
        ("a", "no array in 'image'"),
    ],
)
def test_arrays_that_the_model_cannot_hold_are_refused(cell, reason):
    (found,) = FITTED.encode([{"image": cell}])
    assert isinstance(found, Refusal)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(found.reason)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([[1, 1]] * 12, "arrays of different numbers in 'x', got only 1"),
        ([[None, None]] * 12, "got no number"),
        ([[1, 2]] * 11 + [3], "Expected arrays in all cells of 'x'"),
    ],
)
def test_columns_of_which_nothing_is_learned_are_errors(cells, reason):
    with pytest.raises(DataError, match=reason):
        tables.fit([json.dumps({"x": cell, "y": at}) for at, cell in enumerate(cells)], np.empty((12, 0)), ())


@pytest.mark.parametrize(
    ("shape", "series", "axis"),
    [((9,), True, None), ((9, 2), True, 1), ((40, 8), True, 1), ((8, 8), False, None), ((8, 8, 3), False, 2),
     ((3, 8, 8), False, 0), ((8, 8, 20), False, 2)],
)  # fmt: skip
def test_the_shape_says_what_an_array_is(shape, series, axis):
    assert is_series(shape) == series
    assert channel_axis(shape) == axis


@pytest.mark.parametrize(
    "change", [{"shape": []}, {"shape": [5, -6]}, {"shape": [5, 6, 7]}, {"channels": []}, {"name": ""}]
)
def test_contents_that_no_schema_has_are_errors(change):
    with pytest.raises(ValueError, match="expected"):
        load_array({**FITTED.arrays[0].to_json(), **change})
