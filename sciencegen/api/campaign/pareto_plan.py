"""Choose a plate for several measured targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from sciencegen.api.campaign.controls import CONTROL, without_controls
from sciencegen.api.campaign.pareto import pareto_state
from sciencegen.api.campaign.pareto_table import pareto_entries, pareto_notes, pareto_summary, pareto_table
from sciencegen.api.campaign.plate_files import wells_of
from sciencegen.api.campaign.proposal import Proposed, proposed_of
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.campaign.sources import log_notes, plate_search, refusals
from sciencegen.api.science.naming import name_column
from sciencegen.items import Item
from sciencegen.optimization.pareto_plate import ParetoPlate, next_pareto_plate
from sciencegen.progress import Report

Log = Callable[[str], None]


def plan_pareto_plate(request: ProposeRequest, log: Log, report: Report) -> Proposed:
    """`propose.plan_plate` for several targets."""
    campaign = pareto_state(request, log)
    state = campaign.state
    search = plate_search(request, state, log, report)
    controls, number = request.controls, state.history.next_round
    options = without_controls(request.plate.campaign, request.domain, search.pool, controls)
    waiting = [*state.waiting, *controls]
    picked = next_pareto_plate(
        search.space, campaign.targets, waiting, options, search.generator, search.sources, controls
    )  # fmt: skip
    plate = _with_controls(picked, controls)
    items = pareto_table(request, plate, state, search.pool)
    notes = pareto_notes(request, plate, items, campaign)
    entries = pareto_entries(items, number, request, name_column(state.reference))
    refused = refusals(request, state, search)
    table, layout = wells_of(request, items, len(picked.items), number, notes)
    log_notes(notes, log)
    summary = pareto_summary(request, plate, items, campaign, notes, len(refused)) | layout
    return proposed_of(request, state, table, refused, summary, entries)


def _with_controls(plate: ParetoPlate, controls: Sequence[Item]) -> ParetoPlate:
    """The plate with the controls at its end."""
    if not controls:
        return plate
    return replace(
        plate,
        items=[*plate.items, *controls],
        sources=[*plate.sources, *[CONTROL] * len(controls)],
        predicted=_joined(plate.predicted, plate.extra, len(controls)),
        feasible=np.append(plate.feasible, np.full(len(controls), np.nan)),
    )


def _joined(
    plate: Mapping[str, Float[np.ndarray, "3 item"]], controls: Mapping[str, Float[np.ndarray, "3 item"]], count: int
) -> dict[str, Float[np.ndarray, "3 item"]]:
    nothing = np.full((3, count), np.nan)
    return {name: np.concatenate([own, controls.get(name, nothing)], 1) for name, own in plate.items()}
