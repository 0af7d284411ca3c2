"""Files that are written whole or not at all."""

from __future__ import annotations

from sciencegen.files import check_writable


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path):
    check_writable(tmp_path / "new/folder/x.csv", "-o")
    check_writable(tmp_path / "x.csv", "-o")
    assert not list(tmp_path.iterdir())
