"""Signals stop a training between two steps, so that its checkpoint is that of a complete step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

from sciencegen.errors import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""From Ctrl-C; from a cluster or Snakemake; from a terminal that was closed."""


class StopRequest:
    """The received signal, or None. A second signal ends the training at once, in the middle of a step.

    Parameters
    ----------
    numbers : sequence of int
        Signals to handle.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self.signal: int | None = None

    def listen(self) -> None:
        for number in self.numbers:
            signal.signal(number, self)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            raise Stopped(number, "in the middle of a step. The same call goes on from the last checkpoint")
        self.signal = number


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """A context in which signals only set the request.

    Signals that this process ignores (`nohup`) remain ignored, and only the main thread can handle signals.

    Yields
    ------
    StopRequest

    Raises
    ------
    Stopped
        At the end of the block, if a signal was received.

    Examples
    --------
    >>> with stop_on_signals() as stop_request:
    ...     print(stop_request.signal)
    None
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in SIGNALS if in_main_thread}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    stop_request = StopRequest(list(before))
    stop_request.listen()
    try:
        yield stop_request
        if stop_request.signal is not None:
            raise Stopped(stop_request.signal, "after the last step. The same call goes on from there")
    finally:
        for number, handler in before.items():
            with suppress(TypeError):  # a handler that Python didn't set can't be set again
                signal.signal(number, handler)
