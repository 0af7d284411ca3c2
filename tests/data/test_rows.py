"""Which column of a table holds what."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.data.tables import no_numbers, read_table
from sciencegen.data.writers import write_table
from sciencegen.errors import DataError
from tests.data.written_tables import NAMES, rows, write


def test_decimal_commas_are_told_what_to_write(tmp_path):
    """In a cell, and where a whole column has them, so that it is none of numbers."""
    (first, second, third) = read_table(write(tmp_path / "t.csv", 'item,size\na,"-1,5"\nb,2\nc,"1,500"\n'), NAMES)
    assert "'-1,5' in 'size', expected a finite number or an empty cell; write -1.5, or" in first.why_no_number("size")
    assert second.values == {"size": 2}
    assert "; write 1.500 or 1500, whichever it is, or part" in third.why_no_number("size")
    path = write(tmp_path / "c.csv", 'item, size ,other\na,"",1\nb,"1,5",2\n')
    told = (
        f"Unknown column of numbers in {path} 'size'. Known: other. Its first cell: '1,5' in 'size', expected a finite"
    )
    assert str(no_numbers(path, "size", ["other"])).startswith(told)
    assert "; write 1.5, or part" in str(no_numbers(path, "size", ["other"]))
    assert "first cell" not in str(no_numbers(path, "sizes", ["other"]))


def test_cells_that_are_no_numbers_are_told_apart_from_empty_ones(tmp_path):
    path = write(tmp_path / "t.csv", "item,size\na,1\nb,>5\nc, \nd,inf\ne,nan\nf\n")
    found = list(read_table(path, NAMES))
    assert [dict(row.unread) for row in found] == [{}, {"size": ">5"}, {}, {"size": "inf"}, {"size": "nan"}, {}]
    why = found[1].why_no_number("size")
    assert (
        "'>5' in 'size', expected a finite number or an empty cell; only measurements of design rounds may be bounds"
        in why
    )
    assert found[2].why_no_number("size") == "no number in 'size'"
    pq.write_table(pa.table({"item": list("abc"), "size": [1.0, math.inf, None]}), tmp_path / "t.parquet")
    found = list(read_table(tmp_path / "t.parquet", NAMES))
    assert [dict(row.values) for row in found] == [{"size": 1}, {}, {}]
    assert [dict(row.unread) for row in found] == [{}, {"size": "inf"}, {}]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_row_without_an_item_is_read_from_the_next_column_of_items(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    write_table(path, {"word": ["pear", "plum", ""], "size": [1, 2, 3], "item": ["apple", "", ""]})
    assert [text for _, text, _ in rows(path)] == ["apple", "plum", ""]
    assert [text for _, text, _ in rows(path, "item")] == ["apple", "", ""]
    write_table(path, {"item": ["apple", ""], "word": [1, 2]})  # numbers are no items
    assert [text for _, text, _ in rows(path)] == ["apple", ""]


def test_a_column_of_items_may_begin_late_and_a_column_of_numbers_is_none(tmp_path):
    many = [f"word{number}" for number in range(300)]
    columns = {"item": [*many, "", ""], "word": [*[""] * 300, "plum", ""], "size": [*[""] * 300, 7, 8]}
    write_table(tmp_path / "t.csv", columns)
    found = list(read_table(tmp_path / "t.csv", NAMES))
    assert [row.text for row in found] == [*many, "plum", ""]
    assert [dict(row.values) for row in found[-2:]] == [{"size": 7}, {"size": 8}]
    write_table(tmp_path / "t.csv", {"item": [*many, ""], "word": [3, *[""] * 299, 4]})
    assert [row.text for row in read_table(tmp_path / "t.csv", NAMES)] == [*many, ""]


def test_a_missing_column_names_what_is_there_and_the_flag(tmp_path):
    path = write(tmp_path / "hits.csv", "pIC50,Structure\n6.5,apple\n")
    with pytest.raises(DataError, match=r"'item' or 'word' in .*hits.csv, found 'pIC50', 'Structure'.*`column` Struc"):
        read_table(path, NAMES)
    assert rows(path, "Structure") == [(2, "apple", {"pIC50": 6.5})]
    write_table(tmp_path / "hits.parquet", {"pIC50": [6.5], "Structure": ["apple"]})
    with pytest.raises(DataError, match=r"found 'pIC50', 'Structure'.*`column` Structure"):
        read_table(tmp_path / "hits.parquet", NAMES)
