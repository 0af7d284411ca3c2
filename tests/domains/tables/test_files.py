"""Reading tables of every format, what is refused, and writing the same columns again."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import warnings
import zipfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sciencegen.domains.tables import files, rows
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from tests.domains.tables.known_table import table


def read(path: Path, column: str | None = None) -> list[dict]:
    found = [rows.parse(row.text) for row in files.read(path, column)]
    assert not [one for one in found if isinstance(one, Refusal)]
    return found


def csv(folder: Path, text: str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def reasons(path: Path) -> list[str]:
    found = (rows.parse(row.text) for row in files.read(path))
    return [one.reason for one in found if isinstance(one, Refusal)]


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".csv.gz", ".tsv"])
def test_formats_hold_the_same_rows(tmp_path, ending):
    data = table(40, seed=1)
    path = tmp_path / f"table{ending}"
    if ending == ".parquet":
        numbers = [name for name in data if name not in ("city", "smoker")]
        data.astype(dict.fromkeys(numbers, float)).to_parquet(path)
    elif ending == ".csv.gz":
        path.write_bytes(gzip.compress(data.to_csv(index=False).encode()))
    else:
        data.to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    expected = data.where(data.notna(), None).to_dict("records")
    assert read(path) == expected


def test_cells_have_their_types(tmp_path):
    path = csv(tmp_path, "a,code,city,x,month\n1,007,Oslo,2.50,2020_01\n2,012,?,,2020_02\nNA,100, Bergen ,1e3,-\n")
    assert read(path) == [
        {"a": 1, "code": "007", "city": "Oslo", "x": 2.5, "month": "2020_01"},
        {"a": 2, "code": "012", "city": None, "x": None, "month": "2020_02"},
        {"a": None, "code": "100", "city": "Bergen", "x": 1000.0, "month": None},
    ]


def test_decimal_commas(tmp_path):
    assert read(csv(tmp_path, "a;b\n1,5;x\n2,25;y\n")) == [{"a": 1.5, "b": "x"}, {"a": 2.25, "b": "y"}]


def test_arrays_of_numpy(tmp_path):
    np.save(tmp_path / "plain.npy", np.array([[1.5, 2.0], [np.nan, 3.0]]))
    assert read(tmp_path / "plain.npy") == [{"x0": 1.5, "x1": 2.0}, {"x0": None, "x1": 3.0}]
    np.savez(tmp_path / "named.npz", age=np.array([3, 4]), city=np.array(["Oslo", "Bergen"]), at=np.zeros((2, 2)))
    assert read(tmp_path / "named.npz")[1] == {"age": 4, "city": "Bergen", "at0": 0.0, "at1": 0.0}
    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    assert read(tmp_path / "cube.npy") == [{"x": [[0.0, 0.0], [0.0, 0.0]]}] * 2
    np.save(tmp_path / "objects.npy", np.array([{}, {}], object), allow_pickle=True)
    with pytest.raises(DataError, match="can't be read"):
        files.read(tmp_path / "objects.npy")


def test_columns_of_records(tmp_path):
    kinds = [("age", np.longdouble), ("city", "S6"), ("day", "M8[ns]"), ("at", float, (2,)), ("size", [("x", "f4")])]
    records = np.zeros(2, kinds)
    records["city"], records["day"] = [b"Oslo", b"\xff"], ["2026-01-31", "NaT"]
    np.save(tmp_path / "records.npy", records)
    day, others = "2026-01-31T00:00:00.000000000", {"at0": 0.0, "at1": 0.0, "x": 0.0}
    assert read(tmp_path / "records.npy") == [
        {"age": 0.0, "city": "Oslo", "day": day, **others},
        {"age": 0.0, "city": "\ufffd", "day": None, **others},
    ]


def test_arrays_whose_columns_have_one_name_are_an_error(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.zeros((2, 2)), x0=np.ones(2))
    with pytest.raises(DataError, match="two of the name 'x0'"):
        files.read(tmp_path / "t.npz")


def test_a_file_among_arrays_that_is_none_is_an_error(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("note.txt", "hello")
    with pytest.raises(DataError, match=r"found another file, 'note\.txt'"):
        files.read(tmp_path / "t.npz")


def test_rows_of_arrays_are_read_in_parts(tmp_path):
    """An archive may unpack to a thousand times its size, and Python's numbers to four times that."""
    np.savez_compressed(tmp_path / "t.npz", x=np.zeros(3_000_000, np.uint8))
    tracemalloc.start()
    try:
        first = next(files.read(tmp_path / "t.npz"))
        assert first.values == {"x": 0}
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()


def test_kinds_of_parquet(tmp_path):
    """A column of an odd kind doesn't hide the others."""
    columns = {
        "price": pa.array([Decimal("1.50"), None]),
        "list": pa.array([[1, 2], None]),
        "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
        "day": pa.array([1 << 28, 0], pa.date32()),
        "span": pa.array([1 << 62, None], pa.duration("s")),
        "bytes": pa.array([b"Oslo", b""]),
        "text": pa.array([b"pe\xffar", b""]).view(pa.string()),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    empty = dict.fromkeys(columns)
    cells = {"list": [1, 2], "map": "[('a', 1)]", "span": str(1 << 62), "bytes": "Oslo", "text": "pe\ufffdar"}
    parsed = [rows.parse(row.text) for row in files.read(tmp_path / "t.parquet")]
    assert parsed == [{**empty, **cells, "price": 1.5, "day": str(1 << 28)}, {**empty, "day": "1970-01-01"}]


def test_many_columns_are_read_in_a_moment(tmp_path):
    names = [f"c{number}" for number in range(40_000)]
    path = csv(tmp_path, f"{','.join(names)}\n{','.join('1' for _ in names)}\n")
    started = time.process_time()
    assert read(path, names[-1]) == [{names[-1]: 1}]
    assert time.process_time() - started < 4


def test_indices_and_ids_are_no_part_of_a_row(tmp_path):
    path = csv(tmp_path, ",id,Unnamed: 0,a,b\n0,n1,0,1,x\n1,n2,1,2,y\n")
    assert read(path) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert [row.id for row in files.read(path)] == ["n1", "n2"]
    assert read(path, "b") == [{"b": "x"}, {"b": "y"}]
    with pytest.raises(DataError, match="Expected column 'c'"):
        files.read(path, "a,c")


def test_numbers_of_a_row(tmp_path):
    first, second = files.read(csv(tmp_path, "a,b,c\n1,x,\n2,y,4\n"))
    assert first.values == {"a": 1, "b:x": 1, "b:y": 0}
    assert second.values == {"a": 2, "b:x": 0, "b:y": 1, "c": 4}


def test_ragged_rows_and_strange_cells_are_refused(tmp_path):
    lines = "".join(f"{number},{number}.5\n" for number in range(20))
    found = reasons(csv(tmp_path, f"a,b\n{lines}1\n1,2,3\n1,low\ninf,2\n"))
    assert found[:2] == [f"{count} cells, expected 2, as in the header" for count in (1, 3)]
    assert found[2].startswith("'low' in 'b', expected a finite number or an empty cell")
    assert found[3].startswith("'inf' in 'a', expected a finite number or an empty cell")


def test_infinities_of_typed_columns_are_refused(tmp_path):
    pd.DataFrame({"a": [1.0, np.inf], "b": [1, 2]}).to_parquet(tmp_path / "t.parquet")
    assert reasons(tmp_path / "t.parquet") == ["'inf' in 'a', expected a finite number or an empty cell"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2\n3,4\n", "names of the columns .*, found numbers"),
        ("a,a\n3,4\n", "two of the name 'a'"),
        ("", "found an empty file"),
        ("id\nx\n", "Expected a table with columns"),
    ],
)
def test_a_wrong_header_is_an_error(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        files.read(csv(tmp_path, text))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_what_is_written_is_read_again(tmp_path, ending):
    items = [{"a": 1, "x": 0.1234567890123, "city": "Oslo"}, {"a": 2, "x": None, "city": "=sum"}]
    files.write(tmp_path / f"t{ending}", items, ["1", "2"], {"score": [0.5, 0.25], "a": [9, 9]})
    assert read(tmp_path / f"t{ending}", "a,x,city") == items
    assert read(tmp_path / f"t{ending}", "score") == [{"score": 0.5}, {"score": 0.25}]


def test_other_endings_are_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"ending in \.csv"):
        files.write(tmp_path / "t.fits", [], [], {})


def test_tables_of_items_are_read_as_items(tmp_path):
    path = csv(tmp_path, 'rank,item,score\n1,"{""a"": 1}",0.5\n')
    assert read(path) == [{"a": 1}]


def test_a_column_named_item_that_holds_no_rows_is_refused(tmp_path):
    """Results have a column of this name."""
    path = tmp_path / "own.csv"
    path.write_text("price,item\n1.5,hat\n2,shoe\n")
    with pytest.raises(DataError, match="Rename the column"):
        files.read(path, None)
    assert [row.values for row in files.read(path, "price")] == [{"price": 1.5}, {"price": 2.0}]


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz"])
def test_booleans_are_categories_in_every_format(tmp_path, ending):
    """So that a condition on them has the names of their indicators."""
    path, cells = tmp_path / f"own{ending}", {"ok": [True, False, True], "y": [1.5, 2.5, 3.5]}
    if ending == ".npz":
        np.savez(path, **cells)
    else:
        frame = pd.DataFrame(cells)
        frame.to_csv(path, index=False) if ending == ".csv" else frame.to_parquet(path)
    assert next(row.values for row in files.read(path, None)) == {"ok:True": 1.0, "ok:False": 0.0, "y": 1.5}


@pytest.mark.parametrize(
    ("cells", "example"),
    [
        (["5 kg", "7.5 kg", "8 kg"], "5 kg"),
        (["2024-1", "2024-2", "2024-3"], "2024-1"),
        (["1", "2", "> 3"], "> 3"),
        (["1", "2 mg", "3"], "2 mg"),
        (["007", "012", "013"], None),
        (["one", "two", "three"], None),
    ],
)
def test_categories_that_may_be_meant_as_numbers_are_told(tmp_path, cells, example):
    path = csv(tmp_path, "a,x\n" + "".join(f"{cell},{at / 7}\n" for at, cell in enumerate(cells * 2)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert [row["a"] for row in read(path)] == cells * 2
        assert read(path, "x")
    notes = [str(one.message) for one in told if one.category is UserWarning]
    assert len(notes) == (example is not None), notes
    for note in notes:
        assert f"'a' in {path} is read as a category of 3 texts, such as '{example}'" in note


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["24.12.2021", "05.06.2022", "01.02.2022"], ["2021-12-24", "2022-06-05", "2022-02-01"]),
        (["12/24/2021", "5/6/2022", "1/2/2022"], ["2021-12-24", "2022-05-06", "2022-01-02"]),
        (["24-Dec-2021", "5-June-2022", ""], ["2021-12-24", "2022-06-05", None]),
        (["2021-12-24 10:30", "2022/06/05", "1969-07-20"], ["2021-12-24T10:30", "2022-06-05", "1969-07-20"]),
        (["1/2/2022", "3/4/2022", "5/6/2022"], ["1/2/2022", "3/4/2022", "5/6/2022"]),
        (["1.5.3", "1.6.2", "2.0.1"], ["1.5.3", "1.6.2", "2.0.1"]),
        (["2022-13-01", "2022-02-30", "2022-00-01"], ["2022-13-01", "2022-02-30", "2022-00-01"]),
    ],
)
def test_dates_are_read_in_one_order_or_left_as_texts(tmp_path, cells, found):
    path = csv(tmp_path, "day;x\n" + "".join(f"{cell};{at},5\n" for at, cell in enumerate(cells)))
    assert [(row["day"], row["x"]) for row in read(path)] == [(day, at + 0.5) for at, day in enumerate(found)]


def test_dates_are_numbers_of_days_in_values_and_conditions(tmp_path):
    path = csv(tmp_path, "day,x\n1970-01-03,1\n1970-01-02T12:00,2\n")
    assert [row.values["day"] for row in files.read(path)] == [2.0, 1.5]
    assert rows.goal("day in 1970-01-02..1970-01-11") == "day in 1..10"
    assert rows.goal("day = 1970-01-02") == "day = 1"
    assert rows.goal("day:1970-01-02 = 1") == "day:1970-01-02 = 1"


def test_formulas_and_other_sheets_of_a_workbook_are_told(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["a", "b"], [1, 2.5], [2, "=A3*2"]):
        book.active.append(row)
    book.create_sheet("more").append(["c"])
    book.save(tmp_path / "table.xlsx")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert read(tmp_path / "table.xlsx") == [{"a": 1, "b": 2.5}, {"a": 2, "b": None}]
    notes = [str(one.message) for one in told]
    for part in ("sheet 'Sheet' is read, not 'more': save another as .csv", "cells with formulas: 1", "empty cells"):
        assert any(part in note for note in notes), part
