"""The next plate for several measured targets: a model for each, and picks by expected hypervolume improvement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from sciencegen.errors import DataError
from sciencegen.optimization.campaign import fit_measured, next_plate, predicted_by
from sciencegen.optimization.candidates import (
    OPTIMISM,
    CampaignSettings,
    CampaignSpace,
    CandidateMaker,
    CandidateSources,
    Item,
)
from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows
from sciencegen.optimization.goals import Goal, target_names
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.normals import draws_of
from sciencegen.optimization.pareto import nondominated
from sciencegen.optimization.plate import Candidates, PlateBuilder, pick_by_blocks
from sciencegen.optimization.posterior import SurrogatePosterior

# Surrogate models of several measured targets, which are objectives or constraints.

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
    posteriors: Mapping[str, SurrogatePosterior]
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


# Expected hypervolume improvement of a batch, over a finite set of candidates.
#
# The hypervolume that points y dominate above a reference r is an integral in polar coordinates, over the directions
# lambda of the positive orthant of the unit sphere (Deng & Zhang 2019; Zhang & Golovin 2020, lemma 5):
#
#     HV(Y) = c E_lambda[max_(y in Y) s_lambda(y - r)]       s_lambda(g) = min_j max(0, g_j / lambda_j)^m
#     c = pi^(m/2) / (2^m Gamma(m/2 + 1))
#
# So the improvement by a candidate is c E[max(0, s_lambda(candidate) - best_lambda)], for each draw of the posterior;
# its
# mean over draws is the expected one (Emmerich et al. 2006; of batches, Daulton, Balandat, Bakshy 2020). A batch is
# picked one by one: a pick raises best_lambda in each draw. Constraints weight a candidate by the probability that it
# meets them (Gardner et al. 2014), and in draws where it doesn't, a pick raises nothing. For two objectives the
# directions are evenly spaced, which is the midpoint rule; for more they are a Sobol sequence.

Gains = Float[np.ndarray, "... objective"]
Directions = Float[np.ndarray, "direction objective"]

DIRECTIONS = 64
BEYOND = 0.1
"""How far below the worst ends of the Pareto front the reference lies, as a share of the front's range."""


def directions(objectives: int, count: int = DIRECTIONS) -> Directions:
    """Directions of the positive orthant, evenly distributed over the unit sphere.

    Examples
    --------
    >>> directions(2, 2).round(3).tolist()
    [[0.924, 0.383], [0.383, 0.924]]
    """
    if objectives == 1:
        return np.ones((1, 1))
    if objectives == 2:
        angles = (np.arange(count) + 0.5) / count * math.pi / 2
        return np.stack([np.cos(angles), np.sin(angles)], 1)
    uniform = qmc.Sobol(objectives, scramble=True, seed=0).random(8 * count)
    normal = np.abs(ndtri(0.5 + uniform * (0.5 - 1e-9)))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def scalarized(gains: Gains, chosen: Directions) -> Float[np.ndarray, "... direction"]:
    """s_lambda(g) of gains above the reference."""
    objectives = gains.shape[-1]
    positive = np.maximum(gains, 0.0)
    least = positive[..., 0, None] / chosen[:, 0]
    for place in range(1, objectives):
        least = np.minimum(least, positive[..., place, None] / chosen[:, place])
    return least**objectives


def factor(objectives: int) -> float:
    """C.

    Examples
    --------
    >>> round(factor(1), 6), round(factor(2), 6)
    (1.0, 0.785398)
    """
    return math.pi ** (objectives / 2) / (2**objectives * math.gamma(objectives / 2 + 1))


def reference_point(gains: Float[np.ndarray, "item objective"]) -> Float[np.ndarray, " objective"]:
    """The worst ends of the Pareto front, and a tenth of its range beyond them (Ishibuchi et al. 2011); of a front of
    one point, the range of all rows counts.

    Examples
    --------
    >>> import numpy as np
    >>> reference_point(np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])).tolist()
    [-0.1, -0.1]
    """
    front = gains[nondominated(gains)]
    span = np.ptp(front, 0)
    every = np.ptp(gains, 0)
    return front.min(0) - BEYOND * np.where(span > 0, span, np.where(every > 0, every, 1.0))


class HypervolumeImprovement:
    """An `acquisition.Acquisition`.

    Parameters
    ----------
    gains : array [draw candidate objective]
        Of joint draws, above the reference, larger is better.
    known : array [draw item objective]
        Of measured and pending items, in the same draws.
    probability : array [candidate]
        That a candidate meets all constraints.
    feasible, known_feasible : array [draw candidate], [draw item]
        Whether it meets them in a draw.
    """

    def __init__(
        self,
        gains: Float[np.ndarray, "draw candidate objective"],
        known: Float[np.ndarray, "draw item objective"],
        probability: Float[np.ndarray, " candidate"],
        feasible: Bool[np.ndarray, "draw candidate"],
        known_feasible: Bool[np.ndarray, "draw item"],
    ) -> None:
        chosen = directions(gains.shape[-1])
        self._scores = scalarized(gains.astype(np.float32), chosen.astype(np.float32))
        of_known = scalarized(known, chosen) * known_feasible[..., None]
        self._best = of_known.max(1, initial=0.0).astype(np.float32)
        self._probability, self._feasible = probability, feasible
        self._factor = factor(gains.shape[-1])

    def values(self) -> Float[np.ndarray, " candidate"]:
        improvement = np.maximum(self._scores - self._best[:, None], 0.0).mean((0, 2), dtype=float)
        return self._factor * improvement * self._probability

    def pick(self, index: int) -> None:
        scores = self._scores[:, index] * self._feasible[:, index, None]
        np.maximum(self._best, scores, out=self._best)


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


def next_pareto_plate(
    space: CampaignSpace,
    targets: MeasuredTargets,
    pending: Sequence[Item],
    settings: CampaignSettings,
    generator: np.random.Generator,
    sources: CandidateSources | None = None,
    extra: Sequence[Item] = (),
) -> ParetoPlate:
    """The batch to measure next.

    Parameters
    ----------
    space : CampaignSpace
    targets : MeasuredTargets
    pending : sequence
        Items that are being measured.
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
    names, sources = targets.names, sources or CandidateSources()
    items = {space.key(one.item): one.item for name in names for one in targets.measured[name]}
    if not items:
        return _first(space, pending, names, settings, generator, sources)
    space.report(f"fitting models of {len(names)} targets to {len(items):,} measured items", 0, None)
    models = fit_models(space, targets, settings, generator)
    known = _known(space, targets, models, items, pending)
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


@dataclass(frozen=True)
class KnownTargets:
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
    space: CampaignSpace, targets: MeasuredTargets, models: Models, items: Mapping[str, Item],
    pending: Sequence[Item],
) -> KnownTargets:  # fmt: skip
    rows = space.features(list(items.values()))
    found = {name: {space.key(one.item): one.value for one in own} for name, own in targets.measured.items()}
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
    return KnownTargets(models, rows, (gains[meets & whole] - reference) / span, reference, span, uncertain)


def _pick(
    candidates: Candidates, known: KnownTargets, settings: CampaignSettings, generator: np.random.Generator,
    space: CampaignSpace,
) -> Int[np.ndarray, " pick"]:  # fmt: skip
    """Indices of candidates, in the order of picking."""

    def of_block(block: Int[np.ndarray, " candidate"]) -> HypervolumeImprovement:
        return _improvement(known, candidates.rows[block], generator)

    builder = PlateBuilder(candidates, settings.plate, space.similarity, settings.count)
    return pick_by_blocks(builder, np.argsort(-known.ratings(candidates.rows), kind="stable"), of_block)


def _improvement(known: KnownTargets, rows: FeatureRows, generator: np.random.Generator) -> HypervolumeImprovement:
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
