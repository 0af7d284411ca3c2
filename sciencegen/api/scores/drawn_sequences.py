"""Sequences of items, row by row: drawn in killable workers, or by a program in their place."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from sciencegen.api.science.forms import domain_of, plain_of
from sciencegen.api.science.workers import InDomain
from sciencegen.config import ProgramSettings
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_killable
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import SequenceDraws, Sequences
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.items import Item, Refusal, Row
from sciencegen.scoring.commands import Exchange, batch_program

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
class Drawing:
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
        for _, scored in map_killable(task, drawn(), processes=workers, chunk=1, timeout_s=self.timeout_s):
            row, one = waiting.popleft()
            if isinstance(one, Refusal):
                yield row, one
            else:
                yield row, self._unscored(one, scored.reason) if isinstance(scored, Failure) else scored

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
