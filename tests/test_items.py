"""Rows of a user's file: why a cell is no number, with its remedy."""

import pytest

from sciencegen.items import LONGEST_CELL, Row


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        (">5", "only measurements of design rounds may be bounds"),
        ("007", "write 7 if it is a number"),
        ("2,5", "write 2.5, or part"),
        ("1,500", "write 1.500 or 1500, whichever it is"),
    ],
)
def test_what_a_cell_should_be_instead_is_said(cell, remedy):
    assert remedy in Row(1, "CCO", unread={"y": cell}).why_no_number("y")


def test_a_cell_without_a_remedy_is_cut_and_an_empty_one_is_named():
    row = Row(1, "CCO", unread={"y": "n" * 99})
    assert row.why_no_number("y") == f"'{'n' * LONGEST_CELL}' in 'y', expected a finite number or an empty cell"
    assert row.why_no_number("z") == "no number in 'z'"
