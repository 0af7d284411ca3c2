import gzip
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.data.tables import (
    RejectsWriter,
    TableWriter,
    no_numbers,
    read_table,
    rejects_path,
    write_rejects,
    write_table,
)
from sciencegen.data.writers import replace_rejects
from sciencegen.errors import ConfigError, DataError, ShapeError

NAMES = ("item", "word")


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def rows(path, column=None):
    return [(row.line, row.text, dict(row.values)) for row in read_table(path, NAMES, column)]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_what_is_written_reads_back(tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    write_table(path, {"item": ["apple", 'a "b", c', "line\nbreak"], "size": [1.5, None, -2e-9], "count": [1, 2, 3]})
    found = rows(path)
    assert [text for _, text, _ in found] == ["apple", 'a "b", c', "line\nbreak"]
    assert [values for *_, values in found] == [{"size": 1.5, "count": 1}, {"count": 2}, {"size": -2e-9, "count": 3}]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_names_of_items_are_read(tmp_path, ending):
    write_table(tmp_path / f"t.{ending}", {"ID": ["7", "", "x"], "item": list("abc"), "size": [1, 2, 3]})
    assert [(row.text, row.id) for row in read_table(tmp_path / f"t.{ending}", NAMES)] == list(
        zip("abc", ["7", "", "x"], strict=True)
    )
    write_table(tmp_path / f"u.{ending}", {"item": list("abc")})
    assert [row.id for row in read_table(tmp_path / f"u.{ending}", NAMES)] == ["", "", ""]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_same_content_same_bytes(tmp_path, ending):
    columns = {"item": ["a", "b"], "value": np.array([0.1, np.nan], np.float32)}
    paths = [tmp_path / f"{name}.{ending}" for name in ("one", "two")]
    for path in paths:
        write_table(path, columns)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_people_read_seven_digits_and_parquet_is_exact(tmp_path):
    numbers = [0.1, 1 / 3, 1e300, 1234567.0, -1234567.8, 2e-9 / 3]
    columns = {"item": list("abcdef"), "x": numbers, "y": np.array([0.1] * 6, np.float32)}
    write_table(tmp_path / "t.csv", columns)
    cells = [line.split(",") for line in (tmp_path / "t.csv").read_text().splitlines()[1:]]
    assert [cell for _, cell, _ in cells] == ["0.1", "0.3333333", "1e+300", "1234567", "-1234568", "6.666667e-10"]
    assert {cell for *_, cell in cells} == {"0.1"}
    write_table(tmp_path / "t.parquet", columns)
    assert [row.values["x"] for row in read_table(tmp_path / "t.parquet", NAMES)] == numbers
    with TableWriter(tmp_path / "e.csv", exact={"x", "y"}) as table:
        table.write({**columns, "z": numbers})
    cells = [line.split(",") for line in (tmp_path / "e.csv").read_text().splitlines()[1:]]
    assert [float(cell) for _, cell, *_ in cells] == numbers
    assert {cell for *_, cell, _ in cells} == {"0.1"}
    assert cells[1][3] == "0.3333333"
    write_table(tmp_path / "u.csv", {"item": ["a"], "ok": [np.True_], "no": [False], "none": [math.nan]})
    assert (tmp_path / "u.csv").read_text() == "item,ok,no,none\na,true,false,\n"


def test_lines_are_those_of_an_editor(tmp_path):
    path = write(tmp_path / "t.csv", '\nitem,size\n\n"two\nlines",1\n\nlast,2\n')
    assert rows(path) == [(4, "two\nlines", {"size": 1}), (7, "last", {"size": 2})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Word;size\na;1,5\n", [(2, "a", {"size": 1.5})]),  # a spreadsheet set to a language with decimal commas
        ("size\titem\n1\ta\n", [(2, "a", {"size": 1})]),
        ("\ufeffitem,size\r\na,1\r\n", [(2, "a", {"size": 1})]),
        ("item\na\nb\n", [(2, "a", {}), (3, "b", {})]),
        ("item,size,note\na,,x\nb,inf,y\nc\n", [(2, "a", {}), (3, "b", {}), (4, "c", {})]),
        ("item,size\na,>100\nb,3\n", [(2, "a", {}), (3, "b", {"size": 3})]),
    ],
)
def test_dialects(tmp_path, text, expected):
    assert rows(write(tmp_path / "t.csv", text)) == expected


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
    assert "'>5' in 'size', expected a finite number or an empty cell; a bound is no measurement and teaches" in why
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


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_whole_rows_have_every_cell(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    write_table(path, {"Item": ["a", "b"], "size": [1.5, None], "note": ["x", ""]})
    found = [dict(row.cells) for row in read_table(path, NAMES, with_cells=True)]
    assert [one["Item"] for one in found] == ["a", "b"]
    assert [one["note"] for one in found] == ["x", ""]
    assert float(found[0]["size"]) == 1.5
    assert found[1]["size"] in ("", None)
    assert [dict(row.cells) for row in read_table(path, NAMES)] == [{}, {}]


def test_hostile_cells_are_rows_like_others(tmp_path):
    path = write(tmp_path / "t.csv", b"item\nCC\x00O\n\xff\xfe\n" + b"C" * 1_000_000 + b"\nC\n")
    assert [len(text) for _, text, _ in rows(path)] == [4, 2, 1_000_000, 1]


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


def test_a_record_with_more_cells_than_the_header_is_given_whole(tmp_path):
    path = write(tmp_path / "t.csv", "item,size\na,1\nb,c,2\nd,3,,\n")
    assert rows(path) == [(2, "a", {"size": 1}), (3, "b,c,2", {}), (4, "d", {"size": 3})]


def test_parquet_text_that_is_not_utf8_or_only_bytes_is_a_row(tmp_path):
    cells = [b"apple", b"pe\xffar", None]
    for raw, kind in ((pa.binary(), pa.string()), (pa.binary(), pa.binary()), (pa.large_binary(), pa.large_string())):
        pq.write_table(pa.table({"item": pa.array(cells, raw).view(kind)}), tmp_path / "t.parquet")
        assert [text for _, text, _ in rows(tmp_path / "t.parquet")] == ["apple", "pe\ufffdar", ""]


def test_a_missing_column_names_what_is_there_and_the_flag(tmp_path):
    path = write(tmp_path / "hits.csv", "pIC50,Structure\n6.5,apple\n")
    with pytest.raises(DataError, match=r"'item' or 'word' in .*hits.csv, found 'pIC50', 'Structure'.*`column` Struc"):
        read_table(path, NAMES)
    assert rows(path, "Structure") == [(2, "apple", {"pIC50": 6.5})]
    write_table(tmp_path / "hits.parquet", {"pIC50": [6.5], "Structure": ["apple"]})
    with pytest.raises(DataError, match=r"found 'pIC50', 'Structure'.*`column` Structure"):
        read_table(tmp_path / "hits.parquet", NAMES)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "empty file"),
        ("t.csv", b"  \n\n", "empty file"),
        ("t.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary file"),
        ("t.csv", "item\na\n".encode("utf-16"), "UTF-16"),
        ("t.parquet", b"PAR1 and then nothing of the kind PAR1", "damaged"),
        ("t.csv.gz", gzip.compress(b"item\n" + bytes(range(32, 127)) * 900, mtime=0)[:-20], "damaged"),
        ("t.csv.gz", gzip.compress(b"", mtime=0), "empty file"),
    ],
)
def test_unusable_files(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message):
        rows(write(tmp_path / name, content))


def test_no_file(tmp_path):
    for path, found in ((tmp_path / "none.csv", "nothing"), (tmp_path, "a folder")):
        with pytest.raises(DataError, match=f"found {found}"):
            read_table(path, NAMES)


def test_reading_streams(tmp_path):
    with TableWriter(tmp_path / "t.csv") as table:
        for start in range(0, 2000, 500):
            table.write({"item": [f"word{i}" for i in range(start, start + 500)]})
    stream = read_table(tmp_path / "t.csv", NAMES)
    assert next(stream).text == "word0"
    assert sum(1 for _ in stream) == 1999


def write_twice(table):
    table.write({"item": ["new"]})
    table.write({"word": ["new"]})  # another column


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_a_failed_write_leaves_the_old_table(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    write_table(path, {"item": ["old"]})
    with pytest.raises(ShapeError), TableWriter(path) as table:
        write_twice(table)
    assert [text for _, text, _ in rows(path)] == ["old"]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_writer_checks(tmp_path, capsys):
    with pytest.raises(ConfigError, match=r"ending in \.csv"):
        TableWriter(tmp_path / "t.xlsx")
    with pytest.raises(ShapeError, match="one length"):
        write_table(tmp_path / "t.csv", {"item": ["a"], "x": []})
    with pytest.raises(ShapeError, match="columns"), TableWriter(tmp_path / "t.csv") as table:
        write_twice(table)
    write_table("-", {"item": ["a"]})
    assert capsys.readouterr().out == "item\na\n"


def test_rejects(tmp_path):
    path = rejects_path(tmp_path / "out.csv")
    assert path.name == "out.csv.rejects.csv"
    assert write_rejects(path, [(3, "a\x00b", "NUL"), (4, "x" * 5000, "too long")]) == 2
    assert path.read_text() == f"line,item,reason\n3,a\\x00b,NUL\n4,{'x' * 200}... (5000 characters),too long\n"
    write_rejects(path, [(1, "a", "no\x1b[31m" + "y" * 1000)])
    assert path.read_text() == f"line,item,reason\n1,a,no\\x1b[31m{'y' * 493}... (1007 characters)\n"
    with RejectsWriter(path):
        pass
    assert path.read_text() == "line,item,reason\n"


def test_refusals_of_a_file_that_was_mended_go_and_those_of_others_stay(tmp_path):
    path = tmp_path / "journal.csv.rejects.csv"
    replace_rejects(path, "one.csv", [])
    assert not path.exists()
    replace_rejects(path, "one.csv", [(2, "a", "no number"), (3, "b", "no number")])
    replace_rejects(path, "two.csv", [(2, "c", "a\nbound"), (2, "c", "no error")])
    both = path.read_text()
    replace_rejects(path, "two.csv", [(2, "c", "a\nbound"), (2, "c", "no error")])
    assert path.read_text() == both, "again adds nothing"
    replace_rejects(path, "one.csv", [(3, "b", "no number")])
    assert path.read_text() == "source,line,item,reason\none.csv,3,b,no number\n" + "".join(both.splitlines(True)[3:])
    replace_rejects(path, "one.csv", [])
    assert [line[:8] for line in path.read_text().splitlines()[1:]] == ["two.csv,"] * 2
    replace_rejects(path, "two.csv", [])
    assert list(tmp_path.iterdir()) == []
