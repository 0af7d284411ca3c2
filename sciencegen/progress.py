"""Progress of long work: what reports it, and durations as text."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from sciencegen.files import atomic_write

Report = Callable[[str, int, int | None], None]
"""Called with what is done now, how much of it is done, and how much there is, or None if it has no parts."""


def silent(what: str, done: int, total: int | None) -> None:
    """A `Report` that shows nothing."""


class Pace:
    """The time that the rest of some work takes at the mean speed since `begun` of its parts were done: now."""

    def __init__(self, begun: int = 0) -> None:
        self.begun, self.since = begun, monotonic()

    def left(self, done: int, total: int | None) -> str:
        """Such as "40 s left"; "" where nothing is done since, nothing is left, or the total is unknown."""
        if total is None or not self.begun < done < total:
            return ""
        return f"{in_words((monotonic() - self.since) * (total - done) / (done - self.begun))} left"


def in_words(seconds: float) -> str:
    """A duration as text: 40 s, 12 min, 2 h 5 min."""
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# Notes of a workflow's steps, saved in the run's folder for the report.

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
