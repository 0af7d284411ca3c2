"""Progress of a training as log lines, with an estimate of the time left."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic


class Steps:
    """Logs a step, its terms and, from the second line on, the time left at the mean speed since the first line."""

    def __init__(self, log: Callable[[str], None], what: str = "") -> None:
        self.log, self.what = log, what
        self.first: tuple[int, float] | None = None

    def __call__(self, step: int, total: int, terms: dict[str, float]) -> None:
        self.first = self.first or (step, monotonic())
        begun, since = self.first
        left = [] if step in (begun, total) else [in_words((monotonic() - since) * (total - step) / (step - begun))]
        parts = [f"{name} {value:.4g}" for name, value in terms.items()]
        self.log("  ".join([f"{self.what}step {step}/{total}", *parts, *(f"{one} left" for one in left)]))


def in_words(seconds: float) -> str:
    """A duration as text: 40 s, 12 min, 2 h 5 min."""
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
