"""Worker processes as copies of the command, which start in milliseconds instead of seconds."""

from __future__ import annotations

import gc
import os

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
