"""Rank several draws of one item by the goals of `steer`, or by their distance to the conditions of `where`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sciencegen.api.criteria.conditions import Condition
from sciencegen.api.criteria.goals import check_domains, read_goals
from sciencegen.config import GenerateSettings
from sciencegen.domains.base import Domain
from sciencegen.domains.recipes import Measures
from sciencegen.errors import ConfigError
from sciencegen.items import Cell, Item, none_if_nan
from sciencegen.optimization.goals import Goal, desirability
from sciencegen.optimization.objective import score_safely
from sciencegen.scoring.oracles import Oracle, Score

Row = TypeVar("Row")

PARTICLES = 8
"""Default number of particles of a steered draw."""


@dataclass(frozen=True)
class Ranking:
    """A ranking of the draws of one item.

    Parameters
    ----------
    goals : tuple of Goal
        The goals of `steer`.
    conditions : tuple of Condition
        The conditions of `where`; they are used without goals only.
    scales : mapping
        Property -> scale by which distances to conditions are divided.
    """

    goals: tuple[Goal, ...]
    conditions: tuple[Condition, ...]
    scales: Mapping[str, float]

    @property
    def names(self) -> list[str]:
        """The properties of the goals."""
        return [goal.name for goal in self.goals]

    def merit(self, values: Mapping[str, Cell]) -> float:
        """The merit of an item; greater is better. values: cells of its row, by column."""
        if not self.goals:
            return -sum(self._distance(one, float(values[one.name])) for one in self.conditions)
        scores = {name: _score(name, values) for name in self.names}
        found = desirability(self.goals, scores)
        return -math.inf if math.isnan(found) else found

    def merits(self, items: Sequence[Item], oracles: Mapping[str, Oracle]) -> list[float]:
        """Merits of items by the goals only, NaN if an oracle fails. oracles: by the goals' names."""
        columns = {name: score_safely(oracle, items) if items else [] for name, oracle in oracles.items()}
        rows = ({name: column[row] for name, column in columns.items()} for row in range(len(items)))
        return [desirability(self.goals, row) for row in rows]

    def _distance(self, condition: Condition, value: float) -> float:
        beyond = max(condition.requested_low - value, value - condition.requested_high, 0.0)
        return beyond / self.scales.get(condition.name, 1.0)


def _score(name: str, values: Mapping[str, Cell]) -> Score:
    value, known = float(values[name]), values.get(f"{name}_in_domain")
    return Score(none_if_nan(value), in_domain=None if known is None else bool(known))


def read_ranking(
    domain: Domain, settings: GenerateSettings, checked: Sequence[Condition], measures: Measures | None = None
) -> Ranking:
    """Check the settings of a ranking. checked: conditions that can be measured. measures: of the model.

    Raises
    ------
    ConfigError
        If there is nothing to rank by, or if goals have no effect.
    """
    goals = tuple(read_goals(domain, settings.steer, measures)) if settings.steer else ()
    check_domains(goals, settings.predictors)
    if settings.best_of > 1 and not goals and not checked:
        raise ConfigError(
            "Expected goals, or conditions that can be checked, with `best_of`, got neither. Add `steer`, such "
            "as 'maximize NAME', or `where`."
        )
    if settings.raw and settings.best_of > 1:
        raise ConfigError("Expected `raw` or `best_of`, got both: raw draws are kept whatever they are.")
    if settings.particles is not None and not goals:
        raise ConfigError("Expected goals with `particles`, got none. Add `steer`, such as 'maximize NAME'.")
    if goals and settings.best_of == 1 and particles_of(settings) == 1:
        raise ConfigError("Expected `best_of` or `particles` of 2 or more with `steer`, got one draw of one particle.")
    scales = {name: one.high - one.low for name, one in domain.properties.items()}
    scales |= {} if measures is None else measures.scales
    return Ranking(goals, tuple(checked), scales)


def particles_of(settings: GenerateSettings) -> int:
    """Number of particles of each draw; 1 without steering."""
    if settings.particles is not None:
        return settings.particles
    return PARTICLES if settings.steer and settings.best_of == 1 else 1


def in_groups(results: Iterable[Sequence[Row]], size: int) -> Iterator[list[Row]]:
    """Regroup rows into lists whose lengths are multiples of `size`."""
    waiting: list[Row] = []
    for rows in results:
        waiting += rows
        whole = len(waiting) - len(waiting) % size
        if whole:
            yield waiting[:whole]
            waiting = waiting[whole:]
