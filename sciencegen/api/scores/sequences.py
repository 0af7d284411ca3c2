"""A table of sequences for items: their scores, and how well structures predicted from them agree with the items."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

from sciencegen.api.science.forms import domain_of, plain_of
from sciencegen.api.scores.drawn_sequences import Drawing, Drawn, sequences_of
from sciencegen.api.scores.predicted_structures import Folding
from sciencegen.api.scores.rows import ScoredChunk
from sciencegen.data.writers import Refused
from sciencegen.items import Cell, Item, Refusal, Row
from sciencegen.scoring.oracles import Oracle

AT_ONCE = 64
"""Number of sequences that are scored together, unless a program predicts structures."""
BEST = "best"


@dataclass(frozen=True)
class SequenceTask:
    """A checked task. folding: the program that predicts structures, or None. oracles: of a family's model, by name."""

    drawing: Drawing
    folding: Folding | None = None
    oracles: Mapping[str, Oracle] = field(default_factory=dict)

    @property
    def items_at_once(self) -> int:
        """Number of items whose sequences fill the calls of the program."""
        program = None if self.folding is None else self.folding.program
        wanted = AT_ONCE if program is None else program.batch_size * program.parallel
        return max(1, math.ceil(wanted / self.drawing.draws.count))


@dataclass(frozen=True)
class SequenceRow:
    """A row of the table. line: of the item. item: with the sequence."""

    line: int
    item: Item
    cells: dict[str, Cell]

    @property
    def sequence(self) -> str:
        """The sequence alone."""
        return str(self.cells["sequence"])


class SequenceScoring:
    """Chunks of rows, one for each sequence, in the order of the items and of their ranks.

    Columns: `id`, the name of the sequence; `name`, that of the item; `item` with the sequence; `sequence`; `rank`
    among those of the item, 1 for the least score; the score; those of the family's model; those of predicted
    structures, and `best`, whether the sequence is the item's best by them.
    """

    def __init__(self, task: SequenceTask, rows: Iterable[Row]) -> None:
        self.task, self.rows = task, rows
        self.science, self.plain = domain_of(task.drawing.domain), plain_of(task.drawing.domain)
        self.sequences = sequences_of(self.science)
        self.counts: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.unscored: dict[str, tuple[int, str]] = {}
        self.first_refused: Refused | None = None
        self.first_failure = ""

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        folding = self.task.folding
        predicted = () if folding is None else (*folding.predictions.columns(), BEST)
        return ["id", "name", "item", "sequence", "rank", *self._score_column, *self.task.oracles, *predicted]

    @property
    def notes(self) -> list[str]:
        """Notes on what is left out; complete after the last chunk."""
        left_out = [] if self._score_column else [f"{self.sequences.column} is left out: its weights aren't installed"]
        predicted = [] if self.task.folding is None else self.task.folding.predictions.notes()
        told = [f"{text} ({count} of {self.counts['items']})" for text, count in self.told.items()]
        unscored = self.unscored.items()
        missing = [f"sequences without {name}: {count}, the first: {why}" for name, (count, why) in unscored]
        return [*left_out, *predicted, *told, *missing]

    @property
    def _score_column(self) -> tuple[str, ...]:
        """The name of the score, if it can be computed here."""
        return (self.sequences.column,) if self.task.drawing.program is None or self.sequences.scores() else ()

    def summary(self) -> dict[str, Any]:
        """Counts of items, sequences, refused rows, and failures; with a program those of predicted structures."""
        folding = self.task.folding
        predicted = () if folding is None else ("folded", folding.predictions.good[0])
        return {name: self.counts[name] for name in ("items", "sequences", "refused", "failed_scores", *predicted)}

    def __iter__(self) -> Iterator[ScoredChunk]:
        drawn = iter(self.task.drawing(self.rows))
        while group := list(islice(drawn, self.task.items_at_once)):
            yield self._chunk(group)

    def _chunk(self, group: Sequence[tuple[Row, Drawn | Refusal]]) -> ScoredChunk:
        made = [(row, one) for row, one in group if isinstance(one, Drawn)]
        refused = [(row.line, row.text, one.reason) for row, one in group if isinstance(one, Refusal)]
        failed = [(row.line, text, reason) for row, one in made for text, reason in one.refused]
        rows = [each for row, one in made for each in self._rows(row, one)]
        self._score_by_family(rows)
        failed += self._compare_structures(rows)
        self.counts.update(items=len(made), sequences=len(rows), refused=len(refused), failed_scores=len(failed))
        self.first_refused = self.first_refused or next(iter(refused), None)
        return ScoredChunk({name: [row.cells.get(name) for row in rows] for name in self.columns}, [*refused, *failed])

    def _rows(self, row: Row, drawn: Drawn) -> Iterator[SequenceRow]:
        """The sequences of one item, the least score first."""
        item, keep = self.science.items.parse(drawn.item), self.task.drawing.draws.keep
        name = row.id or self.sequences.name(item) or str(row.line)
        if self.task.drawing.program is None and (text := self.sequences.note(item)):
            self.told[text] += 1
        ordered = sorted(drawn.sequences, key=lambda one: math.inf if one[1] is None else one[1])
        for rank, (sequence, score) in enumerate(ordered, 1):
            made = self.sequences.assign(item, sequence, keep)
            named = {"id": f"{name}-{rank}", "name": name, "item": self.science.items.text(made)}
            cells = {**named, "sequence": sequence, "rank": rank, self.sequences.column: score}
            yield SequenceRow(row.line, made, cells)

    def _score_by_family(self, rows: Sequence[SequenceRow]) -> None:
        """Add the columns of the family's model; sequences without a score are counted for a note."""
        items = [self.plain.items.parse(row.sequence) for row in rows] if self.task.oracles else []
        for name, oracle in self.task.oracles.items():
            for row, score in zip(rows, oracle.score(items) if items else [], strict=True):
                row.cells[name] = math.nan if score.value is None else score.value
                if score.value is None:
                    count, why = self.unscored.get(name, (0, score.failure or "unknown"))
                    self.unscored[name] = (count + 1, why)

    def _compare_structures(self, rows: Sequence[SequenceRow]) -> list[Refused]:
        """Add the columns of predicted structures; returns the sequences that have none, with the reasons."""
        folding = self.task.folding
        if folding is None or not rows:
            return []
        failed = list[Refused]()
        for row, found in zip(rows, folding.compare([(row.item, row.sequence) for row in rows]), strict=True):
            if isinstance(found, Refusal):
                failed.append((row.line, row.sequence, f"fold: {found.reason}"))
                self.first_failure = self.first_failure or found.reason
            row.cells.update(dict.fromkeys(folding.predictions.columns(), math.nan))
            row.cells.update({} if isinstance(found, Refusal) else found)
        self.counts["folded"] += len(rows) - len(failed)
        self._mark_best(rows, folding)
        return failed

    def _mark_best(self, rows: Sequence[SequenceRow], folding: Folding) -> None:
        """Add the column `best`, and count the items whose best is good."""
        column, (name, limit) = folding.predictions.best, folding.predictions.good
        for _, group in groupby(rows, key=lambda row: (row.line, row.cells["name"])):
            members = list(group)
            known = [row for row in members if not math.isnan(row.cells[column])]
            best = min(known, key=lambda row: row.cells[column], default=None)
            for row in members:
                row.cells[BEST] = row is best
            self.counts[name] += best is not None and best.cells[column] <= limit
