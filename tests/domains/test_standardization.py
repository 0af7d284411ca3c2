"""Moments of conditions: standardized values have mean 0 and deviation 1, and missing ones stay missing."""

import numpy as np
import pytest

from sciencegen.domains import standardization
from sciencegen.errors import DataError, UnknownNameError

VALUES = np.array([[1.0, 5.0], [3.0, np.nan], [5.0, 5.0]])


def test_training_values_get_mean_0_and_deviation_1():
    fitted = standardization.fit(VALUES, ["a", "b"])
    rows = fitted.rows(VALUES)
    assert rows.dtype == np.float32
    assert np.allclose([rows[:, 0].mean(), rows[:, 0].std()], [0, 1], atol=1e-6)
    assert np.isnan(rows[1, 1])
    assert rows[0, 1] == 0, "a constant column gets a deviation of 1"
    assert fitted.scales == {"a": pytest.approx(VALUES[:, 0].std()), "b": 1.0}


def test_a_row_by_name_is_that_of_the_table():
    fitted = standardization.fit(VALUES, ["a", "b"])
    assert fitted.row({"a": 5.0})[0] == fitted.rows(VALUES)[2, 0]
    assert np.isnan(fitted.row({"a": 5.0})[1])
    with pytest.raises(UnknownNameError, match="'c'"):
        fitted.row({"c": 1.0})


def test_moments_survive_json_and_properties_that_were_known_keep_theirs():
    fitted = standardization.fit(VALUES, ["a", "b"])
    back = standardization.load(fitted.to_json())
    assert back.names == fitted.names
    assert np.array_equal(back.rows(VALUES), fitted.rows(VALUES), equal_nan=True)
    other = standardization.fit_new(fitted, 10 + VALUES[:, ::-1], ["c", "a"])
    assert other.mean[1] == fitted.mean[0]
    assert other.mean[0] == 15


def test_a_column_without_values_is_an_error():
    with pytest.raises(DataError, match="values of 'b'"):
        standardization.fit(np.array([[1.0, np.nan]]), ["a", "b"])


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.0), (0.0, float("nan")), (float("inf"), 1.0), (0.0, -1.0)])
def test_moments_that_are_none_are_not_loaded(mean, std):
    with pytest.raises(ValueError, match="finite moments"):
        standardization.load({"x": {"mean": mean, "std": std}})
