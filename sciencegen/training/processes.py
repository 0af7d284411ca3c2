"""A training on several devices: Lightning starts the same command again for each device after the first.

The first process prepares the data, holds the folder's lock and writes. The others read what it wrote, take part in the
steps, and end with the training.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sciencegen.errors import ConfigError, Stopped

RANK = "LOCAL_RANK"
VARIABLES = (RANK, "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE")
"""What Lightning sets for the processes that it starts, and leaves behind in this one."""

PR_SET_PDEATHSIG = 1


def is_follower(devices: int) -> bool:
    """Whether the first process of a training on several devices started this one."""
    return devices > 1 and os.environ.get(RANK, "0") != "0"


def check_follows(going_on: bool, folder: Path) -> None:
    """Raise an error in a follower without the files of a first process."""
    if not going_on:
        raise ConfigError(
            f"Expected a training in {folder} whose first process started this one, found none ({RANK} is set). Start "
            "the command once: it starts a process for each of the `devices`."
        )


def silent(text: str) -> None:
    """The log of a follower."""


@contextmanager
def in_processes(devices: int) -> Iterator[None]:
    """A block that trains on several devices. A follower ends with it, by SystemExit."""
    if is_follower(devices):
        _end_with_parent()
        with suppress(Stopped):  # the first process says so
            yield
        raise SystemExit(0)
    before = {name: os.environ.get(name) for name in VARIABLES}
    if devices > 1:
        _check_command()
    try:
        yield
    finally:
        if devices > 1:
            _leave_group(before)


def _leave_group(before: dict[str, str | None]) -> None:
    """The next training of this process starts processes of its own."""
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _end_with_parent() -> None:
    """Linux ends this process when its parent is killed, even in a step that waits for the parent's gradients."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _check_command() -> None:
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if RANK not in os.environ and module is None and not Path(sys.argv[0]).is_file():
        raise ConfigError(
            "Expected a command or a script that can be started again for each of the `devices`, got an interactive "
            "session. Put it in a file, or train on one device."
        )
