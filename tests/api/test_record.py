"""record: a lab's table joins the journal once."""

import os

import pytest

from sciencegen.api.record import record
from sciencegen.errors import ConfigError, DataError
from sciencegen.optimization.journal import read_journal


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


@pytest.mark.parametrize("name", [b"plate \xff.csv", b"two\nlines.csv"])
def test_a_file_of_an_odd_name_is_recorded_once(tmp_path, name):
    journal, table = tmp_path / "journal.csv", tmp_path / os.fsdecode(name)
    table.write_text("item,value\nMKV,1.5\n")
    assert record("proteins", journal, table, threads=1).summary["recorded"] == 1
    assert record("proteins", journal, table, threads=1).summary["known"] == 1


def test_a_journal_is_not_recorded_into_itself(tmp_path):
    journal, table = tmp_path / "journal.csv", tmp_path / "plate.csv"
    table.write_text("item,value\nMKV,1.5\n")
    record("proteins", journal, table, threads=1)
    before = journal.read_bytes()
    with pytest.raises(ConfigError, match="besides the journal"):
        record("proteins", journal, journal, threads=1)
    assert journal.read_bytes() == before


def test_the_journal_knows_the_target(tmp_path):
    journal, table = tmp_path / "journal.csv", tmp_path / "plate.csv"
    table.write_text("item,binding,value\nMKV,1.5,7\n")
    record("proteins", journal, table, target="binding", threads=1)
    table.write_text("item,binding,value\nMKL,2.5,7\n")
    record("proteins", journal, table, threads=1)
    assert [entry.value for entry in read_journal(journal).measured] == [1.5, 2.5]
    with pytest.raises(ConfigError, match="'binding', got 'value'"):
        record("proteins", journal, table, target="value", threads=1)
