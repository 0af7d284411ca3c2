"""Rounds with a lab: what was measured so far, and what to measure next.

journal.py        every proposal and measurement, in a table that only grows
measurements.py   replicates averaged
posterior.py      a surrogate and a scale, chosen by cross-validated likelihood
proposers.py      candidates from a pool, from moves, from a latent space
plate.py          a batch of them, by an acquisition, diverse and within its cost
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.metrics.warps import SHAPES
from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows, distinct_rows
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.plate import BASELINE, PlateSettings, Pool, first_allowed, pick_plate
from sciencegen.optimization.posterior import MODELS, Posterior, allowed, fit_posterior
from sciencegen.optimization.proposers import BreedingSettings, CampaignSpace, Proposals, breed

POOL, START = "pool", "start"
MOST_EXPLORATION, LEAST_EXPLORATION = 1.7, 1.0
"""Of the first plate after a random one, and of a campaign's last."""
HOPE = 1.0
"""Standard deviations of optimism with which parents are chosen."""


@dataclass(frozen=True)
class Given:
    """A pool that the user gave: distinct items and keys, and the cost of each."""

    items: Sequence[Any]
    keys: Sequence[str]
    costs: Float[np.ndarray, " item"]


@dataclass(frozen=True)
class Plate:
    """The next batch, first picks first. predicted, lower, upper: the median and a 90% interval of what will be
    measured, NaN where nothing was measured yet. considered: how many candidates there were. likelihoods: as in
    `Posterior`; chosen: its best. beside: the same three numbers of items that were asked about beside it."""

    items: list[Any]
    sources: list[str]
    predicted: Float[np.ndarray, " item"]
    lower: Float[np.ndarray, " item"]
    upper: Float[np.ndarray, " item"]
    considered: int
    chosen: str = ""
    likelihoods: Mapping[str, float] = field(default_factory=dict)
    beside: Float[np.ndarray, "3 item"] = field(default_factory=lambda: np.empty((3, 0)))


@dataclass(frozen=True)
class CampaignSettings:
    """surrogate, scale: names in `posterior.MODELS` and `warps.SHAPES`, or "auto". minimize: less is better."""

    count: int = 96
    surrogate: str = "auto"
    scale: str = "auto"
    minimize: bool = False
    plate: PlateSettings = field(default_factory=PlateSettings)
    breeding: BreedingSettings = field(default_factory=BreedingSettings)

    def __post_init__(self) -> None:
        allowed("surrogate", self.surrogate, MODELS)
        allowed("scale", self.scale, SHAPES)


def exploration_at(number: int, rounds: int) -> float:
    """Falls evenly from the first proposed plate, number 2, to the last of so many: early to see, late to win."""
    if rounds <= 2 or number >= rounds:
        return LEAST_EXPLORATION
    left = min((rounds - number) / (rounds - 2), 1.0)
    return LEAST_EXPLORATION + (MOST_EXPLORATION - LEAST_EXPLORATION) * left


def next_plate(
    space: CampaignSpace,
    measured: Sequence[Measurement],
    pending: Sequence[Any],
    settings: CampaignSettings,
    generator: np.random.Generator,
    pool: Given | None = None,
    start: Sequence[Any] = (),
    beside: Sequence[Any] = (),
    offered: Sequence[Any] = (),
) -> Plate:
    """The batch to measure next, of the pool where there is one, else of what is offered and of what moves and draws
    bring forth.

    pending: proposed, not measured yet: proposed no more, and counted on by acquisitions that plan ahead. Without
    anything measured the batch is at random, of the pool, of what is offered, of the draws, or of moves from the start
    items.
    beside: items of which the same is foretold, whether or not they may be proposed.
    """
    forbidden = {space.key(one.item) for one in measured} | {space.key(item) for item in pending}
    if not measured:
        return _first_plate(space, settings, generator, pool, start, forbidden, offered)
    sign = -1.0 if settings.minimize else 1.0
    values = sign * np.array([one.value for one in measured])
    errors = np.array([one.error for one in measured])
    rows = space.features([one.item for one in measured])
    given = None if pool is None else _open(space, pool, forbidden, settings.plate.maximum_share)
    posterior = fit_posterior(
        rows, values, errors, generator, replicates=np.array([one.replicates for one in measured]),
        surrogate=settings.surrogate, scale=settings.scale,
    )  # fmt: skip
    candidates, sources = given or _bred(space, measured, rows, posterior, settings, forbidden, generator, offered)
    plate = _unpredicted([], [], 0)
    if len(candidates.items):
        standing = posterior.model.marginals(posterior.points(rows)).mean
        places = pick_plate(
            candidates, posterior, settings.count, settings.plate, generator, similarity=space.similarity,
            pending=space.features(pending) if pending else None, baseline=rows[np.argsort(-standing)[:BASELINE]],
        )  # fmt: skip
        plate = _plate(candidates, sources, places, posterior, sign)
    return replace(plate, beside=_foretold(space.features(beside), posterior, sign)) if beside else plate


def _foretold(rows: FeatureRows, posterior: Posterior, sign: float) -> Float[np.ndarray, "3 item"]:
    """Median, lower and upper end of what will be measured."""
    marginals = posterior.model.marginals(posterior.points(rows))
    median, low, high = (sign * end for end in posterior.interval(marginals.mean, marginals.deviation))
    return np.stack([median, np.minimum(low, high), np.maximum(low, high)])


def _plate(pool: Pool, sources: Sequence[str], places: np.ndarray, posterior: Posterior, sign: float) -> Plate:
    median, lower, upper = _foretold(pool.rows[places], posterior, sign)
    picked = [pool.items[place] for place in places]
    best = max(posterior.likelihoods, key=lambda name: posterior.likelihoods[name])
    made = [sources[place] for place in places]
    return Plate(picked, made, median, lower, upper, len(pool.items), best, posterior.likelihoods)


def _open(space: CampaignSpace, pool: Given, forbidden: set[str], share: float) -> tuple[Pool, list[str]]:
    """What of the pool is acceptable and neither measured nor proposed."""
    kept = _acceptable(space, pool, forbidden)
    items = [pool.items[place] for place in kept]
    rows = space.features(items)
    return Pool(items, rows, pool.costs[kept], space.marks_of(items, share)), [POOL] * len(items)


def _acceptable(space: CampaignSpace, pool: Given, forbidden: set[str]) -> list[int]:
    """Places in the pool."""
    new = [place for place, key in enumerate(pool.keys) if key not in forbidden]
    may = space.accept([pool.items[place] for place in new])
    return [place for place, accepted in zip(new, may, strict=True) if accepted]


def _bred(
    space: CampaignSpace,
    measured: Sequence[Measurement],
    rows: FeatureRows,
    posterior: Posterior,
    settings: CampaignSettings,
    forbidden: set[str],
    generator: np.random.Generator,
    offered: Sequence[Any],
) -> tuple[Pool, list[str]]:
    def liking(some: FeatureRows) -> np.ndarray:
        marginals = posterior.model.marginals(posterior.points(some))
        return marginals.mean + HOPE * marginals.deviation

    standing = posterior.model.marginals(posterior.points(rows)).mean
    known, share = [one.item for one in measured], settings.plate.maximum_share
    found = breed(space, known, standing.tolist(), set(forbidden), liking, settings.breeding, generator, offered, share)
    candidates = _joined(found)
    places = distinct_rows(candidates)
    items = [found.items[place] for place in places]
    pool = Pool(items, candidates[places], np.ones(len(items)), space.marks_of(items, share))
    return pool, [found.sources[place] for place in places]


def _joined(found: Proposals) -> FeatureRows:
    return concatenate_rows(found.rows) if found.rows else np.empty((0, 0))


def _first_plate(
    space: CampaignSpace,
    settings: CampaignSettings,
    generator: np.random.Generator,
    pool: Given | None,
    start: Sequence[Any],
    forbidden: set[str],
    offered: Sequence[Any],
) -> Plate:
    """A random batch within the plate's limits, of which nothing is predicted; start items that may be measured come
    first."""
    if pool is not None:
        kept = generator.permutation(_acceptable(space, pool, forbidden)).astype(int)
        items, costs = [pool.items[place] for place in kept], pool.costs[kept]
        sources = [POOL] * len(items)
    else:
        new = {space.key(item): item for item in start if space.key(item) not in forbidden}
        may = space.accept(list(new.values())) if new else []
        first = [item for item, accepted in zip(new.values(), may, strict=True) if accepted]
        wanted = replace(settings.breeding, draws=2 * settings.count, children=2 * settings.count, generations=1)
        found = breed(
            space, start, [0.0] * len(start), forbidden | set(map(space.key, first)), lambda rows: np.zeros(len(rows)),
            wanted, generator, offered,
        )  # fmt: skip
        order = generator.permutation(len(found)).tolist()
        items = [*first, *(found.items[place] for place in order)]
        sources, costs = [START] * len(first) + [found.sources[place] for place in order], np.ones(len(items))
    marks = space.marks_of(items, settings.plate.maximum_share)
    candidates = Pool(items, np.empty((len(items), 0)), costs, marks)
    places = first_allowed(candidates, settings.count, settings.plate, space.similarity)
    return _unpredicted([items[place] for place in places], [sources[place] for place in places], len(items))


def _unpredicted(items: list[Any], sources: list[str], considered: int) -> Plate:
    nothing = np.full(len(items), np.nan)
    return Plate(items, sources, nothing, nothing, nothing, considered)
