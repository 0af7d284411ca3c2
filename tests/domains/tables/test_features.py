import json

import numpy as np

from sciencegen.domains.tables import rows
from sciencegen.domains.tables.features import fit_features, load_features
from tests.domains.tables.known_table import texts

ROWS = [rows.parse(text) for text in texts(100)]


def test_rows_are_finite_and_loaded_features_are_the_same():
    fitted = fit_features(ROWS)
    again = load_features(json.loads(json.dumps(fitted.to_json())))
    table = np.stack(fitted.encode(ROWS))
    assert np.isfinite(table).all()
    assert table.shape[1] == fitted.size == 2 * 5 + 3 + 2
    np.testing.assert_array_equal(table, np.stack(again.encode(ROWS)))


def test_missing_numbers_are_the_mean_and_marked():
    fitted = fit_features([{"a": 1.0}, {"a": 3.0}])
    np.testing.assert_array_equal(fitted.encode([{"a": 3.0, "b": 1}, {"b": 1, "a": None}])[0], [3, 0])
    assert fitted.refusal({"b": 1}) == "no cell in the columns a"
    assert fitted.refusal({"a": "x"}) == "'x' in 'a', expected a number"


def test_new_categories_are_novel():
    fitted = fit_features([{"c": "x"}, {"c": "y"}])
    assert fitted.novel([{"c": "z"}, {"c": "x"}, {"c": None}]).tolist() == [True, False, False]
