"""Where results go: refuse to overwrite, stdin and stdout as `-`, what is finished survives Ctrl-C."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sciencegen.errors import DataError, SciencegenError


class FewerResults(SciencegenError):
    """Fewer results than asked; what there is has been written."""

    exit_code = 5


def reasons(output: str, first: tuple[int, str, str] | None = None) -> str:
    """Where a person finds why rows were refused; first: (line, item, reason) of one of them."""
    if output != "-":
        return f"{output}.rejects.csv says why"
    told = f"the first, line {first[0]}: {first[2]}; " if first else ""
    return f"{told}pass -o to have the reasons in a file"


@contextmanager
def input_path(source: str, ending: Callable[[str], str], folders: bool = False) -> Iterator[Path]:
    """The file to read: `source`, or what comes on stdin, kept in a temporary file. ending(first line): of its name.
    folders: whether a folder of files will do."""
    ending("")  # a wrong --format is told before anything is read
    if source != "-":
        path = Path(source)
        if not path.exists():
            raise DataError(f"Expected a file at {source}, found none.")
        if path.is_dir() and not folders:
            raise DataError(f"Expected a file at {source}, found a folder.")
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        first = sys.stdin.buffer.readline()
        path = Path(folder) / f"stdin{ending(first.decode('utf-8-sig', 'replace'))}"
        with path.open("wb") as file:
            file.write(first)
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            yield path
        except DataError as error:  # the copy's name is nobody's
            raise DataError(str(error).replace(str(path), "standard input")) from None
