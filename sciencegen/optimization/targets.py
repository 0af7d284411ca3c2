"""Measured targets of a campaign: goals on columns, the measurements of each column, and a surrogate model of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr

from sciencegen.errors import DataError
from sciencegen.items import Direction
from sciencegen.optimization.candidates import CampaignSettings
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.goals import Goal, target_names
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.normals import draws_of
from sciencegen.optimization.pareto import hypervolume, in_unit_box, nondominated_ranks
from sciencegen.optimization.plate import OPTIMISM
from sciencegen.optimization.posterior import Measured, SurrogatePosterior, Task, fit_posterior

DRAWS = 64
"""Joint draws of each model behind an expected improvement."""


@dataclass(frozen=True)
class Targets:
    """Objectives and constraints whose names are targets, and the measurements of each target; items may lack some."""

    goals: Sequence[Goal]
    measured: Mapping[str, Sequence[Measurement]]

    @property
    def names(self) -> list[str]:
        return target_names(self.goals)

    @property
    def is_one(self) -> bool:
        """Whether there is one objective and nothing else."""
        return len(self.goals) == 1

    @property
    def signs(self) -> dict[str, float]:
        """Target -> -1 for an objective that is minimized, else 1."""
        minimized = {goal.name for goal in self.goals if goal.direction == "minimize"}
        return {name: -1.0 if name in minimized else 1.0 for name in self.names}

    def fit(
        self, rows: FeatureRows, places: Mapping[str, Int[np.ndarray, " measurement"]], settings: CampaignSettings,
        generator: np.random.Generator, tasks: Sequence[Task] = (),
    ) -> Models:  # fmt: skip
        """A model of each target; an error names the one of several that can't be fitted. rows: of all items. places:
        the row of each measurement of a target."""
        posteriors = {}
        for name, sign in self.signs.items():
            own = self.measured[name]
            try:
                posteriors[name] = fit_target(rows[places[name]], own, sign, settings, generator, tasks)
            except DataError as error:
                if self.is_one:
                    raise
                raise DataError(f"{error} This is of the target '{name}'.") from None
        return Models(self, posteriors)


def one_target(measured: Sequence[Measurement], minimize: bool = False, name: str = "value") -> Targets:
    """The measurements of one objective."""
    direction: Direction = "minimize" if minimize else "maximize"
    return Targets([Goal(f"{direction} {name}", name, direction)], {name: measured})


def fit_target(
    rows: FeatureRows,
    measured: Sequence[Measurement],
    sign: float,
    settings: CampaignSettings,
    generator: np.random.Generator,
    tasks: Sequence[Task] = (),
) -> SurrogatePosterior:
    """The posterior of the values, negated with sign -1."""
    values = Measured.from_measurements(measured, sign)
    return fit_posterior(rows, values, generator, surrogate=settings.surrogate, scale=settings.scale, tasks=tasks)


def gains_of(values: Mapping[str, float], goals: Sequence[Goal]) -> list[float] | None:
    """The objectives' gains of an item; None if it lacks a target or misses a constraint."""
    if any(goal.name not in values for goal in goals):
        return None
    if not all(goal.satisfied(values[goal.name]) for goal in goals if goal.is_constraint):
        return None
    return [goal.gain(values[goal.name]) for goal in goals if goal.is_objective]


def front_ranks(values: Mapping[str, Mapping[str, float]], goals: Sequence[Goal]) -> dict[str, int]:
    """Key -> front of each item that has all targets and meets the constraints, 0 for the Pareto front. values: key ->
    the item's values by target."""
    gains = {item: gains_of(own, goals) for item, own in values.items()}
    whole = {item: one for item, one in gains.items() if one is not None}
    ranks = nondominated_ranks(np.array(list(whole.values()), float)).tolist() if whole else []
    return dict(zip(whole, ranks, strict=True))


def dominated_volume(values: Mapping[str, Mapping[str, float]], goals: Sequence[Goal]) -> float:
    """Hypervolume of the measured items above the worst value of each objective, as a share of the box of the best and
    the worst values; NaN without an item that has all targets."""
    known = (gains_of(own, goals) for own in values.values())
    every = [one for one in known if one is not None]
    if not every:
        return math.nan
    scaled = in_unit_box(np.array(every, float))
    return hypervolume(scaled, np.zeros(scaled.shape[1]))


@dataclass(frozen=True)
class Models:
    """A posterior for each target, of values whose sign makes larger better where the target is an objective."""

    targets: Targets
    posteriors: Mapping[str, SurrogatePosterior]

    @property
    def objectives(self) -> list[str]:
        return [goal.name for goal in self.targets.goals if goal.is_objective]

    def predicted(self, rows: FeatureRows, wider: float = 1.0) -> dict[str, Float[np.ndarray, "3 item"]]:
        """Target -> median, lower and upper end of the next measurement. wider: factor of the intervals."""
        found = {}
        for name, posterior in self.posteriors.items():
            marginals, sign = posterior.marginals(rows), self.targets.signs[name]
            ends = posterior.interval(marginals.mean, marginals.deviation, wider)
            median, low, high = (sign * end for end in ends)
            found[name] = np.stack([median, np.minimum(low, high), np.maximum(low, high)])
        return found

    def optimistic(self, rows: FeatureRows) -> Float[np.ndarray, "item objective"]:
        """Upper bounds of the objectives' gains, in the units of the values."""
        found = []
        for name in self.objectives:
            posterior = self.posteriors[name]
            marginals = posterior.marginals(rows)
            found.append(posterior.warp.inverse(marginals.mean + OPTIMISM * marginals.deviation))
        return np.stack(found, 1)

    def draws(self, rows: FeatureRows, generator: np.random.Generator) -> dict[str, Float[np.ndarray, "draw item"]]:
        """Joint draws of each function, in the units of the values with their signs."""
        found = {}
        for name, posterior in self.posteriors.items():
            joint = posterior.joint(posterior.points(rows))
            found[name] = posterior.warp.inverse(draws_of(joint, DRAWS, generator))
        return found

    def meets(self, values: Mapping[str, np.ndarray]) -> Bool[np.ndarray, "..."]:
        """Whether values with their signs meet all constraints."""
        found = np.array(True)
        for goal in self.targets.goals:
            if goal.is_constraint:
                own = self.targets.signs[goal.name] * values[goal.name]
                found = found & (own >= goal.low) & (own <= goal.high)
        return found

    def probability(self, rows: FeatureRows) -> Float[np.ndarray, " item"]:
        """That a measurement of each item meets all constraints: the product over them."""
        found = np.ones(len(rows))
        for goal in self.targets.goals:
            if goal.is_constraint:
                found = found * within(self.posteriors[goal.name], rows, goal, self.targets.signs[goal.name])
        return found


def within(posterior: SurrogatePosterior, rows: FeatureRows, goal: Goal, sign: float) -> Float[np.ndarray, " item"]:
    """Probability that the next measurement of each item lies in the range of a constraint."""
    marginals = posterior.marginals(rows)
    deviation = np.sqrt(np.square(marginals.deviation) + posterior.noise)
    deviation = posterior.calibration.deviation(marginals.mean, deviation)

    def below(end: float) -> np.ndarray:
        if np.isinf(end):
            return np.full(len(marginals.mean), float(end > 0))
        return ndtr((posterior.warp.forward(np.array(end)) - marginals.mean) / deviation)

    low, high = sorted((sign * goal.low, sign * goal.high))
    return below(high) - below(low)
