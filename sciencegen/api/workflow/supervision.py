"""Snakemake as a child process: cleaning up after a killed run, and stopping a run.

All processes of a run have the run's folder in their environment. The holder of the run's lock may end them.
psutil comes with Snakemake.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sciencegen.data.threads import exit_code
from sciencegen.errors import Stopped
from sciencegen.progress import RUN

SNAKEMAKE = (sys.executable, "-P", "-m", "snakemake")

RECORDS = ".snakemake"
"""Snakemake's folder in the current one."""

LEFT_OVER_S = 10.0
"""Seconds that a process has to end by itself, which an earlier run left."""

HEARD_S = 0.5
"""Seconds in which a signal to the whole process group ends another process of it."""

SAVE_S = 5.5
"""Seconds that steps have to save after a signal."""

CLEAN_UP_S = 1.5
"""Seconds that Snakemake has to clean up when no step runs any more, and then steps to end by SIGTERM. The handler of
its scheduler waits for a lock that the scheduler may hold, and then Snakemake never ends by itself."""


def job_environment(folder: Path) -> dict[str, str]:
    """The environment with the run's folder, and with the `sciencegen` command of this Python first in PATH."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {**os.environ, "PATH": path, RUN: str(folder.resolve()), "PYTHONUNBUFFERED": "1"}


def call(command: Sequence[str], folder: Path) -> int:
    """Run a command and return its exit code; its output goes to stderr.

    Ctrl-C or SIGTERM ends it with all its child processes before this process ends, within 10 s.
    """
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=2) as witness:  # ends with this process
        process = subprocess.Popen(command, env=job_environment(folder), stdout=2)
        try:
            with _sigterm_raises():
                return exit_code(process)
        except (KeyboardInterrupt, Stopped):
            with suppress(KeyboardInterrupt, Stopped):
                _await_end(process, witness, folder)
            stop_left_over(folder, CLEAN_UP_S)
            raise


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM raises Stopped in the block, if it runs in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise Stopped(signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _await_end(process: subprocess.Popen, witness: subprocess.Popen, folder: Path) -> None:
    """Wait for the end of Snakemake and its steps, after this process got a signal.

    From a terminal all processes of the group get it, as the witness does: a second one could end a step before it has
    saved. If this process alone got it, they get SIGINT, as by Ctrl-C: steps keep what is finished, and Snakemake
    cleans up.
    """
    began = busy = time.monotonic()
    try:
        witness.wait(HEARD_S)
    except subprocess.TimeoutExpired:
        _interrupt(folder)
    while (now := time.monotonic()) < min(began + SAVE_S, busy + CLEAN_UP_S):
        if any(one.pid != process.pid for one in _marked(str(folder.resolve()))):
            busy = now  # Snakemake and the shell of a step may end before it
        elif process.poll() is not None:
            break
        time.sleep(0.1)


def _interrupt(folder: Path) -> None:
    import psutil

    for process in _marked(str(folder.resolve())):
        with suppress(psutil.Error):
            process.send_signal(signal.SIGINT)


def stop_left_over(folder: Path, patience_s: float = LEFT_OVER_S) -> int:
    """End left-over processes of this run and return their number. Call it while holding the lock."""
    import psutil

    found = list(_marked(str(folder.resolve())))
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(found, patience_s)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, patience_s)
    return len(found)


def _marked(folder: str) -> Iterator[Any]:
    """Running processes of the run, except this one and its parents."""
    import psutil

    ours = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid not in ours and process.environ().get(RUN) == folder:
                yield process


def unlock(folder: Path) -> None:
    """Remove Snakemake's lock on its working folder, left by a killed run, unless a Snakemake runs there."""
    locks = folder / RECORDS / "locks"
    if locks.is_dir() and any(locks.iterdir()) and not _snakemake_in(folder):
        for lock in locks.iterdir():
            with suppress(OSError):
                lock.unlink()


def _snakemake_in(folder: Path) -> bool:
    import psutil

    here = str(folder.resolve())
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cwd() == here and any("snakemake" in word for word in process.cmdline()):
                return True
    return False
