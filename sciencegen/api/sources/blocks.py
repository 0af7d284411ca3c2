"""A user's building blocks: the file, and items that can be made from them in place of others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import compress
from pathlib import Path

from sciencegen.api.science import InDomain, ReadItems, describe, domain_of
from sciencegen.config import GenerateSettings, OptimizeSettings, ProposeSettings
from sciencegen.data.tables import READ_TABLES, NoItemColumn, read_table
from sciencegen.data.threads import worker_count
from sciencegen.data.workers import Failure, map_chunks_killable
from sciencegen.data.writers import Refused, printable
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import BlockMoves, FromBlocks
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell, Item, Refusal

SEARCH_S = 3600.0
"""Limit of the search for one item. Far beyond any search: results must not depend on how busy the machine is."""

ANALOGUES = 5
"""Items that can be made, in place of each item."""


@dataclass(frozen=True)
class FindAnalogues(InDomain):
    """Texts of items to `ANALOGUES` of each that can be made, best first: their texts with the cells of
    `BlockMoves.columns`. The item itself is the first if a way to make it is found. blocks: text and name of each.
    steps: the greatest number of steps."""

    blocks: tuple[tuple[str, str], ...]
    steps: int

    def __setstate__(self, state: Mapping[str, object]) -> None:
        """Prepare the blocks too: once in the server of workers, which inherit them."""
        super().__setstate__(state)
        _moves_of(self)

    def __call__(self, texts: Sequence[str]) -> list[list[tuple[str, tuple[Cell, ...]]]]:
        science, moves = domain_of(self.domain), _moves_of(self)
        found = []
        for text in texts:
            items, columns = moves.analogues(science.items.parse(text), ANALOGUES)
            rows = zip(*columns.values(), strict=True)
            found.append([(science.items.text(item), row) for item, row in zip(items, rows, strict=True)])
        return found


@cache
def _moves_of(task: FindAnalogues) -> BlockMoves:
    science = domain_of(task.domain)
    items = [science.items.parse(text) for text, _ in task.blocks]
    return from_blocks_of(science)(items, [name for _, name in task.blocks], task.steps)


def _hold(find: FindAnalogues, ways: Sequence[str]) -> list[bool]:
    """Whether ways to make items, as `BlockMoves.enter` reads them, hold. find: has the blocks."""
    moves = _moves_of(find)
    return [not isinstance(moves.enter(way), Refusal) for way in ways]


@dataclass(frozen=True)
class Blocks:
    """Building blocks that were read from a file. moves: over items that are made from them. find: analogues of other
    items, in workers. refused: rows that hold no item. failed: items of which the search for a way failed."""

    moves: BlockMoves
    find: FindAnalogues
    refused: Sequence[Refused]
    notes: tuple[str, ...]
    failed: list[Refused] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """Columns that say how items are made; `BlockMoves.enter` reads cells of the first."""
        return list(self.moves.columns([]))

    def enter_ways(self, source: str, threads: int) -> None:
        """Enter the items of a table that has the first of the columns; other files have no effect."""
        path = Path(source)
        if not os.path.isfile(path) or not path.name.lower().endswith(READ_TABLES):
            return
        with suppress(NoItemColumn):
            texts = [row.text for row in read_table(path, self.columns[:1])]
            task, workers = partial(_hold, self.find), worker_count(threads)
            for _, ways, hold in map_chunks_killable(task, texts, processes=workers, timeout_s=SEARCH_S):
                for way in [] if isinstance(hold, Failure) else compress(ways, hold):
                    self.moves.enter(way)

    def entered(self, items: Iterable[str], threads: int) -> Iterator[list[Item]]:
        """Analogues of each item, entered in `moves`. items: as texts."""
        workers = worker_count(threads)
        found = map_chunks_killable(self.find, items, processes=workers, chunk=1, timeout_s=SEARCH_S)
        for _, texts, results in found:
            if isinstance(results, Failure):
                why = f"the search for a way to make it failed: {results.reason}"
                self.failed.extend((0, text, why) for text in texts)
                yield from ([] for _ in texts)
                continue
            for analogues in results:
                made = [self.moves.enter(str(cells[0])) for _, cells in analogues]
                yield [item for item in made if not isinstance(item, Refusal)]


def from_blocks_of(science: Domain) -> FromBlocks:
    """How the domain makes items from blocks; an error if it doesn't."""
    make = None if science.moves is None else science.moves.from_blocks
    if make is None:
        raise ConfigError(f"Expected no `blocks`: {science.name} are not made from building blocks.")
    return make


def check_blocks(science: Domain, source: str) -> None:
    """Raise an error, before a model is loaded, for a domain that makes no items from blocks, and for a file that can't
    be read."""
    from_blocks_of(science)
    if source == "-":  # it is read twice
        raise ConfigError("Expected a file of `blocks`, got standard input (-). Save it in a file first.")
    next(iter(science.items.read(Path(source), None)), None)


def read_blocks(science: Domain, source: str, steps: int, threads: int) -> Blocks:
    """Read a file of building blocks; rows that hold no item are refused and counted."""
    make = from_blocks_of(science)
    rows = list(science.items.read(Path(source), None))
    good, refused = describe(ReadItems(science.name), rows, threads)
    if not good:
        first = f", the first: {refused[0][2]}" if refused else ""
        raise DataError(f"Expected building blocks in {source}, found none in {len(rows)} rows{first}.")
    named = tuple((text, row.id) for row, (text, _, _) in good)
    moves = make([science.items.parse(text) for text, _ in named], [name for _, name in named], steps)
    rejects = [(line, text, f"building block of {source}: {reason}") for line, text, reason in refused]
    find = FindAnalogues(science.name, named, steps)
    told = [
        f"{len(refused)} rows of {source} were refused, the first is line {line}, {printable(text)[:60]!r}: {reason}"
        for line, text, reason in refused[:1]
    ]
    return Blocks(moves, find, rejects, (*moves.notes, *told))


def blocks_of(science: Domain, settings: GenerateSettings | OptimizeSettings | ProposeSettings) -> Blocks | None:
    """The building blocks that a verb's settings name, or None."""
    if settings.blocks is None:
        return None
    return read_blocks(science, settings.blocks, settings.further.maximum_steps, settings.threads)
