"""Text files of items, line by line, as molecules and proteins read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sciencegen.data.damage import open_binary, standard_input
from sciencegen.data.workbooks import file_of
from sciencegen.errors import DataError
from sciencegen.files import found_at

PIPE = "-"
"""The name of standard input."""


def ending(path: Path, pipe: str) -> str:
    """The file suffix in lower case, such as ".sdf" or ".sdf.gz". pipe: that of standard input."""
    if str(path) == PIPE:
        return pipe
    suffixes = [suffix.lower() for suffix in file_of(path).suffixes]
    return "".join(suffixes[-2:] if suffixes[-1:] == [".gz"] else suffixes[-1:])


def check_exists(path: Path, items: str) -> None:
    """Raise a DataError if the file is missing or empty, before any row is read. items: what it should hold."""
    if str(path) == PIPE:
        return
    if not path.is_file():
        raise DataError(f"Expected a file of {items} at {path}, found {found_at(path)}.")
    if path.stat().st_size == 0:
        raise DataError(f"Expected {items} in {path}, found an empty file.")


def lines(path: Path, longest: int, mark: bool = False) -> Iterator[str]:
    """Decoded lines without line breaks, cut after so many bytes: longer ones are refused anyway.

    mark: whether a byte order mark at the start is removed.
    """
    encoding = "utf-8-sig" if mark else "utf-8"
    with standard_input() if str(path) == PIPE else open_binary(path) as stream:
        while line := stream.readline(longest):
            rest = line
            while rest and not rest.endswith(b"\n"):
                rest = stream.readline(longest)
            yield line.decode(encoding, errors="replace").rstrip("\r\n")
            encoding = "utf-8"
