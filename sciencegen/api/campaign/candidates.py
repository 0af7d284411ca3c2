"""Candidates that users supply to a design round: a pool with costs, or additions to generated candidates."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.request import ProposeRequest, SuppliedCandidates, check_controls
from sciencegen.api.campaign.space import Unlike, campaign_space, features_for, moves_of
from sciencegen.api.science import ReadItems, describe, read_rows_of
from sciencegen.api.search.space import makeable_starts
from sciencegen.api.sources.blocks import ANALOGUES, Blocks
from sciencegen.api.sources.tables import all_rows, open_source
from sciencegen.config import PrepareSettings
from sciencegen.data.threads import inference_threads
from sciencegen.data.workbooks import file_of
from sciencegen.data.writers import Refused
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import DesignSpace
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Cell, Item, Refusal, Row
from sciencegen.optimization.candidates import CampaignSpace, CandidatePool, CandidateSources
from sciencegen.optimization.plate import Materials
from sciencegen.progress import Report

LARGEST_SPACE = 200_000
"""Largest number of items of a design space that are all evaluated."""


def candidate_pool(
    science: Domain, supplied: SuppliedCandidates, space: DesignSpace | None, unlike: Unlike
) -> tuple[CandidatePool | None, list[Refused]]:
    """Candidates of the pool, or all items of a small enough design space; and refused rows. unlike: why an item can't
    be compared with the measured ones."""
    if supplied.pool is None:
        items = None if space is None else space.everything(LARGEST_SPACE)
        if items is None:
            return None, []
        return CandidatePool(items, [science.items.key(item) for item in items], np.ones(len(items))), []
    distinct, refused = _candidates(science, supplied.pool, supplied, space, unlike)
    if not distinct:
        reason = f"all rows were refused, the first: {refused[0][2]}" if refused else "it has none"
        raise DataError(
            f"Expected items in the pool {supplied.pool} that can be compared with measured ones, {reason}. Correct "
            "them, or pass another pool."
        )
    costs = np.array([_cost(row, supplied) for row, _ in distinct.values()])
    return CandidatePool([item for _, item in distinct.values()], list(distinct), costs), refused


def suggested_items(
    science: Domain, supplied: SuppliedCandidates, space: DesignSpace | None, unlike: Unlike
) -> tuple[list[Item], list[Refused]]:
    """The candidates of `also`, and refused rows. unlike: as of `candidate_pool`."""
    found, refused = list[Item](), list[Refused]()
    for source in supplied.also:
        distinct, strange = _candidates(science, source, replace(supplied, column=None), space, unlike)
        found += [item for _, item in distinct.values()]
        refused += strange
    return found, refused


def _candidates(
    science: Domain, source: str, supplied: SuppliedCandidates, space: DesignSpace | None, unlike: Unlike
) -> tuple[dict[str, tuple[Row, Item]], list[Refused]]:
    """Key -> first row of each distinct item of a file or dataset, and the item; and refused rows."""
    reference, path = None if space is None else space.reference, Path(source)
    if reference is not None and os.path.isfile(file_of(path)):
        rows = read_rows_of(science, path, supplied.column, reference)
    else:
        settings = PrepareSettings(source=source, column=supplied.column, threads=supplied.threads)
        rows = all_rows(open_source(science.name, settings)[0])
    pairs, refused = describe(ReadItems(science.name, reference), list(rows), supplied.threads)
    distinct, reasons = dict[str, tuple[Row, Item]](), dict[str, str | None]()
    for row, (text, key, _) in pairs:
        if key not in reasons:
            item = science.items.parse(text)
            reasons[key] = unlike(item)
            distinct[key] = row, item
    apart = [(row.line, text, why) for row, (text, key, _) in pairs if (why := reasons[key]) is not None]
    return {key: one for key, one in distinct.items() if reasons[key] is None}, [*refused, *apart]


def _cost(row: Row, supplied: SuppliedCandidates) -> float:
    if supplied.cost is None:
        return 1.0
    value = row.values.get(supplied.cost)
    if value is None or value <= 0:
        found = "none" if value is None else f"{value:g}"
        raise DataError(
            f"Expected a cost above 0 in '{supplied.cost}' in every row of {supplied.pool}, line {row.line} has "
            f"{found}."
        )
    return value


# Design rounds among items that are made from building blocks.

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


# What makes the candidates of a plate.

Log = Callable[[str], None]


@dataclass(frozen=True)
class PlateSearch:
    """What the next plate is picked from. refused: rows of the pool and of `also`."""

    space: CampaignSpace
    sources: CandidateSources
    pool: CandidatePool | None
    refused: list[Refused]
    generator: np.random.Generator


def plate_search(request: ProposeRequest, state: CampaignState, log: Log, report: Report) -> PlateSearch:
    """Log the state's notes, read the candidates and check the controls."""
    log_notes(state.notes, log)
    inference_threads(request.supplied.threads)
    _, unlike = features_for(request.domain, state.origin, state.items, state.edits)
    pool, refused = candidate_pool(request.domain, request.supplied, state.space, unlike)
    suggested, strange = suggested_items(request.domain, request.supplied, state.space, unlike)
    space, sources = space_and_sources(request, state, pool, suggested, log)
    space = replace(space, report=report)
    check_controls(space, request.controls)
    generator = np.random.default_rng((request.plate.seed, state.history.next_round))
    return PlateSearch(space, sources, pool, [*refused, *strange], generator)


def refusals(request: ProposeRequest, state: CampaignState, search: PlateSearch) -> list[Refused]:
    """Refused rows of the building blocks, the measured tables, the pool and `also`."""
    blocks = () if request.blocks is None else (*request.blocks.refused, *request.blocks.failed)
    return [*blocks, *state.history.refused, *search.refused]


def space_and_sources(
    request: ProposeRequest, state: CampaignState, pool: CandidatePool | None, suggested: Sequence[Item], log: Log
) -> tuple[CampaignSpace, CandidateSources]:
    """The space of candidates, and what the user supplies to them."""
    whole = pool is not None and request.supplied.pool is None
    space = campaign_space(request, state.space, state.items, state.edits, whole)
    sources = CandidateSources(pool, state.start, suggested)
    if request.blocks is not None:
        space, sources, notes = only_makeable(request, request.blocks, state, space, sources)
        state.notes.extend(notes)
        log_notes(notes, log)
    if pool is None and not (space.draws or state.known or sources.start or sources.suggestions):
        raise ConfigError(
            "Expected measured items, a pool, a model or start items to propose from, got none. "
            "Pass `measured`, `journal`, `pool`, `also`, `model` or `start`."
        )
    return space, sources


def log_notes(notes: Sequence[str], log: Log) -> None:
    """Log notes that the user hasn't seen yet."""
    for note in notes:
        log(f"note: {note}")
