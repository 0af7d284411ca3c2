"""The most that the jobs of a server may take."""

from __future__ import annotations

from dataclasses import dataclass

from sciencegen.errors import ConfigError

MOST_WAITING = 1000
"""Jobs in the queue."""
Left = dict[str, float | None]
"""What is left of a budget, by the name of its limit; None is no limit."""


class BudgetSpent(ConfigError):
    """The budget of jobs is used up, or the queue is full."""


@dataclass(frozen=True)
class Budget:
    """Limits of all jobs together; None is no limit.

    Parameters
    ----------
    calls : int, optional
        Jobs that are started.
    seconds : float, optional
        Time that they run.

    Examples
    --------
    >>> Budget(calls=3).left(calls=2, seconds=60.0)
    {'calls': 1, 'seconds': None}
    """

    calls: int | None = None
    seconds: float | None = None

    def left(self, calls: int, seconds: float) -> Left:
        """What is left after so many calls and seconds."""
        used = {"calls": calls, "seconds": seconds}
        return {name: None if most is None else max(0, round(most - used[name], 1)) for name, most in self._limits()}

    def check(self, left: Left, waiting: int) -> None:
        """Raise an error if a limit is used up, or the queue is full. waiting: jobs in it."""
        for name, most in self._limits():
            if left[name] == 0:
                raise BudgetSpent(
                    f"Expected at most {most:g} {name} for jobs, and they are used up. Start the server again, or with "
                    f"a larger --{name}."
                )
        if waiting >= MOST_WAITING:
            raise BudgetSpent(
                f"Expected at most {MOST_WAITING:,} jobs that wait, and there are as many. Wait until some have ended, "
                "or cancel some."
            )

    def _limits(self) -> tuple[tuple[str, float | None], ...]:
        return ("calls", self.calls), ("seconds", self.seconds)
