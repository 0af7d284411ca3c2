"""Files that tables name: at their paths, from the table's folder, and beside the table that they were written with."""

from pathlib import Path

import pytest

from sciencegen.data.tables import referred_place


@pytest.mark.parametrize(
    ("cell", "table", "expected"),
    [
        ("a.fits", "a.csv", "a.fits"),
        ("sub/b.fits", "here/t.csv", "here/sub/b.fits"),
        ("old/t.fits", "here/t.csv", "here/t.fits"),
        ("/old/t.fits", "here/t.csv.gz", "here/t.fits"),
        ("old/b.fits", "here/t.csv", "old/b.fits"),
        ("/old/b.fits", "here/t.csv", "/old/b.fits"),
        ("old/t.fits", "here/t.x.csv", "old/t.fits"),
        ("nowhere.fits", "here/t.csv", "nowhere.fits"),
    ],
)
def test_a_file_is_found_from_its_table_but_no_other_of_its_name(cell, table, expected):
    there = {Path(name) for name in ("a.fits", "here/sub/b.fits", "here/t.fits", "here/b.fits")}
    assert referred_place(Path(cell), Path(table), there.__contains__) == Path(expected)
