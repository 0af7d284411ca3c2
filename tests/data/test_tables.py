import gzip
import math
import os
import tracemalloc
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.data.tables import read_table
from sciencegen.data.writers import TableWriter, write_table
from sciencegen.errors import DataError
from tests.data.written_tables import NAMES, rows, write


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_what_is_written_reads_back(tmp_path, ending):
    path = tmp_path / f"table.{ending}"
    write_table(path, {"item": ["apple", 'a "b", c', "line\nbreak"], "size": [1.5, None, -2e-9], "count": [1, 2, 3]})
    found = rows(path)
    assert [text for _, text, _ in found] == ["apple", 'a "b", c', "line\nbreak"]
    assert [values for *_, values in found] == [{"size": 1.5, "count": 1}, {"count": 2}, {"size": -2e-9, "count": 3}]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_names_of_files_that_are_not_utf8_are_escaped(tmp_path, ending):
    write_table(tmp_path / f"t.{ending}", {"item": [os.fsdecode(b"star\xff.fits"), None], "size": [1, 2]})
    assert [text for _, text, _ in rows(tmp_path / f"t.{ending}")] == [r"star\udcff.fits", ""]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_names_of_items_are_read(tmp_path, ending):
    write_table(tmp_path / f"t.{ending}", {"ID": ["7", "", "x"], "item": list("abc"), "size": [1, 2, 3]})
    assert [(row.text, row.id) for row in read_table(tmp_path / f"t.{ending}", NAMES)] == list(
        zip("abc", ["7", "", "x"], strict=True)
    )
    write_table(tmp_path / f"u.{ending}", {"item": list("abc")})
    assert [row.id for row in read_table(tmp_path / f"u.{ending}", NAMES)] == ["", "", ""]


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (pa.array([7, None, 0]), ["7", "", "0"]),
        (pa.array([7.0, math.nan, 0.1], pa.float32()), ["7.0", "", "0.1"]),
        (pa.array([True, None, False]), ["True", "", "False"]),
    ],
)
def test_numbers_of_parquet_are_names_too(tmp_path, cells, names):
    pq.write_table(pa.table({"id": cells, "item": list("abc")}), tmp_path / "t.parquet")
    assert [row.id for row in read_table(tmp_path / "t.parquet", NAMES)] == names


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


def test_a_record_with_more_cells_than_the_header_is_given_whole(tmp_path):
    path = write(tmp_path / "t.csv", "item,size\na,1\nb,c,2\nd,3,,\n")
    assert rows(path) == [(2, "a", {"size": 1}), (3, "b,c,2", {}), (4, "d", {"size": 3})]


def test_parquet_text_that_is_not_utf8_or_only_bytes_is_a_row(tmp_path):
    cells = [b"apple", b"pe\xffar", None]
    for raw, kind in ((pa.binary(), pa.string()), (pa.binary(), pa.binary()), (pa.large_binary(), pa.large_string())):
        pq.write_table(pa.table({"item": pa.array(cells, raw).view(kind)}), tmp_path / "t.parquet")
        assert [text for _, text, _ in rows(tmp_path / "t.parquet")] == ["apple", "pe\ufffdar", ""]


def test_dates_that_python_cannot_hold_are_the_stored_numbers(tmp_path):
    """Other cells are as they were."""
    columns = {"item": list("ab"), "day": pa.array([1 << 28, 0], pa.date32())}
    columns["at"] = pa.array([1 << 60, 0], pa.timestamp("ms", "Mars/Phobos"))
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    first, second = read_table(tmp_path / "t.parquet", NAMES, with_cells=True)
    assert first.cells == {"item": "a", "day": str(1 << 28), "at": str(1 << 60)}
    assert second.cells == {"item": "b", "day": "1970-01-01", "at": "0"}


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


@pytest.mark.parametrize("head", ["smiles,value,value", "smiles,smiles,value", "smiles,value, value"])
def test_a_name_of_two_columns_that_are_used_is_refused(tmp_path, head):
    (tmp_path / "x.csv").write_text(f"{head}\nCCO,1,2\n")
    with pytest.raises(DataError, match="columns of different names"):
        read_table(tmp_path / "x.csv", ["smiles"])


def test_columns_without_a_name_and_unused_ones_may_repeat(tmp_path):
    (tmp_path / "x.csv").write_text("smiles,note,note,,\nCCO,a,b,,\n")
    assert [row.text for row in read_table(tmp_path / "x.csv", ["smiles"])] == ["CCO"]
    with pytest.raises(DataError, match="2 of the name 'note'"):
        read_table(tmp_path / "x.csv", ["smiles"], with_cells=True)


def test_parquet_without_a_column_has_no_items(tmp_path):
    pq.write_table(pa.table({}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="Expected column 'smiles'"):
        read_table(tmp_path / "x.parquet", ["smiles"])


@pytest.mark.long
def test_a_text_that_parquet_holds_once_is_held_once(tmp_path):
    """A few bytes can stand for gigabytes of equal cells, also within lists."""
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 400), pa.array(["C" * (1 << 20)]))
    pq.write_table(pa.table({"item": once, "x": pa.array([1.0] * 400)}), tmp_path / "a.parquet")
    lists = pa.ListArray.from_arrays(pa.array(range(401), pa.int32()), once.dictionary_decode())
    pq.write_table(pa.table({"item": ["C"] * 400, "x": lists}), tmp_path / "b.parquet")
    tracemalloc.start()
    pq.write_table(
        pa.table(
            {"item": ["C"] * 9, "x": [[("k", "v")]] * 9},
            pa.schema([("item", pa.string()), ("x", pa.map_(pa.string(), pa.string()))]),
        ),
        tmp_path / "c.parquet",
        row_group_size=2,
    )
    assert [row.cells["x"] for row in read_table(tmp_path / "c.parquet", ["item"], with_cells=True)] == [
        "[('k', 'v')]"
    ] * 9
    for name in ("a.parquet", "b.parquet"):
        assert sum(1 for _ in read_table(tmp_path / name, ["item"], with_cells=name == "b.parquet")) == 400
    assert tracemalloc.get_traced_memory()[1] < 300 << 20
    tracemalloc.stop()


def test_parquet_that_stands_for_too_much_is_refused(tmp_path):
    pq.write_table(pa.table({"item": ["C" * (40 << 20)]}), tmp_path / "a.parquet", compression="zstd")
    with pytest.raises(DataError, match=r"stands for at most 100 times its bytes, or 32 MiB, .* without compression"):
        read_table(tmp_path / "a.parquet", ["item"])
    pq.write_table(pa.table({"item": pa.nulls(5_000_000, pa.string())}), tmp_path / "b.parquet")
    with pytest.raises(
        DataError, match=r"Expected a number of rows that agrees with .* found 5,000,000: they are alike"
    ):
        read_table(tmp_path / "b.parquet", ["item"])


def test_a_huge_list_is_refused(tmp_path):
    """A kilobyte can stand for gigabytes of equal values in one row."""

    def write(name, values):
        lists = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
        pq.write_table(pa.table({"item": ["C"], "x": lists}), tmp_path / name)
        return list(read_table(tmp_path / name, ["item"], with_cells=True))

    assert len(write("a.parquet", pa.array(np.zeros(1 << 16)))) == 1
    with pytest.raises(DataError, match=r"Expected a number of values within lists that agrees with .* 5,000,000"):
        write("b.parquet", pa.array(np.zeros(5_000_000)))
    with pytest.raises(DataError, match=r"at most 4,194,304 values within the lists of 1 rows .* found 5,000,001"):
        write("c.parquet", pa.array(np.arange(5_000_000)))
    once = pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), pa.array(["C" * (1 << 20)]))
    texts = once.dictionary_decode()
    with pytest.raises(DataError, match=r"Expected a whole Parquet table in .* failed|at most 256 MiB in 1 rows"):
        write("d.parquet", texts)


def test_an_underscore_is_no_part_of_a_number(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("item,kd\na,1_000\nb,10_2\nc,3\n")
    found = list(read_table(path, ["item"]))
    assert [(row.values, row.unread) for row in found] == [({}, {"kd": "1_000"}), ({}, {"kd": "10_2"}), ({"kd": 3}, {})]


def test_decimal_numbers_of_parquet_are_numbers(tmp_path):
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"item": ["a", "b"], "kd": [Decimal("1.50"), None]}), path)
    found = list(read_table(path, ["item"], with_cells=True))
    assert [row.values for row in found] == [{"kd": 1.5}, {}]
    assert [row.cells["kd"] for row in found] == ["1.50", None]


def test_whole_numbers_of_64_bits_are_written_with_all_digits(tmp_path):
    write_table(tmp_path / "t.parquet", {"item": ["a", "b", "c"], "id": [2**64 - 1, None, 7]})
    assert pq.read_table(tmp_path / "t.parquet")["id"].to_pylist() == ["18446744073709551615", None, "7"]


def test_a_later_row_of_another_type_is_an_error_of_the_table(tmp_path):
    with TableWriter(tmp_path / "t.parquet") as table:
        table.write({"id": [None]})
        with pytest.raises(DataError, match=r"Write \.csv"):
            table.write({"id": [2**60 + 1]})
