"""Reads files that may be damaged or hostile: any error of a library becomes one that names the file, and sizes that a
header claims are checked before anything of that size is allocated."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sciencegen.data.workbooks import file_of, is_workbook, most_unpacked, open_sheet, sheet_of, too_dense
from sciencegen.errors import DataError, converted
from sciencegen.files import found_at

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

GZIP_START = b"\x1f\x8b"
GZIP_ERRORS = (EOFError, gzip.BadGzipFile, zlib.error)
BLOCK = 1 << 17
LONGEST_LINE = 1 << 24
"""Bytes of a line of a text file, and characters of a record of a table with all its lines."""
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


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Allocations of more than so many bytes beyond those held now are a MemoryError in the block, where Linux counts
    them: a library that reads a file may allocate whatever that claims."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        used = next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData"))
    except (OSError, StopIteration):
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    lower = used + most if soft == resource.RLIM_INFINITY else min(soft, used + most)
    resource.setrlimit(resource.RLIMIT_DATA, (lower, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def reason_of(error: BaseException) -> str:
    """An error's message in one line, else its type."""
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__


def open_binary(path: Path) -> io.BufferedReader:
    """Open a file of text, unzipped if its first two bytes are those of gzip; of an Excel workbook, its first sheet or
    the named one (`file.xlsx[Sheet]`) as CSV. Damage is a DataError, as is a line of more than `LONGEST_LINE` bytes,
    or a packed file that stands for more than `most_unpacked`. Lines that end in a carriage return, as those of old
    Macs, end in a line feed here."""
    if os.path.exists(path) and not os.path.isfile(path):  # a link to itself doesn't exist here
        raise DataError(f"Expected a file at {path}, found {found_at(path)}.")
    if is_workbook(path) and file_of(path).is_file():
        return open_sheet(file_of(path), sheet_of(path))
    handle: io.BufferedReader = io.BufferedReader(_File(path), BLOCK)
    try:
        is_gzip = handle.read(2) == GZIP_START
        handle.seek(0)
        return with_line_feeds(io.BufferedReader(_Unzipped(handle, path), BLOCK) if is_gzip else handle, str(path))
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


def standard_input() -> io.BufferedReader:
    """Standard input, as `open_binary` opens a file."""
    return with_line_feeds(cast(io.BufferedReader, sys.stdin.buffer), "standard input")


def with_line_feeds(stream: io.BufferedReader, source: str = "a stream") -> io.BufferedReader:
    """The same content in lines of at most `LONGEST_LINE` bytes, which end in a line feed, also if the beginning has
    carriage returns as its only line ends."""
    head = stream.peek(BLOCK)
    return io.BufferedReader(_Lines(stream, source, b"\r" in head[:-1] and b"\n" not in head), BLOCK)


class _Lines(io.RawIOBase):
    """Content whose lines are measured, so that nobody holds one that is too long. returns: whether lines that end in a
    carriage return end in a line feed here."""

    def __init__(self, stream: io.BufferedReader, source: str, returns: bool) -> None:
        self._stream, self._source, self._returns, self._returned = stream, source, returns, False
        self._number, self._length = 1, 0
        """Of the line that goes on."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        while block := self._stream.read1(len(view)):
            if self._returns:
                block, self._returned = block.removeprefix(b"\n") if self._returned else block, block.endswith(b"\r")
                block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if block:
                self._measure(block)
                view[: len(block)] = block
                return len(block)
        return 0

    def _measure(self, block: bytes) -> None:
        end = block.rfind(b"\n")
        self._length = len(block) - end - 1 if end >= 0 else self._length + len(block)
        self._number += block.count(b"\n")
        if self._length > LONGEST_LINE:
            raise DataError(
                f"Expected lines of at most {LONGEST_LINE >> 20} MiB in {self._source}, found a longer one, number "
                f"{self._number}: it is damaged, or no text with one item to a line. Remove that line."
            )

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Unzipped(io.RawIOBase):
    """The content of a gzip file; an error of gzip says how many lines are whole."""

    def __init__(self, packed: io.BufferedReader, path: Path) -> None:
        self._packed, self._path, self._lines = packed, path, 0
        self._file, self._left = gzip.GzipFile(fileobj=packed), most_unpacked(os.fstat(packed.fileno()).st_size)

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
        self._lines, self._left = self._lines + block.count(b"\n"), self._left - len(block)
        if self._left < 0:
            raise too_dense(self._path, "gunzip it, and pass the unpacked file")
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
