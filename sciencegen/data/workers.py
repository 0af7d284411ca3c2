"""Map a function over untrusted items in processes that may crash or hang: only the item that caused it fails.

A molecule toolkit can end in a segmentation fault or never return on a hostile input; no `try` helps against that.
Items go to worker processes in chunks. A worker that dies or takes too long is killed and replaced, its chunk is tried
again item by item, and only the item that does it again becomes a `Failure`.
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
from itertools import islice
from multiprocessing.connection import wait
from typing import Any

from sciencegen.data.forkserver import AVAILABLE, forkserver
from sciencegen.errors import ConfigError, SciencegenError

START_TIMEOUT_S = 300.0
"""For the imports of a worker."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an item has no result."""

    reason: str


@dataclass(frozen=True)
class EachItem:
    """A function of one item as a function of a chunk; an exception fails its own item only."""

    function: Callable[[Any], Any]

    def __call__(self, items: Sequence[Any]) -> list[Any]:
        return [self._one(item) for item in items]

    def _one(self, item: object) -> object:
        try:
            return self.function(item)
        except Exception as error:  # third-party code: its error belongs to this item
            return Failure(f"{type(error).__name__}: {error}")


def map_killable(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    processes: int = 2,
    chunk: int = 256,
    timeout_s: float = 30.0,
) -> Iterator[tuple[int, Any]]:
    """(index, function(item) or Failure) for each item, in order, streaming with bounded memory.

    function must be importable (a module's function, a `functools.partial` or a frozen record of one).
    processes: 0 runs here, without protection. timeout_s: the longest that one chunk, then one item, may take.
    """
    chunks = map_chunks_killable(EachItem(function), items, processes=processes, chunk=chunk, timeout_s=timeout_s)
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
) -> Iterator[tuple[int, list[Any], Any]]:
    """(index of the first item, items, function(items) or Failure) for each chunk, in order.

    After a crash, a timeout or an exception the chunk comes back as chunks of one item, so a Failure has one item.
    """
    if processes < 1 or not AVAILABLE:
        yield from _map_here(function, items, chunk)
        return
    pool = _Pool(_pickled(function), processes, timeout_s)
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
                except Exception as error:  # third-party code: its error belongs to this item
                    result = Failure(f"{type(error).__name__}: {error}")
                yield single.start, single.items, result


@dataclass(frozen=True, slots=True)
class _Job:
    start: int
    items: list[Any]

    def singles(self) -> list[_Job]:
        return [_Job(self.start + offset, [item]) for offset, item in enumerate(self.items)]


class _Worker:
    """One process and what it does now."""

    def __init__(self, task: bytes) -> None:
        self.pid, self.connection = forkserver().fork(task)
        self.job: _Job | None = None
        self.ready = False
        self.deadline = time.monotonic() + START_TIMEOUT_S

    def give(self, job: _Job, timeout_s: float) -> None:
        self.job, self.deadline = job, time.monotonic() + timeout_s
        with contextlib.suppress(OSError):  # it died while idle: the next wait sees its end
            self.connection.send(job.items)

    def kill(self) -> None:
        # Our end is still open and the server reaps only when asked, so the number can't be another process's by now.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.connection.close()


class _Pool:
    """Workers, the jobs that wait, and the results that wait for their turn."""

    def __init__(self, task: bytes, processes: int, timeout_s: float) -> None:
        self.task, self.processes, self.timeout_s = task, processes, timeout_s
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
        """Give work before handing over results: workers compute while the caller writes."""
        waiting = next(jobs, None)  # read one ahead, so that an idle worker needn't wait for the reader
        turn = 0
        while waiting or self.retries or self.done or any(worker.job for worker in self.workers):
            while idle := self._idle(waiting, turn):
                if self.retries:
                    idle.give(self.retries.popleft(), self.timeout_s)
                elif waiting:
                    idle.give(waiting, self.timeout_s)
                    waiting = next(jobs, None)
            while turn in self.done:
                start, members, result = self.done.pop(turn)
                turn += len(members)
                yield start, members, result
            if any(worker.job or not worker.ready for worker in self.workers):
                self._collect(block=turn not in self.done)

    def _idle(self, waiting: _Job | None, turn: int) -> _Worker | None:
        """A worker to give work to, if there is any work that may start now; workers are started on demand."""
        may_start = bool(waiting) and len(self.done) < self.window
        if not (self.retries or may_start):
            return None
        idle = next((worker for worker in self.workers if worker.ready and worker.job is None), None)
        if idle is None and len(self.workers) < self.processes:
            self.workers.append(_Worker(self.task))
        return idle

    def _collect(self, block: bool) -> None:
        """Take what has arrived; bury what died or took too long."""
        busy = {worker.connection: worker for worker in self.workers if worker.job or not worker.ready}
        until = min(worker.deadline for worker in busy.values())
        arrived = wait(list(busy), max(0.0, until - time.monotonic()) if block else 0)
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
        assert job is not None  # a worker speaks once to say that it is ready, then only to answer
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
