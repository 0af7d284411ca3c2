"""What makes the candidates of a plate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sciencegen.api.campaign.candidates import candidate_pool, suggested_items
from sciencegen.api.campaign.controls import check_controls
from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.makeable import only_makeable
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.campaign.space import campaign_space, features_for
from sciencegen.data.threads import inference_threads
from sciencegen.data.writers import Refused
from sciencegen.errors import ConfigError
from sciencegen.items import Item
from sciencegen.optimization.candidate_sources import CandidatePool, CandidateSources
from sciencegen.optimization.proposers import CampaignSpace
from sciencegen.progress import Report

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
