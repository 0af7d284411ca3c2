"""What the readers of tables share: cells of numbers, and texts that are few."""

from decimal import Decimal

import pytest

from sciencegen.domains.tables.rows import MOST_CATEGORIES
from sciencegen.domains.tables.sources import check_distinct, different, number_cell, records_of
from sciencegen.errors import DataError


@pytest.mark.parametrize(
    ("value", "cell"), [(None, None), (float("nan"), None), (2, 2), (2.5, 2.5), (Decimal("1.50"), 1.5)]
)
def test_numbers_are_cells_and_nan_is_missing(value, cell):
    assert number_cell(value) == cell


@pytest.mark.parametrize("value", [float("inf"), "two", Decimal("Infinity")])
def test_what_is_no_finite_number_keeps_its_text(value):
    found = number_cell(value)
    assert isinstance(found, ValueError)
    assert str(found).lower() == str(float(value) if isinstance(value, Decimal) else value).lower()


def test_rows_are_numbered_over_blocks():
    blocks = [[[1, 2], ["a", "b"]], [[3], ["c"]]]
    assert list(records_of(blocks)) == [(1, (1, "a")), (2, (2, "b")), (3, (3, "c"))]


def test_columns_of_few_texts_name_them():
    many = [str(at) for at in range(MOST_CATEGORIES + 1)]
    blocks = [[["b", None], many[:2]], [["a", "b"], many[2:]]]
    assert different(["city", "name"], blocks) == {"city": ["a", "b"]}


def test_two_columns_of_one_name_are_refused():
    check_distinct(["a", "b", "", ""], "t.csv")
    with pytest.raises(DataError, match="found two of the name 'a'"):
        check_distinct(["a", "b", "a"], "t.csv")
