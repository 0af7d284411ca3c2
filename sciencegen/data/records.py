"""Records of a CSV text, each with its first line number; a stray quotation mark affects only its own record."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

from sciencegen.data.damage import LONGEST_LINE, reading
from sciencegen.errors import DataError

LONGEST_RECORD = 1000
"""Most lines of one quoted record; with more, or with more than `LONGEST_LINE` characters, the quotation mark counts as
unclosed and as an ordinary character."""

MOST_COLUMNS = 1 << 20
"""Most columns of a table."""
MOST_BLANK = 1 << 21
"""Most blank lines between two rows."""


def check_width(columns: int, source: str) -> None:
    """Raise a DataError for a table of more than `MOST_COLUMNS`."""
    if columns > MOST_COLUMNS:
        raise DataError(
            f"Expected at most {MOST_COLUMNS:,} columns in {source}, found {columns:,}. Keep those that are needed."
        )


def csv_records(text: Iterator[str], separator: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each record that isn't blank.

    A quotation mark that is never closed, or closed before the end of its cell, would include the following lines. In
    this case its line is read without quoting, and reading continues with the next line.
    """
    csv.field_size_limit(LONGEST_LINE)  # the library's own limit refuses an item of 128 KiB, which the domain may take
    lines, number, blank = _RecordLines(text), 1, 0
    reader = csv.reader(lines, delimiter=separator, strict=True)
    with reading("CSV", source):
        while True:
            lines.begin()
            try:
                cells = next(reader, None)
            except csv.Error:
                cells = next(csv.reader([lines.put_back()], delimiter=separator, quoting=csv.QUOTE_NONE))
                reader = csv.reader(lines, delimiter=separator, strict=True)
            if cells is None:
                return
            blank = 0 if cells else blank + 1
            if blank > MOST_BLANK:
                raise DataError(
                    f"Expected rows in {source}, found {blank:,} blank lines before line {number}. Remove them."
                )
            if cells:
                check_width(len(cells), f"line {number} of {source}")
                yield number, cells
            number += len(lines.lines_of_record)


class _RecordLines:
    """Lines of a text, which stop where a record gets too long; all but its first can be put back."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text, self._returned = text, deque[str]()
        self.lines_of_record: list[str] = []
        self._length = 0

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        if len(self.lines_of_record) >= LONGEST_RECORD or self._length > LONGEST_LINE:
            raise StopIteration
        self.lines_of_record.append(self._returned.popleft() if self._returned else next(self._text))
        self._length += len(self.lines_of_record[-1])
        return self.lines_of_record[-1]

    def begin(self) -> None:
        self.lines_of_record.clear()
        self._length = 0

    def put_back(self) -> str:
        """The record's first line; the others will be read again."""
        self._returned.extendleft(reversed(self.lines_of_record[1:]))
        del self.lines_of_record[1:]
        return self.lines_of_record[0]
