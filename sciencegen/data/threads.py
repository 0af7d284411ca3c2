"""Map over threads, in order: for work that leaves Python's lock, such as matrix products."""

from __future__ import annotations

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
