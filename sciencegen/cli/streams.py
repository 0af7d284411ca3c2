"""Standard streams that are closed at the start, or whose reader ends before the command does."""

from __future__ import annotations

import io
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

READER_GONE = 128 + signal.SIGPIPE
"""Exit code if the reader of the output ends early (`| head -1`): that of other programs, which SIGPIPE ends."""


def open_closed_streams() -> None:
    """Open standard streams that are closed, so that no other file gets their numbers.

    Nothing is read from stdin, messages are dropped, and results on stdout are an error: its file can't be written.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            os.dup2(opened, number)  # of the same number it only lets child processes inherit it
            if opened != number:
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if name == "stdin" else "w", closefd=False))  # noqa: SIM115


def write_any_character() -> None:
    """Results in a pipe or a file are UTF-8, as those of -o. A terminal keeps its encoding, and what it lacks is
    escaped."""
    stdout = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(encoding=None if stdout.isatty() else "utf-8", errors="backslashreplace")


@contextmanager
def watched_readers() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether the reader of stdout or stderr has gone.

    It asks the files that the streams have now: a library may replace them when it meets a closed pipe.
    """
    watched = [os.dup(number) for number in (1, 2)]
    poll = select.poll()
    for number in watched:
        poll.register(number, 0)
    try:
        yield lambda: any(event & select.POLLERR for _, event in poll.poll(0))
    finally:
        for number in watched:
            os.close(number)


def drop_unwritten() -> None:
    """Let the rest of stdout go nowhere, so that Python doesn't try to write it again at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
