"""Ends the programs of a process that was killed, with all their descendants, and removes their folders.

Run as a file, without the package: it reads `+<folder>` and `<process id> <folder>` when a program starts and
`-<folder>` when it has ended. When its input closes, its parent has ended, and what is still noted is ended too.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator

MARK = "SCIENCEGEN_ORACLE"
"""The environment variable with the folder of the program that a process descends from."""

ROUNDS = 50
"""Most searches for descendants, since those found may have started others in the meantime."""


def end_programs(folder: str, group: int = 0) -> None:
    """Kill a program's process group and, on Linux, all processes with its mark, also those in other sessions."""
    if group:
        end_group(group)
    for _ in range(ROUNDS):
        found = False
        for process in _marked(folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
                found = True
        if not found:
            break


def end_group(group: int) -> None:
    """Kill a process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _marked(folder: str) -> Iterator[int]:
    wanted = os.fsencode(f"{MARK}={folder}")
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                    if wanted in file.read().split(b"\0"):
                        yield int(name)


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
    watch(sys.stdin)
