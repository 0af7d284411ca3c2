"""Records of a CSV text."""

import pytest

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
