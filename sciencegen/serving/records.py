"""Records of jobs: a file each, which says what was asked, how far it is and how it ended."""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from sciencegen.errors import DataError
from sciencegen.files import NO_ROOM, atomic_write
from sciencegen.items import Json

TOKEN = "SCIENCEGEN_TOKEN"
"""The environment variable with the token of a server, for clients that outlive it."""
RECORDS, RESULTS = "records", "jobs"
"""Folders of a server: a folder of records and one of results for each job."""
SERVER_LOCK = ".server.lock"
"""The file of a server's folder that says which server has it."""
RECORD, LOG, PRINTED, PROGRESS, OUTCOME = "job.json", "log.txt", "printed.txt", "progress.json", "outcome.json"
"""Files of a job. The server writes the record; the job's process the others."""

NOT_A_CLIENTS = NO_ROOM | {errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE}
"""Errors of the system that aren't a client's fault."""
_ID = re.compile(r"[0-9]{8,18}-[0-9a-f]{6}")

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]
STATES: tuple[State, ...] = get_args(State)
ACTIVE: frozenset[State] = frozenset({"queued", "running"})


class NotFound(DataError):
    """There is no job, verb or file of this name."""


class Conflict(DataError):
    """A request that doesn't fit what is there: a key of another request, or a file that is needed."""


@dataclass(frozen=True)
class Job:
    """A request for a verb.

    Parameters
    ----------
    id : str
        Ids sort by time.
    verb : str
    parameters : mapping
    words : list of str
        The words of the command.
    output : str, optional
        The file or folder of results, relative to the server's folder.
    overwrites : bool
        Whether the command has the flag --force.
    state : str
        queued, running, done, failed, cancelled or interrupted.
    created, started, ended : str
        Times in UTC; "" before.
    seconds : float
        Time that it ran.
    process : int, optional
        Its number in the system, while it runs.
    exit_code : int, optional
    error : str
        Why there are no results, or fewer.
    starts : int
    key : str
        Of a client; the same key means the same job.
    """

    id: str
    verb: str
    parameters: Mapping[str, Any]
    words: list[str]
    output: str | None = None
    overwrites: bool = False
    state: State = "queued"
    created: str = ""
    started: str = ""
    ended: str = ""
    seconds: float = 0.0
    process: int | None = None
    exit_code: int | None = None
    error: str = ""
    starts: int = 0
    key: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a job's process ended, by itself."""

    exit_code: int
    error: str = ""
    notes: list[str] = field(default_factory=list)


Record = TypeVar("Record", Job, Outcome)
_JOBS, _OUTCOMES = TypeAdapter(Job), TypeAdapter(Outcome)


def refusal_of(error: OSError) -> str:
    """What the system refused, for clients."""
    name = Path(str(error.filename)).name if error.filename else "a file"
    return f"Expected to use {name[:60]}, the system says: {error.strerror or error}. Name another file or folder."


def same_job(job: Job, verb: str, parameters: Mapping[str, Any]) -> Job:
    """The job of a key; an error if the key was given with another request than the job's."""
    differing = [name for name in {**job.parameters, **parameters} if job.parameters.get(name) != parameters.get(name)]
    if job.verb == verb and not differing:
        return job
    other = f"verb {verb}, not {job.verb}" if job.verb != verb else f"value of {', '.join(map(repr, differing))}"
    raise Conflict(
        f"Expected the request of job {job.id} again for the key '{job.key}', got another {other}. Use a new key for "
        "each new request."
    )


def now() -> str:
    """The time in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def read_job(folder: Path) -> Job | None:
    """The job of a folder; None if the record is missing or damaged, or that of another folder."""
    job = _read(_JOBS, folder / RECORD)
    if job is None or job.id != folder.name or not _ID.fullmatch(job.id):
        return None
    return job if all(map(_is_time, (job.created, job.started, job.ended))) else None


def _is_time(text: str) -> bool:
    """Whether a text is a time as `now` gives it, or empty."""
    try:
        return not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def read_outcome(folder: Path) -> Outcome | None:
    """How the process of a job ended; None if it didn't say."""
    return _read(_OUTCOMES, folder / OUTCOME)


def _read(adapter: TypeAdapter[Record], path: Path) -> Record | None:
    """The record of a file; None if it is missing, or values have other types. Further keys are of newer versions."""
    try:
        return adapter.validate_json(path.read_bytes(), strict=True)
    except (OSError, ValidationError):
        return None


def write_json(path: Path, value: Json) -> None:
    """Write a value atomically."""
    with atomic_write(path) as file:
        json.dump(value, file, ensure_ascii=False)


def read_json(path: Path) -> Json | None:
    """A mapping; None if there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
