"""The process of a command: its standard streams, the signals that end it, and workers as copies of it."""

from __future__ import annotations

import gc
import io
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from sciencegen.errors import Stopped

# Standard streams that are closed at the start, or whose reader ends before the command does.

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


# SIGTERM and SIGHUP end a command by an exception, so that temporary files go and child processes end.


@contextmanager
def stops_raise() -> Iterator[None]:
    """The first of these signals raises Stopped in the block, the second ends the process as if this were not here.

    Signals that this process ignores (`nohup`) remain ignored; only the main thread can handle signals.
    """
    heard = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        heard = []

    def stop(number: int, frame: FrameType | None) -> None:
        for one in heard:
            signal.signal(one, signal.SIG_DFL)
        raise Stopped(number)

    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


# Worker processes as copies of the command, which start in milliseconds instead of seconds.

BLAS_THREADS = "OPENBLAS_NUM_THREADS"

_own_process = _limited = False


def take_process() -> None:
    """Say that this process runs nothing but the command."""
    global _own_process
    _own_process = True


def begin_loading() -> None:
    """Prepare for the imports of a verb that calls `start_workers` after them.

    The BLAS of numpy and scipy get one thread, since a process with more can't be copied, and no garbage is collected:
    imports make many objects that stay, which each collection would look at.
    """
    global _limited
    if not _own_process:
        return
    gc.disable()
    _limited = BLAS_THREADS not in os.environ
    if _limited:
        os.environ[BLAS_THREADS] = "1"


def start_workers() -> None:
    """Let workers be copies of this process as it is now, with all that it has imported, if it is the command's own and
    has one thread; else they are started on demand as new processes."""
    if not _own_process:
        return
    if _limited:
        os.environ.pop(BLAS_THREADS, None)  # it isn't meant for programs of others
    gc.freeze()
    gc.enable()
    from sciencegen.data.forkserver import start_copied_server

    start_copied_server()
