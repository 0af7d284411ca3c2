"""Conditions of a model's draws: which of them can be checked, and what a user may not expect of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sciencegen.api.criteria.conditions import Condition
from sciencegen.api.models.folder import LoadedModel
from sciencegen.api.predictors.folder import shipped_for
from sciencegen.scoring.oracles import Oracle

UNCHECKED = "the model is told '{}', but nothing here can check it"


def checked_conditions(
    model: LoadedModel, conditions: Sequence[Condition], predictors: Collection[str], own: Mapping[str, Oracle]
) -> list[Condition]:
    """Conditions whose property can be measured, or that the model isn't conditioned on: names without a measurement
    are an error then. own: the model's own oracles."""
    known = model.space.properties
    return [one for one in conditions if one.name not in known or _can_measure(model, one.name, predictors, own)]


def measures_of(model: LoadedModel) -> tuple[str, ...]:
    """Names of the representation's own measures."""
    measures = model.representation.measures
    return () if measures is None else measures.names


def _can_measure(model: LoadedModel, name: str, predictors: Collection[str], own: Mapping[str, Oracle]) -> bool:
    observation = model.representation.observation
    if observation is not None and name in observation.hidden:
        return name in predictors
    return name in (*predictors, *model.domain.properties, *measures_of(model), *own)


def condition_notes(model: LoadedModel, conditions: Sequence[Condition], checked: Sequence[Condition]) -> list[str]:
    """Notes on conditions that only filter, that aren't checked, and that lie outside the range of the data."""
    known, form = model.space.properties, model.domain.name
    free = [one.name for one in conditions if one.name not in known]
    unchecked = [one.name for one in conditions if one not in checked]
    return [
        *(
            f"the model isn't conditioned on '{name}' (but on {', '.join(known) or 'nothing'}): it only filters"
            for name in free
        ),
        *(
            f"{UNCHECKED.format(name)}; `predictors` {name}={shipped_for(form, name) or 'FOLDER'} "
            "filters by a prediction"
            for name in unchecked
        ),
        *_beyond(model, conditions),
    ]


def _beyond(model: LoadedModel, conditions: Sequence[Condition]) -> list[str]:
    """Notes on conditions outside the range of the domain's data."""
    properties = model.domain.properties
    return [
        f"'{c.goal.text}' lies beyond the data's {one.low:g} to {one.high:g}: few draws or none may meet it, "
        "and those that do are extrapolated"
        for c in conditions
        if (one := properties.get(c.name)) and (c.requested_low > one.high or c.requested_high < one.low)
    ]
