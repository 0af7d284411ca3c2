"""Programs in temporary folders, none of which outlives the call that started it, whatever ends the calling process."""

from __future__ import annotations

import contextlib
import csv
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from sciencegen.config import ProgramSettings
from sciencegen.data.threads import exit_code, map_threaded
from sciencegen.errors import ConfigError
from sciencegen.files import is_abandoned, last_line, owner_tag
from sciencegen.items import Direction
from sciencegen.plugins import check_allowed, check_may_run, folder_of_programs
from sciencegen.scoring import guard
from sciencegen.scoring.guard import MARK, end_programs
from sciencegen.scoring.oracles import Score, Scored, not_reported, shortened

PREFIX = "sciencegen-oracle-"


class Programs:
    """The running programs of one call. When the block ends, all are killed with their descendants.

    A child process (`guard`) does the same if this process is killed. What is left if both are killed goes when the
    next call begins.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._lock = threading.Lock()
        self._running: dict[str, subprocess.Popen] = {}
        self._guard: subprocess.Popen | None = None

    def __enter__(self) -> Programs:
        sweep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_all()
        if self._guard is not None:
            assert self._guard.stdin is not None
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
            exit_code(self._guard)

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A temporary folder for one program."""
        with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{owner_tag()}.", ignore_cleanup_errors=True) as name:
            self._note(f"+{name}")
            try:
                yield Path(name)
            finally:
                self._note(f"-{name}")

    def wait(
        self, words: Sequence[str], log: Path, timeout_s: float, environment: Mapping[str, str],
        folder: str | None = None,
    ) -> int:  # fmt: skip
        """Run a program with a log in its folder, and return its exit code. folder: in which it runs, by default the
        current one.

        All its descendants are killed at the end, on Linux daemons too; elsewhere only its process group.
        """
        name = str(log.parent)
        with open(log, "wb") as file, self._lock:
            if self.stopped:
                return 130
            process = subprocess.Popen(
                guard.launching(words), stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
                env={**environment, MARK: name}, cwd=folder,
            )  # fmt: skip
            self._running[name] = process
        try:
            self._note(f"{process.pid} {name}")
            return process.wait(timeout_s)
        except BaseException:
            end_programs(name, process.pid)
            raise
        finally:
            guard.end_group(process.pid)
            exit_code(process)
            with self._lock:
                del self._running[name]

    def kill_all(self) -> None:
        with self._lock:
            self.stopped = True
            for name, process in self._running.items():
                end_programs(name, process.pid)

    def _note(self, line: str) -> None:
        with self._lock:
            if self._guard is None:
                self._guard = _start_guard()
            assert self._guard.stdin is not None
            with contextlib.suppress(OSError):  # somebody killed it
                self._guard.stdin.write(f"{line}\n")


def _start_guard() -> subprocess.Popen:
    # Without the mark of an outer program: what ends that one must not end this guard before its parent.
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    return subprocess.Popen(
        [sys.executable, "-I", "-S", guard.__file__], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=environment, text=True, bufsize=1, start_new_session=True,
    )  # fmt: skip


def sweep() -> None:
    """End what programs of killed processes left running, and remove their folders."""
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            tag = entry.name.removeprefix(PREFIX).partition(".")[0]
            if entry.name.startswith(PREFIX) and is_abandoned(tag) and entry.stat().st_uid == os.getuid():
                end_programs(entry.path)
                shutil.rmtree(entry.path, ignore_errors=True)


# Programs that read a file and write another, run once for each batch of items, without a shell.

Batch = TypeVar("Batch")
Result = TypeVar("Result")

_SHELL_WORDS = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1"}


@dataclass(frozen=True)
class Exchange(Generic[Batch, Result]):
    """What a program is given and what its output means.

    Parameters
    ----------
    write : (path, batch) -> None
        Writes the input.
    read : (path, batch) -> result
        Reads the output.
    failed : (batch, reason) -> result
        The result of a batch that failed.
    values : (batch) -> mapping
        Values of further words in braces, such as `{seed}`.
    """

    write: Callable[[Path, Batch], None]
    read: Callable[[Path, Batch], Result]
    failed: Callable[[Batch, str], Result]
    values: Callable[[Batch], Mapping[str, str]] = lambda batch: {}


@dataclass(frozen=True)
class BatchProgram:
    """A command with its limits: `dock.sh {input} {output}`.

    input_name, output_name: of the files in the temporary folder of a call. After a time-out, a non-zero exit code or
    no output, a batch is run up to `retries` more times. parallel: number of batches that run at the same time.
    ours: whether the command is this package's own, and not a user's.
    """

    command: str
    input_name: str
    output_name: str
    parallel: int = 1
    timeout_s: float = 600.0
    retries: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False

    def run(
        self,
        batches: Sequence[Batch],
        exchange: Exchange[Batch, Result],
        ended: Callable[[Batch], None] = lambda batch: None,
    ) -> list[Result]:
        """The result of each batch, in order. ended: called with each batch that has ended, in order."""
        results = []
        with Programs() as programs:
            run = partial(self._run_batch, exchange=exchange, programs=programs)
            found = map_threaded(run, batches, self.parallel, len(batches), stop=programs.kill_all)
            with closing(found):  # after Ctrl-C too, no program keeps running after the call
                for batch, result in zip(batches, found, strict=True):
                    results.append(result)
                    ended(batch)
        return results

    def _run_batch(self, batch: Batch, exchange: Exchange[Batch, Result], programs: Programs) -> Result:
        failure = ""
        for _ in range(self.retries + 1):
            with programs.folder() as folder:
                source, target = folder / self.input_name, folder / self.output_name
                exchange.write(source, batch)
                values = {**exchange.values(batch), "input": str(source), "output": str(target)}
                failure = self._call(values, folder / "log.txt", programs)
                if not failure and (target.is_file() or target.is_dir()):  # reading a pipe or a device may never end
                    return exchange.read(target, batch)
                failure = failure or "exit code 0, but no output file"
            if programs.stopped:
                break
        return exchange.failed(batch, failure)

    def _call(self, values: Mapping[str, str], log: Path, programs: Programs) -> str:
        """Run the program and return why it failed, or ""."""
        words = [_filled(word, values) for word in split_command(self.command, self.ours)]
        folder = None if self.ours else folder_of_programs()
        try:
            code = programs.wait(words, log, self.timeout_s, {**os.environ, **self.environment}, folder)
        except subprocess.TimeoutExpired:
            return f"time-out after {self.timeout_s:g} s"
        except OSError as error:
            return f"can't be started: {error}"
        if code == 0:
            return ""
        reason = last_line(log)[:300]
        return f"exit code {code}: {reason}" if reason else f"exit code {code}"


def batch_program(settings: ProgramSettings, input_name: str, output_name: str) -> BatchProgram:
    """The program of these settings, with the names of its files."""
    limits = (settings.parallel, settings.timeout_s, settings.retries)
    return BatchProgram(settings.command, input_name, output_name, *limits)


def _filled(word: str, values: Mapping[str, str]) -> str:
    """A word of a command with the names in braces replaced; other braces stay."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), word)


def split_command(command: str, ours: bool = False, oracle: str = "") -> list[str]:
    """The words of a command template, checked: both placeholders, a program that exists, no shell syntax, and that it
    may run in this process. ours: whether it is this package's own. oracle: its name, for errors. No other function
    makes words of a command."""
    if not ours:
        check_allowed(f"the program '{command}'" + (f" of oracle '{oracle}'" if oracle else ""))
        check_may_run("program", command)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ConfigError(
            f"Expected a command such as 'dock.sh {{input}} {{output}}', got '{command}': {error}."
        ) from error
    missing = [mark for mark in ("{input}", "{output}") if not any(mark in word for word in words)]
    if missing:
        raise ConfigError(
            f"Expected {' and '.join(missing)} in the command, got '{command}'. They become the names of files."
        )
    if shell := _SHELL_WORDS.intersection(words):
        raise ConfigError(
            f"Expected one program (no shell runs it), got {', '.join(sorted(shell))} in '{command}'. "
            "Put it in a script."
        )
    found = shutil.which(words[0]) or (str(Path(words[0]).resolve()) if Path(words[0]).is_file() else None)
    if found is None or not os.access(found, os.X_OK):
        remedy = f"Run 'chmod +x {words[0]}'." if found else "Give its path, or put its folder on PATH."
        raise ConfigError(f"Expected an executable program, got '{words[0]}'. {remedy}")
    return [found, *words[1:]]


# Any program that reads a file of items and writes a CSV of numbers, as an oracle.

Write = Callable[[Path, Sequence[Any], Sequence[str]], None]

FAILURE_COLUMN = "failure"
"""Of the output, optional: why a row has no value."""


@dataclass(frozen=True)
class CommandOracle:
    """`command` is run once per batch of items, without a shell: `dock.sh {input} {output}`.

    write(path, items, names): the domain's writer; names are row numbers, "0", "1", ... input_ending: its format.
    The program writes a CSV with the column `value_column` and either a row number (column `index`, `name` or `id`) or
    the item's text (`item`, compared with `text(item)`). An item fails if its row is missing or its cell is empty or
    not a number; its reason is the cell of the column `failure`, if any. After a time-out, a non-zero exit code or no
    output, the batch is run up to `retries` more times; then its items fail. parallel: number of batches that run at
    the same time. ours: as in `BatchProgram`.
    """

    name: str
    command: str
    write: Write
    text: Callable[[Any], str] = str
    input_ending: str = ".txt"
    value_column: str = "value"
    lower_column: str | None = None
    upper_column: str | None = None
    unit: str = ""
    direction: Direction | None = None
    batch_size: int = 100
    parallel: int = 1
    timeout_s: float = 600.0
    retries: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False
    scored: Scored = field(default=not_reported, compare=False, repr=False)
    """Called with the number of items of each batch that has ended."""

    def __post_init__(self) -> None:
        split_command(self.command, self.ours, self.name)
        low = {"batch_size": 1, "parallel": 1, "retries": 0}
        bad = [f"{key} = {getattr(self, key)}" for key, least in low.items() if getattr(self, key) < least]
        if bad or not self.timeout_s > 0:
            raise ConfigError(
                f"Expected positive numbers for oracle '{self.name}', got {', '.join(bad) or self.timeout_s}."
            )

    @property
    def identity(self) -> str:
        """Command oracles with equal identity share cached scores; change the command (say, a version) to avoid it."""
        columns = (self.value_column, self.lower_column, self.upper_column)
        return f"{self.name}: {self.command} [{self.input_ending}] {columns}"

    @property
    def wave(self) -> int:
        """Four batches for each place, so that none waits long for the last of the others."""
        return 4 * self.parallel * self.batch_size

    def score(self, items: Sequence[Any]) -> list[Score]:
        batches = [items[first : first + self.batch_size] for first in range(0, len(items), self.batch_size)]
        exchange = Exchange(self._write, self._read, lambda batch, why: [Score(None, failure=why)] * len(batch))
        found = self._program.run(batches, exchange, lambda batch: self.scored(len(batch)))
        return [score for scores in found for score in scores]

    def reporting(self, scored: Scored) -> CommandOracle:
        """The same oracle, which reports each batch."""
        return replace(self, scored=scored)

    @property
    def _program(self) -> BatchProgram:
        return BatchProgram(
            self.command, f"input{self.input_ending}", "output.csv", self.parallel, self.timeout_s, self.retries,
            self.environment, self.ours,
        )  # fmt: skip

    def _write(self, source: Path, items: Sequence[Any]) -> None:
        self.write(source, items, [str(row) for row in range(len(items))])

    def _read(self, target: Path, items: Sequence[Any]) -> list[Score]:
        with open(target, newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            rows, columns = list(reader), list(reader.fieldnames or [])
        place = self._placing(columns, items)
        scores: list[Score | None] = [None] * len(items)
        for row in rows:
            for position in place(row):
                if scores[position] is None:  # of several rows for one item the first counts
                    scores[position] = self._score_of(row)
        return [score or Score(None, failure="no row for this item in the output") for score in scores]

    def _placing(self, columns: Sequence[str], items: Sequence[Any]) -> Callable[[Mapping[str, str]], list[int]]:
        """A function: row of the output -> positions in the batch."""
        wanted = [
            name for name in (self.value_column, self.lower_column, self.upper_column) if name and name not in columns
        ]
        by_number = next((name for name in ("index", "name", "id") if name in columns), None)
        if wanted or not (by_number or "item" in columns):
            raise ConfigError(
                f"Expected columns {', '.join([*wanted, 'index or item'])} in the output of oracle '{self.name}', "
                f"found {', '.join(columns) or 'nothing'}. State the value's column; beside it the program writes the "
                "row number or the item."
            )
        positions: dict[str, list[int]] = {}
        for position, item in enumerate(items):
            positions.setdefault(str(position) if by_number else self.text(item), []).append(position)
        column = by_number or "item"
        return lambda row: positions.get((row.get(column) or "").strip(), [])

    def _score_of(self, row: Mapping[str, str]) -> Score:
        value = _number(row.get(self.value_column))
        if value is None:
            if reason := (row.get(FAILURE_COLUMN) or "").strip():
                return Score(None, failure=shortened(reason))
            return Score(None, failure=f"{self.value_column} is no number: '{(row.get(self.value_column) or '')[:80]}'")
        lower, upper = (_number(row.get(name)) if name else None for name in (self.lower_column, self.upper_column))
        return Score(value, lower, upper)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
