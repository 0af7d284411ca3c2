"""Progress of long work: what reports it, and durations as text."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

Report = Callable[[str, int, int | None], None]
"""Called with what is done now, how much of it is done, and how much there is, or None if it has no parts."""


def silent(what: str, done: int, total: int | None) -> None:
    """A `Report` that shows nothing."""


class Pace:
    """The time that the rest of some work takes at the mean speed since `begun` of its parts were done: now."""

    def __init__(self, begun: int = 0) -> None:
        self.begun, self.since = begun, monotonic()

    def left(self, done: int, total: int | None) -> str:
        """Such as "40 s left"; "" where nothing is done since, nothing is left, or the total is unknown."""
        if total is None or not self.begun < done < total:
            return ""
        return f"{in_words((monotonic() - self.since) * (total - done) / (done - self.begun))} left"


def in_words(seconds: float) -> str:
    """A duration as text: 40 s, 12 min, 2 h 5 min."""
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
