"""The search space of items that can be made from a user's building blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sciencegen.api.sources.blocks import ANALOGUES, Blocks, blocks_of
from sciencegen.config import OptimizeSettings
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import BlockMoves
from sciencegen.errors import ConfigError
from sciencegen.items import Item, Refusal
from sciencegen.optimization.spaces import SearchSpace

METHODS = ("evolution", "hill_climb", "prior")
"""Methods that need no latents: built items have none."""


def check_methods(methods: Sequence[str]) -> None:
    """Raise an error for a method that needs latents."""
    if wrong := next((name for name in methods if name not in METHODS), None):
        known = ", ".join(METHODS)
        raise ConfigError(f"Expected a method that needs no latents ({known}) with `blocks`, got '{wrong}'.")


def resolve_blocks(
    science: Domain, settings: OptimizeSettings, space: SearchSpace
) -> tuple[Blocks | None, SearchSpace]:
    """What the settings' file of building blocks gives, and the space of items that are made from them; without a file
    nothing, and the space itself."""
    blocks = blocks_of(science, settings)
    if blocks is None:
        return None, space
    start, notes = makeable_starts(science, space.start if settings.start else (), blocks.moves)
    return replace(blocks, notes=(*blocks.notes, *notes)), space_of_blocks(space, blocks.moves, start)


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
