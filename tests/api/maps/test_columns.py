"""Columns of a map: texts are classes if they are few, and nothing else."""

import numpy as np
import pytest

from sciencegen.api.latent_map import MOST_CATEGORIES, cell_columns, number_columns, text_column
from sciencegen.api.science import unit_of
from sciencegen.domains import load_domain
from sciencegen.domains.molecules import DOMAIN


def test_texts_come_back_from_their_categories_the_most_frequent_first():
    texts = ["b", "a", "", "b", "c", "b", "a", ""]
    column = text_column("kind", texts)
    assert column is not None
    assert column.categories == ("b", "a", "c")
    assert column.cells() == texts
    assert np.isnan(column.values[2])


@pytest.mark.parametrize(
    "texts", [["", ""], [f"name {at}" for at in range(8)], [str(at // 2) for at in range(2 * MOST_CATEGORIES + 2)]]
)
def test_empty_texts_and_names_are_no_classes(texts):
    assert text_column("kind", texts) is None


def test_numbers_are_missing_where_a_row_lacks_them():
    rows = [{"logp": 1.5}, {"own": np.nan}, {"logp": 2.5, "empty": np.nan}]
    (column,) = number_columns(DOMAIN, rows)
    assert (column.name, column.unit) == ("logp", unit_of(DOMAIN, "logp"))
    np.testing.assert_array_equal(column.values, [1.5, np.nan, 2.5])
    assert unit_of(DOMAIN, "own") == ""


def test_texts_in_the_cells_of_items_are_classes():
    texts = ['{"city": "Oslo", "size": 1}', '{"city": "Bergen", "size": 2}', '{"city": "Oslo"}', '{"size": 4}']
    (column,) = cell_columns(load_domain("arrays"), texts)
    assert (column.name, column.cells()) == ("city", ["Oslo", "Bergen", "Oslo", ""])
    assert cell_columns(DOMAIN, ["CCO", "CC"]) == []
