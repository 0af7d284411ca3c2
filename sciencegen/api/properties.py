"""Names for goals, conditions and columns: properties of a domain, conditions and scores of models, predictors."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from sciencegen.api.models.folder import describe_model, find_model
from sciencegen.api.predictors.folder import shipped_targets
from sciencegen.api.science import domain_of
from sciencegen.api.writing.results import Result
from sciencegen.domains.properties import SIMILARITY_PREFIX
from sciencegen.errors import ConfigError
from sciencegen.files import atomic_write
from sciencegen.items import Json, Property


@dataclass(frozen=True)
class Named:
    """properties: those that the domain computes; further: names of its other oracles; open_names: names with a part
    that the user chooses. conditions: properties that the model is conditioned on; knows: scores that the model
    computes. predicted: property -> shipped predictor."""

    properties: list[Property]
    further: list[str]
    conditions: list[str]
    knows: list[str]
    predicted: Mapping[str, str]
    open_names: tuple[str, ...]

    def to_json(self) -> Json:
        """The JSON that the command prints; infinite ends become None."""
        rows = [asdict(one) | {"possible": [_end(end) for end in one.possible]} for one in self.properties]
        return asdict(self) | {"properties": rows}


def _end(end: float) -> float | None:
    return end if math.isfinite(end) else None


@dataclass(frozen=True)
class Properties(Result):
    """Names for goals and conditions of a domain.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each property that the domain computes: name, unit, range of the data, tolerance, whether the model
        is conditioned on it, and its meaning.
    named : Named
        The properties, and names of further oracles, conditions and predictors.
    """

    named: Named = field(kw_only=True, repr=False)


def properties(domain: str, model: str | None = None) -> Properties:
    """List the names that goals and conditions may use.

    Parameters
    ----------
    domain : str
        Such as "molecules".
    model : str, optional
        A shipped name or a run folder; by default the domain's shipped weights, if there are any.

    Returns
    -------
    Properties
        `write` writes the JSON that the command prints.

    Raises
    ------
    ConfigError
        For an unknown domain or model.

    Examples
    --------
    >>> import sciencegen as sg
    >>> table = sg.properties("molecules").table.set_index("name")
    >>> print(*table.loc["mw", ["unit", "low", "high"]])
    g/mol 150.0 550.0
    """
    import pandas as pd

    found = properties_of(domain, model)
    names = ("name", "unit", "low", "high", "tolerance", "told", "meaning")
    rows = [
        (one.name, one.unit, one.low, one.high, one.tolerance, one.name in found.conditions, one.description)
        for one in found.properties
    ]

    def write(path: Path, overwrite: bool) -> None:
        with atomic_write(path) as file:
            file.write(json.dumps(found.to_json()) + "\n")

    return Properties(pd.DataFrame(rows, columns=list(names)), found.to_json(), (), write, named=found)


def properties_of(domain: str, model: str | None = None) -> Named:
    """Names from a model, by default the shipped one if there is one, and from the domain, in the form of its items."""
    try:
        found = describe_model(domain, find_model(domain, model))
    except ConfigError:
        if model is not None:
            raise
        found = None
    science = domain_of(domain if found is None else found.results)
    oracles = science.oracles
    further = [name for name in oracles.names() if name not in science.properties]
    conditions, knows, limits = list[str](), dict[str, None](), dict[str, tuple[float, float]]()
    if found is not None:
        conditions, limits = list(found.representation.properties), dict(found.representation.limits)
        measures, own = found.representation.measures, found.recipe.oracles
        knows = dict.fromkeys([*(own.names if own else ()), *(measures.names if measures else ())])
    listed = [_within(one, limits.get(one.name)) for one in science.properties.values()]
    predicted, open_names = shipped_targets(domain), (f"{SIMILARITY_PREFIX}ITEM", *oracles.open_names)
    return Named(listed, further, conditions, list(knows), predicted, open_names)


def _within(one: Property, limits: tuple[float, float] | None) -> Property:
    """The property, with the range of values that the model can draw, if it has one."""
    return one if limits is None else replace(one, low=limits[0], high=limits[1])


def range_text(low: float, high: float) -> str:
    """A range as `0..1`; an infinite end is left out, and "" means any number."""
    ends = ["" if math.isinf(end) else f"{end:g}" for end in (low, high)]
    return "" if ends == ["", ""] else "..".join(ends)
