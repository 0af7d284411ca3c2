"""Sequences: draw sequences for items with coordinates, and compare structures that a program predicts from them."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Literal

from sciencegen.api.models.folder import open_model
from sciencegen.api.science import InDomain, domain_of, in_form, plain_name, plain_of
from sciencegen.api.score_variants import family_model
from sciencegen.api.scores import ScoredChunk
from sciencegen.api.sources.tables import given_source
from sciencegen.api.writing.output_record import origin_of_given, plain_path
from sciencegen.api.writing.results import Scored, claim_sequences, open_sequences, scored
from sciencegen.api.writing.writer import OutputOptions, OutputWriter
from sciencegen.config import ProgramSettings, SequencesSettings, build_settings
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_killable
from sciencegen.data.writers import Refused, write_text
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Predictions, SequenceDraws, Sequences
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.files import files_below
from sciencegen.items import Cell, Given, Item, Origin, Refusal, Row
from sciencegen.options import takes
from sciencegen.records import ledger
from sciencegen.scoring.oracles import Oracle
from sciencegen.scoring.programs import Exchange, batch_program, split_command

Log = Callable[[str], None]
PROGRAMS: tuple[Literal["design"], Literal["fold"]] = ("design", "fold")


@dataclass(frozen=True)
class SequencesRequest:
    """A checked request. domain: the form of the items. source: a file or rows; column: of items in a table."""

    domain: str
    task: SequenceTask
    source: Path | Sequence[Row]
    origin: Origin
    column: str | None = None

    def scoring(self) -> SequenceScoring:
        """The sequences, chunk by chunk."""
        return SequenceScoring(self.task, self._rows())

    def open(self, scoring: SequenceScoring, output: str, overwrite: bool = False) -> OutputWriter:
        """The writer of these sequences."""
        claim_sequences(self.domain, output, overwrite, [self.source] if isinstance(self.source, Path) else [])
        options = OutputOptions(origin=self.origin, overwrite=overwrite)
        return open_sequences(self.domain, output, scoring.columns, options)

    def _rows(self) -> Iterator[Row]:
        science, draws = domain_of(self.domain), self.task.drawing.draws
        rows = science.items.rows(self.source, self.column) if isinstance(self.source, Path) else iter(self.source)
        return (row for row in rows if sequences_of(science).chosen(row.text, draws))


@takes(SequencesSettings, frames=("items",))
def sequences(domain: str, items: Path | Given, n: int = 8, **options: object) -> Scored:
    """Draw sequences for items with coordinates, such as backbones of proteins.

    Parameters
    ----------
    domain : str
        A domain with a form whose items get sequences: "proteins", whose backbones get those of ProteinMPNN [1]_.
    items : str, object, sequence of these, Series, DataFrame, or Path
        One item or several, as texts or objects such as chains of Biopython; a data frame with a column of them; or the
        path of a file or folder (a `pathlib.Path`; a str is an item).
    n : int
        Number of sequences of each item.

    Returns
    -------
    Scored
        A row for each sequence: its name, that of the item, the item with the sequence, the sequence, its rank among
        those of the item, its score (proteins: `perplexity`), the family's scores, and with "fold" how well the
        predicted structure agrees (proteins: `sc_rmsd` in ångström, `sc_tm`, `plddt`).

    Raises
    ------
    ConfigError
        If the network's weights aren't installed and no program draws.

    References
    ----------
    .. [1] Dauparas et al., "Robust deep learning-based protein sequence design using ProteinMPNN", Science 378, 2022.

    Examples
    --------
    >>> import sciencegen as sg
    >>> sg.sequences("molecules", ["CCO"])
    Traceback (most recent call last):
    ...
    sciencegen.errors.ConfigError: Expected a domain whose items get sequences (proteins), molecules has none.
    """
    request = resolve_sequences(domain, items, build_settings(SequencesSettings, {**options, "n": n}))
    scoring = request.scoring()
    return scored(scoring, partial(request.open, scoring), domain=request.domain)


def resolve_sequences(
    domain: str,
    items: Path | Given,
    settings: SequencesSettings,
    log: Log = lambda text: None,
    called: str = "",
) -> SequencesRequest:
    """Check the settings, then load the family's model; one of an alignment is trained first. called: the name of the
    source in the origin."""
    form = form_with_sequences(domain)
    draws = SequenceDraws(
        settings.n, settings.temperature, settings.keep_positions, settings.seed, settings.weights, settings.omit,
        settings.bias, settings.around, settings.tied, settings.pack,
    )  # fmt: skip
    if settings.pack and Path(settings.pack).exists() and next(files_below(settings.pack), None) is not None:
        raise ConfigError(f"Expected a new folder for `pack`, found files in '{settings.pack}'. Name another one.")
    design, fold = (settings.oracles.get(name) for name in PROGRAMS)
    for name, program in settings.oracles.items():
        split_command(program.command, oracle=name)
    source = given_source(domain_of(form), items, settings.column)
    given = str(items) if isinstance(items, str | Path) else ""
    draws = sequences_of(domain_of(form)).check(draws, design is not None, given)
    drawing = SequenceDrawing(form, draws, design, settings.threads, settings.timeout_s)
    task = SequenceTask(drawing, _folding(form, fold), _family_oracles(domain, settings, log))
    named = called or (plain_path(str(items)) if isinstance(items, Path) else "given items")
    told = {"weights": settings.weights, "omit": settings.omit, "bias": settings.bias, "tied": settings.tied}
    asked = [f"{name} {value}" for name, value in told.items() if value]
    words = [f"for {named}", f"temperature {settings.temperature:g}", *asked]
    origin = origin_of_given("sequences", words, seed=settings.seed)
    return SequencesRequest(form, task, source, origin, settings.column)


def form_with_sequences(domain: str) -> str:
    """The name of the domain's form whose items get sequences; an error if there is none."""
    named = [in_form(domain, form) for form in ("", *domain_of(domain).forms)]
    found = next((name for name in named if domain_of(name).sequences is not None), None)
    if found is None:
        raise ConfigError(f"Expected a domain whose items get sequences (proteins), {domain} has none.")
    return found


def _folding(form: str, program: ProgramSettings | None) -> Folding | None:
    predictions = sequences_of(domain_of(form)).predictions
    if program is None:
        return None
    if predictions is None:
        raise ConfigError(f"Expected no oracle 'fold', structures of {form} can't be compared.")
    return Folding(plain_name(form), predictions, program)


def _family_oracles(domain: str, settings: SequencesSettings, log: Log) -> Mapping[str, Oracle]:
    """The usual scores of the family's model; {} without one."""
    if settings.alignment is not None and settings.model is not None:
        raise ConfigError("Expected `alignment` or `model`, got both. Leave one out.")
    folder = settings.model
    if settings.alignment is not None:
        folder = str(family_model(domain, settings.alignment, settings, log))
    if folder is None:
        return {}
    found = open_model(domain, folder, settings)
    if found.recipe.family is None or not found.usual_oracles:
        raise ConfigError(f"Expected a model of a family, which scores sequences, {folder} has no such scores.")
    return found.usual_oracles


# Sequences of items, row by row: drawn in killable workers, or by a program in their place.

READ_AT_ONCE = 16
"""Items that are handed to programs together."""


@dataclass(frozen=True)
class Drawn:
    """The sequences of one item. sequences: with scores, None where there is none. refused: sequences that don't fit or
    whose score failed, with the reasons."""

    item: str
    sequences: Sequence[tuple[str, float | None]] = ()
    refused: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class SequenceDrawing:
    """How sequences are drawn. domain: the form whose items get them. program: draws instead of the domain. threads,
    timeout_s: of the workers."""

    domain: str
    draws: SequenceDraws
    program: ProgramSettings | None = None
    threads: int = 0
    timeout_s: float = 600.0

    def __call__(self, rows: Iterable[Row]) -> Iterator[tuple[Row, Drawn | Refusal]]:
        """Each row with its sequences, in order."""
        if self.program is None:
            return self._in_workers(DrawSequences(self.domain, self.draws), rows)
        read = self._in_workers(ReadItem(self.domain, self.draws.keep), rows)
        found = drawn_by_program(self.domain, self.draws, self.program, read)
        if not sequences_of(domain_of(self.domain)).scores():
            return found
        return self._scored(found)

    def _in_workers(self, task: DrawSequences | ReadItem, rows: Iterable[Row]) -> Iterator[tuple[Row, Drawn | Refusal]]:
        waiting: deque[Row] = deque()

        def texts() -> Iterator[str]:
            for row in rows:
                waiting.append(row)
                yield row.text

        workers = worker_count(self.threads)
        for _, found in map_killable(task, texts(), processes=workers, chunk=1, timeout_s=self.timeout_s):
            yield waiting.popleft(), Refusal(found.reason) if isinstance(found, Failure) else found

    def _scored(self, found: Iterator[tuple[Row, Drawn | Refusal]]) -> Iterator[tuple[Row, Drawn | Refusal]]:
        """Add the scores of sequences that a program drew."""
        waiting: deque[tuple[Row, Drawn | Refusal]] = deque()

        def drawn() -> Iterator[Drawn]:
            for row, one in found:
                waiting.append((row, one))
                yield Drawn("") if isinstance(one, Refusal) else one

        task, workers = ScoreSequences(self.domain, self.draws), worker_count(self.threads)
        for _, result in map_killable(task, drawn(), processes=workers, chunk=1, timeout_s=self.timeout_s):
            row, one = waiting.popleft()
            if isinstance(one, Refusal):
                yield row, one
            else:
                yield row, self._unscored(one, result.reason) if isinstance(result, Failure) else result

    def _unscored(self, one: Drawn, reason: str) -> Drawn:
        """Sequences whose scores failed, with the reason."""
        column = sequences_of(domain_of(self.domain)).column
        return replace(one, refused=[*one.refused, *((text, f"{column}: {reason}") for text, _ in one.sequences)])


def sequences_of(science: Domain) -> Sequences:
    """The sequences of a form's items; an error for one that has none."""
    if science.sequences is None:
        raise ConfigError(f"Expected a form whose items get sequences, {science.name} has none.")
    return science.sequences


@dataclass(frozen=True)
class ReadItem(InDomain):
    """A text to a standardized one, without sequences; a Refusal if the residues to keep aren't there."""

    keep: str

    def __call__(self, text: str) -> Drawn | Refusal:
        science = domain_of(self.domain)
        item = science.items.parse(text)
        kept = item if isinstance(item, Refusal) else sequences_of(science).kept(item, self.keep)
        return kept if isinstance(kept, Refusal) else Drawn(science.items.text(item))


@dataclass(frozen=True)
class WithNetwork(InDomain):
    """A task that uses the domain's network. Unpickling imports torch, so that workers share it."""

    draws: SequenceDraws

    def __setstate__(self, state: Mapping[str, object]) -> None:
        super().__setstate__(state)
        import torch  # noqa: F401


@dataclass(frozen=True)
class DrawSequences(WithNetwork):
    """A text to a standardized one with drawn sequences."""

    def __call__(self, text: str) -> Drawn | Refusal:
        science = domain_of(self.domain)
        item = science.items.parse(text)
        if isinstance(item, Refusal):
            return item
        found = sequences_of(science).draw(item, self.draws)
        return found if isinstance(found, Refusal) else fitting(self.domain, item, found, self.draws.keep)


@dataclass(frozen=True)
class ScoreSequences(WithNetwork):
    """Given sequences of an item with their scores."""

    def __call__(self, drawn: Drawn) -> Drawn:
        science, texts = domain_of(self.domain), [sequence for sequence, _ in drawn.sequences]
        if not texts:
            return drawn
        scores = sequences_of(science).score(science.items.parse(drawn.item), texts, self.draws)
        return Drawn(drawn.item, list(zip(texts, scores, strict=True)), drawn.refused)


def drawn_by_program(
    domain: str, draws: SequenceDraws, settings: ProgramSettings, rows: Iterator[tuple[Row, Drawn | Refusal]]
) -> Iterator[tuple[Row, Drawn | Refusal]]:
    """Rows with the sequences of a program, which is run once for each item. It reads the item's file and writes a file
    of plain items; the first `draws.count` of them count."""
    science = domain_of(domain)
    names = (f"input{science.items.formats[0]}", f"output{plain_of(domain).items.formats[0]}")
    program = batch_program(settings, *names)
    exchange = _exchange(domain, draws)
    while group := list(islice(rows, max(READ_AT_ONCE, settings.parallel))):
        read = [one.item for _, one in group if isinstance(one, Drawn)]
        results = iter(program.run([science.items.parse(text) for text in read], exchange))
        for row, one in group:
            yield row, one if isinstance(one, Refusal) else next(results)


def _exchange(domain: str, draws: SequenceDraws) -> Exchange[Item, Drawn | Refusal]:
    science = domain_of(domain)
    sequences = sequences_of(science)

    def write(path: Path, item: Item) -> None:
        science.items.write(path, [item], ["0"], {})

    def read(path: Path, item: Item) -> Drawn | Refusal:
        try:
            texts = [(row.text, None) for row in islice(plain_of(domain).items.read(path, None), draws.count)]
        except SciencegenError as error:
            return Refusal(str(error).replace(str(path), path.name))
        return fitting(domain, item, texts, draws.keep)

    def values(item: Item) -> dict[str, str]:
        kept = sequences.kept(item, draws.keep)  # no Refusal: `ReadItem` has tried it
        words = {"n": draws.count, "temperature": draws.temperature, "seed": draws.seed, "keep": kept}
        return {name: str(value) for name, value in words.items()}

    return Exchange(write, read, lambda item, reason: Refusal(reason), values)


def fitting(domain: str, item: Item, found: Sequence[tuple[str, float | None]], keep: str) -> Drawn | Refusal:
    """The found sequences that are items of the plain domain and fit the item; a Refusal if none does."""
    science, plain = domain_of(domain), plain_of(domain)
    good, refused = list[tuple[str, float | None]](), list[tuple[str, str]]()
    for text, score in found:
        sequence = plain.items.parse(text)
        fit = sequence if isinstance(sequence, Refusal) else sequences_of(science).assign(item, sequence, keep)
        if isinstance(fit, Refusal):
            refused.append((text, fit.reason))
        else:
            good.append((plain.items.text(sequence), score))
    if not good:
        return Refusal(f"no sequence that fits, the first: {refused[0][1] if refused else 'none was given'}")
    return Drawn(science.items.text(item), good, refused)


# Structures that a program predicts from sequences, compared with the items that the sequences were drawn for.

Pair = tuple[Item, str]
"""An item and a sequence."""
Compared = Mapping[str, float] | Refusal


@dataclass(frozen=True)
class Folding:
    """A program that reads a file of sequences and writes their structures. domain: name of the sequences' domain."""

    domain: str
    predictions: Predictions
    program: ProgramSettings

    def compare(self, pairs: Sequence[Pair]) -> list[Compared]:
        """The values of each pair, or why there are none. Files of structures are read one batch at a time."""
        size = self.program.batch_size
        program = batch_program(self.program, f"input{domain_of(self.domain).items.formats[0]}", "output")
        batches = [pairs[start : start + size] for start in range(0, len(pairs), size)]
        exchange = Exchange(self._write, self._read, _all_failed)
        return [one for found in program.run(batches, exchange) for one in found]

    def _write(self, path: Path, batch: Sequence[Pair]) -> None:
        names = [str(number) for number in range(len(batch))]
        domain_of(self.domain).items.write(path, [sequence for _, sequence in batch], names, {})

    def _read(self, path: Path, batch: Sequence[Pair]) -> list[Compared]:
        try:
            found = self.predictions.read(path, [sequence for _, sequence in batch])
        except SciencegenError as error:
            return [Refusal(str(error).replace(str(path), path.name))] * len(batch)
        return [
            one if isinstance(one, Refusal) else self.predictions.compare(item, one)
            for (item, _), one in zip(batch, found, strict=True)
        ]


def _all_failed(batch: Sequence[Pair], reason: str) -> list[Compared]:
    return [Refusal(reason)] * len(batch)


# The table: a row for each sequence.

AT_ONCE = 64
"""Number of sequences that are scored together, unless a program predicts structures."""
BEST = "best"


@dataclass(frozen=True)
class SequenceTask:
    """A checked task. folding: the program that predicts structures, or None. oracles: of a family's model, by name."""

    drawing: SequenceDrawing
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
        packed = self.sequences.packed if self.task.drawing.draws.pack else ()
        own = ["id", "name", "item", "sequence", "rank", *self._score_column, *packed]
        return [*own, *self.task.oracles, *predicted]

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
        folding, each = self.task.folding, self.task.drawing.draws.count
        predicted = () if folding is None else ("folded", folding.predictions.good[0])
        names = ("items", "sequences", "refused", "failed_scores", *predicted)
        items, sequences, refused, *_ = counts = [self.counts[name] for name in names]
        lost = {"of refused rows": each * refused, "not given or unfit": each * items - sequences}
        book = ledger("asked", each * (items + refused), {"sequences": sequences, **lost})
        return {**dict(zip(names, counts, strict=True)), **book}

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
        item, draws = self.science.items.parse(drawn.item), self.task.drawing.draws
        name = row.id or self.sequences.name(item) or str(row.line)
        if self.task.drawing.program is None and (text := self.sequences.note(item, draws)):
            self.told[text] += 1
        ordered = sorted(drawn.sequences, key=lambda one: math.inf if one[1] is None else one[1])
        for rank, (sequence, score) in enumerate(ordered, 1):
            made = self.sequences.assign(item, sequence, draws.keep)
            named = {"id": f"{name}-{rank}", "name": name, "item": self.science.items.text(made)}
            cells = {**named, "sequence": sequence, "rank": rank, self.sequences.column: score}
            if draws.pack and self.sequences.pack is not None:
                text, values = self.sequences.pack(made, draws)
                cells |= values
                folder = Path(draws.pack)
                folder.mkdir(parents=True, exist_ok=True)
                write_text(folder / f"{named['id'].replace('/', '_')}.pdb", [text])
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
