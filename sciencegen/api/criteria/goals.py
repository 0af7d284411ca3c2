"""Parse the goals of a search and check them against a domain."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from sciencegen.api.criteria.checks import check_goals
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Measures
from sciencegen.errors import ConfigError
from sciencegen.optimization.goals import Goal, check_consistent, parse_goals


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


def read_goals(
    domain: Domain, texts: Sequence[str], measures: Measures | None = None, further: Sequence[Goal] = ()
) -> list[Goal]:
    """Parse goals with the domain's tolerances and ranges; a name that the domain excludes is an error. measures: of a
    model. further: parsed constraints, which get these ranges too."""
    tolerances = {name: prop.tolerance for name, prop in domain.properties.items()}
    scales = {name: prop.high - prop.low for name, prop in domain.properties.items()}
    if measures is not None:
        tolerances, scales = {**tolerances, **measures.tolerances}, {**scales, **measures.scales}
    goals = parse_goals([plain_goal(domain, text) for text in texts], tolerances, scales)
    check_goals(domain, goals)
    goals += [replace(one, scale=scales.get(one.name) or one.scale) for one in further]
    check_consistent([goal for goal in goals if goal.is_constraint])
    return goals
