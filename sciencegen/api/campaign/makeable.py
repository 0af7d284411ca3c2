"""Design rounds among items that are made from building blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.campaign.space import moves_of
from sciencegen.api.search.blocks import makeable_starts
from sciencegen.api.sources.blocks import ANALOGUES, Blocks
from sciencegen.errors import DataError
from sciencegen.items import Cell, Item, Refusal
from sciencegen.optimization.candidate_sources import CandidatePool, CandidateSources
from sciencegen.optimization.plate_builder import Materials
from sciencegen.optimization.proposers import CampaignSpace

OF_BLOCKS = "A building block itself counts as none."

Draw = Callable[[int, np.random.Generator], list[Item | None]]


def only_makeable(
    request: ProposeRequest, blocks: Blocks, state: CampaignState, space: CampaignSpace, sources: CandidateSources
) -> tuple[CampaignSpace, CandidateSources, list[str]]:
    """The space and the sources of candidates, restricted to items that can be made from the blocks; and notes.

    Tables that say how their items are made, as plates and candidates of searches do, are believed after a check. To
    other items a way is looked for.
    """
    science, supplied = request.domain, request.supplied
    given = (*request.history.tables, *supplied.also, *([] if supplied.pool is None else [supplied.pool]))
    for source in given:
        blocks.enter_ways(source, supplied.threads)
    _flags(request, blocks, request.controls)
    unused = bool(state.known) or sources.pool is not None
    start, notes = ([], []) if unused else makeable_starts(science, state.start, blocks.moves)
    suggestions, left_out = _suggestions(request, blocks, sources.suggestions)
    pool, left_out_of_pool = None, list[str]()
    if sources.pool is not None:
        pool, left_out_of_pool = _pool(request, blocks, sources.pool)
    sign = 1 if request.minimize else -1
    best = [one.item for one in sorted(state.known, key=lambda one: sign * one.value)]
    found = _space(request, blocks, space, best)
    return found, CandidateSources(pool, start, suggestions), [*blocks.notes, *notes, *left_out, *left_out_of_pool]


def _flags(request: ProposeRequest, blocks: Blocks, items: Sequence[Item]) -> list[bool]:
    """Which items can be made from the blocks; a way is looked for if none is known."""
    unknown = [request.domain.items.text(item) for item in items if blocks.moves.materials(item) is None]
    list(blocks.entered(unknown, request.supplied.threads))
    return [blocks.moves.materials(item) is not None for item in items]


def _pool(request: ProposeRequest, blocks: Blocks, pool: CandidatePool) -> tuple[CandidatePool, list[str]]:
    """The candidates of a pool that can be made, and a note on the others."""
    places = np.flatnonzero(_flags(request, blocks, pool.items)).tolist()
    if not places:
        raise DataError(
            f"Expected candidates of the pool that can be made, found no way for any of {len(pool.items)}. {OF_BLOCKS}"
        )
    items, keys = ([values[place] for place in places] for values in (pool.items, pool.keys))
    return CandidatePool(items, keys, pool.costs[places]), _left_out(len(places), len(pool.items), "the pool")


def _suggestions(request: ProposeRequest, blocks: Blocks, items: Sequence[Item]) -> tuple[list[Item], list[str]]:
    """The candidates of `also` that can be made, and a note on the others."""
    flags = _flags(request, blocks, items)
    return [item for item, good in zip(items, flags, strict=True) if good], _left_out(sum(flags), len(items), "`also`")


def _left_out(kept: int, count: int, where: str) -> list[str]:
    if kept == count:
        return []
    return [f"{count - kept} of {count} candidates of {where} are left out: no way to make them was found. {OF_BLOCKS}"]


def _space(request: ProposeRequest, blocks: Blocks, space: CampaignSpace, best: Sequence[Item]) -> CampaignSpace:
    """The same space, whose items are drawn and changed by the moves of building blocks.

    best: measured items, best first. They are parents if a way to make them is known; analogues of the first of the
    others are candidates, and so parents.
    """
    science, moves = request.domain, blocks.moves

    def analogues(count: int, generator: np.random.Generator) -> list[Item]:
        unknown = (item for item in best if moves.materials(item) is None)
        texts = map(science.items.text, islice(unknown, count // ANALOGUES))
        return [item for made in blocks.entered(texts, request.supplied.threads) for item in made]

    def drawn(count: int, generator: np.random.Generator) -> list[Item | None]:
        return [None if isinstance(item, Refusal) else item for item in moves.draw(count, generator)]

    draws: dict[str, Draw] = {"blocks": drawn, **({"analogue": analogues} if best else {})}
    return replace(
        space,
        moves=moves_of(moves),
        draws=draws,
        materials=lambda items: [_materials(blocks, item) for item in items],
        may_be_parent=lambda item: moves.materials(item) is not None,
    )


def _materials(blocks: Blocks, item: Item) -> Materials:
    found = blocks.moves.materials(item)
    return frozenset() if found is None else frozenset((*found.blocks, *found.intermediates))


def how_made(blocks: Blocks, items: Sequence[Item]) -> dict[str, list[Cell]]:
    """The columns that say how each item is made; empty cells for controls that no way was found to make."""
    known = [blocks.moves.materials(item) is not None for item in items]
    columns = blocks.moves.columns([item for item, is_known in zip(items, known, strict=True) if is_known])
    cells = {name: iter(column) for name, column in columns.items()}
    return {name: [next(column) if is_known else None for is_known in known] for name, column in cells.items()}


def material_notes(blocks: Blocks, items: Sequence[Item]) -> list[str]:
    """A note on what making the items takes."""
    found = [one for one in map(blocks.moves.materials, items) if one is not None]
    if not found:
        return []
    bought, last = {part for one in found for part in one.blocks}, {part for one in found for part in one.last}
    made = sum(bool(one.last) for one in found)
    rest = f" and, for the last steps of {made} of them, {len(last)} different intermediates" if made else ""
    return [f"the {len(found)} items need {len(bought)} building blocks{rest}"]
