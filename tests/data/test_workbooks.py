"""Excel workbooks: a round trip loses nothing, formulas are read as values, and other sheets are named."""

from __future__ import annotations

import datetime
import re
import tracemalloc
import zipfile

import numpy as np
import pytest

from sciencegen.data.tables import column_names, number_columns, read_table
from sciencegen.data.workbooks import (
    LONGEST_CELL,
    file_of,
    is_workbook,
    open_sheet,
    sheet_as_csv,
    sheet_notes,
    sheet_of,
)
from sciencegen.data.writers import TableWriter, write_table
from sciencegen.errors import ConfigError, DataError

openpyxl = pytest.importorskip("openpyxl")

TEXTS = [
    "007", "1e5", "0x10", "1-Mar", "2026-11-29", "TRUE", "12345678901234567890", "=SUM(A1)", "+1", "@x", "#N/A", "1,5",
    "\u03b1\u03b2 \U0001f600 \u4e2d", "two\nlines", "a\rb", "\x01", "_x0041_", "_x005F_", "a,b;\t\"c\"", "'quoted",
    "x" * LONGEST_CELL,
]  # fmt: skip
"""Texts that a spreadsheet would take for something else."""


def rows(path, sheet=None):
    import csv
    import io

    with open_sheet(path, sheet) as file:
        return list(csv.reader(io.StringIO(file.read().decode(), newline="")))


def book(path, **sheets):
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, cells in sheets.items():
        sheet = made.create_sheet(name)
        for row in cells:
            sheet.append(row)
    made.save(path)
    return path


def test_texts_come_back_as_they_were(tmp_path):
    write_table(tmp_path / "a.xlsx", {"item": TEXTS, "empty": [""] * len(TEXTS)})
    found = rows(tmp_path / "a.xlsx")
    assert found[0] == ["item", "empty"]
    assert [row[0] for row in found[1:]] == TEXTS
    kinds = {cell.data_type for (cell,) in openpyxl.load_workbook(tmp_path / "a.xlsx").active["A2:A20"]}
    assert kinds == {"s"}  # none is a number, a date, an error or a formula in Excel


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e-300, -1.5, 12, 10**15 - 1, 10**17 + 1, np.float32(0.5), np.int64(3)])
def test_numbers_keep_all_their_digits(tmp_path, value):
    write_table(tmp_path / "a.xlsx", {"x": [value, None, float("nan")], "y": [1, 2, 3]})
    (_, first, *others) = rows(tmp_path / "a.xlsx")
    assert (float(first[0]), first[0].isdigit()) == (float(value), isinstance(value, (int, np.integer)))
    assert int(first[0]) == value if first[0].isdigit() else True
    assert others == [["", "2"], ["", "3"]]


def test_a_workbook_is_read_as_the_csv_of_the_same_table(tmp_path):
    table = {"item": ["CCO", "CCN"], "value": [1.25, None], "ok": [True, False], "note": ["", "low"]}
    for name in ("a.xlsx", "a.csv"):
        write_table(tmp_path / name, table)
    of_book, of_csv = (list(read_table(tmp_path / name, ["item"], with_cells=True)) for name in ("a.xlsx", "a.csv"))
    assert of_book == of_csv
    assert column_names(tmp_path / "a.xlsx") == [*table]
    assert number_columns(tmp_path / "a.xlsx") == number_columns(tmp_path / "a.csv")


def test_equal_tables_are_equal_bytes(tmp_path, monkeypatch):
    for name in "ab":
        with TableWriter(tmp_path / f"{name}.xlsx") as table:
            table.write({"item": ["CCO"], "value": [1.5]})
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.xlsx") as parts:
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"1980-01-01T00:00:00Z" in parts.read("docProps/core.xml")


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</worksheet>'
SHARED = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</sst>'
RELATED = (
    b'<Relationship Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" '
    b'Target="sharedStrings.xml" Id="texts"/></Relationships>'
)


def made_by_hand(path, sheet, texts=b""):
    """A workbook with this content of its sheet, and these shared texts."""
    book(path, only=[])
    with zipfile.ZipFile(path) as parts:
        content = {name: parts.read(name) for name in parts.namelist()}
    content["xl/_rels/workbook.xml.rels"] = content["xl/_rels/workbook.xml.rels"].replace(b"</Relationships>", RELATED)
    content |= {"xl/worksheets/sheet1.xml": SHEET % sheet, "xl/sharedStrings.xml": SHARED % texts}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in content.items():
            packed.writestr(name, text)
    return path


def test_shared_texts_are_joined_without_how_they_are_spoken(tmp_path):
    texts = (
        b"<si><t>item</t></si><si><r><t>C</t></r><r><t> O</t></r><rPh><t>no</t></rPh></si><si><t>_x005F_x41_</t></si>"
    )
    cells = b"".join(b'<row><c t="s"><v>%d</v></c></row>' % number for number in (0, 1, 2))
    assert rows(made_by_hand(tmp_path / "a.xlsx", b"<sheetData>%s</sheetData>" % cells, texts)) == [
        ["item"], ["C O"], ["_x41_"]
    ]  # fmt: skip


def test_rows_outside_the_range_that_a_sheet_states_are_read(tmp_path):
    cells = b"".join(b'<row r="%d"><c t="str"><v>%d</v></c></row>' % (number, number) for number in (1, 3))
    path = made_by_hand(tmp_path / "a.xlsx", b'<dimension ref="A1:A1"/><sheetData>%s</sheetData>' % cells)
    assert rows(path) == [["1"], [], ["3"]]


def test_a_workbook_of_charts_alone_has_no_sheet_to_read(tmp_path):
    charts = openpyxl.Workbook()
    charts.create_chartsheet("plot")
    charts.remove(charts.active)
    charts.save(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match=r"Expected a sheet with cells in .*a\.xlsx, found none"):
        column_names(tmp_path / "a.xlsx")


ROW = b'<sheetData><row r="1"><c t="str"><v>item</v></c></row>%s</sheetData>'


@pytest.mark.parametrize(
    ("sheet", "texts", "found"),
    [
        (b'<row r="2000000000"><c><v>1</v></c></row>', b"", "rows with numbers from 1 to 1,048,576 in their order"),
        (b'<row r="3"/><row r="2"><c><v>1</v></c></row>', b"", "rows with numbers .* in their order .* found 2"),
        (b'<row><c r="XFE2"><v>1</v></c></row>', b"", "one cell for each of 16,384 columns at most"),
        (b'<row><c r="B2"><v>1</v></c><c r="B2"><v>2</v></c></row>', b"", "one cell for each .* found 'B2'"),
        (b'<row><c t="s"><v>-1</v></c></row>', b"<si/>", "one of 1 shared texts in .*, found number -1"),
        (b"<row><c><v>%s</v></c></row>" % (b"1" * (30 << 20)), b"", "cells of at most 1024 KiB of text in"),
        (b"", b"<si><t>%s</t></si>" % (b"1" * (30 << 20)), "cells of at most 1024 KiB of text in"),
        (b'<row a="%s"/>' % (b"1" * (1 << 20)), b"", "tags of at most 256 KiB"),
        (b"<row>" * 101 + b"</row>" * 101, b"", "at most 100 elements within each other"),
        (b'<row><c r="XFD1"><v>1</v></c></row>' * 100, b"", "at most 100 times its bytes, or 1 MiB"),
        (b"<x/>" * (1 << 19), b"", "at most 100 times its bytes, or 1 MiB"),
        (b"<row>%s</row>" % (b"<c/>" * 10_001), b"", "at most 10,000 elements and empty cells"),
        (b'<row a="" b="" c="" d="" e="" f="" g="" h=""/>' * 4_000, b"", "at most 10,000 elements and empty cells"),
        (b'<row><c r="XFD1"><v>1</v></c></row>', b"", "at most 10,000 elements and empty cells"),
        (b'<row><c t="d"><v>2020-01-01</v></c></row>' * 2_000, b"", "at most 10,000 elements and empty cells"),
        (b"", b"<si/>" * 10_001, "at most 10,000 elements and empty cells"),
    ],
    ids=range(16),
)  # fmt: skip
def test_a_hostile_sheet_is_refused_in_little_memory(tmp_path, monkeypatch, sheet, texts, found):
    if "times" in found:
        monkeypatch.setattr("sciencegen.data.workbooks.FREELY", 1 << 20)
    if "10,000" in found:
        monkeypatch.setattr("sciencegen.data.workbooks.MOST_ELEMENTS", 10_000)
    path = made_by_hand(tmp_path / "a.xlsx", ROW % sheet, texts)
    tracemalloc.start()
    with pytest.raises(DataError, match=f"Expected .*{found}"):
        rows(path)
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_many_sheets_of_one_part_are_refused(tmp_path):
    path = made_by_hand(tmp_path / "a.xlsx", ROW % b"")
    with zipfile.ZipFile(path) as parts:
        sheets = parts.read("xl/workbook.xml")
    one = re.search(rb"<sheet [^>]*/>", sheets)[0]
    many = b"".join(one.replace(b'name="', b'name="%d' % number) for number in range(10_001))
    with zipfile.ZipFile(path, "a") as parts, pytest.warns(UserWarning, match="Duplicate name"):
        parts.writestr("xl/workbook.xml", sheets.replace(one, many))
    with pytest.raises(DataError, match=r"Expected at most 10,000 sheets in .*, found 10,001"):
        rows(path)


def test_the_first_rows_of_a_sheet_are_read_without_the_rest(tmp_path):
    path = made_by_hand(tmp_path / "a.xlsx", ROW % (b'<row><c t="str"><v>C</v></c></row>' * 50_000 + b"<row r='1'/>"))
    read = read_table(path, ["item"])
    assert next(read).text == "C"
    with pytest.raises(DataError, match="rows with numbers"):
        list(read)


def test_entities_are_refused(tmp_path):
    path = made_by_hand(tmp_path / "a.xlsx", ROW % b"")
    with zipfile.ZipFile(path, "a") as parts, pytest.warns(UserWarning, match="Duplicate name"):
        parts.writestr("xl/worksheets/sheet1.xml", b'<!DOCTYPE x [<!ENTITY a "a">]>' + SHEET % (ROW % b""))
    with pytest.raises(DataError, match="Expected no document type in"):
        rows(path)


def test_a_failed_block_leaves_no_file(tmp_path):
    with pytest.raises(ConfigError), TableWriter(tmp_path / "a.xlsx") as table:
        table.write({"item": ["CCO", "x" * (LONGEST_CELL + 1)]})
    assert not list(tmp_path.iterdir())


def test_formulas_are_read_as_their_values_and_said(tmp_path):
    path = book(tmp_path / "a.xlsx", data=[["item", "value"], ["CCO", "=1+1"], ["CCN", 2]])
    assert rows(path)[1:] == [["CCO", ""], ["CCN", "2"]]  # openpyxl stores no value
    formulas, empty = sheet_notes(path)
    assert formulas.startswith("cells with formulas: 1; they are read as the values")
    assert empty.startswith("formulas without a value in the workbook: 1; they count as empty cells")


def test_dates_and_blank_rows_are_read(tmp_path):
    cells = [[], ["item", "made"], ["a", datetime.datetime(2026, 11, 29)], ["b", datetime.datetime(2026, 1, 2, 3, 4)]]
    path = book(tmp_path / "a.xlsx", data=cells)
    assert [row.cells["made"] for row in read_table(path, ["item"], with_cells=True)] == [
        "2026-11-29", "2026-01-02T03:04:00"
    ]  # fmt: skip


def test_rows_are_as_wide_as_the_header_and_empty_rows_stay_empty(tmp_path):
    path = book(tmp_path / "a.xlsx", data=[["item", "x", "y"], ["a"], [], ["b", None, 2, None], ["c", 1, 2, 3]])
    assert rows(path) == [["item", "x", "y"], ["a", "", ""], [], ["b", "", "2"], ["c", "1", "2", "3"]]


def test_the_first_sheet_with_a_cell_is_read_unless_another_is_named(tmp_path):
    path = book(tmp_path / "a.xlsx", empty=[], first=[["item"], ["CCO"]], second=[["item"], ["CCN"]])
    assert rows(path)[1] == ["CCO"]
    assert rows(path, "second")[1] == ["CCN"]
    assert sheet_notes(path) == ["sheet 'first' is read, not 'empty', 'second': `sheet` names another"]
    assert sheet_notes(path, "second") == []
    with pytest.raises(DataError, match=r"Expected the sheet 'third' in .*, found 'empty', 'first', 'second'"):
        open_sheet(path, "third")


def test_errors_name_the_workbook(tmp_path):
    path = book(tmp_path / "a.xlsx", first=[["item"], ["CCO"]])
    with pytest.raises(DataError) as raised, sheet_as_csv(path, "first") as copy:
        raise DataError(f"Expected more in {copy}.")
    assert str(raised.value) == f"Expected more in sheet 'first' of {path}."
    with pytest.raises(ConfigError, match=r"Expected an Excel workbook \(.xlsx\) with `sheet`, got .*a.csv"):
        sheet_as_csv(tmp_path / "a.csv", "first").__enter__()


@pytest.mark.parametrize("content", [b"", b"item,value\n", b"PK\x03\x04 no zip"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(DataError, match=r"Expected an Excel workbook \(.xlsx\) in .*a.xlsx, found another file"):
        list(read_table(tmp_path / "a.xlsx", ["item"]))


def test_what_excel_can_not_hold_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="at most 32,767 characters"):
        write_table(tmp_path / "a.xlsx", {"item": ["x" * (LONGEST_CELL + 1)]})
    assert not list(tmp_path.iterdir())


def test_a_sheet_is_named_in_brackets_wherever_a_table_is_read(tmp_path):
    path = tmp_path / "book.xlsx"
    book(path, Info=[["item"], ["CCC"]], **{"Round 2": [["item", "value"], ["CCO", 1.5]]})
    named = tmp_path / "book.xlsx[Round 2]"
    assert (sheet_of(named), file_of(named), is_workbook(named)) == ("Round 2", path, True)
    assert [(row.text, dict(row.values)) for row in read_table(named, ["item"])] == [("CCO", {"value": 1.5})]
    assert column_names(named) == ["item", "value"]
    assert [row.text for row in read_table(path, ["item"])] == ["CCC"]
    with pytest.raises(DataError, match="Expected the sheet 'Round 3'"):
        read_table(tmp_path / "book.xlsx[Round 3]", ["item"])
    with pytest.raises(DataError, match="Expected a table at"):
        read_table(tmp_path / "none.xlsx[Round 2]", ["item"])


def test_a_file_of_such_a_name_is_itself(tmp_path):
    named = tmp_path / "book.xlsx[Round 2]"
    named.write_text("item\nCCO\n")
    assert (sheet_of(named), file_of(named)) == (None, named)
