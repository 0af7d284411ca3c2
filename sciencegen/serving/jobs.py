"""Jobs: requests in a queue, each run by a process of its own, with records that outlive server and process."""

from __future__ import annotations

import fcntl
import math
import os
import secrets
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.machinery import PathFinder
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from sciencegen import config
from sciencegen.config import OptimizeSettings, Settings
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.files import NO_LOCKS, exclusive, last_line
from sciencegen.plugins import ALLOWED
from sciencegen.progress import JOB, RUN, expected_cost
from sciencegen.serving.records import (
    ACTIVE,
    LOG,
    OUTCOME,
    PRINTED,
    PROGRESS,
    RECORD,
    RECORDS,
    RESULTS,
    SERVER_LOCK,
    TOKEN,
    Job,
    NotFound,
    State,
    now,
    read_job,
    read_outcome,
    same_job,
    write_json,
)
from sciencegen.serving.requests import AllowedPrograms, Boundary

# The process of a job: it outlives the server, and a lock that it holds says whether it still runs.
#
# No module is imported from a folder in which requests may write: not by the server, not by a job, and not by processes
# that a job starts.

LOCK = "lock"
"""The file that a job's process holds locked. The system releases it when the process ends, however it does."""
COMMAND = (sys.executable, "-P", "-m", "sciencegen.cli.main")
"""A job's command; -P: no module is imported from the current folder, where requests may write."""
SEARCHED = (
    "PATH", "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    "NUMBA_CACHE_DIR",
)  # fmt: skip
"""Environment variables with places of programs, modules and libraries. An empty or relative one means the current
folder, and that of a job is the server's."""
PACKAGE = Path(__file__).parents[1]


def environment_of_jobs(boundary: Boundary, programs: AllowedPrograms, here: Path) -> Mapping[str, str]:
    """The environment of a server's jobs, in which they find the same modules as the server, and functions that it
    allows. here: the folder in which the server was started.

    Raises
    ------
    ConfigError
        If requests may write where code is: they could replace it.
    """
    folders = (boundary.folder, *boundary.allowed)
    given = [os.path.abspath(one) for one in sys.path]
    # The current folder is among them by `python -m` alone.
    sys.path[:] = [one for one in given if Path(one).resolve() != here or _holding(here, folders) is None]
    for what, place in _code(programs, here):
        if (folder := _holding(place, folders)) is not None:
            raise ConfigError(
                f"Expected a folder without code for requests to write in, got {folder}: it holds {what} ({place}). "
                "Name another one for --folder or --allow, such as runs/served."
            )
    for folder in folders:
        if _may_be_imported(folder, here):
            raise ConfigError(
                f"Expected a folder outside of Python's, without the name of a module, got {folder}: files in it could "
                "be imported. Name another one for --folder or --allow, such as runs/served."
            )
    found = {name: one for name, one in os.environ.items() if name not in (RUN, TOKEN)}
    for name in SEARCHED:
        if name in found:
            places = [(here / one).resolve() for one in found[name].split(os.pathsep)]
            found[name] = os.pathsep.join(str(one) for one in places if _holding(one, folders) is None)
    if programs.functions:
        found["PYTHONPATH"] = os.pathsep.join(filter(None, (found.get("PYTHONPATH"), str(here))))
    return found | {ALLOWED: programs.allowance}


def _code(programs: AllowedPrograms, here: Path) -> Iterator[tuple[str, Path]]:
    """What is there, and where: files that run, or that decide what runs."""
    yield "this package", PACKAGE
    for one in sys.path:
        yield "modules that are imported", Path(one).resolve()
    for file in programs.files:
        yield "what --oracle names", file
    if programs.commands or programs.functions:
        yield "the folder in which programs run", here
    yield "your home folder", Path("~").expanduser().resolve()
    yield (
        "code that libraries have compiled",
        Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().resolve(),
    )
    if site.ENABLE_USER_SITE:  # which is on Python's path once it is there
        yield "modules that are imported", Path(site.getusersitepackages()).resolve()
    yield "the system's temporary folder", Path(tempfile.gettempdir()).resolve()


def _holding(place: Path, folders: Sequence[Path]) -> Path | None:
    """The folder that a place is in, or is; None if in none."""
    return next((one for one in folders if place.is_relative_to(one)), None)


def _may_be_imported(folder: Path, here: Path) -> bool:
    """Whether files in a folder could be modules of a package that is imported."""
    installed = [Path(str(sysconfig.get_path(one))).resolve() for one in ("purelib", "platlib", "stdlib")]
    if _holding(folder, [PACKAGE, *installed]):
        return True
    searched = [one.resolve() for one in (*map(Path, sys.path), here)]
    others = [str(one) for one in searched if one != folder.parent]
    is_name = folder.parent in searched and folder.name.isidentifier()
    return is_name and PathFinder.find_spec(folder.name, others) is not None


def start_process(
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


def signal_process(process: int | None, number: signal.Signals) -> None:
    """Send a signal to a job's process; SIGKILL to its session too, whose other processes it can't end any more."""
    if process is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if number is signal.SIGKILL:
            os.killpg(process, number)
        else:
            os.kill(process, number)


# How jobs end, and how they are started again.

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


# The most that the jobs of a server may take.

MOST_WAITING = 1000
"""Jobs in the queue."""
Left = dict[str, float | None]
"""What is left of a budget, by the name of its limit; None is no limit."""


class BudgetSpent(ConfigError):
    """The budget of jobs is used up, or the queue is full."""


@dataclass(frozen=True)
class Budget:
    """Limits of all jobs together; None is no limit.

    Parameters
    ----------
    calls : int, optional
        Jobs that are started.
    seconds : float, optional
        Time that they run.

    Examples
    --------
    >>> Budget(calls=3).left(calls=2, seconds=60.0)
    {'calls': 1, 'seconds': None}
    """

    calls: int | None = None
    seconds: float | None = None

    def left(self, calls: int, seconds: float) -> Left:
        """What is left after so many calls and seconds."""
        used = {"calls": calls, "seconds": seconds}
        return {name: None if most is None else max(0, round(most - used[name], 1)) for name, most in self._limits()}

    def check(self, left: Left, waiting: int) -> None:
        """Raise an error if a limit is used up, or the queue is full. waiting: jobs in it."""
        for name, most in self._limits():
            if left[name] == 0:
                raise BudgetSpent(
                    f"Expected at most {most:g} {name} for jobs, and they are used up. Start the server again, or with "
                    f"a larger --{name}."
                )
        if waiting >= MOST_WAITING:
            raise BudgetSpent(
                f"Expected at most {MOST_WAITING:,} jobs that wait, and there are as many. Wait until some have ended, "
                "or cancel some."
            )

    def _limits(self) -> tuple[tuple[str, float | None], ...]:
        return ("calls", self.calls), ("seconds", self.seconds)


TICK_S = 0.05
"""Seconds between looks at the processes."""
GRACE_S = 30.0
"""Seconds that a process has to save what it has; then it is killed."""


class Jobs:
    """The jobs of a folder.

    Jobs of earlier servers are kept: those that waited go on waiting, those that still run are watched, and those that
    were cut off are `interrupted` and can be started again.

    Parameters
    ----------
    folder : Path
        The server's, absolute.
    command : sequence of str
        The words before those of a verb.
    environment : mapping
        Of the processes.
    parallel : int
        Jobs that run at the same time.
    budget : Budget
    """

    def __init__(
        self, folder: Path, command: Sequence[str], environment: Mapping[str, str], parallel: int = 1,
        budget: Budget | None = None,
    ) -> None:  # fmt: skip
        self.folder, self.parallel, self.budget = folder, parallel, budget or Budget()
        self._command, self._environment = list(command), dict(environment)
        self._turn, self._closing = threading.RLock(), threading.Event()
        self._states: dict[str, State] = {}
        self._keys: dict[str, str] = {}
        self._queue: deque[str] = deque()
        self._running: dict[str, Running] = {}
        self._calls, self._seconds = 0, 0.0
        self._lock = exclusive(folder / SERVER_LOCK, folder, "choose another `folder`")
        self._lock.__enter__()
        self._take_over()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def records(self, id: str) -> Path:
        """The folder of a job's records."""
        return self.folder / RECORDS / id

    def submit(
        self, verb: str, parameters: Mapping[str, Any], command: Callable[[str], tuple[list[str], str | None]],
        overwrites: bool = False, key: str = "",
    ) -> Job:  # fmt: skip
        """Put a job into the queue; the same key means the same job, and is refused with another request.

        command: from the job's id to the words of its command and the output; see `Job`.
        """
        with self._turn:
            if key and key in self._keys:
                return same_job(self.job(self._keys[key]), verb, parameters)
            self.budget.check(self.left(), len(self._queue))
            id = self._new_id()
            words, output = command(id)
            return self._queued(Job(id, verb, dict(parameters), words, output, overwrites, created=now(), key=key))

    def job(self, id: str) -> Job:
        """The job of an id."""
        with self._turn:
            if id in self._running:
                return self._running[id].job
            found = read_job(self.records(id)) if id in self._states else None
        if found is None:
            raise NotFound(f"Expected the id of a job, got '{id}'. List the jobs to see their ids.")
        return found

    def ids(self, state: str = "") -> list[str]:
        """The ids of jobs, newest first. state: only of these."""
        with self._turn:
            return sorted((id for id, one in self._states.items() if state in ("", one)), reverse=True)

    def is_active(self, id: str) -> bool:
        """Whether a job waits or runs."""
        return self._states.get(id) in ACTIVE

    def cancel(self, id: str, reason: str = "") -> Job:
        """End a job. What it has written stays; jobs that ended are returned as they are."""
        with self._turn:
            job = self.job(id)
            if id in self._running:
                self._end(self._running[id], "cancelled", reason)
            elif job.state == "queued":
                self._queue.remove(id)
                job = replace(job, state="cancelled", ended=now(), error=reason)
                self._save(job)
        return job

    def restart(self, id: str) -> Job:
        """Put a job that failed, was cancelled or was interrupted into the queue again."""
        with self._turn:
            job = self.job(id)
            if job.state in ACTIVE or job.state == "done":
                raise ConfigError(
                    f"Expected a job that failed or was stopped, {id} is {job.state}. Make a new request instead."
                )
            self.budget.check(self.left(), len(self._queue))
            for name in (OUTCOME, PROGRESS):
                (self.records(id) / name).unlink(missing_ok=True)
            return self._queued(replace(job, state="queued", ended="", error="", exit_code=None))

    def left(self) -> Left:
        """What is left of the budget: `calls` and `seconds`, None without a limit."""
        with self._turn:
            return self.budget.left(self._calls, self._used())

    def close(self) -> None:
        """End the jobs that run, which can be started again later, and stop."""
        self._closing.set()
        while self._watcher.is_alive():
            self._watcher.join(TICK_S)
        with self._turn:
            for one in self._running.values():
                self._end(one, "interrupted", "The server was stopped. It can be started again.")
        last = monotonic() + GRACE_S + 10
        while self._running and monotonic() < last:
            with self._turn:
                self._look()
            threading.Event().wait(TICK_S)
        self._lock.__exit__(None, None, None)

    def _new_id(self) -> str:
        last = max(self._states, default="0")
        id = f"{int(last.partition('-')[0]) + 1:08d}-{secrets.token_hex(3)}"
        for folder in (RECORDS, RESULTS):
            (self.folder / folder / id).mkdir(parents=True)
        return id

    def _queued(self, job: Job) -> Job:
        """The job, which is now in the queue and counts as a call."""
        self._save(job)
        self._calls += 1
        self._queue.append(job.id)
        return job

    def _save(self, job: Job) -> None:
        write_json(self.records(job.id) / RECORD, asdict(job))
        self._remember(job)

    def _remember(self, job: Job) -> None:
        self._states[job.id] = job.state
        if job.key:
            self._keys[job.key] = job.id

    def _used(self) -> float:
        return self._seconds + sum(one.seconds for one in self._running.values())

    def _take_over(self) -> None:
        """Read the jobs of earlier servers."""
        places = (self.folder / RECORDS).iterdir() if (self.folder / RECORDS).is_dir() else ()
        for job in filter(None, map(read_job, sorted(places))):
            self._remember(job)
            if is_running(self.records(job.id)):
                self._running[job.id] = Running(replace(job, state="running"))
                self._states[job.id] = "running"
            elif job.state == "running":
                self._save(ended_job(Running(job), self.records(job.id), None))
            elif job.state == "queued":
                self._queue.append(job.id)

    def _watch(self) -> None:
        while not self._closing.wait(TICK_S):
            try:
                with self._turn:
                    self._look()
                    self._start_waiting()
            except (OSError, SciencegenError) as error:  # such as a full disk: it is tried again
                print(f"jobs can't be watched: {error}", file=sys.stderr)
                self._closing.wait(1)

    def _look(self) -> None:
        """Notice processes that ended, and end those whose time is over."""
        spent = self.budget.seconds is not None and self._used() > self.budget.seconds
        for one in list(self._running.values()):
            records = self.records(one.job.id)
            code = None if one.own is None else one.own.poll()
            if code is not None or (one.own is None and not is_running(records)):
                self._save(ended_job(one, records, code))
                self._seconds += one.seconds
                del self._running[one.job.id]
            elif one.killed_at is not None and monotonic() > one.killed_at:
                signal_process(one.job.process, signal.SIGKILL)
            elif spent:
                self._end(one, "cancelled", f"The {self.budget.seconds:g} seconds for jobs are used up.")

    def _start_waiting(self) -> None:
        while self._queue and len(self._running) < self.parallel:
            try:
                job = self.job(self._queue[0])
            except NotFound:  # somebody removed or damaged its record
                del self._states[self._queue.popleft()]
                continue
            words = words_again(job, self.folder) if job.starts else job.words
            job = replace(job, state="running", started=now(), starts=job.starts + 1)
            self._save(job)
            self._queue.popleft()
            try:
                own = start_process([*self._command, *words], self.records(job.id), self.folder, self._environment)
            except (OSError, ValueError) as error:
                reason = f"The process can't be started: {error}. Pass long lists in a file."
                self._save(replace(job, state="failed", ended=now(), error=reason))
                continue
            job = replace(job, process=own.pid)
            self._running[job.id] = Running(job, own)
            self._save(job)

    def _end(self, one: Running, state: State, reason: str) -> None:
        if one.ending is None:
            one.ending, one.reason, one.killed_at = state, reason, monotonic() + GRACE_S
            signal_process(one.job.process, signal.SIGTERM)


# What a request would take, said by a dry run: what is counted, and the time that earlier jobs took.

Record = TypeVar("Record", bound=Settings)
Counts = dict[str, int]


def _generate(record: config.GenerateSettings) -> Counts:
    most = record.n * record.attempts if record.attempts else max(1000, 50 * record.n)
    return {"items": record.n, "largest_number_of_draws": record.best_of * (record.n if record.raw else most)}


def _optimize(record: OptimizeSettings) -> Counts:
    scored = record.budget * len({record.method, *record.controls})
    calls = {f"calls_of_{name}": math.ceil(scored / one.batch_size) for name, one in record.oracles.items()}
    return {"scored_items": scored, **calls}


def _backtest(record: config.BacktestSettings) -> Counts:
    campaigns = record.repeats * (len(record.methods) or 4)
    return {"plates": campaigns * record.rounds, "campaigns": campaigns}


COUNTED: Mapping[type[Settings], Callable[[Any], Counts]] = {
    config.GenerateSettings: _generate,
    config.OptimizeSettings: _optimize,
    config.BacktestSettings: _backtest,
    config.ProposeSettings: lambda record: {"items": record.batch},
    config.SequencesSettings: lambda record: {"sequences_of_each_item": record.n},
    config.BenchmarkSettings: lambda record: {"scored_items_of_each_task": record.budget * record.seeds},
}
"""Record of settings -> what is counted; the first is what the time grows with."""


def counts_of(record: Settings | None) -> Counts:
    """What is counted of a request, by name; empty for verbs whose work depends on their input alone."""
    count = None if record is None else COUNTED.get(type(record))
    return {} if count is None else count(record)


def expected_seconds(counts: Counts, earlier: list[tuple[Counts, float]]) -> float | None:
    """The longest time that a request takes by one of the earlier jobs of the same verb and domain, (counts, seconds)
    each; None without such jobs.

    Examples
    --------
    >>> expected_seconds({"items": 20}, [({"items": 10}, 4.0), ({"items": 40}, 6.0)])
    8.0
    """
    name = next(iter(counts), "")
    whole = counts.get(name, 1)
    times = [expected_cost(whole, [(counted.get(name) or whole, took)])[2] for counted, took in earlier]
    return round(max(times), 1) if times else None
