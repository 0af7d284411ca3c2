"""Jobs: requests in a queue, each run by a process of its own, with records that outlive server and process."""

from __future__ import annotations

import secrets
import signal
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic

from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.locks import exclusive
from sciencegen.serving import process
from sciencegen.serving.budget import Budget, Left
from sciencegen.serving.ends import Running, ended_job, words_again
from sciencegen.serving.records import (
    ACTIVE,
    OUTCOME,
    PROGRESS,
    RECORDS,
    RESULTS,
    SERVER_LOCK,
    Call,
    Job,
    NotFound,
    State,
    check_same_request,
    now,
    read_job,
    write_job,
)

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

    def submit(self, call: Call) -> Job:
        """Put a job into the queue; the same key means the same job, and is refused with another request."""
        with self._turn:
            if call.key and call.key in self._keys:
                check_same_request(found := self.job(self._keys[call.key]), call.verb, call.parameters)
                return found
            self.budget.check(self.left(), len(self._queue))
            id = self._new_id()
            words, output = call.command(id)
            parts = (call.verb, dict(call.parameters), words, output, call.overwrites)
            return self._queued(Job(id, *parts, created=now(), key=call.key))

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
        write_job(self.records(job.id), job)
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
            if process.is_running(self.records(job.id)):
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
            if code is not None or (one.own is None and not process.is_running(records)):
                self._save(ended_job(one, records, code))
                self._seconds += one.seconds
                del self._running[one.job.id]
            elif one.killed_at is not None and monotonic() > one.killed_at:
                process.send(one.job.process, signal.SIGKILL)
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
                own = process.start([*self._command, *words], self.records(job.id), self.folder, self._environment)
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
            process.send(one.job.process, signal.SIGTERM)
