"""Strike each command of a verb at random moments, start it again, and count what is wrong."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.kills import checks
from tests.kills.commands import Command, write_inputs
from tests.kills.process import Ended, Moment, call, wait_for_end

HOW = ("all", "int", "head", "all", "term", "all-int", "all-term")
"""How the strikes of a campaign follow each other; see `hook/sitecustomize.py`."""
PATIENCE_S = 10.0
"""In which a command must end after its strike: a run waits 5.5 s for its steps to save, then 3 s for their end."""
MOST_MISSES = 20
"""Calls that finish before they are struck, one after the other."""
Log = Callable[[str], None]


@dataclass
class Tally:
    """Of one verb. problems: what was half-written, different or left over, in words."""

    kills: int = 0
    resumed: int = 0
    half_written: int = 0
    unequal: int = 0
    left: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    def note(self, kind: str, place: str, found: list[str]) -> int:
        self.problems += [f"{place}: {kind}: {one}" for one in found]
        return int(bool(found))

    def __iadd__(self, other: Tally) -> Tally:
        for name in ("kills", "resumed", "half_written", "unequal", "left", "seconds", "problems"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def row(self) -> tuple[object, ...]:
        equal = f"{self.resumed - self.unequal} of {self.resumed}"
        return self.kills, self.half_written, equal, self.left, round(self.seconds)


class Campaign:
    """The strikes of one command. All its calls run at the same path, so that equal results have equal bytes."""

    def __init__(self, name: str, command: Command, folder: Path, seed: int, log: Log) -> None:
        self.name, self.command, self.log = name, command, log
        self.chooser = Random(f"{name} {seed}")
        self.place, self.start = folder / "place", folder / "start"
        self.tally, self.struck = Tally(), 0
        write_inputs(self.start)
        if command.before:
            self._fresh()
            assert self._call(command.before).code == 0, self._said()
            shutil.rmtree(self.start)
            self.place.rename(self.start)
        self._fresh()
        self.whole = self._call(command.words)
        assert self.whole.code == 0, self._said()
        before, self.expected = checks.contents(self.start), checks.contents(self.place)
        self.known = checks.allowed(before, self.expected)

    def _fresh(self) -> None:
        if self.place.exists():
            shutil.rmtree(self.place)
        shutil.copytree(self.start, self.place)

    def _said(self) -> str:
        return Path(f"{self.place}.log").read_text(encoding="utf-8")[-3000:]

    def _call(self, words: str, moment: Moment | None = None) -> Ended:
        Path(f"{self.place}.log").unlink(missing_ok=True)
        return call(words, self.place, moment)

    def _moment(self) -> Moment:
        """Every second one by the number of changes, since most of these are near the end."""
        how = HOW[self.struck % len(HOW)]
        share = self.chooser.random() * min(1.0, 2 / (self.command.in_a_row + 1))
        if self.chooser.random() < 0.5:
            return Moment(how, change=max(1, round(share * self.whole.changes)))
        return Moment(how, seconds=share * self.whole.seconds)

    def run(self, kills: int) -> Tally:
        began, misses = time.monotonic(), 0
        while self.tally.kills < kills and misses < MOST_MISSES:
            before = self.tally.kills
            self._round(min(self.command.in_a_row, kills - self.tally.kills))
            misses = 0 if self.tally.kills > before else misses + 1
        self.tally.seconds = time.monotonic() - began
        return self.tally

    def _round(self, kills: int) -> None:
        """Strike the command so many times in a row, then let it finish."""
        self._fresh()
        struck = []
        for _ in range(kills):
            moment = self._moment()
            ended = self._call(self.command.words, moment)
            if not ended.struck:
                if ended.code:
                    self.tally.note("error", f"{self.name} {struck}", [f"exit code {ended.code}: {self._said()}"])
                break
            self.struck += 1
            struck.append(f"{moment}, ended in {ended.after:.1f} s")
            self.tally.kills += 1
            if ended.after > PATIENCE_S:
                self.tally.note("slow", f"{self.name} {struck}", [f"{ended.after:.1f} s to the end"])
            if "Traceback (most" in self._said():
                self.tally.note("traceback", f"{self.name} {struck}", [self._said()])
            if self.command.in_a_row == 1:
                wait_for_end(self.place)
            found = checks.half_written(self.place, self.known)
            self.tally.half_written += self.tally.note("half-written", f"{self.name} {struck}", found)
        if struck:
            self._resume(struck)

    def _resume(self, struck: list[str]) -> None:
        place = f"{self.name} {struck}"
        ended = self._call(self.command.words)
        processes = wait_for_end(self.place)
        found = checks.contents(self.place)
        self.tally.resumed += 1
        wrong = checks.differences(self.expected, found) if ended.code == 0 else [f"exit {ended.code}: {self._said()}"]
        left = checks.leftovers(self.expected, found, self.place) + [str(one) for one in processes]
        self.tally.unequal += self.tally.note("not equal", place, wrong)
        self.tally.left += self.tally.note("left over", place, left)
        self.log(f"{place}: {'wrong' if wrong or left else 'equal'}, {ended.seconds:.1f} s")


def strike_verb(verb: str, commands: tuple[Command, ...], kills: int, folder: Path, seed: int, log: Log) -> Tally:
    """The commands of a verb share the kills."""
    tally = Tally()
    for number, command in enumerate(commands):
        own = kills // len(commands) + (number < kills % len(commands))
        if own:
            tally += Campaign(f"{verb} {number + 1}", command, folder / f"{verb}-{number}", seed, log).run(own)
    return tally
