"""The search space of items that can be made from a user's building blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sciencegen.api.science.naming import ReadItems
from sciencegen.api.science.workers import describe
from sciencegen.config import OptimizeSettings
from sciencegen.data.writers import Refused, escape
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import BlockMoves, FromBlocks
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Item, Refusal
from sciencegen.optimization.spaces import SearchSpace

ANALOGUES = 5
"""Items that can be made, in place of each start item."""

METHODS = ("evolution", "hill_climb", "prior")
"""Methods that need no latents: built items have none."""


@dataclass(frozen=True)
class Blocks:
    """Moves over items that are made from a file of building blocks. refused: rows that hold no item."""

    moves: BlockMoves
    refused: Sequence[Refused]
    notes: tuple[str, ...]


def check_blocks(science: Domain, source: str, methods: Sequence[str] = ()) -> FromBlocks:
    """How the domain makes items from blocks. An error if it doesn't, if there is no such file, or for a method that
    needs latents."""
    make = None if science.moves is None else science.moves.from_blocks
    if make is None:
        raise ConfigError(f"Expected no `blocks`: {science.name} are not made from building blocks.")
    if wrong := next((name for name in methods if name not in METHODS), None):
        known = ", ".join(METHODS)
        raise ConfigError(f"Expected a method that needs no latents ({known}) with `blocks`, got '{wrong}'.")
    if source == "-":  # it is read twice
        raise ConfigError("Expected a file of `blocks`, got standard input (-). Save it in a file first.")
    next(iter(science.items.read(Path(source), None)), None)
    return make


def resolve_blocks(
    science: Domain, settings: OptimizeSettings, space: SearchSpace
) -> tuple[Blocks | None, SearchSpace]:
    """What the settings' file of building blocks gives, and the space of items that are made from them; without a file
    nothing, and the space itself."""
    if settings.blocks is None:
        return None, space
    blocks = read_blocks(science, settings.blocks, settings.maximum_steps, settings.threads)
    start, notes = makeable_starts(science, space.start if settings.start else (), blocks.moves)
    return replace(blocks, notes=(*blocks.notes, *notes)), space_of_blocks(space, blocks.moves, start)


def read_blocks(science: Domain, source: str, steps: int, threads: int) -> Blocks:
    """Read a file of building blocks; rows that hold no item are refused and counted."""
    make = check_blocks(science, source)
    rows = list(science.items.read(Path(source), None))
    good, refused = describe(ReadItems(science.name), rows, threads)
    if not good:
        first = f", the first: {refused[0][2]}" if refused else ""
        raise DataError(f"Expected building blocks in {source}, found none in {len(rows)} rows{first}.")
    items = [science.items.parse(text) for _, (text, _, _) in good]
    moves = make(items, [row.id for row, _ in good], steps)
    rejects = [(line, text, f"building block of {source}: {reason}") for line, text, reason in refused]
    return Blocks(moves, rejects, (*moves.notes, *_refusals(source, refused)))


def _refusals(source: str, refused: Sequence[Refused]) -> list[str]:
    if not refused:
        return []
    line, text, reason = refused[0]
    return [f"{len(refused)} rows of {source} were refused, the first is line {line}, {escape(text)[:60]!r}: {reason}"]


def makeable_starts(science: Domain, start: Sequence[Item], moves: BlockMoves) -> tuple[list[Item], list[str]]:
    """For each start item the most similar ones that can be made from the blocks, itself if it can; and notes."""
    found: list[Item] = []
    notes = []
    for item in start:
        near, name = moves.nearest(item, ANALOGUES), science.items.text(item)
        found += near
        if not near:
            notes.append(f"the start {name} has no analogue that the blocks give")
        elif science.items.key(near[0]) == science.items.key(item):
            notes.append(f"the start {name} can be made from the blocks")
        else:
            alike = science.similarity.matrix([item], near[:1])[0, 0]
            notes.append(
                f"no route to the start {name} was found; the search starts from analogues, the nearest of which is "
                f"{science.items.text(near[0])} (similarity {alike:.2f})"
            )
    return found, notes


def space_of_blocks(space: SearchSpace, moves: BlockMoves, start: Sequence[Item] = ()) -> SearchSpace:
    """The same space, whose items are drawn and changed by the moves of building blocks; it has no latents. start:
    items to begin with, which these moves made."""
    unrefused = lambda item: None if isinstance(item, Refusal) else item  # noqa: E731
    nowhere = lambda count: np.empty((count, 0), np.float32)  # noqa: E731
    return replace(
        space,
        latent_size=0,
        semantic_size=0,
        sample=lambda count, generator: nowhere(count),
        decode=lambda latents: [None] * len(latents),
        encode=lambda items: nowhere(len(items)),
        draw=lambda count, generator: [unrefused(item) for item in moves.draw(count, generator)],
        mutate=lambda item, generator: unrefused(moves.mutate(item, generator)),
        edit=lambda item, generator: unrefused(moves.edit(item, generator)),
        recombine=lambda item, other, generator: unrefused(moves.recombine(item, other, generator)),
        start=start,
    )
