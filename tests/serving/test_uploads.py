"""Journals, which uploads don't replace."""

from __future__ import annotations

import pytest

from sciencegen.items import JOURNAL_COLUMNS
from sciencegen.optimization.journal import new_header
from sciencegen.serving.requests import has_journal_header


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (new_header("", False), True),
        (new_header("name", True), True),
        ((*JOURNAL_COLUMNS, "note of mine"), True),
        (JOURNAL_COLUMNS[1:], False),
        (("item", "value"), False),
        ((), False),
    ],
)
def test_a_journal_is_known_by_its_columns(tmp_path, header, found):
    (tmp_path / "t.csv").write_text(",".join(header) + "\n1,2\n")
    assert has_journal_header(tmp_path / "t.csv") == found
    assert not has_journal_header(tmp_path / "nothing.csv")


def test_other_bytes_are_no_journal(tmp_path):
    (tmp_path / "t.csv").write_bytes(bytes(range(256)) * 1000)
    assert not has_journal_header(tmp_path / "t.csv")
