import math

import pytest

from sciencegen.domains.tables import rows
from sciencegen.items import Refusal

ROW = '{"age": 31, "height": 1.75, "city": "Tromsø", "member": true, "income": null}'


def test_a_row_is_its_text():
    row = rows.parse(ROW)
    assert row == {"age": 31, "height": 1.75, "city": "Tromsø", "member": True, "income": None}
    assert rows.text(row) == ROW


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a row as a JSON object"),
        ("age=3", "expected a row as a JSON object"),
        ("3", "got int"),
        (rows.refused({"age": ValueError("old: 9")}, "two cells: no"), "^two cells: no$"),
        ("# nothing", "expected a row as a JSON object"),
        ('{"age": Infinity}', "inf in 'age', expected a finite number"),
        ('{"age": NaN}', "nan in 'age'"),
        ('{"age": 1e30}', "at most 1e.18"),
        ('{"age": {"years": 1}}', "'age' holds neither a number nor a text"),
        ('{"age": ["one"]}', "a list of something else than numbers in 'age'"),
        ('{"": 1}', "a name for each column"),
        ('{"age": null}', "every cell is empty"),
        ("[" * 100_000, "expected a row as a JSON object"),
        (f'{{"age": {"9" * 400}}}', "a whole number of 400 digits in 'age', expected at most 1e.18"),
        ('{"city": "Os\\ud800lo"}', "half of a character .* in 'city'"),
        ('{"ci\\ud800ty": 1}', "half of a character"),
        ('{"city": "Oslo", "age": 3, "city": "Bergen"}', "two cells of the name 'city'"),
        ('{"note": "' + "x" * 1001 + '"}', "1001 characters in 'note'"),
    ],
)
def test_a_text_that_is_no_row_is_refused(text, reason):
    found = rows.parse(text)
    assert isinstance(found, Refusal)
    import re

    assert re.search(reason, found.reason)


def test_equal_rows_have_one_key():
    key = rows.key({"a": 3, "b": "x", "c": None})
    assert key == rows.key({"b": "x", "a": 3.0})
    assert key != rows.key({"a": 3, "b": "y"})
    assert rows.key({"a": True}) != rows.key({"a": 1})


def test_numbers_and_indicators():
    row = {"age": 31, "city": "Oslo: west", "member": True, "income": None}
    found = {name: rows.value(row, name) for name in ("age", "member", "city:Oslo: west", "city:Bergen", "age:31")}
    assert found == {"age": 31, "member": 1, "city:Oslo: west": 1, "city:Bergen": 0, "age:31": 1}
    assert all(math.isnan(rows.value(row, name)) for name in ("income", "income:3", "city", "other", "other:x"))


@pytest.mark.parametrize(
    ("goal", "plain"),
    [
        ("city = Oslo", "city:Oslo = 1"),
        ("home city=New York", "home city:New York = 1"),
        ("age = 3", "age = 3"),
        ("age=-.5 +- 2", "age=-.5 +- 2"),
        ("age = 1e3 ± 5", "age = 1e3 ± 5"),
        ("age = 18-25", "age:18-25 = 1"),
        ("size = 3 rooms", "size:3 rooms = 1"),
        ("age >= 3", "age >= 3"),
        ("city:Oslo = 1", "city:Oslo = 1"),
        ("maximize age", "maximize age"),
        ("1 <= age <= 3", "1 <= age <= 3"),
    ],
)
def test_a_condition_on_a_text_is_one_on_its_indicator(goal, plain):
    assert rows.goal(goal) == plain


def test_a_row_without_a_column():
    assert rows.without('{"a": 1, "b": "x"}', "a") == '{"b": "x"}'
    assert rows.without("no row", "a") == "no row"
