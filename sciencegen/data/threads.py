"""Ordered map over threads, for functions that release the GIL, such as matrix products, and waits that Ctrl-C ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Protocol, TypeVar

Argument = TypeVar("Argument")

Result = TypeVar("Result")

WAIT_S = 0.5
"""Seconds of one wait. A signal may not end a wait without a limit: libraries replace handlers (RDKit's substructure
search leaves SIGINT with SA_RESTART), and the system then goes on with the call that the signal interrupted."""

FIRST_ROWS = 16
"""Rows of the first chunk, where later ones are larger."""


def map_threaded(
    function: Callable[[Argument], Result],
    arguments: Iterable[Argument],
    threads: int,
    ahead: int = 0,
    growing: bool = False,
    stop: Callable[[], None] = lambda: None,
) -> Generator[Result, None, None]:
    """function(argument) of each argument, in order, in at most `threads` threads.

    At most max(threads, ahead) results are pending, which bounds memory. With one thread, the caller's is used.
    growing: the first two results are computed alone, and one more is pending with each that follows, for callers that
    may soon have enough. stop: called if the map ends early, before its threads are waited for.
    """
    if threads <= 1:
        yield from map(function, arguments)
        return
    pool, pending, taken = ThreadPoolExecutor(threads), deque[Future[Result]](), 0
    most = max(threads, ahead)
    try:
        for argument in arguments:
            pending.append(pool.submit(function, argument))
            while len(pending) > (min(most, max(0, taken - 1)) if growing else most):
                _await([pending[0]])
                yield pending.popleft().result()
                taken += 1
        while pending:
            _await([pending[0]])
            yield pending.popleft().result()
    except BaseException:
        stop()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        _await(pending)
        pool.shutdown()


def _await(futures: Collection[Future[Result]]) -> None:
    """Wait for the end of all."""
    while running := [one for one in futures if not one.done()]:
        wait(running, WAIT_S)


class Waited(Protocol):
    """What is used of `subprocess.Popen`."""

    def wait(self, timeout: float | None = None) -> int: ...


def exit_code(process: Waited) -> int:
    """Wait for the end of a child process."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(WAIT_S)


def worker_count(threads: int) -> int:
    """Number of workers for the setting `threads`: 0 means every core that this process may use."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def use_threads(threads: int) -> None:
    """Let torch use this many cores, for training; their number affects rounding."""
    import torch

    torch.set_num_threads(worker_count(threads))


def inference_threads(threads: int) -> int:
    """Number of chunks computed in parallel, each by one thread of torch, so that it does not affect results."""
    import torch

    torch.set_num_threads(1)
    return worker_count(threads)
