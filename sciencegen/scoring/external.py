"""Any program that reads a file of items and writes a CSV of numbers, as an oracle."""

from __future__ import annotations

import csv
import math
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sciencegen.errors import ConfigError
from sciencegen.items import Direction
from sciencegen.scoring.oracles import Score
from sciencegen.scoring.programs import Programs

Write = Callable[[Path, Sequence[Any], Sequence[str]], None]
_SHELL_WORDS = {"|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1"}


@dataclass(frozen=True)
class CommandOracle:
    """`command` is run once per batch of items, without a shell: `dock.sh {input} {output}`.

    write(path, items, names): the domain's writer; names are row numbers, "0", "1", ... input_ending: its format.
    The program writes a CSV with the column `value_column` and either a row number (column `index`, `name` or `id`) or
    the item's text (`item`, compared with `text(item)`). An item fails if its row is missing or its cell is empty or
    not a number. After a time-out, a non-zero exit code or no output, the batch is run up to `retries` more times; then
    its items fail. parallel: number of batches that run at the same time.
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

    def __post_init__(self) -> None:
        split_command(self.command)
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

    def score(self, items: Sequence[Any]) -> list[Score]:
        batches = [items[first : first + self.batch_size] for first in range(0, len(items), self.batch_size)]
        with Programs() as programs:
            pool = ThreadPoolExecutor(self.parallel)
            try:
                results = list(pool.map(lambda batch: self._score_batch(batch, programs), batches))
            except BaseException:  # Ctrl-C included: no program keeps running after the call
                programs.kill_all()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            pool.shutdown()
        return [score for batch in results for score in batch]

    def _score_batch(self, items: Sequence[Any], programs: Programs) -> list[Score]:
        failure = ""
        for _ in range(self.retries + 1):
            with programs.folder() as folder:
                source, target = folder / f"input{self.input_ending}", folder / "output.csv"
                self.write(source, items, [str(row) for row in range(len(items))])
                failure = self._run(source, target, programs)
                if not failure:
                    return self._read(target, items)
            if programs.stopped:
                break
        return [Score(None, failure=failure)] * len(items)

    def _run(self, source: Path, target: Path, programs: Programs) -> str:
        """Run the program and return why it failed, or ""."""
        words = [
            word.replace("{input}", str(source)).replace("{output}", str(target))
            for word in split_command(self.command)
        ]
        log = source.with_name("log.txt")
        try:
            code = programs.wait(words, log, self.timeout_s, {**os.environ, **self.environment})
        except subprocess.TimeoutExpired:
            return f"time-out after {self.timeout_s:g} s"
        except OSError as error:
            return f"can't be started: {error}"
        if code:
            lines = log.read_text(errors="replace").strip().splitlines()
            return f"exit code {code}" + (f": {lines[-1][:300]}" if lines else "")
        return "" if target.exists() else "exit code 0, but no output file"

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
            return Score(None, failure=f"{self.value_column} is no number: '{(row.get(self.value_column) or '')[:80]}'")
        lower, upper = (_number(row.get(name)) if name else None for name in (self.lower_column, self.upper_column))
        return Score(value, lower, upper)


def split_command(command: str) -> list[str]:
    """The words of a command template, checked: both placeholders, a program that exists, no shell syntax."""
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


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
