"""Map over threads, in order: for work that releases Python's lock, such as matrix products."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Argument = TypeVar("Argument")

Result = TypeVar("Result")


def map_threaded(
    function: Callable[[Argument], Result], arguments: Iterable[Argument], threads: int, ahead: int = 0
) -> Iterator[Result]:
    """function(argument) of each, in order, in never more than `threads` threads.

    At most `threads` results wait, or `ahead` if that is more, so that memory stays flat. One thread is the caller's.
    """
    if threads <= 1:
        yield from map(function, arguments)
        return
    pool, pending = ThreadPoolExecutor(threads), deque[Future[Result]]()
    try:
        for argument in arguments:
            pending.append(pool.submit(function, argument))
            if len(pending) > max(threads, ahead):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def worker_count(threads: int) -> int:
    """Processes for `threads`: 0 is every core that this process may use."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def use_threads(threads: int) -> None:
    """Let torch use this many cores, for training: in which order it sums depends on their number."""
    import torch

    torch.set_num_threads(worker_count(threads))


def inference_threads(threads: int) -> int:
    """How many compute chunks are worked on at once, each by one thread, so that their number changes no result."""
    import torch

    torch.set_num_threads(1)
    return worker_count(threads)
