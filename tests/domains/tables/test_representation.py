import json

import numpy as np
import pytest

from sciencegen.domains.tables import representation as tables
from sciencegen.domains.tables import rows
from sciencegen.items import Refusal
from tests.domains.tables.known_table import texts

TEXTS = texts(300, seed=3)
ROWS = [rows.parse(text) for text in TEXTS]
CONDITIONS = ("height", "city:Oslo")
FITTED = tables.fit(TEXTS, tables.measure(ROWS, CONDITIONS), CONDITIONS)


def test_whole_rows_are_restored():
    whole = [row for row in ROWS if None not in row.values()]
    assert FITTED.decode(FITTED.batch(FITTED.encode(whole))) == whole


def test_missing_cells_are_masked():
    batch = FITTED.batch(FITTED.encode(ROWS))
    expected = np.array([[cell is not None for cell in row.values()] for row in ROWS])
    np.testing.assert_array_equal(batch.mask.numpy(), expected)


def test_conditions_are_standardized():
    batch = FITTED.batch(FITTED.encode(ROWS), tables.measure(ROWS, CONDITIONS))
    mean, std = np.nanmean(batch.condition.numpy(), 0), np.nanstd(batch.condition.numpy(), 0)
    np.testing.assert_allclose(mean, 0, atol=1e-4)
    np.testing.assert_allclose(std, 1, atol=1e-4)


def test_it_is_plain_data():
    again = tables.load(json.loads(json.dumps(FITTED.to_json())))
    assert again.to_json() == FITTED.to_json()


def test_measures_are_the_numbers_and_the_indicators():
    measures = FITTED.measures
    assert set(measures.names) >= {"height", "age", "rating", "city:Oslo", "smoker:yes"}
    assert "city" not in measures.names
    assert measures.tolerances["rating"] == 0
    assert 0 < measures.tolerances["height"] < measures.scales["height"]
    assert measures.ranges["rating"] == (1, 4)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"city": "Paris"}, "'Paris' in 'city', expected one of Bergen, Oslo, Tromsø"),
        ({"height": "tall"}, "'tall' in 'height', expected a number"),
        ({"visits": 2.5}, "2.5 in 'visits', expected a whole number from 0 on"),
        ({"visits": -1}, "-1 in 'visits', expected a whole number from 0 on"),
        ({"rating": 9}, "9 in 'rating', expected one of 1, 2, 3, 4"),
        ({"weight": 3.0}, "no cell in a column of the model"),
    ],
)
def test_rows_that_the_model_cannot_hold_are_refused(row, reason):
    (found,) = FITTED.encode([row])
    assert isinstance(found, Refusal)
    assert found.reason.startswith(reason)


def test_further_columns_are_passed_over():
    first, second = FITTED.encode([{"height": 170.0}, {"height": 170.0, "weight": 3.0}])
    np.testing.assert_array_equal(first, second)


def test_columns_of_one_name_are_not_loaded():
    data = FITTED.to_json()
    with pytest.raises(ValueError, match="columns of different names"):
        tables.load(data | {"columns": [*data["columns"], data["columns"][0]]})


def test_numbers_in_texts_are_numbers():
    """As where a file of few rows holds a text among the numbers of a column."""
    one, other = FITTED.encode([{"height": "180.5", "visits": "3"}, {"height": 180.5, "visits": 3}])
    np.testing.assert_array_equal(one, other)
    (unknown,) = FITTED.encode([{"height": "NA", "visits": 3}])
    assert np.isnan(unknown).sum() == len(unknown) - 1
