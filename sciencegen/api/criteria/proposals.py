"""What must hold of every item of a plate, in the words of goals: `fitness in domain`, `logp <= 3`."""

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
"""Whether each of many items may be proposed."""


def constraint_test(goals: Sequence[Goal], oracles: Mapping[str, Oracle]) -> ConstraintTest:
    """Which items meet all goals, each by the oracle of its name; one without a score doesn't."""

    def test(items: Sequence[Item]) -> list[bool]:
        scores = {name: score_safely(oracle, items) if items else [] for name, oracle in oracles.items()}
        found = [[scores[goal.name][row] for goal in goals] for row in range(len(items))]
        return [
            all(not score.failed and goal.violation_of(score) == 0 for goal, score in zip(goals, row, strict=True))
            for row in found
        ]

    return test


def read_constraints(science: Domain, texts: Sequence[str], predictors: Collection[str]) -> list[Goal]:
    """Constraints of proposals; what is none is an error.

    Parameters
    ----------
    science : Domain
    texts : sequence of str
        In the words of goals.
    predictors : collection of str
        Names that `NAME in domain` may mean.
    """
    goals = read_goals(science, texts) if texts else []
    for goal in goals:
        if goal.is_objective:
            raise ConfigError(
                f"Expected conditions of proposals, such as '{goal.name} >= 1' or 'NAME in domain', got '{goal.text}'. "
                "What is to be the most or the least is the `target`."
            )
    check_domains(goals, predictors)
    return goals
