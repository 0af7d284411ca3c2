"""Excel workbooks (.xlsx): a sheet as the CSV text that the readers of tables take, and a table as a sheet.

Text stays text: what is written as text is not taken for a number, a date or a formula, and leading zeros stay.
Formulas are read as the values that the workbook holds. Equal tables give equal bytes.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import ModuleType
from typing import IO, TYPE_CHECKING, cast

import numpy as np

from sciencegen.errors import ConfigError, DataError, converted

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

ENDING = ".xlsx"
SHEET = "sciencegen"
"""Name of the sheet that is written."""
LONGEST_CELL, MOST_ROWS = 32_767, 1_048_576
"""Limits of Excel: characters of a cell, rows of a sheet."""
LARGEST_EXACT = 10**15
"""Excel keeps 15 digits: whole numbers from here on are written as text."""
NO_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
"""Characters that XML can't hold or changes; a workbook has them as _x000D_."""
ESCAPED, LITERAL = re.compile("_x([0-9A-Fa-f]{4})_"), re.compile("_(?=x[0-9A-Fa-f]{4}_)")
TIMES = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
FORMULA = re.compile(rb"<(\w{1,8}:)?f[\s/>]")
BLOCK, LONGEST_TAG = 2**20, 16
"""Bytes that are read at once, and of the longest match of `FORMULA`."""
DATE = (1980, 1, 1, 0, 0, 0)
"""Of each part of a workbook, so that equal tables give equal bytes."""


def is_workbook(path: str | Path) -> bool:
    """Whether a path ends in .xlsx, in any case, or names a sheet of such a file."""
    return str(path).lower().endswith(ENDING) or sheet_of(path) is not None


SHEET_OF = re.compile(r"(.+\.xlsx)\[([^][]+)\]", re.IGNORECASE)
"""A sheet of a workbook; sheets have no brackets in their names."""


def sheet_of(path: str | Path) -> str | None:
    """The sheet in `file.xlsx[Sheet]`, unless a file has this very name; None for other paths.

    Examples
    --------
    >>> sheet_of("results.xlsx[Round 2]"), sheet_of("results.xlsx")
    ('Round 2', None)
    """
    match = SHEET_OF.fullmatch(str(path))
    return None if match is None or Path(path).is_file() else match[2]


def file_of(path: str | Path) -> Path:
    """The workbook of `file.xlsx[Sheet]`; other paths are unchanged.

    Examples
    --------
    >>> file_of("results.xlsx[Round 2]").name, file_of("results.csv").name
    ('results.xlsx', 'results.csv')
    """
    match = SHEET_OF.fullmatch(str(path))
    return Path(path) if match is None or sheet_of(path) is None else Path(match[1])


def _openpyxl() -> ModuleType:
    """The library, which is optional."""
    try:
        import openpyxl
    except ImportError:
        raise ConfigError(
            "Expected the package openpyxl for .xlsx. Install it: pip install 'sciencegen[xlsx]'. Or use .csv."
        ) from None
    return openpyxl


@contextmanager
def _opened(path: Path, data_only: bool) -> Iterator[Workbook]:
    """A workbook whose cells are read on demand. data_only: values of formulas instead of the formulas."""
    openpyxl = _openpyxl()

    def explained(error: Exception) -> DataError:
        found = " ".join(str(error).split())[:300].rstrip(".")
        return DataError(
            f"Expected an Excel workbook (.xlsx) in {path}, found another file or a damaged one, which can't be read: "
            f"{found}."
        )

    with converted(explained), path.open("rb") as file:
        workbook = openpyxl.load_workbook(file, read_only=True, data_only=data_only)
        try:
            yield workbook
        finally:
            workbook.close()


def _chosen(workbook: Workbook, sheet: str | None, path: Path) -> str:
    """The sheet's name; by default the first with a cell that isn't empty."""
    names = [one.title for one in workbook.worksheets]
    if sheet is None:
        filled = (one.title for one in workbook.worksheets if any(map(any, one.iter_rows(values_only=True))))
        return next(filled, names[0])
    if sheet not in names:
        raise DataError(
            f"Expected the sheet '{sheet}' in {path}, found {', '.join(map(repr, names))}. Pass one of them."
        )
    return sheet


def open_sheet(path: Path, sheet: str | None = None) -> io.BufferedReader:
    """A sheet as CSV text, in a temporary file. sheet: its name; by default the first that isn't empty."""
    file = TemporaryFile()  # noqa: SIM115
    try:
        with _opened(path, data_only=True) as workbook:
            rows = workbook[_chosen(workbook, sheet, path)].iter_rows(values_only=True)
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            csv.writer(text, lineterminator="\r\n").writerows(_texts(rows))
            text.detach()
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return cast(io.BufferedReader, file)


@contextmanager
def sheet_as_csv(path: Path, sheet: str) -> Iterator[Path]:
    """A sheet of a workbook as a CSV file, which errors in the block call by the workbook's name."""
    if not is_workbook(path):
        raise ConfigError(f"Expected an Excel workbook (.xlsx) with `sheet`, got {path}. Leave `sheet` out.")
    with TemporaryDirectory() as folder, open_sheet(path, sheet) as rows:
        copy = Path(folder, f"{path.stem}.csv")
        copy.write_bytes(rows.read())
        try:
            yield copy
        except DataError as error:
            raise DataError(str(error).replace(str(copy), f"sheet '{sheet}' of {path}")) from None


@contextmanager
def naming_sheets(path: Path) -> Iterator[None]:
    """Errors in what the first sheet of a workbook holds name the others, one of which may be meant."""
    try:
        yield
    except DataError as error:
        if not is_workbook(path) or not path.is_file():
            raise
        with _opened(path, data_only=True) as workbook:
            read = _chosen(workbook, None, path)
            others = ", ".join(repr(one.title) for one in workbook.worksheets if one.title != read)
        if not others:
            raise
        raise DataError(f"{error} Sheet {read!r} was read; `sheet` names another: {others}.") from None


def sheet_notes(path: Path, sheet: str | None = None, remedy: str = "`sheet` names another") -> list[str]:
    """Notes on formulas, which are read as their values, and on sheets that are not read. remedy: how to read those."""
    with _opened(path, data_only=True) as values:
        name = _chosen(values, sheet, path)
        found = _values_of_formulas(path, values, name) if _may_have_formulas(path) else []
        others = ", ".join(repr(one.title) for one in values.worksheets if one.title != name)
    notes = [f"sheet {name!r} is read, not {others}: {remedy}"] if others and sheet is None else []
    if found:
        notes.append(f"cells with formulas: {len(found)}; they are read as the values that the workbook holds")
    if empty := found.count(None):
        notes.append(
            f"formulas without a value in the workbook: {empty}; they count as empty cells. Open it in a spreadsheet "
            "program, and save it"
        )
    return notes


def _values_of_formulas(path: Path, values: Workbook, name: str) -> list[object]:
    """The values that a workbook holds for the formulas of a sheet."""
    with _opened(path, data_only=False) as formulas:
        rows = zip(formulas[name].iter_rows(), values[name].iter_rows(values_only=True), strict=False)
        pairs = (pair for row, stored in rows for pair in zip(row, stored, strict=False))
        return [value for cell, value in pairs if cell.data_type == "f"]


def _may_have_formulas(path: Path) -> bool:
    """Whether a sheet has an element of a formula; much faster than reading the cells."""
    with zipfile.ZipFile(path) as file:
        for part in file.namelist():
            if "worksheets/" in part:
                with file.open(part) as xml:
                    before = b""
                    while block := xml.read(BLOCK):
                        if FORMULA.search(before + block):
                            return True
                        before = block[-LONGEST_TAG:]
    return False


def _texts(rows: Iterable[Sequence[object]]) -> Iterator[list[str]]:
    """Cells as text, as many as the header has names, or more where these aren't empty; none for an empty row."""
    width = 0
    for row in rows:
        cells = [_text(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        width = width or len(cells)
        yield [*cells, *[""] * (width - len(cells))] if cells else []


def _text(value: object) -> str:
    """The text of a cell, as CSV has it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_EXACT:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(value))


class SheetWriter:
    """A workbook with one sheet, written row by row to a temporary file, then to `sink`."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink, self._book = sink, _openpyxl().Workbook(write_only=True)
        self._sheet, self._rows = self._book.create_sheet(SHEET), 0

    def write(self, rows: Iterable[Sequence[object]]) -> None:
        """Append rows."""
        for row in rows:
            self._rows += 1
            if self._rows > MOST_ROWS:
                raise ConfigError(
                    f"Expected at most {MOST_ROWS:,} rows, Excel's limit, got more. Write .csv or .parquet."
                )
            self._sheet.append([self._cell(value) for value in row])

    def close(self) -> None:
        """Write the file."""
        with TemporaryFile() as made:
            self._book.save(made)
            with zipfile.ZipFile(made) as parts, zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED) as packed:
                for part in parts.infolist():
                    content = parts.read(part)
                    if part.filename == "docProps/core.xml":
                        content = TIMES.sub(rb"\g<1>1980-01-01T00:00:00Z", content)
                    packed.writestr(zipfile.ZipInfo(part.filename, DATE), content, zipfile.ZIP_DEFLATED)

    def discard(self) -> None:
        """Write nothing."""
        self._sheet.close()

    def _cell(self, value: object) -> WriteOnlyCell | int | None:
        """Numbers as they are; texts as cells of text, whatever they look like."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or value != value or value == "":
            return None
        if isinstance(value, (bool, int)) and abs(value) < LARGEST_EXACT:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return self._typed(repr(value), "n")  # the library's own text of a float has 16 digits
        text = str(value).encode("utf-8", "backslashreplace").decode()
        if len(text) > LONGEST_CELL:
            raise ConfigError(
                f"Expected cells of at most {LONGEST_CELL:,} characters, Excel's limit, got {len(text):,}. Write .csv "
                "or .parquet."
            )
        return self._typed(NO_XML.sub(_escaped, LITERAL.sub("_x005F_", text)), "s")  # "=1" is no formula

    def _typed(self, text: str, kind: str) -> WriteOnlyCell:
        """A cell of this kind: "s" is text, "n" a number."""
        from openpyxl.cell import WriteOnlyCell

        cell = WriteOnlyCell(self._sheet, text)
        cell.data_type = kind
        return cell


def _escaped(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"
