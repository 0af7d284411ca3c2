"""A copy of this process that serves on a socket: what a fork must undo before it can run apart."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from typing import IO

LONGEST_SLEEP_S = 0.05
"""Seconds between two looks at a process that is waited for."""


def has_one_thread() -> bool:
    """Whether this process has a single thread, those of libraries included; False where the system doesn't tell.

    A fork copies only the thread that calls it: locks that others held are never released in the copy.
    """
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:
        return False


class Copy:
    """A forked child, with the calls of `subprocess.Popen`. `pid` is its process id."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            try:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has asked for it
                self._code = 0
            else:
                self._code = os.waitstatus_to_exitcode(status) if ended else None
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        end, sleep = None if timeout is None else time.monotonic() + timeout, 0.0005
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() >= end:
                raise subprocess.TimeoutExpired("a copy of this process", timeout or 0.0)
            time.sleep(sleep)
            sleep = min(2 * sleep, LONGEST_SLEEP_S)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def copy_serving(descriptor: int, serve: Callable[[int], None]) -> Copy:
    """Fork a child that runs `serve(descriptor)` and ends. Nothing of this process is flushed or removed by it."""
    pid = os.fork()
    if pid:
        return Copy(pid)
    code = 1
    try:
        _detach(descriptor)
        serve(descriptor)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # no exit handlers and no unwinding: they belong to the parent


def _detach(descriptor: int) -> None:
    """In the child: leave the parent's session, signal handlers, folder and files, except standard error."""
    os.setsid()  # Ctrl-C reaches only the parent
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    if not has_descriptor(sys.__stderr__):
        os.dup2(null, 2)
    os.dup2(2, 1)
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    os.chdir("/")
    gc.freeze()  # collections don't write to, and so copy, the pages that are shared with the parent


def has_descriptor(stream: IO[str] | None) -> bool:
    """Whether a stream is a file of the system."""
    try:
        return stream is not None and stream.fileno() >= 0
    except (OSError, ValueError):
        return False
