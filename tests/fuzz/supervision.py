"""Runs a border in a process of its own, which may crash or hang, and keeps the failures."""

from __future__ import annotations

import json
import multiprocessing
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from tests.fuzz.borders import BORDERS
from tests.fuzz.cases import Case, draw
from tests.fuzz.running import LONGEST_S, PREFIX, WAITS, Outcome, bench_of, workers_left

START_S = 120.0
"""Longest time for the imports and the sources of a border."""
TELL_EVERY = 1000
CHECK_EVERY = 100
"""Cases between two looks for processes that are left."""
COMMAND = "python -m tests.fuzz {border} --seed {seed} --case {number}"


@dataclass(frozen=True)
class Places:
    """failures: where these are written. root: where the folder of the bench is."""

    failures: Path
    root: Path


@dataclass
class Result:
    """Counts of a border. wrong: (number of the case, what is wrong)."""

    border: str
    seed: int
    cases: int = 0
    files_refused: int = 0
    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    peak_mib: float = 0.0
    seconds: float = 0.0
    wrong: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, outcome: Outcome) -> None:
        self.cases += 1
        self.slowest = max(self.slowest, outcome.seconds)
        self.files_refused += bool(outcome.error)
        if outcome.found is not None:
            self.read += outcome.found.read
            self.refused += len(outcome.found.reasons)
        if outcome.wrong:
            self.wrong.append((number, outcome.wrong))


def run_border(name: str, seed: int, numbers: range, failures: Path) -> Result:
    """All cases with these numbers. After a crash or a hang a new process goes on behind the case."""
    result, left, started = Result(name, seed), numbers, time.monotonic()
    while left:
        with tempfile.TemporaryDirectory(prefix=PREFIX) as root:  # of a process that may not remove it itself
            number, reason = _run_some(name, seed, left, Places(failures.absolute(), Path(root)), result)
        if number is None:
            break
        result.cases += 1
        result.wrong.append((number, reason))
        keep(failures, name, draw(BORDERS[name], seed, number), reason, _command(name, seed, number))
        left = range(number + 1, left.stop)
    result.seconds = time.monotonic() - started
    return result


def _run_some(name: str, seed: int, numbers: range, places: Places, result: Result) -> tuple[int | None, str]:
    """The number of the case at which the process ended or hung, and how; None if it did all."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_cases, args=(name, seed, numbers, places, there))
    process.start()
    there.close()
    following, patience = numbers.start, START_S
    try:
        while wait_for([here], patience):
            number, outcome = here.recv()
            patience = (WAITS + 2) * LONGEST_S  # of a case in the code of a library, which no signal ends
            if isinstance(outcome, Outcome):
                result.add(number, outcome)
                following = number + 1
                if following % TELL_EVERY == 0:
                    print(f"{name}: {following} of {numbers.stop}", file=sys.stderr, flush=True)
            elif number is None:
                result.peak_mib = max(result.peak_mib, outcome)
                return None, ""
            elif outcome:
                result.wrong.append((number, str(outcome)))
        process.kill()
        return following, f"hangs, in the code of a library: longer than {patience:g} s"
    except EOFError:
        process.join()
        return following, f"ends the process, with exit code {process.exitcode}"
    finally:
        process.join(10)
        process.kill()


def _cases(name: str, seed: int, numbers: range, places: Places, told: Connection) -> None:
    border = BORDERS[name]
    with bench_of(border, places.root) as bench:
        bench.warm_up()
        for number in numbers:
            case = draw(border, seed, number)
            outcome = bench.run(case)
            if outcome.wrong:
                keep(places.failures, name, case, outcome.wrong, _command(name, seed, number))
            told.send((number, outcome))
            if (number + 1) % CHECK_EVERY == 0 or number + 1 == numbers.stop:
                count = workers_left()
                told.send((number, f"{count} processes are left" if count else ""))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told.send((None, peak))


def _command(border: str, seed: int, number: int) -> str:
    return COMMAND.format(border=border, seed=seed, number=number)


def keep(folder: Path, border: str, case: Case, reason: str, command: str) -> Path:
    """Write a case, as `replay` and the corpus read it: a file,
    and what is expected of it beside; the whole reason, such
    as a traceback, is in a third."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {name: value for name, value in asdict(case).items() if name != "content"}
    place = folder / f"{border}-{len(list(folder.glob(f'{border}-*.json')))}"
    place.with_suffix(".input").write_bytes(case.content)
    about |= {"border": border, "wrong": _last_line(reason), "command": command}
    place.with_suffix(".json").write_text(json.dumps(about, indent=1) + "\n")
    place.with_suffix(".txt").write_text(reason)
    return place


def _last_line(reason: str) -> str:
    """The last line of a reason, without the folder of the bench."""
    line = reason.strip().splitlines()[-1]
    return re.sub(r"/\S*sciencegen-fuzz-\w+/\w+/", "", line)[:300]


def kept(place: Path) -> tuple[str, Case, str]:
    """The border, the case and what was wrong with it, of a file that `keep` wrote."""
    about = json.loads(place.with_suffix(".json").read_text())
    fields = {name: about[name] for name in ("source", "items", "sound", "refusable")}
    return about["border"], Case(content=place.with_suffix(".input").read_bytes(), **fields), about["wrong"]


def replay(place: Path) -> Outcome:
    border, case, _ = kept(place)
    with bench_of(BORDERS[border]) as bench:
        return bench.run(case)


class Table:
    """The table of the results, printed row by row."""

    HEAD = (
        "border",
        "cases",
        "files refused",
        "items read",
        "items refused",
        "failures",
        "slowest CPU s",
        "peak MiB",
        "s",
    )

    def __init__(self) -> None:
        self.failed: list[Result] = []
        self._row(self.HEAD)

    def _row(self, cells: Sequence[object]) -> None:
        print(f"{cells[0]:<12}" + "".join(f"{cell:>15}" for cell in cells[1:]), flush=True)

    def add(self, one: Result) -> None:
        counts = (one.border, one.cases, one.files_refused, one.read, one.refused, len(one.wrong))
        self._row((*counts, f"{one.slowest:.2f}", f"{one.peak_mib:.0f}", f"{one.seconds:.0f}"))
        if one.wrong:
            self.failed.append(one)

    def end(self, failures: Path) -> int:
        for one in self.failed:
            groups = Counter(_last_line(reason) for _, reason in one.wrong)
            for text, count in groups.most_common(20):
                first = next(number for number, reason in one.wrong if _last_line(reason) == text)
                print(f"\n{one.border}: {count} x {text}\n    {_command(one.border, one.seed, first)}")
        if self.failed:
            print(f"\nInputs of the failures, for --replay: {failures}")
        return int(bool(self.failed))
