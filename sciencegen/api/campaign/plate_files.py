"""What plates of one and of several targets have in common: columns, wells, and the provenance of their items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sciencegen.api.campaign.history import CampaignState
from sciencegen.api.campaign.layout import in_wells, layout_notes, layout_summary, placed
from sciencegen.api.campaign.makeable import how_made
from sciencegen.api.campaign.notes import predicted_columns
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.science.naming import name_column, variants_of
from sciencegen.api.search.left_open import left_open_columns
from sciencegen.api.writing.provenance import origin_of_given, plain_path
from sciencegen.items import Cell, Origin
from sciencegen.optimization.campaign import Plate
from sciencegen.optimization.candidate_sources import CandidatePool
from sciencegen.optimization.pareto_plate import ParetoPlate


def plate_columns(
    request: ProposeRequest, plate: Plate | ParetoPlate, targets: Sequence[str],
    predicted: Mapping[str, list[Cell]], state: CampaignState, pool: CandidatePool | None,
) -> dict[str, list[Cell]]:  # fmt: skip
    """The columns of a plate's table; those of the targets are empty, for the laboratory to fill in. predicted: the
    columns of the surrogate models' predictions."""
    science, reference = request.domain, state.reference
    number, width = state.history.next_round, len(str(len(plate.items)))
    table: dict[str, list[Cell]] = {
        "id": [f"r{number}-{place:0{width}}" for place in range(1, len(plate.items) + 1)],
        "item": [science.items.text(item) for item in plate.items],
    }
    if reference is not None:
        table[name_column(reference)] = [variants_of(science).name_of(reference, item) for item in plate.items]
    table |= {name: [None] * len(plate.items) for name in targets}
    table["round"] = [number] * len(plate.items)
    table |= predicted
    table |= predicted_columns(request.predictors, plate.items)
    table |= {name: cells for name, cells in left_open_columns(science, plate.items).items() if name not in table}
    table["source"] = list(plate.sources)
    if pool is not None and request.supplied.cost:
        costs = dict(zip(pool.keys, pool.costs.tolist(), strict=True))
        table[request.supplied.cost] = [costs.get(science.items.key(item)) for item in plate.items]
    return table if request.blocks is None else table | how_made(request.blocks, plate.items)


def wells_of(
    request: ProposeRequest, items: dict[str, list[Cell]], picked: int, number: int, notes: list[str]
) -> tuple[dict[str, list[Cell]], dict[str, int]]:
    """The plate's table by wells, if there is a layout, and the layout's part of the summary. Adds to the notes."""
    if request.layout is None:
        return items, {}
    places = placed(request.layout, picked, request.plate.seed, number)
    notes.extend(layout_notes(request.layout, places))
    return in_wells(request.layout, items, places), layout_summary(places)


def origin_of_plate(request: ProposeRequest) -> Origin:
    """Provenance of the plate's items."""
    end = "lowest" if request.minimize else "highest"
    asked = [goal.text for goal in request.targets] or [f"{end} {request.target}"]
    sources = {
        "measured": request.history.tables,
        "also": request.supplied.also,
        "pool": [request.supplied.pool],
        "model": [None if request.model is None else request.model_name],
    }
    named = [f"{name} {plain_path(one)}" for name, given in sources.items() for one in given if one is not None]
    goals = [goal.text for goal in request.goals]
    return origin_of_given("propose", [*asked, *goals, *named], seed=request.plate.seed)
