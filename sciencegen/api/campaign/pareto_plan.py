"""Choose a plate for several measured targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from sciencegen.api.campaign.candidates import candidate_pool
from sciencegen.api.campaign.controls import CONTROL, check_controls, without_controls
from sciencegen.api.campaign.pareto import pareto_state
from sciencegen.api.campaign.pareto_table import pareto_entries, pareto_notes, pareto_summary, pareto_table
from sciencegen.api.campaign.plate_files import origin_of_plate, wells_of
from sciencegen.api.campaign.proposal import Proposed
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.campaign.sources import log_notes, space_and_sources
from sciencegen.api.science.naming import name_column
from sciencegen.data.threads import inference_threads
from sciencegen.items import Item
from sciencegen.optimization.pareto_plate import ParetoPlate, next_pareto_plate
from sciencegen.progress import Report

Log = Callable[[str], None]


def plan_pareto_plate(request: ProposeRequest, log: Log, report: Report) -> Proposed:
    """`propose.plan_plate` for several targets."""
    science = request.domain
    campaign = pareto_state(request, log)
    state = campaign.state
    log_notes(state.notes, log)
    inference_threads(request.supplied.threads)
    pool, refused = candidate_pool(science, request.supplied, state.space)
    space, sources, strange = space_and_sources(request, state, pool, log)
    space = replace(space, report=report)
    check_controls(space, request.controls)
    number = state.history.next_round
    picked = next_pareto_plate(
        space, campaign.targets, [*state.waiting, *request.controls],
        without_controls(request.plate.campaign, science, pool, request.controls),
        np.random.default_rng((request.plate.seed, number)), sources, request.controls,
    )  # fmt: skip
    plate = _with_controls(picked, request.controls)
    items = pareto_table(request, plate, state, pool)
    notes = pareto_notes(request, plate, items, campaign)
    named = name_column(state.reference)
    entries = [*state.history.new, *pareto_entries(items, number, request, named)]
    unread = () if request.blocks is None else (*request.blocks.refused, *request.blocks.failed)
    every_refusal = [*unread, *state.history.refused, *refused, *strange]
    table, layout = wells_of(request, items, len(picked.items), number, notes)
    log_notes(notes, log)
    summary = pareto_summary(request, plate, items, campaign, notes, len(every_refusal)) | layout
    return Proposed(
        science, table, every_refusal, summary, entries, origin_of_plate(request), named, request.plate.batch,
        request.layout, request.order, several=True,
    )  # fmt: skip


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
