"""Input from a file or stdin, outputs kept for one command, the error for fewer results, and the phrase that names the
file of rejects.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sciencegen import files
from sciencegen.cli.console import progress, say, summarize, tell
from sciencegen.errors import DataError, SciencegenError
from sciencegen.files import reserved

if TYPE_CHECKING:
    from sciencegen.api.scores import ScoredChunk
    from sciencegen.api.writing.writer import OutputWriter


class FewerResults(SciencegenError):
    """Fewer results than requested; those that were found have been written."""

    exit_code = 5


_RESERVED = ExitStack()
_BEFORE: dict[str, int | None] = {}
"""The outputs of the command that runs, and when they changed last, None for one that isn't there."""

RESUMED = ("train", "run", "backtest", "datasets")
"""Commands that the same words continue after a stop."""


def reserve(*outputs: str) -> None:
    """Keep outputs for this command until it ends, or raise an error if another process writes one of them."""
    _RESERVED.enter_context(reserved(*outputs))
    _BEFORE.update({one: _changed(one) for one in outputs if one != "-"})


def _changed(path: str) -> int | None:
    return os.stat(path).st_mtime_ns if os.path.isfile(path) else None


def stopped(message: str = "") -> None:
    """Say that the command was stopped, what it has written, and how to go on."""
    words = sys.argv[1:]
    kept = [one for one, before in _BEFORE.items() if _changed(one) not in (None, before)]
    if next((word for word in words if not word.startswith("-")), "") in RESUMED:
        remedy = f"To go on, run the same command: {shlex.join(['sciencegen', *words])}"
    elif kept:
        remedy = f"{', '.join(kept)} has what was finished. The same command with --force starts anew."
    elif _BEFORE:
        remedy = f"{', '.join(_BEFORE)} was not written. The same command starts anew."
    else:
        remedy = ""
    say("\n".join(filter(None, (f"stopped {message}".rstrip(), remedy))), style="yellow")


@contextmanager
def released_outputs() -> Iterator[None]:
    """Release outputs that a command has reserved when the block ends."""
    _BEFORE.clear()
    with _RESERVED:
        yield


def claim_output(output: str, force: bool, *, folder: bool = False, inputs: Iterable[str | None] = ()) -> None:
    """`files.claim_output` of an output that is reserved until the command ends."""
    reserve(output)
    files.claim_output(output, force, folder=folder, inputs=inputs)


class Results(Protocol):
    """What a verb found: its notes, and what is written and said of it."""

    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def summary(self) -> Mapping[str, Any]: ...
    def write(self, path: str, overwrite: bool = False, /) -> object: ...


@dataclass(frozen=True)
class Outlet:
    """Where the results of a command go, its flags -o, --force and --json.

    output: the file, - is stdout. force: whether it may be there. as_json: whether the summary is printed as JSON.
    """

    output: str
    force: bool = False
    as_json: bool = False

    def claim(self, *inputs: str | None, folder: bool = False) -> None:
        """Reserve the output, and raise an error if it is there or one of the inputs."""
        claim_output(self.output, self.force, folder=folder, inputs=inputs)

    def stream(self, writer: OutputWriter, rows: Iterable[ScoredChunk], what: str, total: int | None = None) -> None:
        """Write rows as they are made, with progress."""
        from sciencegen.api.writing.results import write_chunks

        with progress(what, total) as advance:
            write_chunks(writer, rows, advance)

    def keep(self, found: Results, written: bool = False) -> None:
        """Write what was found, if it isn't `written`, between its notes and its summary."""
        tell(found.notes)
        if not written:
            found.write(self.output, self.force)
        self.summarize(found.summary)

    def summarize(self, summary: Mapping[str, Any]) -> None:
        summarize(summary, self.output, self.as_json)

    def empty(self, source: object, what: str, first: tuple[int, str, str] | None = None) -> DataError:
        """The error for a source without a row that gave a result. first: (line, item, reason) of the first refused."""
        return DataError(f"No row of {source} {what}; {reasons(self.output, first)}.")


STDOUT = Outlet("-")


def reasons(output: str, first: tuple[int, str, str] | None = None) -> str:
    """A phrase that says where the reasons of refused rows are. first: (line, item, reason) of the first of them."""
    example = f"the first, line {first[0]}: {first[2]}; " if first else ""
    if output != "-":
        rejects = Path(f"{output}.rejects.csv")
        return f"{example}{rejects} says why" if rejects.exists() else "it has none"
    return f"{example}pass -o to have the reasons in a file"


@contextmanager
def input_path(source: str, ending: Callable[[str], str], folders: bool = False) -> Iterator[Path]:
    """The file to read: `source`, the items of prepared data, or a temporary copy of stdin, whose ending is
    `ending(first line)`. folders: whether `source` may be a folder of files."""
    from sciencegen.api.sources.tables import prepared_items

    ending("")  # report a wrong --format before anything is read
    if source != "-":
        path = prepared_items(Path(source))
        if not path.exists():
            raise DataError(f"Expected a file at {source}, found none. Items themselves are read from stdin: -")
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
        except DataError as error:  # users don't know the copy's name
            raise DataError(str(error).replace(str(path), "standard input")) from None


@contextmanager
def source_path(
    domain: str, source: str, format: str | None, column: str | None, one: bool = True
) -> Iterator[Path | str]:
    """What to read of a domain or form: a file, a folder of files where it reads those, a copy of stdin, or, if `one`
    allows it, an item of a file, `designs.pdb[3]`."""
    from sciencegen.api.science import reads_folders
    from sciencegen.api.sources.tables import is_item
    from sciencegen.api.writing.writer import input_ending

    if one and is_item(domain, source):
        yield source
        return
    with input_path(source, partial(input_ending, domain, format, column=column), reads_folders(domain)) as path:
        yield path
