"""Records of a CSV text, each with its first line number; a stray quotation mark affects only its own record."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import deque
from collections.abc import Iterator
from types import TracebackType

from sciencegen.errors import DataError

LONGEST_RECORD = 1000
"""Most lines of one quoted record; with more, the quotation mark counts as unclosed and as an ordinary character."""


def csv_records(text: Iterator[str], separator: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each record that isn't blank.

    A quotation mark that is never closed, or closed before the end of its cell, would include the following lines. In
    this case its line is read without quoting, and reading continues with the next line.
    """
    lines, number = _RecordLines(text), 1
    reader = csv.reader(lines, delimiter=separator, strict=True)
    with reporting_damage(source):
        while True:
            lines.begin()
            try:
                cells = next(reader, None)
            except csv.Error:
                cells = next(csv.reader([lines.put_back()], delimiter=separator, quoting=csv.QUOTE_NONE))
                reader = csv.reader(lines, delimiter=separator, strict=True)
            if cells is None:
                return
            if cells:
                yield number, cells
            number += len(lines.lines_of_record)


class _RecordLines:
    """Lines of a text, which stop after LONGEST_RECORD lines of a record; all but its first can be put back."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text, self._returned = text, deque[str]()
        self.lines_of_record: list[str] = []

    def __iter__(self) -> _RecordLines:
        return self

    def __next__(self) -> str:
        if len(self.lines_of_record) >= LONGEST_RECORD:
            raise StopIteration
        self.lines_of_record.append(self._returned.popleft() if self._returned else next(self._text))
        return self.lines_of_record[-1]

    def begin(self) -> None:
        self.lines_of_record.clear()

    def put_back(self) -> str:
        """The record's first line; the others will be read again."""
        self._returned.extendleft(reversed(self.lines_of_record[1:]))
        del self.lines_of_record[1:]
        return self.lines_of_record[0]


class reporting_damage:
    """Converts errors from a damaged gzip file or from the CSV reader to a DataError that names the file."""

    def __init__(self, source: str) -> None:
        self.source = source

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, (EOFError, gzip.BadGzipFile, zlib.error)):
            raise DataError(
                f"Expected a whole gzip file in {self.source}, found a damaged one ({error}). Get it again."
            ) from error
        if isinstance(error, csv.Error):
            raise DataError(f"Expected CSV in {self.source}, but it can't be read as such: {error}.") from error
