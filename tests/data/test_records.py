"""Records of a CSV text."""

import pytest

from sciencegen.data.tables import csv_records
from sciencegen.errors import DataError
from tests.data.written_tables import rows, write


def test_lines_are_those_of_an_editor(tmp_path):
    path = write(tmp_path / "t.csv", '\nitem,size\n\n"two\nlines",1\n\nlast,2\n')
    assert rows(path) == [(4, "two\nlines", {"size": 1}), (7, "last", {"size": 2})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('item,size\n"a,1\nb,2\nc,3\n', [(2, '"a', {"size": 1}), (3, "b", {"size": 2}), (4, "c", {"size": 3})]),
        ('item\na\n"b\n"c\nd\n', [(2, "a", {}), (3, '"b', {}), (4, '"c', {}), (5, "d", {})]),
        ('item\n"a"b\nc\n', [(2, '"a"b', {}), (3, "c", {})]),
        ('item\n"a\n"b"\n"c\nd"\n', [(2, '"a', {}), (3, "b", {}), (4, "c\nd", {})]),
    ],
)
def test_a_stray_quotation_mark_costs_its_own_row_only(tmp_path, text, expected):
    assert rows(write(tmp_path / "t.csv", text)) == expected


def test_an_unclosed_quotation_mark_swallows_no_thousand_rows(tmp_path):
    found = rows(write(tmp_path / "t.csv", 'item\n"' + "a\n" * 3000))
    assert [line for line, *_ in found] == list(range(2, 3002))
    assert [text for _, text, _ in found] == ['"a'] + ["a"] * 2999


def test_a_record_that_is_too_long_is_no_quoted_one(monkeypatch):
    """The lines after an open quotation mark aren't held: its line is read alone, and the others as records."""
    monkeypatch.setattr("sciencegen.data.tables.LONGEST_LINE", 1000)
    text = ["a,b\n", 'x,"open\n', *["y" * 300 + ",1\n"] * 9]
    found = list(csv_records(iter(text), ",", "t.csv"))
    assert [line for line, _ in found] == list(range(1, 12))
    assert found[1][1] == ["x", '"open']


def test_too_many_columns_and_blank_lines_are_errors(monkeypatch):
    monkeypatch.setattr("sciencegen.data.tables.MOST_COLUMNS", 3)
    monkeypatch.setattr("sciencegen.data.tables.MOST_BLANK", 4)
    with pytest.raises(DataError, match=r"Expected at most 3 columns in line 2 of t.csv, found 4\. Keep those"):
        list(csv_records(iter(["a,b\n", "1,2,3,4\n"]), ",", "t.csv"))
    assert len(list(csv_records(iter(["a\n", *["\n"] * 4, "b\n"]), ",", "t.csv"))) == 2
    with pytest.raises(DataError, match=r"Expected rows in t.csv, found 5 blank lines before line 6\. Remove them\."):
        list(csv_records(iter(["a\n", *["\n"] * 5, "b\n"]), ",", "t.csv"))
