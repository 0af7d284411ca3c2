"""Where results go: refuse to overwrite, stdin and stdout as `-`, what is finished survives Ctrl-C."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sciencegen.errors import ConfigError, DataError, SciencegenError
from sciencegen.files import check_writable


class FewerResults(SciencegenError):
    """Fewer results than asked; what there is has been written."""

    exit_code = 5


def claim_output(output: str, force: bool, *, folder: bool = False) -> None:
    """Refuse an output that exists or can't be written, before anything is computed. Folders are made when there is
    something to write into them: a command that fails leaves none."""
    if output == "-":
        return
    check_writable(output, "-o")
    path = Path(output)
    if path.exists() and not force and not (folder and path.is_dir() and not any(path.iterdir())):
        raise ConfigError(f"{output} exists. Pass --force to overwrite it, or another -o.")
    if path.is_file() and folder:
        raise ConfigError(f"Expected a folder for -o, {output} is a file. Pass another -o.")
    if path.is_dir() and not folder:
        raise ConfigError(f"Expected a file for -o, {output} is a folder.")
    if path.exists() and not path.is_file() and not path.is_dir():  # a file would come in place of it
        raise ConfigError(f"Expected a file for -o, {output} is a device or a pipe. Pass -o - and redirect it.")
    if not folder:  # the refusals of an earlier run would read as this one's
        Path(f"{output}.rejects.csv").unlink(missing_ok=True)


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
