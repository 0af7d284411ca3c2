"""What plates of one and of several targets have in common: their wells, and the provenance of their items."""

from __future__ import annotations

from sciencegen.api.campaign.layout import in_wells, layout_notes, layout_summary, placed
from sciencegen.api.campaign.request import ProposeRequest
from sciencegen.api.writing.provenance import origin_of_given, plain_path
from sciencegen.items import Cell, Origin


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
