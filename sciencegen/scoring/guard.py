"""Runs a program and ends its descendants; ends the programs of a process that was killed, and removes their folders.

Run as a file, without the package. With a command it runs that (`launch`). Without one it reads `+<folder>` and
`<process id> <folder>` when a program starts and `-<folder>` when it has ended. When its input closes, its parent has
ended, and what is still noted is ended too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

MARK = "SCIENCEGEN_ORACLE"
"""The environment variable with the folder of the program that a process descends from."""

ROUNDS, PAUSE_S = 50, 0.01
"""Most searches for descendants, since those found may have started others in the meantime; the time between two."""

SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36
"""Numbers of Linux's `prctl`."""

TO_A_GROUP = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""A script may send them to its process group (`kill 0`), and its launcher must outlive it."""

NOT_EXECUTABLE = 126
"""The exit code of shells for a file that can't be executed."""


def launching(words: Sequence[str]) -> list[str]:
    """The command that runs a program by `launch`, where the system allows that; else the program's."""
    return [sys.executable, "-I", "-S", __file__, *words] if sys.platform == "linux" else list(words)


def launch(words: Sequence[str]) -> int:
    """Run a program as the parent of all its orphans (Linux), end them after it, and return its exit code.

    A daemon has left the program's process group and session, and may have cleared its environment, but its parent is
    this process: `prctl(2)`, PR_SET_CHILD_SUBREAPER.
    """
    _prctl(SET_CHILD_SUBREAPER, 1)
    for number in TO_A_GROUP:
        signal.signal(number, signal.SIG_IGN)
    program = os.fork()
    if not program:
        _execute(words)
    ended, status = 0, 0
    while ended != program:
        ended, status = os.waitpid(-1, 0)
    for _ in range(ROUNDS):
        if not (left := _descendants({os.getpid()}, _parents())):
            break
        _kill(left)
        time.sleep(PAUSE_S)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:  # a signal: this process ends by the same
        with contextlib.suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _execute(words: Sequence[str]) -> NoReturn:
    try:
        _prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        for number in (*TO_A_GROUP, signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores the last two
            signal.signal(number, signal.SIG_DFL)
        os.execvp(words[0], list(words))
    except OSError as error:
        os.write(2, f"can't be started: {error}\n".encode(errors="replace"))
    finally:
        os._exit(NOT_EXECUTABLE)


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def end_programs(folder: str, group: int = 0) -> None:
    """Kill a program's process group and, on Linux, all processes with its mark and their descendants, also those in
    other sessions. Parents go last: as long as they live, they have their orphans."""
    for _ in range(ROUNDS):
        parents = _parents()
        marked = {process for process in parents if process == group or _has_mark(process, folder)}
        found = marked | _descendants(marked, parents)
        if not found:
            break
        _kill({process for process in found if parents[process] in found} or found)
        time.sleep(PAUSE_S)
    if group:
        end_group(group)


def end_group(group: int) -> None:
    """Kill a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _kill(processes: Iterable[int]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, signal.SIGKILL)


def _parents() -> dict[int, int]:
    """The parent of each process but this one; empty if the system has no /proc. Those that have ended are left out."""
    found: dict[int, int] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                    state, parent = file.read().rpartition(b")")[2].split()[:2]
                    if state not in b"ZX":
                        found[int(name)] = int(parent)
    return found


def _descendants(ancestors: set[int], parents: Mapping[int, int]) -> set[int]:
    found: set[int] = set()
    while more := {one for one, parent in parents.items() if parent in ancestors | found} - found:
        found |= more
    return found


def _has_mark(process: int, folder: str) -> bool:
    with contextlib.suppress(OSError), open(f"/proc/{process}/environ", "rb") as file:
        return os.fsencode(f"{MARK}={folder}") in file.read().split(b"\0")
    return False


def watch(lines: Iterable[str]) -> None:
    """Follow the parent's notes until they end, then end and remove what it left."""
    groups: dict[str, int] = {}
    for line in lines:
        first, folder = line[0], line[1:].rstrip("\n")
        if first == "-":
            groups.pop(folder, None)
        elif first == "+":
            groups[folder] = 0
        else:
            number, _, folder = line.rstrip("\n").partition(" ")
            groups[folder] = int(number)
    for folder, group in groups.items():
        end_programs(folder, group)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(launch(sys.argv[1:]))
    watch(sys.stdin)
