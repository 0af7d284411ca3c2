"""Fitting keeps what can be learned from and refuses the rest."""

import numpy as np
import pytest

from sciencegen.errors import DataError
from tests.prediction.known_truth import fit, table


def test_weights_prefer_the_family_that_fits():
    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((300, 3))
    curved = fit(inputs, np.sin(3 * inputs[:, 0]))
    assert curved.weights["kernel"] > 0.8
    assert sum(curved.weights.values()) == pytest.approx(1)


def test_rows_without_value_or_features_are_dropped_and_counted():
    features, values = table(80, 0)
    values[:3] = [np.nan, np.inf, -np.inf]
    features[5] = np.nan
    features[6, 2] = np.nan  # one gap is filled
    summary = fit(features, values).summary
    assert summary["dropped"] == {"value": 3, "features": 1}
    assert summary["rows"] == 76


def test_overflowed_descriptors_do_no_harm():
    features, values = table(80, 0)
    features[4, 1], features[9, 3] = 1e300, -np.inf
    prediction = fit(features, values).predict(features)
    assert np.isfinite(prediction.upper - prediction.lower).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones(50), "vary"),
        (np.r_[np.arange(9.0), np.full(41, np.nan)], "at least 10 rows"),
        (np.full(50, np.nan), "found 0"),
    ],
)
def test_values_that_teach_nothing_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        fit(table(50, 0)[0], values)


def test_features_that_teach_nothing_are_refused():
    with pytest.raises(DataError, match="constant"):
        fit(np.ones((50, 4)), np.arange(50.0))


def test_ten_rows_are_enough():
    features, values = table(10, 0)
    prediction = fit(features, values).predict(features)
    assert np.isfinite(prediction.lower).all()
