"""Progress of a training as log lines, with an estimate of the time left."""

from __future__ import annotations

from collections.abc import Callable

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
