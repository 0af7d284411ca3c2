"""Score variants of one item, chunk by chunk, by a family's model and by predictors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.science.forms import plain_of
from sciencegen.api.science.naming import Numbering, columns_of
from sciencegen.api.scores.rows import ScoredChunk, own_columns
from sciencegen.data.tables import PEEK_ROWS, READ_TABLES, read_table
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import VariantNames, VariantStructure
from sciencegen.domains.recipes import VariantScorer
from sciencegen.items import NAME_COLUMN, Refusal, Row
from sciencegen.scoring.oracles import cells_of, with_annotations

ALL_SINGLES = "all-singles"

COLUMNS, SCORES = ("line", NAME_COLUMN), ("score", "score_sd")

CHUNK = 1024
"""Variants that are scored at once; variants that need extra passes of the networks share them."""


@dataclass(frozen=True)
class VariantTask:
    """A checked task to score variants.

    scorer: of the family, or None. names: how the domain names variants. predictors: name -> folder. structure: (all
    single mutations, their scores) -> scores with a structure. model: the family's folder. total: number of rows, if
    known.
    """

    domain: str
    scorer: VariantScorer | None
    names: VariantNames
    predictors: Mapping[str, str] = field(default_factory=dict)
    structure: Callable[[Sequence[str], Sequence[float]], VariantStructure] | None = None
    model: str | None = None
    total: int | None = None


class VariantScoring:
    """Iterates over `ScoredChunk`s. The columns are `line` and the name; with a family `score` and `score_sd`; those of
    a structure; x, x_lower, x_upper, x_in_domain for each predictor x; and the input's other columns.
    """

    def __init__(self, task: VariantTask, rows: Iterator[Row]) -> None:
        self.domain, self.scorer, self.names, self.model = plain_of(task.domain), task.scorer, task.names, task.model
        scorer, structure = task.scorer, task.structure
        self.total, self.doubts = task.total, [] if scorer is None else scorer.doubts()
        book = OracleBook(task.domain, dict(task.predictors))
        self.oracles = {name: book.resolve(name) for name in task.predictors}
        self.scored = self.refused = self.predicted = 0
        self.first_failure = ""
        self.first_refused: Refused | None = None
        self.known: dict[str, Any] = {}
        self.structure: VariantStructure | None = None
        self.numbering = Numbering(task.names)
        if scorer is not None and structure is not None:
            singles = scorer.all_singles()
            self.known = dict(zip(singles, scorer.score(singles), strict=True))
            self.structure = structure(singles, [one.score for one in self.known.values()])
        peeked = list(islice(rows, PEEK_ROWS))
        self.rows = chain(peeked, rows)
        self.own = own_columns(map(_own_cells, peeked), self.ours, (NAME_COLUMN,))

    @property
    def ours(self) -> tuple[str, ...]:
        predicted = with_annotations(list(self.oracles), self.oracles)
        placed = () if self.structure is None else self.structure.columns
        return (*COLUMNS, *(() if self.scorer is None else SCORES), *placed, *predicted)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.ours, *self.own.carried)

    @property
    def notes(self) -> list[str]:
        """Notes that are known before the first row."""
        placed = [] if self.structure is None else self.structure.notes()
        return [*self.doubts, *self.own.notes, *placed]

    def __iter__(self) -> Iterator[ScoredChunk]:
        while chunk := list(islice(self.rows, CHUNK)):
            texts = [row.text for row in chunk]
            pairs = list(zip(chunk, self._score(texts), strict=True))
            refused = [(row.line, row.text, one.reason) for row, one in pairs if isinstance(one, Refusal)]
            self.first_refused = self.first_refused or next(iter(refused), None)
            good = [(row, one) for row, one in pairs if not isinstance(one, Refusal)]
            self.scored, self.refused = self.scored + len(good), self.refused + len(refused)
            self.numbering.look(texts, [row.text for row, _ in good], len(refused))
            yield ScoredChunk(self._values(good), refused)

    def _score(self, texts: Sequence[str]) -> list[Any]:
        """A record with `name`, or a refusal. Singles with known scores aren't scored again."""
        if self.scorer is None:
            found = [self.names.read(text) for text in texts]
            return [one if isinstance(one, Refusal) else _Named(one[0]) for one in found]
        new = [text for text in texts if text not in self.known]
        fresh = dict(zip(new, self.scorer.score(new) if new else [], strict=True))
        return [fresh[text] if text in fresh else self.known[text] for text in texts]

    def _values(self, good: Sequence[tuple[Row, Any]]) -> dict[str, list[Any]]:
        values: dict[str, list[Any]] = {
            "line": [row.line for row, _ in good],
            NAME_COLUMN: [one.name for _, one in good],
        }
        if self.scorer is not None:
            values |= {"score": [one.score for _, one in good], "score_sd": [one.deviation for _, one in good]}
        if self.structure is not None:
            values |= self.structure.values(values[NAME_COLUMN], values["score"])
        values |= self._predicted(values[NAME_COLUMN])
        cells = [_own_cells(row) for row, _ in good]
        return {name: values[name] if name in values else [own.get(name) for own in cells] for name in self.columns}

    def _predicted(self, names: Sequence[str]) -> dict[str, list[Any]]:
        """Columns of the predictors; cells are empty for variants without prediction, such as deletions."""
        items = [self.domain.items.parse(self._text_of(name)) for name in names] if self.oracles else []
        good = [item for item in items if not isinstance(item, Refusal)]
        values: dict[str, list[Any]] = {}
        for name, oracle in self.oracles.items():
            scores = iter(oracle.score(good) if good else [])
            each = [None if isinstance(item, Refusal) else next(scores) for item in items]
            known = [one for one in each if one is not None]
            self.predicted += sum(not one.failed for one in known)
            failures = (f"{name}: {one.failure}" for one in known if one.failed)
            self.first_failure = self.first_failure or next(failures, "")
            cells = [{} if one is None else cells_of(name, one) for one in each]
            values |= {column: [row.get(column) for row in cells] for column in with_annotations([name], [name])}
        return values

    def _text_of(self, name: str) -> str:
        """The item's text of a valid name."""
        found = self.names.read(name)
        assert not isinstance(found, Refusal)
        return found[1]

    def summary(self) -> dict[str, Any]:
        made_by = {} if self.model is None else {"model": self.model}
        notes = [*self.doubts, *self.numbering.notes]
        noted = {"notes": notes} if notes else {}
        return {"scored": self.scored, "refused": self.refused} | made_by | noted


@dataclass(frozen=True)
class _Named:
    name: str


def _own_cells(row: Row) -> Mapping[str, Any]:
    """The cells of a table's row, or the name of a record as column `id`."""
    return row.cells or ({"id": row.id} if row.id else {})


def variant_rows(
    variants: str | Path | Sequence[str], scorer: VariantScorer | VariantNames, science: Domain, column: str | None
) -> Iterator[Row]:
    """Rows of all single mutations, of names, or of a file of variants; rows of tables with all cells."""
    if variants == ALL_SINGLES:
        return (Row(line, name) for line, name in enumerate(scorer.all_singles(), 1))
    if not isinstance(variants, str | Path):
        return (Row(line, name) for line, name in enumerate(variants, 1))
    path = Path(variants)
    if path.suffix == ".txt":
        return _lines(path)
    if path.name.lower().endswith(READ_TABLES):
        return read_table(path, columns_of(science, True), column, with_cells=True)
    return plain_of(science.name).items.read(path, column)


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="replace") as handle:
        for line, text in enumerate(handle, 1):
            if text.strip():
                yield Row(line, text.strip())
