"""How jobs end, and how they are started again."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

from sciencegen.files import last_line
from sciencegen.serving.records import LOG, Job, State, now, read_outcome

DONE: Mapping[int, str] = {0: "", 5: "fewer results than requested", 6: "rows that differ"}
"""Exit codes after which results are complete, and what they say."""
STOPPED = (-signal.SIGTERM, -signal.SIGKILL, 128 + signal.SIGTERM)
"""Codes of a process that was told to end."""
LAST_BYTES = 4096
"""At the end of a log, in which a reason is looked for."""


@dataclass
class Running:
    """A process that the server watches.

    Parameters
    ----------
    job : Job
    own : Popen, optional
        None if an earlier server started it.
    since : float
    ending : str, optional
        The state that it will have since it was told to end, and the reason.
    killed_at : float, optional
        When it is killed if it goes on.
    """

    job: Job
    own: subprocess.Popen[bytes] | None = None
    since: float = field(default_factory=monotonic)
    ending: State | None = None
    reason: str = ""
    killed_at: float | None = None

    @property
    def seconds(self) -> float:
        """Time since it was started, or since this server watches it."""
        return monotonic() - self.since


def ended_job(one: Running, records: Path, code: int | None) -> Job:
    """The job of a process that has ended.

    Parameters
    ----------
    one : Running
    records : Path
        The folder of its records, where the process left its outcome.
    code : int, optional
        The exit code that the system gave to the server that started it.
    """
    outcome = read_outcome(records)
    code = code if outcome is None else outcome.exit_code
    error = "" if outcome is None else outcome.error
    state: State = "failed"
    if code is not None and code in DONE:
        state, error = "done", error or DONE[code]
    elif one.ending is not None and (code is None or code in STOPPED):
        state, error = one.ending, one.reason
    elif code is None:
        state, error = "interrupted", "The process was cut off. It can be started again."
    else:
        error = error or _last_words(records / LOG, code)
    seconds = round(one.job.seconds + one.seconds, 3)
    return replace(one.job, state=state, ended=now(), seconds=seconds, process=None, exit_code=code, error=error)


def _last_words(log: Path, code: int) -> str:
    """Why a process failed that didn't say it itself: a signal, or the last line of its log."""
    if code < 0:
        return f"The process was ended by {signal.Signals(-code).name}; memory may have run out. Start it again."
    with suppress(OSError):
        if words := last_line(log, LAST_BYTES):
            return words
    return f"exit code {code}"


def words_again(job: Job, folder: Path) -> list[str]:
    """The words of a command that is started again: its own file is overwritten, unless the command goes on with it."""
    output = None if job.output is None else folder / job.output
    if output is None or not job.overwrites or "--force" in job.words or not output.is_file():
        return job.words
    if output.with_name(f".{output.name}.unfinished").exists():
        return job.words
    at = job.words.index("--") if "--" in job.words else len(job.words)
    return [*job.words[:at], "--force", *job.words[at:]]
