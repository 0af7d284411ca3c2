"""Checks of goals, conditions and targets: names that a domain excludes, each with a reason (`Oracles.not_goals`), and
values that a property can't have."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable

from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError
from sciencegen.items import NAME_COLUMN
from sciencegen.optimization.goals import Goal

NOT_TARGETS = ("id", "item", NAME_COLUMN, "round", "predicted", "lower", "upper", "source")
"""Columns of a plate other than the one that the lab fills in."""
ROUNDING = 1e-9
"""Tolerance of a sum of shares."""


def check_goals(domain: Domain, goals: Iterable[Goal]) -> None:
    """Raise an error for excluded names and impossible values. All verbs that design items call it."""
    goals = list(goals)
    for goal in goals:
        _check_name(domain, goal.name, "a goal or a condition")
        _check_possible(domain, goal)
    _check_shares(domain, goals)


def _check_shares(domain: Domain, goals: Iterable[Goal]) -> None:
    """Raise an error for shares of one whole that exceed it together."""
    shares = defaultdict[str, dict[str, Goal]](dict)
    for goal in goals:
        one = domain.properties.get(goal.name)
        if one is not None and one.share_of and goal.is_constraint and goal.low > 0:
            known = shares[one.share_of].get(goal.name)
            shares[one.share_of][goal.name] = goal if known is None or goal.low > known.low else known
    for whole, chosen in shares.items():
        total = sum(goal.low for goal in chosen.values())
        if total > 1 + ROUNDING:
            got = " and ".join(f"'{goal.text}'" for goal in chosen.values())
            raise ConfigError(
                f"Expected shares of {whole} that sum to at most 1, got {got}, which sum to {total:g} or more. "
                "Lower one of them."
            )


def _check_possible(domain: Domain, goal: Goal) -> None:
    requested = domain.properties.get(goal.name)
    if requested is None or not goal.is_constraint:
        return
    low, high = requested.possible
    if goal.high < low or goal.low > high:
        unit = f" {requested.unit}" if requested.unit else ""
        expected = f"from {low:g} to {high:g}{unit}"
        if math.isinf(high) or math.isinf(low):
            expected = f"of {low:g}{unit} or more" if math.isinf(high) else f"of {high:g}{unit} or less"
        raise ConfigError(f"Expected {goal.name} {expected} ({requested.description}), got '{goal.text}'.")


def check_target(domain: Domain, target: str) -> None:
    """Raise an error for a target of design rounds that is a plate's own column or an excluded name."""
    if target in NOT_TARGETS:
        raise ConfigError(f"Expected a `target` beside a plate's own columns, got '{target}'. Give it another name.")
    _check_name(domain, target, "the target of a plate")


def _check_name(domain: Domain, name: str, role: str) -> None:
    refused = {_normalized(one): reason for one, reason in domain.oracles.not_goals.items()}
    normalized = _normalized(name.partition(":")[0])
    if normalized in refused:
        raise ConfigError(f"'{name}' can't be {role}: {refused[normalized]}.")


def _normalized(name: str) -> str:
    """A name without case and punctuation: `Immune-Escape` equals `immune_escape`."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())
