"""record: a lab's table joins the journal once."""

import pytest

from sciencegen.api.record import record
from sciencegen.errors import DataError


def test_rows_that_the_journal_holds_add_nothing(tmp_path):
    journal, table = tmp_path / "journal.csv", tmp_path / "plate.csv"
    table.write_text("item,value,round\nMKV,1.5,1\nMKV,2.5,1\nMKL,,1\nM1,3,1\n")
    first = record("proteins", journal, table, threads=1).summary
    assert (first["recorded"], first["unmeasured"], first["refused"], first["awaited"]) == (2, 1, 1, 1)
    before = journal.read_bytes()
    again = record("proteins", journal, table, threads=1).summary
    assert (again["recorded"], again["known"]) == (0, 2)
    assert journal.read_bytes() == before


def test_a_table_without_a_measured_item_says_why(tmp_path):
    (tmp_path / "plate.csv").write_text("item,value\nM1,3\n")
    with pytest.raises(DataError, match="found none, the first"):
        record("proteins", tmp_path / "journal.csv", tmp_path / "plate.csv", threads=1)
    assert not (tmp_path / "journal.csv").exists()
