"""What must hold of every item of a plate, in the words of goals: `fitness in domain`, `logp <= 3`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from sciencegen.api.criteria.goals import check_domains, read_goals
from sciencegen.api.criteria.oracles import OracleBook
from sciencegen.api.science.forms import domain_of
from sciencegen.config import ProposeSettings
from sciencegen.errors import ConfigError
from sciencegen.items import Item
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.objective import resolve_oracles, score_safely
from sciencegen.scoring.oracles import Oracle

ConstraintTest = Callable[[Sequence[Item]], list[bool]]
"""Whether each of many items may be proposed."""


def constraint_test(domain: str, settings: ProposeSettings, own: Mapping[str, Oracle]) -> ConstraintTest:
    """Which items meet all of `where`; one without a score doesn't. own: oracles of the model at hand."""
    goals = check_where(domain, settings)
    oracles = resolve_oracles(goals, OracleBook(domain, settings.predictors, own=own).resolve)

    def test(items: Sequence[Item]) -> list[bool]:
        scores = {name: score_safely(oracle, items) if items else [] for name, oracle in oracles.items()}
        found = [[scores[goal.name][row] for goal in goals] for row in range(len(items))]
        return [
            all(not score.failed and goal.violation_of(score) == 0 for goal, score in zip(goals, row, strict=True))
            for row in found
        ]

    return test


def check_where(domain: str, settings: ProposeSettings, further: Collection[str] = ()) -> list[Goal]:
    """The conditions of proposals; what is none is an error. further: names of predictors beside the settings'."""
    goals = read_goals(domain_of(domain), settings.where) if settings.where else []
    for goal in goals:
        if goal.is_objective:
            raise ConfigError(
                f"Expected conditions of proposals, such as '{goal.name} >= 1' or 'NAME in domain', got '{goal.text}'. "
                "What is to be the most or the least is the `target`."
            )
    check_domains(goals, {*settings.predictors, *further})
    return goals
