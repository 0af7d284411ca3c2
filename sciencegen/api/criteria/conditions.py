"""Conditions (`where`) on properties of generated items, in the grammar of goals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sciencegen.api.criteria.checks import check_goals
from sciencegen.api.criteria.goals import plain_goal
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Representation
from sciencegen.errors import ConfigError
from sciencegen.optimization.goals import Goal, parse_condition


@dataclass(frozen=True)
class Condition:
    """A condition low <= value <= high. requested_low, requested_high: range of the values requested from the model."""

    goal: Goal
    requested_low: float
    requested_high: float

    @property
    def name(self) -> str:
        return self.goal.name

    def satisfied(self, value: float) -> bool:
        return self.goal.satisfied(value)

    def target(self, uniform: np.ndarray) -> np.ndarray:
        """Map uniform numbers in 0..1 to requested values."""
        return self.requested_low + (self.requested_high - self.requested_low) * uniform


def requested_rows(
    conditions: Sequence[Condition], representation: Representation, uniform: Callable[[int], np.ndarray]
) -> np.ndarray | None:
    """Standardized condition rows [row property] of targets within the requested ranges; None if the model is
    conditioned on none of the names. uniform(columns): numbers in 0..1 [row column]."""
    used = [c for c in conditions if c.name in representation.properties]
    if not used:
        return None
    numbers = uniform(len(used))
    targets = np.stack([c.target(numbers[:, column]) for column, c in enumerate(used)], 1)
    names = [condition.name for condition in used]
    rows = [representation.condition(dict(zip(names, row, strict=True))) for row in targets.tolist()]
    return np.stack(rows).astype(np.float32)


NEAR = 0.1
"""Half-width of `name = x` for a column known to the model only, in standard deviations of the training data."""


def parse_conditions(
    texts: Sequence[str], domain: Domain, representation: Representation | None = None
) -> list[Condition]:
    """Parse conditions; each property may occur once. representation: of the model, for its own columns."""
    tolerances = {name: prop.tolerance for name, prop in domain.properties.items()}
    ranges = {name: (prop.low, prop.high) for name, prop in domain.properties.items()}
    if representation is not None:
        tolerances = {name: NEAR * float(std) for name, std in representation.scales.items()} | tolerances
    if representation is not None and (measures := representation.measures) is not None:
        tolerances |= {**dict.fromkeys(measures.names, 0.0), **measures.tolerances}
        ranges |= measures.ranges
    goals = [parse_condition(plain_goal(domain, text), tolerances) for text in texts]
    check_goals(domain, goals)
    twice = sorted({goal.name for goal in goals if [g.name for g in goals].count(goal.name) > 1})
    if twice:
        raise ConfigError(f"Expected one condition for {', '.join(twice)}, got several. Write 'name in low..high'.")
    return [_condition(goal, ranges.get(goal.name)) for goal in goals]


def _condition(goal: Goal, known: tuple[float, float] | None) -> Condition:
    """For `name = x` the model gets x; a half-open range is closed by the range of the data, `known`."""
    if _is_equality(goal):
        centre = (goal.low + goal.high) / 2
        return Condition(goal, centre, centre)
    low = goal.low if math.isfinite(goal.low) else known[0] if known else goal.high
    high = goal.high if math.isfinite(goal.high) else known[1] if known else goal.low
    return Condition(goal, min(low, high), max(low, high)) if low <= high else Condition(goal, *_finite_end(goal))


def _is_equality(goal: Goal) -> bool:
    return "=" in goal.text and "<=" not in goal.text and ">=" not in goal.text


def _finite_end(goal: Goal) -> tuple[float, float]:
    """For a bound beyond the range of the data, the bound itself is requested."""
    end = goal.low if math.isfinite(goal.low) else goal.high
    return end, end
