"""Score: properties and other oracles of every item of a file, chunk by chunk."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import Any

from sciencegen.api.criteria import OracleBook, with_networks
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.models.region import Region, columns_of, notes_of
from sciencegen.api.science import InDomain, LeftOut, Numbering, domain_of, names_of, parse_texts, plain_text
from sciencegen.api.sources.tables import read_texts
from sciencegen.config import COMPUTE_CHUNK, ITEM_TIMEOUT_S, ScoreSettings
from sciencegen.data.statistics import evenly_spaced
from sciencegen.data.tables import PEEK_ROWS
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.errors import SciencegenError
from sciencegen.items import NAME_COLUMN, Item, Refusal, Row
from sciencegen.records import ledger
from sciencegen.scoring.cache import cache_notes, cached
from sciencegen.scoring.oracles import (
    Oracle,
    OracleAround,
    PredictionTally,
    ProgramOracle,
    Score,
    cells_of,
    measured_range,
    tally_notes,
    with_annotations,
)

ROWS_PER_TASK = 256


@dataclass(frozen=True)
class ScoreTexts(InDomain):
    """Texts to (standardized text, scores) each, or a refusal; runs in the workers."""

    names: tuple[str, ...]
    predictors: tuple[tuple[str, str], ...]
    whole: bool = False
    """Whether texts are those of the form, with coordinates; else those of the plain domain, as in tables."""
    wild_type: str = ""
    """The reference that names in texts refer to."""

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        domain = domain_of(self.domain)
        book = OracleBook(self.domain, dict(self.predictors), threads=1)  # every thread has a worker
        parsed = parse_texts(domain, texts, self.wild_type)
        items = [item for item in parsed if not isinstance(item, Refusal)]
        columns = [book.resolve(name).score(items) if items else [] for name in self.names]
        rows = iter(zip(*columns, strict=True) if columns else [()] * len(items))
        text = domain.items.text if self.whole else partial(plain_text, self.domain)
        told = domain.items.readable.values()
        return [
            item if isinstance(item, Refusal) else (text(item), next(rows), [cell(item) for cell in told])
            for item in parsed
        ]


@dataclass(frozen=True)
class ScoredChunk:
    """A chunk of results. values: columns of scored rows. refused: rows that are no item, and failed scores."""

    values: dict[str, list[Any]]
    refused: list[Refused]


@dataclass(frozen=True)
class OwnColumns:
    """Other columns of an input table. carried: copied to the output. lost: dropped, as scores have these names."""

    carried: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def notes(self) -> list[str]:
        lost = f"columns of the table that aren't copied, since scores have these names: {', '.join(self.lost)}"
        return [lost] if self.lost else []


def own_columns(rows: Iterable[Mapping[str, Any]], ours: Sequence[str], alike: Collection[str]) -> OwnColumns:
    """The other columns, from a table's first rows (`Row.cells`). alike: output columns with the input's content."""
    theirs = dict.fromkeys(name for cells in rows for name in cells)
    lost = tuple(name for name in theirs if name in ours and name not in alike)
    return OwnColumns(tuple(name for name in theirs if name not in ours), lost)


@dataclass(frozen=True)
class ScoringTask:
    """A checked scoring task.

    domain: name of the items' domain or form. names: of all columns of scores. predictors: name -> folder. here:
    oracles that run in this process: a model's own, networks on an accelerator, and programs, which have their own
    limit of time. wild_type: the reference that names in rows refer to, or "".
    whole: items are written as texts of the form, for its files; else as those of the plain domain, for tables.
    threads, timeout_s, chunk: of the workers. notes: on ignored settings. measured: predictor -> the range of its
    training values. region: of the model whose oracles are here.
    """

    domain: str
    names: tuple[str, ...]
    predictors: Mapping[str, str] = field(default_factory=dict)
    here: Mapping[str, Oracle] = field(default_factory=dict)
    wild_type: str = ""
    whole: bool = False
    threads: int = 0
    timeout_s: float = ITEM_TIMEOUT_S
    chunk: int = ROWS_PER_TASK
    notes: tuple[str, ...] = ()
    measured: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)
    region: Region | None = None


def scoring_task(
    domain: str, settings: ScoreSettings, whole: bool = False, further: Mapping[str, Oracle] | None = None
) -> ScoringTask:
    """The task of these settings; a wrong name is an error. further: a model's own oracles."""
    further, predictors = further or {}, settings.predictors
    chosen = [*(settings.names or further), *predictors] or list(domain_of(domain).properties)
    names = tuple(dict.fromkeys(chosen))
    device, networks = with_networks(domain, predictors, settings.device)
    book = OracleBook(domain, dict(predictors), own=further, threads=settings.threads, device=device)
    resolved = {name: book.resolve(name) for name in names}
    programs = {name: one for name, one in resolved.items() if isinstance(one, ProgramOracle)}
    key = domain_of(domain).items.key
    here = {name: further[name] for name in names if name in further and name not in predictors}
    here |= {name: cached(one, key, settings.cache) for name, one in programs.items()}
    here |= {name: resolved[name] for name in networks if device != "cpu"}  # workers have no accelerator
    notes = cache_notes(resolved.values(), settings.cache)
    if device != "cpu" and not networks and settings.model is None:
        notes = (*notes, f"nothing here is computed on `device` {device}: properties, and predictors without networks, "
                 "take the CPU")  # fmt: skip
    form = domain_of(domain).form
    whole = whole or (form is not None and form.own_key)  # a plain item may be empty
    chunk = max((one.wave for one in programs.values()), default=ROWS_PER_TASK)
    return ScoringTask(
        domain, names, predictors, here, settings.wild_type or "", whole, settings.threads, settings.timeout_s, chunk,
        notes, {name: measured_range(resolved[name]) for name in predictors},
    )  # fmt: skip


def _columns_of_items(science: Domain, rows: Iterable[Row]) -> Iterable[str]:
    """The columns of results that hold the items' own cells, by the first item that can be read."""
    if science.cells is None:
        return ()
    items = (science.items.parse(row.text) for row in rows)
    first = next((item for item in items if not isinstance(item, Refusal)), None)
    return () if first is None else science.cells.of(first)


class Scoring:
    """Chunks of scored rows in the order of the input. There is a column `id` if one of the first rows has a name, a
    column of names relative to a wild type if there is one, and the input's columns with names other than these."""

    def __init__(self, task: ScoringTask, rows: Iterable[Row]) -> None:
        self.task, self.science = task, (science := domain_of(task.domain))
        extra = [*with_annotations(task.names, task.predictors), *(columns_of([]) if task.region else ())]
        peeked = list(islice(rows := iter(rows), PEEK_ROWS))
        self.rows = chain(peeked, rows)
        named = ["id"] if any(row.id for row in peeked) else []
        self.variants = names_of(science, task.wild_type)
        readable = [name for name in science.items.readable if not any(name in row.cells for row in peeked)]
        known = ["item", *readable, "line", *([] if self.variants is None else [NAME_COLUMN]), *named, *extra]
        self.own = own_columns((row.cells for row in peeked), known, ("item", "id", NAME_COLUMN))
        hidden = tuple(name for name in _columns_of_items(science, peeked) if name in extra)
        self.own = replace(self.own, lost=(*self.own.lost, *hidden))
        self.ours, self.columns = frozenset(known), [*known, *self.own.carried]
        self.scored = self.refused = self.failed = self.valued = 0
        self.numbering = Numbering(self.variants)
        self.judged: list[tuple[str, ...]] = []
        self.first_refused: Refused | None = None
        self.first_failure: Refused | None = None
        self.left_out = LeftOut(science)
        self.tallies = {name: PredictionTally(name, task.measured.get(name)) for name in task.predictors}
        self.never: dict[str, str] = {}
        """Names of scores that no item has so far -> why the first item has none."""

    @property
    def notes(self) -> list[str]:
        """Notes on ignored settings and parts of scored rows, and on refused rows; complete after the last chunk."""
        notes = [*self.task.notes, *self.own.notes, *self._empty(), *self.left_out.notes, *self.numbering.notes]
        return [*notes, *notes_of(self.judged), *tally_notes(self.tallies)]

    def _empty(self) -> list[str]:
        """Notes on scores that no item has, while others have values; names with one reason share a note."""
        if self.scored < 2 or not self.valued:
            return []
        names = {why: [name for name in self.never if self.never[name] == why] for why in self.never.values()}
        return [f"no item has a value of {' or '.join(some)}; the first: {why}" for why, some in names.items()]

    def __iter__(self) -> Iterator[ScoredChunk]:
        waiting: deque[Row] = deque()

        def texts() -> Iterator[str]:
            for row in self.rows:
                waiting.append(row)
                yield row.text

        asked = self.task
        elsewhere = tuple(name for name in asked.names if name not in asked.here)
        predictors = tuple(sorted(asked.predictors.items()))
        whole = asked.whole or bool(asked.here)  # what is scored here needs coordinates, too
        task = ScoreTexts(asked.domain, elsewhere, predictors, whole, asked.wild_type)
        workers = worker_count(asked.threads)
        size = 1 if domain_of(asked.domain).oracles.slow.intersection(elsewhere) else asked.chunk
        chunks = map_chunks_killable(task, texts(), processes=workers, chunk=size, timeout_s=asked.timeout_s)
        for _, members, results in chunks:
            rows = [waiting.popleft() for _ in members]
            yield self._chunk(rows, self._with_own([results] * len(rows) if isinstance(results, Failure) else results))

    def _with_own(self, results: Sequence[Any]) -> Sequence[Any]:
        """Add the scores of the oracles that run in this process, in the order of the names."""
        texts = [result[0] for result in results if isinstance(result, tuple)]
        if not self.task.here or not texts:
            return results
        items = [domain_of(self.task.domain).items.parse(text) for text in texts]
        own = {name: iter(oracle.score(items)) for name, oracle in self.task.here.items()}

        def whole(scores: Iterator[Score]) -> list[Score]:
            return [next(own.get(name, scores)) for name in self.task.names]

        written = iter(texts if self.task.whole else [plain_text(self.task.domain, item) for item in items])
        return [(next(written), whole(iter(one[1])), one[2]) if isinstance(one, tuple) else one for one in results]

    def _chunk(self, rows: Sequence[Row], results: Sequence[Any]) -> ScoredChunk:
        values: dict[str, list[Any]] = {name: [] for name in self.columns}
        refused: list[Refused] = []
        if self.task.region is not None:
            parse = domain_of(self.task.domain).items.parse
            reasons = self.task.region.outside([parse(result[0]) for result in results if isinstance(result, tuple)])
            self.judged += reasons
            values |= columns_of(reasons)
        for row, result in zip(rows, results, strict=True):
            if not isinstance(result, tuple):
                self.refused += 1
                refused.append((row.line, row.text, result.reason))
                continue
            self.scored += 1
            self.left_out.look([row])
            text, scores, told = result
            values["item"].append(text)
            for name, cell in zip(self.science.items.readable, told, strict=True):
                if name in self.ours:
                    values[name].append(cell)
            values["line"].append(row.line)
            if "id" in self.ours:
                values["id"].append(row.id)
            if self.variants is not None:
                found = self.variants.read(row.text)
                values[NAME_COLUMN].append("" if isinstance(found, Refusal) else found[0])
            for name in self.own.carried:
                values[name].append(row.cells.get(name))
            failures = {name: one.failure for name, one in zip(self.task.names, scores, strict=True) if one.failed}
            for name, one in zip(self.task.names, scores, strict=True):
                self._append(values, name, one)
                if name in self.tallies:
                    self.tallies[name].look([one])
            self._count(failures)
            refused += [(row.line, row.text, f"{name}: {why}") for name, why in failures.items()]
            if failures:
                self.first_failure = self.first_failure or refused[-len(failures)]
        self.first_refused = self.first_refused or next(iter(refused), None)
        read = [row.text for row, result in zip(rows, results, strict=True) if isinstance(result, tuple)]
        self.numbering.look([row.text for row in rows], read, len(rows) - len(read))
        return ScoredChunk(values, refused)

    def _count(self, failures: Mapping[str, str]) -> None:
        """Count the scores of one more item, of which these failed."""
        self.failed += len(failures)
        self.valued += len(self.task.names) - len(failures)
        self.never = dict(failures) if self.scored == 1 else {k: v for k, v in self.never.items() if k in failures}

    def _append(self, values: dict[str, list[Any]], name: str, one: Score) -> None:
        for column, cell in cells_of(name, one).items():
            if column in self.ours:
                values[column].append(float("nan") if cell is None else cell)

    def summary(self) -> dict[str, Any]:
        counts: dict[str, Any] = {"scored": self.scored, "refused": self.refused, "failed_scores": self.failed}
        notes = [*self.numbering.notes, *tally_notes(self.tallies)]
        kept = {"scored": self.scored, "refused": self.refused}
        counts |= ledger("rows", sum(kept.values()), kept)
        return counts | ({"notes": notes} if notes else {})


# Figures of a model on the items that samples are compared with: its likelihood, also as the length of a code.

CODED = 128
"""Items whose likelihood is computed, one by one."""


def figures_of_model(domain: str, model: LoadedModel, reference: str | Sequence[str]) -> dict[str, float]:
    """The likelihood of the items to compare with, also as the length of a code.

    Parameters
    ----------
    domain : str
        The items' domain or form. Of tables, the figures are the recipe's own, on at most `COMPUTE_CHUNK` rows.
    model : LoadedModel
    reference : str or sequence of str
        The items as text, or the name of a set that is shipped as statistics.

    Returns
    -------
    dict
        Empty for a model without a likelihood of these items.
    """
    from sciencegen.domains.likelihoods import LOG_LIKELIHOOD, CodesItems, code_figures

    if domain_of(domain).cells is not None:
        items = _references(domain, reference, model, COMPUTE_CHUNK)
        arrays = [one for one in model.representation.encode(items) if not isinstance(one, Refusal)]
        check = model.recipe.check
        return dict(check(model.model, model.representation, arrays)) if arrays and check is not None else {}
    oracle = model.oracles.get(LOG_LIKELIHOOD)
    inner = oracle.oracle if isinstance(oracle, OracleAround) else oracle
    if not isinstance(inner, CodesItems):
        return {}
    return code_figures(inner.code_lengths(_references(domain, reference, model, CODED)))


def _references(domain: str, reference: str | Sequence[str], model: LoadedModel, largest: int) -> list[Item]:
    """Evenly spaced ones of the items to compare with; of a set that is shipped as statistics, the first of its
    dataset, where that is here."""
    texts: Sequence[str]
    if isinstance(reference, str):
        try:
            texts = list(islice(read_texts(domain, reference, offline=True), largest))
        except SciencegenError:
            return []
    else:
        texts = [reference[row] for row in evenly_spaced(len(reference), largest)]
    return [item for item in map(model.domain.items.parse, texts) if not isinstance(item, Refusal)]
