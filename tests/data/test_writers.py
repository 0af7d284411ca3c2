"""Tables are written whole or not at all, the same bytes for the same content."""

import csv
import math
import random

import numpy as np
import pytest

from sciencegen.data.tables import read_table
from sciencegen.data.writers import (
    RejectsWriter,
    TableWriter,
    is_missing,
    no_formula,
    rejects_path,
    replace_rejects,
    without_mark,
    write_rejects,
    write_table,
)
from sciencegen.errors import ConfigError, ShapeError
from tests.data.written_tables import NAMES, rows


def write_twice(table):
    table.write({"item": ["new"]})
    table.write({"word": ["new"]})  # another column


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
        TableWriter(tmp_path / "t.txt")
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


def test_a_cell_is_missing_if_it_says_nothing():
    assert all(map(is_missing, (None, float("nan"), "", " \n")))
    assert not any(map(is_missing, (0, 0.0, False, "nan", "-")))


def formulas(count, seed=0):
    """Texts that begin as formulas, or do not."""
    draw = random.Random(seed)
    pieces = (*"=+-@\t\r1.,;'\" ", "HYPERLINK(1)", "cmd|' /C calc'!A0", "SUM(A1)", "CCO", "-1.5", "1e5", "＝", "\n=1")
    return ["".join(draw.choices(pieces, k=draw.randint(1, 5))) for _ in range(count)]


def runs_as_formula(cell):
    try:
        float(cell)
    except ValueError:
        return cell[:1] in tuple("=+-@\t\r\n＝＋－＠")
    return False


def test_no_refused_row_is_a_formula(tmp_path):
    texts = formulas(500)
    rows = [(line, text, text) for line, text in enumerate(texts)]
    write_rejects(tmp_path / "a.rejects.csv", rows)
    for source in ("=one.csv", "two.csv", "=one.csv"):
        replace_rejects(tmp_path / "b.rejects.csv", source, rows)
    for name, copies in (("a", 1), ("b", 2)):
        with open(tmp_path / f"{name}.rejects.csv", newline="") as file:
            cells = list(csv.DictReader(file))
        assert len(cells) == copies * len(rows)
        assert not any(runs_as_formula(cell) for row in cells for cell in row.values())
        assert any(row["item"].startswith("'=") for row in cells)


def test_the_mark_of_a_cell_for_people_can_be_taken_off():
    for text in formulas(500, seed=1):
        told = no_formula(text)
        assert told == (f"'{text}" if runs_as_formula(text) else text)
        if told != text:
            assert without_mark(told) == text
            assert no_formula(told) == told


def test_data_keep_their_cells(tmp_path):
    write_table(tmp_path / "x.csv", {"item": ["=1", "@a"]})
    assert (tmp_path / "x.csv").read_text() == "item\n=1\n@a\n"
