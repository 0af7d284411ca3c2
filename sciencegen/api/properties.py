"""What may be named in wishes, conditions and columns: the properties of a domain, and what models are told."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from sciencegen.api.models import REPRESENTATION, find_model
from sciencegen.api.rooms import domain_of
from sciencegen.domains.base import Property
from sciencegen.errors import ConfigError


@dataclass(frozen=True)
class Named:
    """properties: those that the domain computes. further: names of its other oracles, with what they are where that is
    known. conditions: what the model is told of an item that it draws; the others only filter its draws."""

    properties: list[Property]
    further: list[str]
    conditions: list[str]


def properties_of(domain: str, model: str | None = None) -> Named:
    """Read from the domain and the folder of a model, by default the shipped one, if there is one."""
    science = domain_of(domain)
    known = list(science.properties.values())
    further = [name for name in science.oracle_names() if name not in science.properties]
    return Named(known, further, _conditions(domain, model))


def _conditions(domain: str, model: str | None) -> list[str]:
    try:
        folder = find_model(domain, model)
    except ConfigError:
        if model is not None:
            raise
        return []
    said = json.loads((folder / REPRESENTATION).read_text(encoding="utf-8")).get("properties", {})
    return list(said)


def range_text(low: float, high: float) -> str:
    """`0..1`; an end that isn't there stays open, and so "" is any number."""
    ends = ["" if math.isinf(end) else f"{end:g}" for end in (low, high)]
    return "" if ends == ["", ""] else "..".join(ends)
