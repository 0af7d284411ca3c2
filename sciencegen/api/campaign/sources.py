"""What makes the candidates of a plate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sciencegen.api.campaign.candidates import suggested_items
from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.makeable import only_makeable
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.campaign.space import campaign_space
from sciencegen.data.writers import Refused
from sciencegen.errors import ConfigError
from sciencegen.optimization.candidate_sources import CandidatePool, CandidateSources
from sciencegen.optimization.proposers import CampaignSpace

Log = Callable[[str], None]


def space_and_sources(
    request: ProposeRequest, state: CampaignState, pool: CandidatePool | None, log: Log
) -> tuple[CampaignSpace, CandidateSources, list[Refused]]:
    """The space of candidates, what the user supplies to them, and refused rows of `also`."""
    whole = pool is not None and request.supplied.pool is None
    space = campaign_space(request, state.space, state.items, whole)
    suggested, strange = suggested_items(request.domain, request.supplied, state.space)
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
    return space, sources, strange


def log_notes(notes: Sequence[str], log: Log) -> None:
    """Log notes that the user hasn't seen yet."""
    for note in notes:
        log(f"note: {note}")
