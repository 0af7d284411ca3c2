"""What may not be wished for: names that a domain keeps out of goals, conditions and targets, each with the reason
(`Domain.not_goals`); and values that a property can't have."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from sciencegen.errors import ConfigError
from sciencegen.items import NAME_COLUMN
from sciencegen.optimization.goals import Goal

NOT_TARGETS = ("id", "item", NAME_COLUMN, "round", "predicted", "lower", "upper", "source")
"""Columns of a plate beside the one that the lab fills."""


def check_wishes(domain: Any, goals: Iterable[Goal]) -> None:
    """Every verb that designs reads its goals or conditions past here, whatever oracle a name would mean."""
    for goal in goals:
        _check(domain, goal.name, "a goal or a condition")
        _check_possible(domain, goal)


def _check_possible(domain: Any, goal: Goal) -> None:
    known = domain.properties.get(goal.name)
    if known is None or not goal.is_constraint:
        return
    low, high = known.possible
    if goal.high < low or goal.low > high:
        unit = f" {known.unit}" if known.unit else ""
        told = f"from {low:g} to {high:g}{unit}"
        if math.isinf(high) or math.isinf(low):
            told = f"of {low:g}{unit} or more" if math.isinf(high) else f"of {high:g}{unit} or less"
        raise ConfigError(f"Expected {goal.name} {told} ({known.description}), got '{goal.text}'.")


def check_target(domain: Any, target: str) -> None:
    """The same for the column of measured values that design rounds learn from, which a plate leaves to the lab."""
    if target in NOT_TARGETS:
        raise ConfigError(f"Expected a --target beside a plate's own columns, got '{target}'. Give it another name.")
    _check(domain, target, "the target of a plate")


def _check(domain: Any, name: str, role: str) -> None:
    refused = {_plain(one): reason for one, reason in getattr(domain, "not_goals", {}).items()}
    plain = _plain(name.partition(":")[0])
    if plain in refused:
        raise ConfigError(f"'{name}' can't be {role}: {refused[plain]}.")


def _plain(name: str) -> str:
    """A name however it is written: `Immune-Escape` is `immune_escape`."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())
