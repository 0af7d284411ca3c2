"""Any program that reads a file of items and writes a CSV of numbers, as an oracle."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sciencegen.errors import ConfigError
from sciencegen.items import Direction
from sciencegen.scoring.commands import BatchProgram, Exchange, split_command
from sciencegen.scoring.oracles import Score, Scored, not_reported, shortened

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
