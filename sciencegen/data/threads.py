"""Ordered map over threads, for functions that release the GIL, such as matrix products."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Argument = TypeVar("Argument")

Result = TypeVar("Result")


FIRST_ROWS = 16
"""Rows of the first chunk, where later ones are larger."""


def growing_size(start: int, most: int) -> int:
    """Rows of the chunk that begins at row `start`: few at first, so that few results don't wait for many, then as many
    as there were before, and at most `most`.

    Examples
    --------
    >>> [growing_size(start, 128) for start in (0, 16, 32, 64, 128, 256)]
    [16, 16, 32, 64, 128, 128]
    """
    return min(most, max(FIRST_ROWS, start))


def map_threaded(
    function: Callable[[Argument], Result],
    arguments: Iterable[Argument],
    threads: int,
    ahead: int = 0,
    growing: bool = False,
) -> Iterator[Result]:
    """function(argument) of each argument, in order, in at most `threads` threads.

    At most max(threads, ahead) results are pending, which bounds memory. With one thread, the caller's is used.
    growing: the first two results are computed alone, and one more is pending with each that follows, for callers that
    may soon have enough.
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
                yield pending.popleft().result()
                taken += 1
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


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
