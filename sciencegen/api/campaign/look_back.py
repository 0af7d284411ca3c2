"""What a campaign's journal says of its earlier rounds, and notes on it."""

from __future__ import annotations

from dataclasses import dataclass

from sciencegen.api.campaign.diagnosis import Evidence, causes, diagnosis_notes, evidence
from sciencegen.api.campaign.forecasts import Outcome, forecast_notes, outcomes
from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.optimization.campaign import Plate


@dataclass(frozen=True)
class LookBack:
    """What a campaign's journal says of its earlier rounds: forecasts of hits and what was measured since, the last
    round, and why it was poor (`causes`)."""

    outcomes: list[Outcome]
    last: Evidence
    causes: dict[str, str]


def look_back(request: ProposeRequest, plate: Plate, state: CampaignState) -> LookBack:
    """Look at the journal once. plate: the next one, whose model was fitted to all measurements."""
    journal, keys = state.history.journal, state.history.keys
    last = evidence(journal, keys, request.minimize)
    seen = causes(last, plate.correlation, len(state.known))
    return LookBack(outcomes(journal, keys, request.minimize), last, seen)


def hit_notes(request: ProposeRequest, plate: Plate, past: LookBack) -> list[str]:
    """Notes on the hits to expect, on the last round, and on candidates that run out; none without a forecast."""
    if plate.forecast is None:
        return []
    ended = f"the plate takes all {plate.candidate_count} candidates that are left: the next one needs others"
    return [
        *forecast_notes(plate.forecast, past.outcomes, request.target, request.minimize),
        *diagnosis_notes(past.last, past.causes),
        *([ended] if plate.candidate_count <= plate.forecast.items else []),
    ]
