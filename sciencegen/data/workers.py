"""Map a function over untrusted items in processes that may crash or hang; only the item that causes it fails.

Third-party code can end in a segmentation fault or never return on some inputs, which `try` cannot catch.
Items are sent to worker processes in chunks. A worker that dies or takes too long is killed and replaced. Its chunk is
tried again item by item, and only an item that causes the problem again becomes a `Failure`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import wait
from typing import Any

from sciencegen.data.forkserver import AVAILABLE, forkserver
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.items import Item, Refusal

START_TIMEOUT_S = 300.0
"""Longest time for the imports of a worker."""
LONGEST_WAIT_S = 3600.0
"""The system's call takes no more than weeks; a time-out of an item may be longer."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The result of an item that failed, with the reason."""

    reason: str


def is_refusal(value: Item | Refusal | Failure) -> bool:
    """Whether a result is a reason instead of an item."""
    return value is None or isinstance(value, Refusal | Failure)


def _each(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """A function of one item applied to a chunk; an exception fails only its item."""
    found = []
    for item in items:
        try:
            found.append(function(item))
        except Exception as error:  # third-party code: the error is recorded as the item's failure
            found.append(Failure(f"{type(error).__name__}: {error}"))
    return found


def map_killable(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    processes: int = 2,
    chunk: int = 256,
    timeout_s: float = 30.0,
) -> Iterator[tuple[int, Any]]:
    """(index, function(item) or Failure) for each item, in order, streaming with bounded memory.

    function must be importable (a module's function, a `functools.partial` of one or a dataclass that has one).
    processes: 0 runs in this process, without protection. timeout_s: for one chunk, then for each of its items.
    """
    chunks = map_chunks_killable(partial(_each, function), items, processes=processes, chunk=chunk, timeout_s=timeout_s)
    for start, members, results in chunks:
        found = [results] * len(members) if isinstance(results, Failure) else results
        yield from enumerate(found, start)


def map_chunks_killable(
    function: Callable[[list[Any]], Any],
    items: Iterable[Any],
    *,
    processes: int = 2,
    chunk: int = 256,
    timeout_s: float = 30.0,
    first_alone: bool = False,
) -> Iterator[tuple[int, list[Any], Any]]:
    """(index of the first item, items, function(items) or Failure) for each chunk, in order.

    After a crash, a timeout or an exception the chunk is replaced by chunks of one item, so a Failure has one item.
    first_alone: read no further items before the first results are taken, for callers that may then have enough.
    """
    if processes < 1 or not AVAILABLE:
        yield from _map_here(function, items, chunk)
        return
    pool = _Pool(_pickled(function), processes, timeout_s, first_alone)
    try:
        yield from pool.run(_jobs(items, chunk))
    finally:
        pool.close()


def _pickled(task: object) -> bytes:
    try:
        return pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"Expected a function that can be sent to another process, got one that can't: {error}. "
            "Define it at the top of a module, not as a lambda or inside a function."
        ) from error


def _jobs(items: Iterable[Any], chunk: int) -> Iterator[_Job]:
    iterator, start = iter(items), 0
    while members := list(islice(iterator, chunk)):
        yield _Job(start, members)
        start += len(members)


def _map_here(
    function: Callable[[list[Any]], Any], items: Iterable[Any], chunk: int
) -> Iterator[tuple[int, list[Any], Any]]:
    for job in _jobs(items, chunk):
        try:
            yield job.start, job.items, function(job.items)
        except Exception:
            for single in job.singles():
                try:
                    result = function(single.items)
                except Exception as error:  # third-party code: the error is recorded as the item's failure
                    result = Failure(f"{type(error).__name__}: {error}")
                yield single.start, single.items, result


@dataclass(frozen=True, slots=True)
class _Job:
    start: int
    items: list[Any]

    def singles(self) -> list[_Job]:
        return [_Job(self.start + offset, [item]) for offset, item in enumerate(self.items)]


class _Worker:
    """One process and its current job."""

    def __init__(self, task: bytes) -> None:
        self.pid, self.connection = forkserver().fork(task)
        self.job: _Job | None = None
        self.ready = False
        self.deadline = time.monotonic() + START_TIMEOUT_S

    def give(self, job: _Job, timeout_s: float) -> None:
        self.job, self.deadline = job, time.monotonic() + timeout_s
        with contextlib.suppress(OSError):  # it died while idle, which the next wait detects
            self.connection.send(job.items)

    def kill(self) -> None:
        # The server reaps workers only on the next request, so the process id can't have been reused.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.connection.close()


class _Pool:
    """Workers, pending jobs, and results that are not yet next in order."""

    def __init__(self, task: bytes, processes: int, timeout_s: float, first_alone: bool) -> None:
        self.task, self.processes, self.timeout_s, self.first_alone = task, processes, timeout_s, first_alone
        self.window = 4 * processes
        self.workers: list[_Worker] = []
        self.retries: deque[_Job] = deque()
        self.done: dict[int, tuple[int, list[Any], Any]] = {}
        self.failed_starts = 0

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
        self.workers.clear()

    def run(self, jobs: Iterator[_Job]) -> Iterator[tuple[int, list[Any], Any]]:
        """Yield results as soon as they are there, and read one job ahead, so that an idle worker needn't wait for the
        reader, nor the workers for the caller."""
        waiting, has_more, turn = None, True, 0
        while has_more or waiting or self.retries or self.done or self._works:
            waiting = self._assign(waiting)
            if turn in self.done:
                start, members, result = self.done.pop(turn)
                turn += len(members)
                yield start, members, result
                continue
            alone = self.first_alone and turn == 0 and (self._works or bool(self.retries))
            reads = has_more and waiting is None and not alone
            if any(worker.job or not worker.ready for worker in self.workers):
                self._collect(block=not reads)
            if reads and turn not in self.done:
                waiting = next(jobs, None)
                has_more = waiting is not None

    @property
    def _works(self) -> bool:
        return any(worker.job for worker in self.workers)

    def _assign(self, waiting: _Job | None) -> _Job | None:
        """Give jobs to idle workers; returns the job that still waits."""
        while idle := self._idle(waiting):
            if self.retries:
                idle.give(self.retries.popleft(), self.timeout_s)
            elif waiting:
                idle.give(waiting, self.timeout_s)
                waiting = None
        return waiting

    def _idle(self, waiting: _Job | None) -> _Worker | None:
        """An idle worker, if there is a job that may start now; workers are started on demand."""
        may_start = bool(waiting) and len(self.done) < self.window
        if not (self.retries or may_start):
            return None
        idle = next((worker for worker in self.workers if worker.ready and worker.job is None), None)
        if idle is None and len(self.workers) < self.processes:
            self.workers.append(_Worker(self.task))
        return idle

    def _collect(self, block: bool) -> None:
        """Receive results; remove workers that died or took too long."""
        busy = {worker.connection: worker for worker in self.workers if worker.job or not worker.ready}
        until = min(worker.deadline for worker in busy.values())
        left = min(max(0.0, until - time.monotonic()), LONGEST_WAIT_S)
        arrived = wait(list(busy), left if block else 0)
        for worker in [worker for connection, worker in busy.items() if connection in arrived]:
            self._receive(worker)
        now = time.monotonic()
        for connection, worker in busy.items():
            if connection not in arrived and now >= worker.deadline:
                self._bury(worker, f"took longer than {self.timeout_s:g} s")

    def _receive(self, worker: _Worker) -> None:
        try:
            good, value = worker.connection.recv()
        except (EOFError, OSError):
            return self._bury(worker, "crashed the worker process")
        if not worker.ready:
            if not good:
                raise SciencegenError(f"A worker process could not start: {value}.")
            worker.ready, self.failed_starts = True, 0
            return None
        job, worker.job = worker.job, None
        assert job is not None  # a worker sends one message when it is ready, then only results
        return self._finish(job, value) if good else self._fail(job, value)

    def _bury(self, worker: _Worker, reason: str) -> None:
        worker.kill()
        self.workers.remove(worker)
        if worker.job is not None:
            self._fail(worker.job, reason)
            return
        self.failed_starts += 1
        if self.failed_starts >= 3:
            raise SciencegenError(f"Worker processes can't start: the last one {reason}. See the messages above.")

    def _fail(self, job: _Job, reason: str) -> None:
        if len(job.items) == 1:
            self._finish(job, Failure(reason))
        else:
            self.retries.extendleft(reversed(job.singles()))

    def _finish(self, job: _Job, result: object) -> None:
        self.done[job.start] = (job.start, job.items, result)
