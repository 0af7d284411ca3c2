"""Surrogate models of several measured targets, which are objectives or constraints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtr

from sciencegen.errors import DataError
from sciencegen.optimization.campaign import fit_measured, predicted_by
from sciencegen.optimization.campaign_settings import CampaignSettings
from sciencegen.optimization.candidate_sources import OPTIMISM
from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.goals import Goal, target_names
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.normals import draws_of
from sciencegen.optimization.posterior import Posterior
from sciencegen.optimization.proposers import CampaignSpace

DRAWS = 64
"""Joint draws of each model behind an expected improvement."""


@dataclass(frozen=True)
class MeasuredTargets:
    """Objectives and constraints whose names are targets, and the measurements of each target; items may lack some."""

    goals: Sequence[Goal]
    measured: Mapping[str, Sequence[Measurement]]

    @property
    def names(self) -> list[str]:
        return target_names(self.goals)

    @property
    def signs(self) -> dict[str, float]:
        """Target -> -1 for an objective that is minimized, else 1."""
        minimized = {goal.name for goal in self.goals if goal.direction == "minimize"}
        return {name: -1.0 if name in minimized else 1.0 for name in self.names}


@dataclass(frozen=True)
class Models:
    """A posterior for each target, of values whose sign makes larger better where the target is an objective."""

    goals: Sequence[Goal]
    posteriors: Mapping[str, Posterior]
    signs: Mapping[str, float]

    @property
    def objectives(self) -> list[str]:
        return [goal.name for goal in self.goals if goal.is_objective]

    def predicted(self, rows: FeatureRows) -> dict[str, Float[np.ndarray, "3 item"]]:
        return {name: predicted_by(rows, one, self.signs[name]) for name, one in self.posteriors.items()}

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
        for goal in self.goals:
            if goal.is_constraint:
                own = self.signs[goal.name] * values[goal.name]
                found = found & (own >= goal.low) & (own <= goal.high)
        return found

    def probability(self, rows: FeatureRows) -> Float[np.ndarray, " item"]:
        """That a measurement of each item meets all constraints: the product over them."""
        found = np.ones(len(rows))
        for goal in self.goals:
            if goal.is_constraint:
                found = found * within(self.posteriors[goal.name], rows, goal, self.signs[goal.name])
        return found


def within(posterior: Posterior, rows: FeatureRows, goal: Goal, sign: float) -> Float[np.ndarray, " item"]:
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


def fit_models(
    space: CampaignSpace, targets: MeasuredTargets, settings: CampaignSettings, generator: np.random.Generator
) -> Models:
    """A model of each target; an error names the target that can't be fitted."""
    posteriors = {}
    for name, sign in targets.signs.items():
        measured = targets.measured[name]
        rows = space.features([one.item for one in measured])
        try:
            posteriors[name] = fit_measured(rows, sign, measured, settings, generator)
        except DataError as error:
            raise DataError(f"{error} This is of the target '{name}'.") from None
    return Models(targets.goals, posteriors, targets.signs)
