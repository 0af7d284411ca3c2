"""A training that is told to end ends between two steps, so that what it saves is a whole step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from sciencegen.errors import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C; what a cluster or Snakemake sends; a terminal that was closed."""


class Wish:
    """Which signal came, None before. A second one ends the training at once, in the middle of a step."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self.signal: int | None = None

    def listen(self) -> None:
        for number in self.numbers:
            signal.signal(number, self)

    def __call__(self, number: int, *_: Any) -> None:
        if self.signal is not None:
            raise Stopped(number, "in the middle of a step. The same call goes on from the last checkpoint")
        self.signal = number


@contextmanager
def wish_to_stop() -> Iterator[Wish]:
    """Signals only set the wish within the block; those that this process ignores (`nohup`) stay ignored. Only the
    main thread hears signals. One that comes when all steps are done ends the block with Stopped."""
    heard = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if heard}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    wish = Wish(list(before))
    wish.listen()
    try:
        yield wish
        if wish.signal is not None:
            raise Stopped(wish.signal, "after the last step. The same call goes on from there")
    finally:
        for number, handler in before.items():
            with suppress(TypeError):  # a handler that Python didn't set can't be set again
                signal.signal(number, handler)
