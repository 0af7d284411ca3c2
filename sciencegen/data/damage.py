"""Reads files that may be damaged or hostile: any error of a library becomes one that names the file, and sizes that a
header claims are checked before anything of that size is allocated."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sciencegen.data.workbooks import file_of, is_workbook, open_sheet, sheet_of
from sciencegen.errors import DataError, converted
from sciencegen.files import found_at

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

GZIP_START = b"\x1f\x8b"
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)
BLOCK = 1 << 17
MOST_UNPACKED = 1100
"""Bytes that one byte of a packed file may stand for; deflate reaches 1032 at most."""
SMALL = 1 << 24
"""Arrays of at most this many bytes may be packed more densely."""
LARGEST_PART = 1 << 30
"""Maximum bytes of a part of an array that is read as a whole, such as a chunk."""


def reading(expected: str, source: str | Path) -> AbstractContextManager[None]:
    """Converts every exception in the block to a DataError that names the file, but not errors of this package."""
    return converted(
        lambda error: DataError(
            f"Expected {expected} in {source}, found another file or a damaged one, which can't be read: "
            f"{reason_of(error)}."
        )
    )


def reason_of(error: BaseException) -> str:
    """An error's message in one line, else its type."""
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__


def open_binary(path: Path) -> io.BufferedReader:
    """Open a file of text, unzipped if its first two bytes are those of gzip; of an Excel workbook, its first sheet or
    the named one (`file.xlsx[Sheet]`) as CSV. Damage is a DataError. Lines that end in a carriage return, as those of
    old Macs, end in a line feed here."""
    if os.path.exists(path) and not os.path.isfile(path):  # a link to itself doesn't exist here
        raise DataError(f"Expected a file at {path}, found {found_at(path)}.")
    if is_workbook(path) and file_of(path).is_file():
        return open_sheet(file_of(path), sheet_of(path))
    handle: io.BufferedReader = io.BufferedReader(_File(path), BLOCK)
    try:
        is_gzip = handle.read(2) == GZIP_START
        handle.seek(0)
        return with_line_feeds(io.BufferedReader(_Unzipped(handle, path), BLOCK) if is_gzip else handle)
    except BaseException:
        handle.close()
        raise


class _File(io.FileIO):
    """A file whose errors name it: of a disk, or of a file of the system that can't be read, such as /proc/self/mem."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path

    def readinto(self, buffer: Buffer) -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise DataError(f"Expected a file that can be read at {self._path}, found: {error.strerror}.") from error


def with_line_feeds(stream: io.BufferedReader) -> io.BufferedReader:
    """The same stream, or one with line feeds, if its beginning has carriage returns as its only line ends."""
    head = stream.peek(BLOCK)
    return io.BufferedReader(_LineFeeds(stream), BLOCK) if b"\r" in head[:-1] and b"\n" not in head else stream


def standard_input() -> io.BufferedReader:
    """Standard input, as `open_binary` opens a file."""
    return with_line_feeds(cast(io.BufferedReader, sys.stdin.buffer))


class _LineFeeds(io.RawIOBase):
    """Content in which each line end is a line feed."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream, self._returned = stream, False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        while block := self._stream.read1(len(view)):
            found = block.removeprefix(b"\n") if self._returned else block
            self._returned = block.endswith(b"\r")
            if found:
                found = found.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                view[: len(found)] = found
                return len(found)
        return 0

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Unzipped(io.RawIOBase):
    """The content of a gzip file; an error of gzip says how many lines are whole."""

    def __init__(self, packed: io.BufferedReader, path: Path) -> None:
        self._packed, self._path, self._lines = packed, path, 0
        self._file = gzip.GzipFile(fileobj=packed)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        try:
            block = self._file.read1(len(view))
        except GZIP_ERRORS as error:
            raise DataError(
                f"Expected a whole gzip file in {self._path}, found a damaged one ({reason_of(error)}), of which "
                f"{self._lines} lines are whole. Get it again."
            ) from error
        view[: len(block)] = block
        self._lines += block.count(b"\n")
        return len(block)

    def close(self) -> None:
        self._packed.close()
        super().close()


def check_claim(source: str | Path, items: int, size: int, held: int) -> None:
    """Raise a DataError if a header claims more than the file can hold.

    Parameters
    ----------
    source : str or Path
        Named in the message.
    items, size : int
        The number of items, and their unpacked bytes.
    held : int
        Bytes of the file.
    """
    if items > max(held, 1) or size > max(SMALL, MOST_UNPACKED * held):
        raise DataError(
            f"Expected headers that agree with the size of {source}, found some that claim {items} items in {size} "
            f"bytes, while the file has {held} bytes: it is damaged or cut short. Get it again."
        )


def check_part(source: str | Path, size: int) -> None:
    """Raise a DataError if a part that must be read as a whole has more than `LARGEST_PART` bytes."""
    if size > LARGEST_PART:
        raise DataError(
            f"Expected chunks that hold {LARGEST_PART >> 30} GiB of data at most in {source}, found {size >> 20} "
            "MiB in one. Write it anew with smaller chunks."
        )
