"""SIGTERM and SIGHUP end a command by an exception, so that temporary files go and child processes end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sciencegen.errors import Stopped


@contextmanager
def stops_raise() -> Iterator[None]:
    """The first of these signals raises Stopped in the block, the second ends the process as if this were not here.

    Signals that this process ignores (`nohup`) remain ignored; only the main thread can handle signals.
    """
    heard = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        heard = []

    def stop(number: int, frame: FrameType | None) -> None:
        for one in heard:
            signal.signal(one, signal.SIG_DFL)
        raise Stopped(number)

    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)
