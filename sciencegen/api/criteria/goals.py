"""Parse the goals of a search and check them against a domain."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Measures, Representation
from sciencegen.errors import ConfigError
from sciencegen.items import NAME_COLUMN, Item
from sciencegen.optimization.goals import Goal, check_consistent, parse_condition, parse_goals
from sciencegen.optimization.objective import score_safely
from sciencegen.scoring.oracles import Oracle

# Checks of goals, conditions and targets: names that a domain excludes, each with a reason (`Oracles.not_goals`), and
# values that a property can't have.

NOT_TARGETS = ("id", "item", NAME_COLUMN, "round", "predicted", "lower", "upper", "source")
"""Columns of a plate other than the one that the lab fills in."""
ROUNDING = 1e-9
"""Tolerance of a sum of shares."""


def check_goals(domain: Domain, goals: Sequence[Goal]) -> None:
    """Raise an error for excluded names, for impossible values, and for shares of one whole that exceed it together."""
    for goal in goals:
        _check_name(domain, goal.name, "a goal or a condition")
        requested = domain.properties.get(goal.name)
        if requested is None or not goal.is_constraint:
            continue
        low, high = requested.possible
        if goal.high < low or goal.low > high:
            unit = f" {requested.unit}" if requested.unit else ""
            expected = f"from {low:g} to {high:g}{unit}"
            if math.isinf(high) or math.isinf(low):
                expected = f"of {low:g}{unit} or more" if math.isinf(high) else f"of {high:g}{unit} or less"
            raise ConfigError(f"Expected {goal.name} {expected} ({requested.description}), got '{goal.text}'.")
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


def check_domains(goals: Sequence[Goal], predictors: Collection[str]) -> None:
    """Raise an error for `NAME in domain` if NAME is no predictor, since the goal would have no effect."""
    for goal in goals:
        if goal.in_domain and goal.name not in predictors:
            raise ConfigError(
                f"Expected a predictor in '{goal.text}', {goal.name} is none. Pass `predictors` {goal.name}=FOLDER, "
                "or leave the goal out."
            )


def plain_goal(domain: Domain, text: str) -> str:
    """A goal as the grammar knows it, for domains whose items consist of cells."""
    return text if domain.cells is None else domain.cells.goal(text)


def scales_of(domain: Domain, measures: Measures | None = None) -> dict[str, float]:
    """Property -> the width of its range in the data. measures: of a model."""
    scales = {name: prop.high - prop.low for name, prop in domain.properties.items()}
    return scales if measures is None else {**scales, **measures.scales}


def read_goals(
    domain: Domain, texts: Sequence[str], measures: Measures | None = None, further: Sequence[Goal] = ()
) -> list[Goal]:
    """Parse goals with the domain's tolerances and ranges; a name that the domain excludes is an error. measures: of a
    model. further: parsed constraints, as in `with_constraints`."""
    tolerances = {name: prop.tolerance for name, prop in domain.properties.items()}
    tolerances |= {} if measures is None else measures.tolerances
    scales = scales_of(domain, measures)
    goals = parse_goals([plain_goal(domain, text) for text in texts], tolerances, scales)
    check_goals(domain, goals)
    return with_constraints(goals, further, scales)


def with_constraints(goals: Sequence[Goal], further: Sequence[Goal], scales: Mapping[str, float]) -> list[Goal]:
    """The goals with further constraints, which get these scales; what no value can meet together is an error."""
    every = [*goals, *(replace(one, scale=scales.get(one.name) or one.scale) for one in further)]
    check_consistent([goal for goal in every if goal.is_constraint])
    return every


# Conditions (`where`) on properties of generated items, in the grammar of goals.


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
        if (measures := representation.measures) is not None:
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
    if "=" in goal.text and "<=" not in goal.text and ">=" not in goal.text:
        centre = (goal.low + goal.high) / 2
        return Condition(goal, centre, centre)
    low = goal.low if math.isfinite(goal.low) else known[0] if known else goal.high
    high = goal.high if math.isfinite(goal.high) else known[1] if known else goal.low
    if low <= high:
        return Condition(goal, min(low, high), max(low, high))
    end = goal.low if math.isfinite(goal.low) else goal.high  # beyond the range of the data: the bound itself
    return Condition(goal, end, end)


# Constraints on the items of a plate, in the grammar of goals: `fitness in domain`, `logp <= 3`.

ConstraintTest = Callable[[Sequence[Item]], list[bool]]
"""Items -> whether each may be proposed."""


def constraint_test(goals: Sequence[Goal], oracles: Mapping[str, Oracle]) -> ConstraintTest:
    """A test whether items meet all goals. oracles: by goal; an item without a score doesn't meet them."""

    def test(items: Sequence[Item]) -> list[bool]:
        scores = {name: score_safely(oracle, items) if items else [] for name, oracle in oracles.items()}
        found = [[scores[goal.name][row] for goal in goals] for row in range(len(items))]
        return [
            all(not score.failed and goal.violation_of(score) == 0 for goal, score in zip(goals, row, strict=True))
            for row in found
        ]

    return test


def read_constraints(science: Domain, texts: Sequence[str], predictors: Collection[str]) -> list[Goal]:
    """Parse constraints of proposals; objectives are an error.

    Parameters
    ----------
    science : Domain
    texts : sequence of str
        In the grammar of goals.
    predictors : collection of str
        Names that `NAME in domain` may use.
    """
    goals = read_goals(science, texts) if texts else []
    for goal in goals:
        if goal.is_objective:
            raise ConfigError(
                f"Expected conditions of proposals, such as '{goal.name} >= 1' or 'NAME in domain', got '{goal.text}'. "
                "What to maximize or minimize is the `target`."
            )
    check_domains(goals, predictors)
    return goals
