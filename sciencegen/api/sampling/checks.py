"""Checks of `generate`'s settings before any drawing."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path

from sciencegen.api.criteria.conditions import Condition
from sciencegen.api.science.forms import plain_name
from sciencegen.api.science.naming import check_kept, constraint_of
from sciencegen.config import GenerateSettings
from sciencegen.domains.base import Domain
from sciencegen.domains.capabilities import Scaffold
from sciencegen.domains.recipes import Representation
from sciencegen.errors import ConfigError


def check_noise_free(science: Domain, representation: Representation | type[Representation]) -> None:
    """Raise an error for a model without a known instrument. representation: that of the model, or its class if the
    model is not trained yet."""
    if isinstance(representation, type):
        if representation.observation is not Representation.observation:  # unknown before training
            return
        observation = None
    else:
        observation = representation.observation
    if observation is None or observation.instrument is None:
        made = "" if observation is None else observation.as_seen
        raise ConfigError(f"Expected no `noise_free`: {made or f'what models of {science.name} make has no noise.'}")


def check_unobserved(science: Domain, names: Sequence[str]) -> None:
    """Raise an error for properties of observations, which noise-free items don't have."""
    for name in names:
        if name in science.properties and science.properties[name].observed:
            raise ConfigError(
                f"Expected no '{name}' with `noise_free`: it describes an observation. Leave out one of the two."
            )


def read_scaffold(science: Domain, settings: GenerateSettings) -> Scaffold | None:
    """The scaffold that every item must contain, or None."""
    if settings.scaffold is None:
        return None
    if settings.raw:
        raise ConfigError("Expected `raw` or `scaffold`: raw draws are kept without a check of what they contain.")
    if science.structures is None or science.structures.read_scaffold is None:
        raise ConfigError(f"Expected a domain with scaffolds (molecules), {plain_name(science.name)} has none.")
    return science.structures.read_scaffold(Path(settings.scaffold))


def check_limits(representation: Representation, conditions: Sequence[Condition]) -> None:
    """Raise an error for values that no draw of the model has."""
    for condition in conditions:
        low, high = representation.limits.get(condition.name, (-inf, inf))
        if condition.goal.high < low or condition.goal.low > high:
            raise ConfigError(
                f"Expected a `where` with {condition.name} of {low:g} to {high:g}, which the model has learned, got "
                f"'{condition.goal.text}'. Change it, or train a model on such items."
            )


def check_patterns(
    science: Domain, settings: GenerateSettings, own_scaffold: bool = False
) -> tuple[Scaffold | None, tuple[str, ...]]:
    """The scaffold, and the patterns to keep with that of the scaffold; wrong patterns are an error. own_scaffold:
    whether the model's recipe reads the scaffold itself."""
    scaffold = None if own_scaffold else read_scaffold(science, settings)
    whole = () if scaffold is None else (scaffold.pattern,)
    constraint_of(science, (*settings.keep, *whole), settings.forbid, None)
    parts = {"keep": settings.keep, "scaffold": whole, "core": () if settings.core is None else (settings.core,)}
    check_kept(science, parts, settings.plausible and not settings.raw)
    return scaffold, (*settings.keep, *whole)
