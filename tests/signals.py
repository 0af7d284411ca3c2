"""Signals as a process in a terminal has them: a job in the background, and `nohup`, start with some ignored."""

from __future__ import annotations

import signal

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hear() -> None:
    """Hear these signals; for `preexec_fn` of a process that a test stops by one of them."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)


def ignore() -> None:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
