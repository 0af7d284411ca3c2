"""What a command that works for a server leaves in the records of its job: how far it is, and how it ended."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from time import monotonic

from sciencegen import progress as notes
from sciencegen.cli.flags import in_keys

PAUSE_S = 0.5
"""Seconds between two records of the progress."""

_next = 0.0
_error = ""


def show(what: str, done: int, total: int | None, note: str = "") -> None:
    """Record the progress, now and then and at the end."""
    global _next
    folder = os.environ.get(notes.JOB)
    if folder is None or (monotonic() < _next and done != total):
        return
    from sciencegen.serving.records import PROGRESS, write_json

    _next = monotonic() + PAUSE_S
    with suppress(OSError):  # a record of the progress is not worth the work
        write_json(Path(folder) / PROGRESS, {"what": what, "done": done, "total": total, "note": note})


def failed(error: str) -> None:
    """Keep the error that ends the command. Settings in it are named as requests name them."""
    global _error
    _error = in_keys(error)


def leave(code: int) -> None:
    """Record how the command ended."""
    global _error
    folder, error = os.environ.get(notes.JOB), _error
    _error = ""
    if folder is None:
        return
    from dataclasses import asdict

    from sciencegen.serving.records import OUTCOME, Outcome, write_json

    with suppress(OSError):
        write_json(Path(folder) / OUTCOME, asdict(Outcome(code, error, notes.recorded())))
