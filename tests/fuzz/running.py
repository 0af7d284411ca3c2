"""Runs cases of a border in this process, and says what is wrong with them."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sciencegen.errors import SciencegenError
from tests.fuzz.cases import Border, Case, Found, whole

LONGEST_S = 10.0
"""Seconds of a process that a case may take."""
WAITS = 12
"""How much longer it may wait, for workers and on a busy machine."""


@dataclass(frozen=True)
class Outcome:
    """What became of a case. error: of the file, if it was refused. wrong: "" if all is as it should be."""

    found: Found | None
    error: str
    wrong: str
    seconds: float


PREFIX = "sciencegen-fuzz-"
"""Of temporary folders."""


class TooLate(BaseException):
    """A case took longer than `LONGEST_S`; no code that catches exceptions catches this one."""


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Raises `TooLate` in the block after so many seconds of this process's time,
    or `WAITS` times as many of others'."""

    def late(*_: object) -> None:
        raise TooLate(f"longer than {seconds:g} s")

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, WAITS * seconds)}
    before = {one: signal.signal(one, late) for one in timers}
    for timer, limit in timers.values():
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for one, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(one, before[one])


class Bench:
    """A folder in which the cases of a border run, one after the other. What a case writes elsewhere in it is found."""

    def __init__(self, border: Border, root: Path) -> None:
        self.border, self.root = border, root
        self.folder, self.temporary = root / "case", root / "tmp"
        self.folder.mkdir(parents=True)
        self.temporary.mkdir()
        border.prepare(self.folder)
        self.there, self.time_ns = self._files(), time.time_ns()

    def _files(self) -> dict[str, tuple[int, int]]:
        places = [place for top in (self.folder, self.temporary) for place in top.rglob("*") if not place.is_dir()]
        states = [(place, place.lstat()) for place in places]
        return {str(place): (state.st_size, state.st_mtime_ns) for place, state in states}

    def warm_up(self) -> None:
        """Read a sound file, for what is imported late."""
        name, source = next(iter(self.border.sources.items()))
        self.run(whole(name, source), 12 * LONGEST_S)

    def run(self, case: Case, longest_s: float = LONGEST_S) -> Outcome:
        source = self.border.sources[case.source]
        path = self.folder / source.name
        before = path.read_bytes() if path.is_file() else None
        path.unlink(missing_ok=True)  # a new inode, since HDF5 keeps the old file open
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write(path, case.content)
        started = time.process_time()
        found, error, wrong = self._used(path, case, longest_s)
        seconds = time.process_time() - started
        if path.is_file() and path.read_bytes() != case.content:
            wrong = wrong or "the file itself was changed"
        path.unlink(missing_ok=True)
        if before is not None:
            self._write(path, before)
            self.there[str(path)] = (path.stat().st_size, path.stat().st_mtime_ns)
        return Outcome(found, error, wrong or self._left(), seconds)

    def _write(self, path: Path, content: bytes) -> None:
        """Each file is newer than those before: readers know a changed file by its time, which has steps of some ms."""
        path.write_bytes(content)
        self.time_ns += 1_000_000_000
        os.utime(path, ns=(self.time_ns, self.time_ns))

    def _used(self, path: Path, case: Case, longest_s: float) -> tuple[Found | None, str, str]:
        try:
            with in_time(longest_s), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self.border.use(path, self.border.sources[case.source])
        except SciencegenError as error:
            wrong = "" if case.refusable else f"the file is refused: {error}"
            return None, str(error), wrong or told_badly(str(error))
        except (Exception, TooLate, SystemExit) as error:
            return None, "", "".join(traceback.format_exception(error))
        return found, "", wrong_of(found, case)

    def _left(self) -> str:
        """Files that were left or changed; they are removed."""
        now = self._files()
        if now == self.there:
            return ""
        odd = sorted(name for name, state in now.items() if self.there.get(name) != state)
        gone = sorted(set(self.there) - set(now))
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self.border.prepare(self.folder)
        shutil.rmtree(self.temporary)
        self.temporary.mkdir()
        self.there = self._files()
        return f"files left or changed: {odd[:5]}, gone: {gone[:5]}"


def wrong_of(found: Found, case: Case) -> str:
    if found.total < case.items:
        return f"lost in silence: {found.read} read and {len(found.reasons)} refused of {case.items}"
    if found.read < case.sound:
        return f"sound items lost: {found.read} of at least {case.sound} read; refused: {list(found.reasons)[:3]}"
    return next((wrong for reason in found.reasons if (wrong := told_badly(reason))), "")


def told_badly(reason: str) -> str:
    """What is wrong with the words of an error or a refusal."""
    if not reason.strip():
        return "no reason is given"
    return f"a traceback: {reason[-300:]}" if "Traceback (most recent" in reason else ""


@contextmanager
def bench_of(border: Border, within: Path | None = None) -> Iterator[Bench]:
    """A bench in a new folder, which is the current one and the one of temporary files meanwhile."""
    here, before = Path.cwd(), tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=within) as root:
        bench = Bench(border, Path(root))
        os.chdir(bench.folder)
        tempfile.tempdir = str(bench.temporary)
        try:
            yield bench
        finally:
            os.chdir(here)
            tempfile.tempdir = before


def workers_left(patience_s: float = 2.0) -> int:
    """Number of processes below this one that still run, beside the servers that fork workers."""
    end = time.monotonic() + patience_s
    while (count := len(_grandchildren(os.getpid()))) and time.monotonic() < end:
        time.sleep(0.05)
    return count


def _grandchildren(pid: int) -> list[int]:
    below: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = place.read_text().split(" (", 1)
            state, parent = rest.rsplit(") ", 1)[1].split()[:2]
        except (OSError, ValueError):
            continue
        if state != "Z":
            below.setdefault(int(parent), []).append(int(number))
    return [grandchild for child in below.get(pid, []) for grandchild in below.get(child, [])]
