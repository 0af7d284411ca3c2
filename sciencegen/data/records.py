"""Records of a CSV text, each with its first line number; a stray quotation mark affects only its own record."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

from sciencegen.data.damage import reading

LONGEST_RECORD = 1000
"""Most lines of one quoted record; with more, the quotation mark counts as unclosed and as an ordinary character."""


def csv_records(text: Iterator[str], separator: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each record that isn't blank.

    A quotation mark that is never closed, or closed before the end of its cell, would include the following lines. In
    this case its line is read without quoting, and reading continues with the next line.
    """
    lines, number = _RecordLines(text), 1
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
