"""The next plate for several measured targets: a model for each, and picks by expected hypervolume improvement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr

from sciencegen.errors import DataError
from sciencegen.optimization.campaign import fit_measured, next_plate, predicted_by
from sciencegen.optimization.campaign_settings import CampaignSettings
from sciencegen.optimization.candidate_sources import CandidateMaker, CandidateSources
from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows
from sciencegen.optimization.goals import Goal
from sciencegen.optimization.hypervolume_improvement import HypervolumeImprovement, directions, reference_point
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.normals import draws_of
from sciencegen.optimization.plate import pick_by_blocks
from sciencegen.optimization.plate_builder import Candidates, PlateBuilder
from sciencegen.optimization.posterior import Posterior
from sciencegen.optimization.proposers import CampaignSpace, Item

DRAWS = 64
"""Joint draws of each model behind an expected improvement."""
OPTIMISM = 1.0
"""Standard deviations added to the means by which candidates are bred and sorted."""
WAYS = 16
"""Directions in which candidates are compared with the best measured items, to breed and sort them."""


@dataclass(frozen=True)
class ParetoPlate:
    """The next plate, in the order of picking.

    Parameters
    ----------
    items, sources : list
        As in `campaign.Plate`.
    predicted : mapping
        Target -> array [3 item]: median and ends of the 90% interval of the next measurement; NaN without a model.
    feasible : array [item]
        Probability that all constraints are met; 1 without constraints, NaN without models.
    candidate_count : int
    surrogates : mapping
        Target -> model and scale.
    correlations : mapping
        Target -> rank correlation of measured values and left-out predictions.
    extra : mapping
        As `predicted`, of further items.
    """

    items: list[Item]
    sources: list[str]
    predicted: Mapping[str, Float[np.ndarray, "3 item"]]
    feasible: Float[np.ndarray, " item"]
    candidate_count: int
    surrogates: Mapping[str, str] = field(default_factory=dict)
    correlations: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Float[np.ndarray, "3 item"]] = field(default_factory=dict)


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
            marginals = posterior.model.marginals(posterior.points(rows))
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
    marginals = posterior.model.marginals(posterior.points(rows))
    deviation = np.sqrt(np.square(marginals.deviation) + posterior.noise)
    deviation = posterior.calibration.deviation(marginals.mean, deviation)

    def below(end: float) -> np.ndarray:
        if np.isinf(end):
            return np.full(len(marginals.mean), float(end > 0))
        return ndtr((posterior.warp.forward(np.array(end)) - marginals.mean) / deviation)

    low, high = sorted((sign * goal.low, sign * goal.high))
    return below(high) - below(low)


def next_pareto_plate(
    space: CampaignSpace,
    measured: Mapping[str, Sequence[Measurement]],
    pending: Sequence[Item],
    goals: Sequence[Goal],
    settings: CampaignSettings,
    generator: np.random.Generator,
    sources: CandidateSources | None = None,
    extra: Sequence[Item] = (),
) -> ParetoPlate:
    """The batch to measure next.

    Parameters
    ----------
    space : CampaignSpace
    measured : mapping
        Target -> its measurements; items may lack some targets.
    pending : sequence
        Items that are being measured.
    goals : sequence of Goal
        Objectives and constraints whose names are targets.
    settings : CampaignSettings
        The acquisition is the expected hypervolume improvement, whatever they say.
    generator : numpy.random.Generator
    sources : CandidateSources, optional
    extra : sequence
        Items that are predicted with the plate.

    Returns
    -------
    ParetoPlate

    Raises
    ------
    DataError
        With fewer than 3 measurements of a target, or measurements of it that are all equal.
    """
    names = list(dict.fromkeys(goal.name for goal in goals))
    sources = sources or CandidateSources()
    items = {space.key(one.item): one.item for name in names for one in measured[name]}
    if not items:
        return _first(space, pending, names, settings, generator, sources)
    space.report(f"fitting models of {len(names)} targets to {len(items):,} measured items", 0, None)
    models = _fitted(space, measured, goals, settings, generator)
    known = _known(space, measured, models, items, pending)
    maker = CandidateMaker(space, settings, generator, sources, {*items, *(space.key(item) for item in pending)})
    pool = sources.pool
    candidates, origins = (
        maker.from_pool(pool) if pool else maker.bred_by(list(items.values()), known.ratings(known.rows), known.ratings)
    )
    picked = np.empty(0, int)
    if len(candidates.items):
        space.report(f"picking {settings.count:,} of {len(candidates.items):,} candidates", 0, None)
        picked = _pick(candidates, known, settings, generator, space)
    chosen = candidates.rows[picked]
    none = {name: np.empty((3, 0)) for name in names}
    return ParetoPlate(
        [candidates.items[place] for place in picked],
        [origins[place] for place in picked],
        models.predicted(chosen) if len(picked) else none,
        models.probability(chosen) if len(picked) else np.empty(0),
        len(candidates.items),
        {name: one.name for name, one in models.posteriors.items()},
        {name: one.correlation for name, one in models.posteriors.items()},
        models.predicted(space.features(extra)) if extra else {},
    )


def _first(
    space: CampaignSpace, pending: Sequence[Item], names: Sequence[str], settings: CampaignSettings,
    generator: np.random.Generator, sources: CandidateSources,
) -> ParetoPlate:  # fmt: skip
    plate = next_plate(space, [], pending, settings, generator, sources)
    nothing = np.full(len(plate.items), np.nan)
    predicted = {name: np.stack([nothing] * 3) for name in names}
    return ParetoPlate(plate.items, plate.sources, predicted, nothing, plate.candidate_count)


def _fitted(
    space: CampaignSpace, measured: Mapping[str, Sequence[Measurement]], goals: Sequence[Goal],
    settings: CampaignSettings, generator: np.random.Generator,
) -> Models:  # fmt: skip
    directions_of = {goal.name: goal.direction for goal in goals if goal.is_objective}
    signs = {goal.name: -1.0 if directions_of.get(goal.name) == "minimize" else 1.0 for goal in goals}
    posteriors = {}
    for name, sign in signs.items():
        rows = space.features([one.item for one in measured[name]])
        try:
            posteriors[name] = fit_measured(rows, sign, measured[name], settings, generator)
        except DataError as error:
            raise DataError(f"{error} This is of the target '{name}'.") from None
    return Models(goals, posteriors, signs)


@dataclass(frozen=True)
class Known:
    """What candidates are compared with.

    rows: of all measured items. front: gains of the measured items that meet all constraints, on the scale on which 0
    is the reference and 1 the best measured one. uncertain: rows of pending items, and of those that lack a target.
    """

    models: Models
    rows: FeatureRows
    front: Float[np.ndarray, "item objective"]
    reference: Float[np.ndarray, " objective"]
    span: Float[np.ndarray, " objective"]
    uncertain: FeatureRows | None

    def scaled(self, gains: Float[np.ndarray, "... objective"]) -> Float[np.ndarray, "... objective"]:
        return (gains - self.reference) / self.span

    def ratings(self, rows: FeatureRows) -> Float[np.ndarray, " item"]:
        """How far an item may be beyond the measured ones in the direction in which it is best, less its probability to
        miss a constraint: max_lambda(t_lambda(item) - max_known t_lambda) with t_lambda(g) = min_j g_j / lambda_j."""
        chosen = directions(len(self.reference), WAYS)[:WAYS]
        best = (self.front[:, None] / chosen).min(2).max(0, initial=0.0)
        gains = self.scaled(self.models.optimistic(rows))
        ahead = ((gains[:, None] / chosen).min(2) - best).max(1)
        return ahead - (1 - self.models.probability(rows))


def _known(
    space: CampaignSpace, measured: Mapping[str, Sequence[Measurement]], models: Models, items: Mapping[str, Item],
    pending: Sequence[Item],
) -> Known:  # fmt: skip
    rows = space.features(list(items.values()))
    found = {name: {space.key(one.item): one.value for one in own} for name, own in measured.items()}
    table = {
        name: models.signs[name] * np.array([found[name].get(key, np.nan) for key in items]) for name in models.signs
    }
    whole = np.logical_and.reduce([np.isfinite(own) for own in table.values()])
    expected = models.predicted(rows)
    filled = {name: np.where(np.isnan(own), models.signs[name] * expected[name][0], own) for name, own in table.items()}
    gains = np.stack([filled[name] for name in models.objectives], 1)
    meets = np.broadcast_to(models.meets(filled), len(items))
    compared = gains[meets] if meets.any() else gains
    reference = reference_point(compared)
    span = compared.max(0) - reference
    every = list(items.values())
    waiting = [every[row] for row in np.flatnonzero(~whole)]
    uncertain = space.features([*waiting, *pending]) if waiting or pending else None
    return Known(models, rows, (gains[meets & whole] - reference) / span, reference, span, uncertain)


def _pick(
    candidates: Candidates, known: Known, settings: CampaignSettings, generator: np.random.Generator,
    space: CampaignSpace,
) -> Int[np.ndarray, " pick"]:  # fmt: skip
    """Indices of candidates, in the order of picking."""

    def of_block(block: Int[np.ndarray, " candidate"]) -> HypervolumeImprovement:
        return _improvement(known, candidates.rows[block], generator)

    builder = PlateBuilder(candidates, settings.plate, space.similarity, settings.count)
    return pick_by_blocks(builder, np.argsort(-known.ratings(candidates.rows), kind="stable"), of_block)


def _improvement(known: Known, rows: FeatureRows, generator: np.random.Generator) -> HypervolumeImprovement:
    """The acquisition of a block of candidates."""
    count, models = len(rows), known.models
    drawn = models.draws(rows if known.uncertain is None else concatenate_rows([rows, known.uncertain]), generator)
    gains = known.scaled(np.stack([drawn[name] for name in models.objectives], 2))
    feasible = np.broadcast_to(models.meets(drawn), gains.shape[:2])
    front = np.broadcast_to(known.front, (DRAWS, *known.front.shape))
    return HypervolumeImprovement(
        gains[:, :count],
        np.concatenate([front, gains[:, count:]], 1),
        models.probability(rows),
        feasible[:, :count],
        np.concatenate([np.ones(front.shape[:2], bool), feasible[:, count:]], 1),
    )
