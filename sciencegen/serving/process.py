"""The process of a job: it outlives the server, and a lock that it holds says whether it still runs."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sciencegen.files import NO_LOCKS
from sciencegen.notes import JOB
from sciencegen.serving.records import LOG, PRINTED

LOCK = "lock"
"""The file that a job's process holds locked. The system releases it when the process ends, however it does."""


def start(
    command: Sequence[str], records: Path, folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the command of a job in `folder`, in a session of its own, so that Ctrl-C for the server isn't for it.

    What it prints goes to files in `records`. The lock is taken before it starts and handed over to it.
    """
    lock = os.open(records / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with open(records / PRINTED, "wb") as printed, open(records / LOG, "ab") as log:
            return subprocess.Popen(
                command, cwd=folder, env={**environment, JOB: str(records)}, stdin=subprocess.DEVNULL, stdout=printed,
                stderr=log, start_new_session=True, pass_fds=(lock,),
            )  # fmt: skip
    finally:
        os.close(lock)


def is_running(records: Path) -> bool:
    """Whether the process of a job runs, also one of an earlier server."""
    try:
        lock = os.open(records / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in NO_LOCKS
    finally:
        os.close(lock)
    return False


def send(process: int | None, number: signal.Signals) -> None:
    """Send a signal to a job's process; SIGKILL to its session too, whose other processes it can't end any more."""
    if process is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if number is signal.SIGKILL:
            os.killpg(process, number)
        else:
            os.kill(process, number)
