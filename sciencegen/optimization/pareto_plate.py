"""The next plate for several measured targets: a model for each, and picks by expected hypervolume improvement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from sciencegen.optimization.campaign import next_plate
from sciencegen.optimization.campaign_settings import CampaignSettings
from sciencegen.optimization.candidate_sources import CandidateMaker, CandidateSources
from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows
from sciencegen.optimization.hypervolume_improvement import HypervolumeImprovement, directions, reference_point
from sciencegen.optimization.pareto_models import DRAWS, MeasuredTargets, Models, fit_models
from sciencegen.optimization.plate import pick_by_blocks
from sciencegen.optimization.plate_builder import Candidates, PlateBuilder
from sciencegen.optimization.proposers import CampaignSpace, Item

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
    space: CampaignSpace, targets: MeasuredTargets, models: Models, items: Mapping[str, Item],
    pending: Sequence[Item],
) -> Known:  # fmt: skip
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
