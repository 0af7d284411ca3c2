"""Progress of long work: what reports it, durations as text, and what the whole takes, by its parts."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic

from sciencegen.files import atomic_write

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


# What work takes, by what parts of it took: trials of a dry run, or earlier jobs of a server.

TRIAL = "SCIENCEGEN_TRIAL"
"""The environment variable of a trial: the share of the work, and the file that gets what `part_of` was asked."""
FEWEST = 8
"""Rows or items of the first trial."""
ROUGH = 1.25
"""Times that costs of equal work differ by."""


def part_of(count: int, what: str, fewest: int = FEWEST) -> int:
    """How many of so many rows, items or steps this process works on: all of them, but a share of them in a trial."""
    share, _, path = os.environ.get(TRIAL, "").partition(" ")
    if not path:
        return count
    part = min(count, max(fewest, math.ceil(count * float(share))))
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps([what, part, count]) + "\n")
    return part


def expected_cost(whole: float, parts: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Least, expected and largest cost of some work, such as seconds or bytes.

    Costs grow with the work, beside a part that does not: cost = a + b work^p. With three parts or more, the last three
    tell p, which is from 1/2 to 2; the range is from there to p = 1, which is expected since p is rough, and `ROUGH`
    times as wide on both sides. With two parts, p = 1. With one part, the cost is from equal to proportional, and the
    largest is expected.

    Parameters
    ----------
    whole : float
        Its size.
    parts : sequence of (size, cost)
        One or more, of different sizes.

    Examples
    --------
    >>> expected_cost(20, [(10, 4.0)])
    (4.0, 8.0, 8.0)
    >>> expected_cost(100, [(10, 4.0), (20, 5.0)])
    (10.4, 13.0, 16.25)
    """
    known = sorted(parts)
    size, cost = known[-1]
    if len(known) == 1:
        more = max(1.0, whole / size)
        return cost, cost * more, cost * more
    (earlier, less), *_ = known[-2:]
    rise = max(cost - less, 0.0)
    found = [cost + rise * (whole - size) / (size - earlier)]
    if len(known) > 2 and rise > 0:
        first, least = known[-3]
        power = _power((first, earlier, size), rise / max(less - least, 1e-9 * rise))
        found.append(cost + rise * (whole**power - size**power) / (size**power - earlier**power))
    low, high = min(found), max(found)
    return low / ROUGH, found[0], high * ROUGH


def _power(sizes: tuple[float, float, float], ratio: float) -> float:
    """The p, from 1/2 to 2, for which the second step of sizes^p is `ratio` times the first."""
    first, second, third = sizes
    low, high = 0.5, 2.0
    for _ in range(40):
        middle = (low + high) / 2
        if (third**middle - second**middle) / (second**middle - first**middle) < ratio:
            low = middle
        else:
            high = middle
    return low


# Notes of a workflow's steps, saved in the run's folder for the report.

RUN = "SCIENCEGEN_RUN"
"""The environment variable with the folder of the run that a process works for."""
JOB = "SCIENCEGEN_JOB"
"""The environment variable with the folder of records of the server's job that a process works for."""
FOLDER = "notes"
NOTE = "note: "
"""Prefix of messages that are notes."""

_noted: list[str] = []
ledgers: list[Mapping[str, int]] = []
"""What became of the rows, draws or items of this process."""


def record(message: str) -> None:
    """Keep a message if it is a note."""
    if message.startswith(NOTE):
        _noted.append(message.removeprefix(NOTE))


def recorded() -> list[str]:
    """The notes of this process so far."""
    return [*_noted]


def leave(words: Sequence[str]) -> None:
    """Write the notes of a step, and its ledgers, to `<run>/notes/<output>.json`, if the process works for a run.

    Parameters
    ----------
    words : sequence of str
        The command's arguments; the value of `-o` names the file, so that the same step replaces its notes.
    """
    run = os.environ.get(RUN)
    if not run or "-o" not in words[:-1]:
        return
    output = Path(words[words.index("-o") + 1]).resolve()
    if not output.is_relative_to(run):
        return
    path = Path(run) / FOLDER / f"{'-'.join(output.relative_to(run).parts)}.json"
    with atomic_write(path) as file:
        kept = {"step": words[0], "notes": _noted, "output": str(output.relative_to(run)), "ledgers": ledgers}
        json.dump(kept, file, indent=1, ensure_ascii=False)
