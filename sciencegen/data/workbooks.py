"""Excel workbooks (.xlsx): a sheet as the CSV text that the readers of tables take, and a table as a sheet.

Text stays text: what is written as text is not taken for a number, a date or a formula, and leading zeros stay.
Formulas are read as the values that the workbook holds. Equal tables give equal bytes.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import os
import posixpath
import re
import shutil
import zipfile
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import ModuleType
from typing import IO, TYPE_CHECKING
from xml.parsers import expat

import numpy as np

from sciencegen.errors import ConfigError, DataError, converted, named_extras

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer
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
ESCAPED, LITERAL = re.compile("_x((?![dD][89a-fA-F])[0-9A-Fa-f]{4})_"), re.compile("_(?=x[0-9A-Fa-f]{4}_)")
TIMES = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?[0-9]{1,7}")
"""A cell, such as B12."""
BLOCK = 1 << 16
"""Bytes that are read at once."""
LONGEST_TEXT, MOST_CELLS = 1 << 20, 16_384
"""Most characters of a cell that is read: other programs than Excel may write longer ones; and most cells of a row."""
LONGEST_TAG, LARGEST_XML, LARGEST_STRINGS, LARGEST_BOOK, DEEPEST = 1 << 18, 1 << 24, 1 << 27, 1 << 28, 100
"""Most bytes of a tag, of a part that isn't a sheet, of that of the texts, and of all; most elements within each
other."""
MOST_SHEETS, MOST_ELEMENTS, OF_A_DATE, LONGEST_FORMAT = 10_000, 7_000_000, 4, 255
"""Most sheets; most elements of XML, of which a cell has two or three, with the empty cells that stand for none; as
many elements as a date takes; characters of a format of numbers, as in Excel."""
Begin = Callable[[str, dict[str, str]], None]
End = Callable[[str, str], None]
"""Called with the name and the attributes of an element, and with its name and its text."""
DATE = (1980, 1, 1, 0, 0, 0)
"""Of each part of a workbook, so that equal tables give equal bytes."""
WINDOWS_EPOCH, MAC_EPOCH = datetime.datetime(1899, 12, 30), datetime.datetime(1904, 1, 1)
"""Day 0 of the numbers that are dates."""


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
    with named_extras("for .xlsx (.csv needs none)"):
        import openpyxl
    return openpyxl


FREELY, MOST_TIMES = 1 << 25, 100
"""Bytes that any packed file may stand for, and how many times its own bytes more of them: texts and numbers are packed
to a half or a fiftieth."""


def most_unpacked(size: int) -> int:
    """The bytes that a packed file of so many bytes may stand for."""
    return max(FREELY, MOST_TIMES * size)


def too_dense(path: Path, remedy: str) -> DataError:
    """The error for a packed file that stands for more."""
    return DataError(
        f"Expected a packed file that stands for at most {MOST_TIMES} times its bytes, or {FREELY >> 20} MiB, at "
        f"{path}, found one that stands for more. If that is meant, {remedy}."
    )


class _Book:
    """The worksheets of a workbook, whose cells are read one by one in little memory.

    Parameters
    ----------
    file : open file
    path : Path
        For messages.

    Attributes
    ----------
    sheets : mapping
        The part of each worksheet by its name.
    formulas, empty_formulas : int
        Cells with a formula in the rows that were read, and those of them without a value.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.path, self._zip = path, zipfile.ZipFile(file)
        self._left = min(LARGEST_BOOK, most_unpacked(os.fstat(file.fileno()).st_size))
        self._elements = MOST_ELEMENTS
        self._dates: dict[int, bool] = {}
        """Whether a style is one of durations, for the styles of dates and durations."""
        self._strings, self._ends = bytearray(), array("Q", [0])
        """The shared texts one after the other, and where each ends."""
        self.formulas = self.empty_formulas = 0
        books = [part for kind, part in self._related("").values() if kind == "officeDocument"]
        book = next(iter(books), "xl/workbook.xml")
        parts, named, self._epoch = self._related(book), list[tuple[str, str]](), WINDOWS_EPOCH

        def begin(name: str, given: dict[str, str]) -> None:
            if name == "sheet":
                named.append((given["name"], next(text for key, text in given.items() if key.endswith(":id"))))
            elif name == "workbookPr" and given.get("date1904") in ("1", "true"):
                self._epoch = MAC_EPOCH

        self._read(book, begin)
        if len(named) > MOST_SHEETS:
            raise self._damaged(f"at most {MOST_SHEETS:,} sheets", f"{len(named):,}")
        held = set(self._zip.namelist())
        self.sheets: dict[str, str] = {}
        for name, kind, part in [(name, *parts[id]) for name, id in named if id in parts]:
            if kind != "chartsheet" and part in held:
                self.sheets.setdefault(name, part)
        for kind, part in parts.values():
            if kind == "sharedStrings" and part in held:
                self._read_strings(part)
            elif kind == "styles" and part in held:
                self._read_styles(part)

    def __enter__(self) -> _Book:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    def chosen(self, sheet: str | None) -> str:
        """The sheet's name; by default the first with a cell that isn't empty."""
        if not self.sheets:
            raise self._damaged("a sheet with cells", "none")
        if sheet is None:
            filled = (name for name in self.sheets if any(any(cells.values()) for _, cells in self.rows(name)))
            return next(filled, next(iter(self.sheets)))
        if sheet not in self.sheets:
            found = ", ".join(map(repr, self.sheets))
            raise DataError(f"Expected the sheet '{sheet}' in {self.path}, found {found}. Pass one of them.")
        return sheet

    def others(self, sheet: str) -> str:
        """The names of the other sheets, for messages."""
        return ", ".join(repr(name) for name in self.sheets if name != sheet)

    def rows(self, sheet: str) -> Iterator[tuple[int, dict[int, str]]]:
        """(number from 1, texts by the number of their column from 1) of the rows of a sheet that it has."""
        made: list[tuple[int, dict[int, str]]] = []
        number = column = 0
        cells: dict[int, str] | None = None
        kind, style, value, is_formula, is_phonetic = "n", 0, "", False, False
        self.formulas = self.empty_formulas = 0

        def begin(name: str, given: dict[str, str]) -> None:
            nonlocal number, column, cells, kind, style, value, is_formula, is_phonetic
            if name == "row":
                before, number = number, int(float(given.get("r", number + 1)))
                if not before < number <= MOST_ROWS:
                    raise self._damaged(f"rows with numbers from 1 to {MOST_ROWS:,} in their order", f"{number:,}")
                cells, column = {}, 0
            elif cells is None:
                return
            elif name == "c":
                column = column_of(given["r"]) if "r" in given else column + 1
                if column in cells or column > MOST_CELLS:
                    raise self._damaged(
                        f"one cell for each of {MOST_CELLS:,} columns at most", f"{given.get('r')!r:.60}"
                    )
                kind, style, value, is_formula = given.get("t", "n"), int(given.get("s", 0)), "", False
            elif name == "f":
                is_formula = True
            elif name == "rPh":
                is_phonetic = True

        def end(name: str, text: str) -> None:
            nonlocal cells, value, is_phonetic
            if cells is None:
                return
            if name == "v" and kind != "inlineStr":
                value = text
            elif name == "t" and kind == "inlineStr" and not is_phonetic:
                value += text
                self._check_text(len(value))
            elif name == "rPh":
                is_phonetic = False
            elif name == "c":
                cells[column] = self._cell(kind, style, value) if value else ""
                self.formulas += is_formula
                self.empty_formulas += is_formula and not value
            elif name == "row":
                made.append((number, cells))
                cells = None

        for _ in self._blocks(self.sheets[sheet], begin, end):
            yield from made
            made.clear()

    def _cell(self, kind: str, style: int, value: str) -> str:
        """The text of a cell, as CSV has it."""
        if kind == "s":
            at = int(value)
            if not 0 <= at < len(self._ends) - 1:
                raise self._damaged(f"one of {len(self._ends) - 1:,} shared texts", f"number {at}")
            return _text(self._strings[self._ends[at] : self._ends[at + 1]].decode())
        if kind == "n":
            number = float(value) if any(mark in value for mark in ".eE") else int(value)
            return self._date(number, style) if style in self._dates else _text(number)
        if kind == "b":
            return _text(bool(int(value)))
        return self._date(value) if kind == "d" else _text(value)

    def _date(self, value: str | float, style: int = 0) -> str:
        from openpyxl.utils.datetime import from_excel, from_ISO8601

        self.spend(OF_A_DATE)
        try:
            if isinstance(value, str):
                return _text(from_ISO8601(value))
            return _text(from_excel(value, self._epoch, timedelta=self._dates[style]))
        except (OverflowError, ValueError):
            return "#VALUE!"

    def _read_strings(self, part: str) -> None:
        is_phonetic = False

        def begin(name: str, given: dict[str, str]) -> None:
            nonlocal is_phonetic
            is_phonetic = is_phonetic or name == "rPh"

        def end(name: str, text: str) -> None:
            nonlocal is_phonetic
            if name == "t" and not is_phonetic:
                self._strings.extend(text.encode())
                self._check_text(len(self._strings) - self._ends[-1])
            elif name == "rPh":
                is_phonetic = False
            elif name == "si":
                self._ends.append(len(self._strings))

        self._read(part, begin, end, LARGEST_STRINGS)

    def _read_styles(self, part: str) -> None:
        from openpyxl.styles.numbers import builtin_format_code, is_date_format, is_timedelta_format

        formats: dict[int, str] = {}
        kinds: dict[int, tuple[bool, bool]] = {}
        """Whether a format is one of dates or durations, and whether one of durations."""
        style = -1
        is_inside = False

        def begin(name: str, given: dict[str, str]) -> None:
            nonlocal style, is_inside
            if name == "numFmt":
                formats[int(given["numFmtId"])] = given["formatCode"][:LONGEST_FORMAT]
            elif name == "cellXfs":
                is_inside = True
            elif name == "xf" and is_inside:
                style, number = style + 1, int(given.get("numFmtId", 0))
                if number not in kinds:
                    form = formats.get(number) or builtin_format_code(number)
                    is_duration = is_timedelta_format(form)
                    kinds[number] = is_duration or is_date_format(form), is_duration
                if kinds[number][0]:
                    self._dates[style] = kinds[number][1]

        def end(name: str, text: str) -> None:
            nonlocal is_inside
            is_inside = is_inside and name != "cellXfs"

        self._read(part, begin, end)

    def _related(self, part: str) -> dict[str, tuple[str, str]]:
        """The kind and the path of the parts that a part refers to, by its names for them."""
        folder, name = posixpath.split(part)
        found: dict[str, tuple[str, str]] = {}

        def begin(name: str, given: dict[str, str]) -> None:
            if name == "Relationship" and given.get("TargetMode") != "External":
                place = posixpath.normpath(posixpath.join("/", folder, given["Target"])).lstrip("/")
                found[given["Id"]] = given["Type"].rpartition("/")[2], place

        self._read(posixpath.join(folder, "_rels", f"{name}.rels"), begin)
        return found

    def _read(
        self, part: str, begin: Begin, end: End = lambda name, text: None, largest: int = LARGEST_XML
    ) -> None:  # fmt: skip
        for _ in self._blocks(part, begin, end, largest):
            pass

    def _blocks(self, part: str, begin: Begin, end: End, largest: int | None = None) -> Iterator[None]:
        """Parse the XML of a part, block by block; `end` gets the text since the last tag. Names are without prefix."""
        parser, texts, length, depth, elements = expat.ParserCreate(), list[str](), 0, 0, 0

        def started(name: str, given: dict[str, str]) -> None:
            nonlocal length, depth, elements
            depth += 1
            elements += 1 + len(given) // 4
            if depth > DEEPEST:
                raise self._damaged(f"at most {DEEPEST} elements within each other", "more")
            if length:
                length = 0
                texts.clear()
            begin(name.rpartition(":")[2] if ":" in name else name, given)

        def ended(name: str) -> None:
            nonlocal length, depth
            depth -= 1
            end(name.rpartition(":")[2] if ":" in name else name, "".join(texts) if length else "")
            if length:
                length = 0
                texts.clear()

        def found(text: str) -> None:
            nonlocal length
            length += len(text)
            self._check_text(length)
            texts.append(text)

        def refuse(*_: object) -> None:
            raise self._damaged("no document type", "one")

        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = started, ended, found
        parser.StartDoctypeDeclHandler = refuse
        size, open_tag = 0, 0
        with self._zip.open(part) as xml:
            while block := xml.read(BLOCK):
                size, self._left = size + len(block), self._left - len(block)
                if self._left < 0:
                    raise too_dense(self.path, "save it as .csv")
                if largest is not None and size > largest:
                    raise self._damaged(f"at most {largest >> 20} MiB in {part}", "more")
                begun, closed = block.rfind(b"<"), block.rfind(b">")
                open_tag = (
                    0 if closed > begun else len(block) - begun if begun >= 0 else open_tag and open_tag + len(block)
                )
                if open_tag > LONGEST_TAG:
                    raise self._damaged(f"tags of at most {LONGEST_TAG >> 10} KiB in {part}", "a longer one")
                parser.Parse(block)
                self.spend(elements)
                elements = 0
                yield
            parser.Parse(b"", True)
            yield

    def spend(self, elements: int) -> None:
        """Count elements, and empty cells that stand for none."""
        self._elements -= elements
        if self._elements < 0:
            raise self._damaged(f"at most {MOST_ELEMENTS:,} elements and empty cells", "more")

    def _check_text(self, length: int) -> None:
        if length > LONGEST_TEXT:
            raise self._damaged(f"cells of at most {LONGEST_TEXT >> 10} KiB of text", "a longer one")

    def _damaged(self, expected: str, found: str) -> DataError:
        return DataError(f"Expected {expected} in {self.path}, found {found}. Save it anew, or as .csv.")


@lru_cache(1 << 15)
def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def column_of(reference: str) -> int:
    """The column of a cell, from 1.

    Examples
    --------
    >>> column_of("A1"), column_of("$xfd$12")
    (1, 16384)
    """
    match = REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"{reference[:60]!r} is no cell")
    return _column(match[1].upper())


@contextmanager
def _opened(path: Path) -> Iterator[_Book]:
    """A workbook whose cells are read on demand."""
    _openpyxl()

    def explained(error: Exception) -> DataError:
        found = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        return DataError(
            f"Expected an Excel workbook (.xlsx) in {path}, found another file or a damaged one, which can't be read: "
            f"{found}."
        )

    with converted(explained), path.open("rb") as file, _Book(file, path) as book:
        yield book


_notes: dict[tuple[Path, int, int, str | None], tuple[str, str, int, int]] = {}
"""Of the sheet that was read last: its name, the others, its formulas, and those without a value."""


def _key(path: Path, sheet: str | None) -> tuple[Path, int, int, str | None]:
    found = path.stat()
    return path.absolute(), found.st_size, found.st_mtime_ns, sheet


def open_sheet(path: Path, sheet: str | None = None) -> io.BufferedReader:
    """A sheet as CSV text, made while it is read. sheet: its name; by default the first that isn't empty."""
    stream: io.BufferedReader = io.BufferedReader(_SheetText(path, sheet), BLOCK)
    try:
        stream.peek(1)
    except BaseException:
        stream.close()
        raise
    return stream


class _SheetText(io.RawIOBase):
    """The CSV text of a sheet, from the rows as they are parsed."""

    def __init__(self, path: Path, sheet: str | None) -> None:
        self._blocks, self._block = _csv_blocks(path, sheet), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        self._block = self._block or memoryview(next(self._blocks, b""))
        given, self._block = self._block[: len(view)], self._block[len(view) :]
        view[: len(given)] = given
        return len(given)

    def close(self) -> None:
        self._blocks.close()
        super().close()


def _csv_blocks(path: Path, sheet: str | None) -> Generator[bytes]:
    key = _key(path, sheet)
    with _opened(path) as book:
        name, text = book.chosen(sheet), io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        for row in _texts(book, name):
            writer.writerow(row)
            if text.tell() >= BLOCK:
                yield text.getvalue().encode()
                text.seek(text.truncate(0))
        _notes.clear()
        _notes[key] = name, book.others(name), book.formulas, book.empty_formulas
        yield text.getvalue().encode()


@contextmanager
def sheet_as_csv(path: Path, sheet: str) -> Iterator[Path]:
    """A sheet of a workbook as a CSV file, which errors in the block call by the workbook's name."""
    if not is_workbook(path):
        raise ConfigError(f"Expected an Excel workbook (.xlsx) with `sheet`, got {path}. Leave `sheet` out.")
    with TemporaryDirectory() as folder, open_sheet(path, sheet) as rows:
        copy = Path(folder, f"{path.stem}.csv")
        with copy.open("wb") as file:
            shutil.copyfileobj(rows, file)
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
        with _opened(path) as book:
            read = book.chosen(None)
            others = book.others(read)
        if not others:
            raise
        raise DataError(f"{error} Sheet {read!r} was read; `sheet` names another: {others}.") from None


def sheet_notes(path: Path, sheet: str | None = None, remedy: str = "`sheet` names another") -> list[str]:
    """Notes on formulas, which are read as their values, and on sheets that are not read. remedy: how to read those."""
    if (key := _key(path, sheet)) not in _notes:
        with open_sheet(path, sheet) as rows:
            while rows.read(BLOCK):
                pass
    name, others, formulas, empty = _notes[key]
    notes = [f"sheet {name!r} is read, not {others}: {remedy}"] if others and sheet is None else []
    if formulas:
        notes.append(f"cells with formulas: {formulas}; they are read as the values that the workbook holds")
    if empty:
        notes.append(
            f"formulas without a value in the workbook: {empty}; they count as empty cells. Open it in a "
            "spreadsheet program, and save it"
        )
    return notes


def _texts(book: _Book, sheet: str) -> Iterator[list[str]]:
    """Cells as text, as many as the header has names, or more where these aren't empty; none for an empty row."""
    width, written, left = 0, 0, most_unpacked(book.path.stat().st_size)
    for number, cells in book.rows(sheet):
        last = max((column for column, text in cells.items() if text), default=0)
        if not last:
            continue
        width = width or last
        yield from ([] for _ in range(number - written - 1))
        texts = [cells.get(column, "") for column in range(1, max(width, last) + 1)]
        left -= sum(map(len, texts)) + len(texts) + 2 * (number - written)
        if left < 0:
            raise too_dense(book.path, "save it as .csv")
        book.spend(len(texts) - len(cells))
        yield texts
        written = number


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
        escaped = NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", LITERAL.sub("_x005F_", text))
        return self._typed(escaped, "s")  # "=1" is no formula

    def _typed(self, text: str, kind: str) -> WriteOnlyCell:
        """A cell of this kind: "s" is text, "n" a number."""
        from openpyxl.cell import WriteOnlyCell

        cell = WriteOnlyCell(self._sheet, text)
        cell.data_type = kind
        return cell
