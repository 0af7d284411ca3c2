"""What may be named in wishes, conditions and columns: the properties of a domain, and what models know."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sciencegen.api.models.folder import describe_model, find_model
from sciencegen.api.predictors.folder import shipped_targets
from sciencegen.api.science.forms import domain_of
from sciencegen.errors import ConfigError
from sciencegen.items import Property


@dataclass(frozen=True)
class Named:
    """properties: those that the domain computes; further: names of its other oracles. conditions: what the model is
    told of an item that it draws; knows: what it tells of items itself. predicted: by which shipped predictor."""

    properties: list[Property]
    further: list[str]
    conditions: list[str]
    knows: list[str]
    predicted: Mapping[str, str]


def properties_of(domain: str, model: str | None = None) -> Named:
    """Read from the domain and the folder of a model, by default the shipped one, if there is one."""
    science = domain_of(domain)
    further = [name for name in science.oracles.names() if name not in science.properties]
    conditions, knows = _known(domain, model)
    return Named(list(science.properties.values()), further, conditions, knows, shipped_targets(domain))


def _known(domain: str, model: str | None) -> tuple[list[str], list[str]]:
    try:
        find_model(domain, model)
    except ConfigError:
        if model is not None:
            raise
        return [], []
    found = describe_model(domain, model)
    return list(found.representation.properties), list(found.recipe.oracles.names if found.recipe.oracles else ())


def range_text(low: float, high: float) -> str:
    """`0..1`; an end that isn't there stays open, and so "" is any number."""
    ends = ["" if math.isinf(end) else f"{end:g}" for end in (low, high)]
    return "" if ends == ["", ""] else "..".join(ends)
