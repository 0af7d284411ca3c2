"""Constraints on the items of a plate, in the grammar of goals: `fitness in domain`, `logp <= 3`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from sciencegen.api.criteria.goals import check_domains, read_goals
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError
from sciencegen.items import Item
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import score_safely
from sciencegen.scoring.oracles import Oracle

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
