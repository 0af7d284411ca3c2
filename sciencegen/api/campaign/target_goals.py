"""Goals on measured columns: one is a target and its direction, several make a campaign with several targets."""

from __future__ import annotations

from sciencegen.api.campaign.target import check_several
from sciencegen.api.criteria.checks import check_target
from sciencegen.config import ProposeSettings
from sciencegen.domains.base import Domain
from sciencegen.errors import ConfigError
from sciencegen.optimization.goals import Goal, parse_goals

NOT_WITH_SEVERAL = ("acquisition", "exploration", "hit")
"""Settings of plates with one target: several have the expected hypervolume improvement."""


def one_target(settings: ProposeSettings) -> ProposeSettings:
    """Settings with a single goal, an objective, as those of a target and its direction.

    Examples
    --------
    >>> found = one_target(ProposeSettings(goals=("minimize toxicity",)))
    >>> found.target, found.minimize, found.goals
    ('toxicity', True, ())
    """
    check_several(settings.target, settings.minimize, settings.goals)
    if len(settings.goals) != 1:
        return settings
    (goal,) = parse_goals(settings.goals)
    if not goal.is_objective:
        return settings
    minimize = goal.direction == "minimize"
    return settings.model_copy(update={"target": goal.name, "minimize": minimize, "goals": ()})


def read_targets(science: Domain, settings: ProposeSettings) -> list[Goal]:
    """Goals on measured columns; [] for a campaign with one target."""
    if not settings.goals:
        return []
    goals = parse_goals(settings.goals)
    for goal in goals:
        check_target(science, goal.name)
    if settings.prior:
        raise ConfigError(
            "Expected no `prior` with several goals, got one. Leave it out: earlier values of the same targets may be "
            "among `measured`."
        )
    if given := [name for name in NOT_WITH_SEVERAL if name in settings.model_fields_set]:
        raise ConfigError(
            f"Expected no `{given[0]}` with several goals, whose plates are picked by expected hypervolume "
            "improvement, got one. Leave it out."
        )
    if wrong := [goal.text for goal in goals if goal.in_domain]:
        raise ConfigError(f"Expected goals on measured columns, got '{wrong[0]}'. Pass it as `where`.")
    if not any(goal.is_objective for goal in goals):
        raise ConfigError(
            f"Expected an objective among the goals, got {', '.join(settings.goals)}. Add one: 'maximize "
            f"{goals[0].name}'."
        )
    return goals
