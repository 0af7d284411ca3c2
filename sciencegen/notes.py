"""Notes of a workflow's steps, saved in the run's folder for the report."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from sciencegen.files import atomic_write

RUN = "SCIENCEGEN_RUN"
"""The environment variable with the folder of the run that a process works for."""
JOB = "SCIENCEGEN_JOB"
"""The environment variable with the folder of records of the server's job that a process works for."""
FOLDER = "notes"
NOTE = "note: "
"""Prefix of messages that are notes."""

_noted: list[str] = []


def record(message: str) -> None:
    """Keep a message if it is a note."""
    if message.startswith(NOTE):
        _noted.append(message.removeprefix(NOTE))


def recorded() -> list[str]:
    """The notes of this process so far."""
    return [*_noted]


def leave(words: Sequence[str]) -> None:
    """Write the notes of a step to `<run>/notes/<output>.json`, if the process works for a run.

    Parameters
    ----------
    words : sequence of str
        The command's arguments; the value of `-o` names the file, so that the same step replaces its notes.
    """
    run = os.environ.get(RUN)
    if not run or "-o" not in words[:-1]:
        return
    output = Path(words[words.index("-o") + 1]).resolve()
    if not output.is_relative_to(run):
        return
    path = Path(run) / FOLDER / f"{'-'.join(output.relative_to(run).parts)}.json"
    with atomic_write(path) as file:
        json.dump({"step": words[0], "notes": _noted}, file, indent=1, ensure_ascii=False)
