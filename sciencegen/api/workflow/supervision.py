"""Snakemake as a child process: what a killed run leaves behind, and how a stopped one ends.

Every process below a run carries the run's folder in its environment. Whoever holds the run's lock owns all of them.
psutil comes with Snakemake.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sciencegen.errors import Stopped
from sciencegen.notes import RUN

SNAKEMAKE = (sys.executable, "-m", "snakemake")

PATIENCE_S = 10.0
"""How long a process may take to end by itself."""


def job_environment(folder: Path) -> dict[str, str]:
    """The environment with the mark, in which jobs find the `sciencegen` command of this very Python first."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return {**os.environ, "PATH": path, RUN: str(folder.resolve()), "PYTHONUNBUFFERED": "1"}


def call(command: Sequence[str], folder: Path) -> int:
    """Run a command to its end and return its exit code; all that it prints goes to stderr.

    Ctrl-C, or SIGTERM, ends it and everything below it before it ends us.
    """
    process = subprocess.Popen(command, env=job_environment(folder), stdout=2)
    try:
        with _sigterm_raises():
            return process.wait()
    except (KeyboardInterrupt, Stopped) as stop:
        if isinstance(stop, Stopped):  # unlike Ctrl-C, which the terminal sends to every process, it reached us alone
            _interrupt(folder)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(PATIENCE_S)
        stop_left_over(folder)
        raise


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM raises Stopped in the block; only the main thread may say so."""
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


def _interrupt(folder: Path) -> None:
    """What Ctrl-C would do: jobs keep what is finished, Snakemake tidies up."""
    import psutil

    for process in _marked(str(folder.resolve())):
        with suppress(psutil.Error):
            process.send_signal(signal.SIGINT)


def stop_left_over(folder: Path) -> int:
    """End what still works for this run though its owner is dead; the number of processes. Call it with the lock."""
    import psutil

    found = list(_marked(str(folder.resolve())))
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(found, PATIENCE_S)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, PATIENCE_S)
    return len(found)


def _marked(folder: str) -> Iterator[Any]:
    """Living processes with our mark, this one and those above it left out."""
    import psutil

    ours = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid not in ours and process.environ().get(RUN) == folder:
                yield process


def unlock(folder: Path) -> None:
    """Remove Snakemake's lock on its working folder, which outlives a killed run, if no Snakemake works there."""
    locks = folder / ".snakemake" / "locks"
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
