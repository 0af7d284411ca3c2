"""Progress of a training as log lines, with an estimate of the time left."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

import numpy as np

from sciencegen.errors import ConfigError, Stopped
from sciencegen.progress import Pace


class Steps:
    """Logs a step, its terms and, from the second line on, the time left at the mean speed since the first line."""

    def __init__(self, log: Callable[[str], None], what: str = "") -> None:
        self.log, self.what = log, what
        self.pace: Pace | None = None

    def __call__(self, step: int, total: int, terms: dict[str, float]) -> None:
        self.pace = self.pace or Pace(step)
        left = self.pace.left(step, total)
        parts = [f"{name} {value:.4g}" for name, value in terms.items()]
        self.log("  ".join([f"{self.what}step {step}/{total}", *parts, *([left] if left else [])]))


# Signals stop a training between two steps, so that its checkpoint is that of a complete step.

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


# The items of each step's batch, which depend only on (seed, step), so that a resumed run has the same batches.

BLOCK_BATCHES = 50
"""Number of batches whose items are sorted by length together: little padding, but a random order of batches."""


def batch_order(
    count: int, batch_size: int, seed: int, start: int = 0, lengths: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Endless batches of item numbers from step `start` on. Each epoch is a new permutation; a rest is dropped.

    lengths: [item]; if given, items of similar length share a batch (sorted in blocks of BLOCK_BATCHES batches).
    """
    batch_size = min(batch_size, count)
    per_epoch = count // batch_size
    step = start
    while True:
        epoch, offset = divmod(step, per_epoch)
        order = np.random.default_rng([seed, epoch]).permutation(count)[: per_epoch * batch_size]
        batches = order.reshape(per_epoch, batch_size)
        if lengths is not None:
            batches = _sorted_blocks(batches, lengths, np.random.default_rng([seed, epoch, 1]))
        for index in range(offset, per_epoch):
            yield batches[index]
        step = (epoch + 1) * per_epoch


def weighted_order(weights: np.ndarray, batch_size: int, seed: int, start: int = 0) -> Iterator[np.ndarray]:
    """Endless batches of item numbers drawn with replacement, with probabilities in proportion to `weights` [item]."""
    upper = np.cumsum(weights)
    if not (np.isfinite(upper).all() and len(upper) and upper[-1] > 0 and (weights >= 0).all()):
        raise ConfigError("Expected weights of 0 or more, some of them above 0, to draw items by; got others.")
    step = start
    while True:
        uniform = np.random.default_rng([seed, step]).random(batch_size)
        yield np.searchsorted(upper, uniform * upper[-1], side="right").clip(max=len(upper) - 1)
        step += 1


def _sorted_blocks(batches: np.ndarray, lengths: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    blocks = []
    for start in range(0, len(batches), BLOCK_BATCHES):
        block = batches[start : start + BLOCK_BATCHES]
        items = block.ravel()
        by_length = items[np.argsort(lengths[items], kind="stable")].reshape(block.shape)
        blocks.append(by_length[generator.permutation(len(block))])
    return np.concatenate(blocks)
