"""A batch to measure together: picks of an acquisition, none known, none too alike, within what the plate may cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import ConfigError, unknown_name
from sciencegen.optimization.acquisition import ACQUISITIONS, BETA, Acquisition, State
from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows
from sciencegen.optimization.posterior import Posterior
from sciencegen.optimization.quotas import Marks, Quota, quota_limit

SHORTLIST = 1000
"""Candidates whose joint posterior is looked at; a plate that these can't fill goes on with the next."""
BASELINE = 10
"""Measured items that may be the best, for noisy expected improvement."""
COMPARED = 200
"""Candidates, the best of a block, among which it is looked up how alike two usually are."""

Similarity = Callable[[Sequence[Any], Sequence[Any]], Float[np.ndarray, "item reference"]]


@dataclass(frozen=True)
class PlateSettings:
    """acquisition: a name in `ACQUISITIONS`. maximum_similarity: no two items of a plate are more alike. maximum_share:
    of the plate, that may bear one mark (`CampaignSpace.marks`).

    exploration: how many times as uncertain as it says the posterior is taken to be where functions are drawn from it
    (Agrawal & Goyal 2013): what looks best among many was overrated more often than not.
    diversity: local penalisation; each pick lowers its neighbours' values by diversity * nearness * (the values'
    standard deviation among the shortlist), nearness being 1 at the pick and 0 where two candidates are as alike as any
    two. cost_limit: of the whole plate.
    """

    acquisition: str = "thompson"
    exploration: float = 1.4
    maximum_similarity: float = 1.0
    maximum_share: float = 1.0
    diversity: float = 0.0
    cost_limit: float = math.inf

    def __post_init__(self) -> None:
        if self.acquisition not in ACQUISITIONS:
            raise unknown_name("acquisition", self.acquisition, ACQUISITIONS)
        least, most = sorted((self.maximum_similarity, self.maximum_share))
        if not 0 < least <= most <= 1 or min(self.diversity, self.exploration) < 0 or self.cost_limit <= 0:
            raise ConfigError(
                "Expected 0 < maximum_similarity <= 1, the same of maximum_share, diversity and exploration from 0, a "
                f"cost limit above 0, got {self.maximum_similarity}, {self.maximum_share}, {self.diversity}, "
                f"{self.exploration} and {self.cost_limit}."
            )


@dataclass(frozen=True)
class Pool:
    """What may be picked. costs: above 0, one for each item. marks: of each item, empty where they don't matter."""

    items: Sequence[Any]
    rows: FeatureRows
    costs: Float[np.ndarray, " item"]
    marks: Sequence[Marks] = ()


def pick_plate(
    pool: Pool,
    posterior: Posterior,
    count: int,
    settings: PlateSettings,
    generator: np.random.Generator,
    *,
    similarity: Similarity,
    pending: FeatureRows | None = None,
    baseline: FeatureRows | None = None,
) -> Int[np.ndarray, " pick"]:
    """Places in the pool, in the order of picking; fewer than `count` where no more may be picked.

    pending: what is being measured already. baseline: measured items that may be the best.
    """
    points = posterior.points(pool.rows)
    marginals = posterior.model.marginals(points)
    reach = {"greedy": 0.0, "thompson": BETA * settings.exploration}.get(settings.acquisition, BETA)
    hopes = marginals.mean + reach * marginals.deviation
    acquire = ACQUISITIONS[settings.acquisition]
    return _picked(
        Chosen(pool, settings, similarity, count), np.argsort(-hopes, kind="stable"), count,
        lambda block: acquire(_state(posterior, pool, block, pending, baseline, settings.exploration), generator),
    )  # fmt: skip


def first_allowed(pool: Pool, count: int, settings: PlateSettings, similarity: Similarity) -> Int[np.ndarray, " pick"]:
    """Places of the first items of the pool that may be on one plate, whatever is hoped of them."""
    chosen = Chosen(pool, replace(settings, diversity=0.0), similarity, count)
    return _picked(chosen, np.arange(len(pool.items)), count, InOrder)


def _picked(
    chosen: Chosen, order: Int[np.ndarray, " candidate"], count: int, acquire: Callable[[np.ndarray], Acquisition]
) -> Int[np.ndarray, " pick"]:
    """Block by block. acquire: the acquisition over a block."""
    for start in range(0, len(order), SHORTLIST):
        block = order[start : start + SHORTLIST]
        fill(chosen, block, acquire(block), count)
        if len(chosen.places) >= count:
            break
    return np.array(chosen.places, int)


class InOrder:
    """The acquisition of what comes first."""

    def __init__(self, block: Int[np.ndarray, " candidate"]) -> None:
        self._values = -np.arange(len(block), dtype=float)

    def values(self) -> Float[np.ndarray, " candidate"]:
        return self._values

    def pick(self, index: int) -> None:
        return


def _state(
    posterior: Posterior,
    pool: Pool,
    block: np.ndarray,
    pending: FeatureRows | None,
    baseline: FeatureRows | None,
    exploration: float,
) -> State:
    parts = [part for part in (pending, baseline) if part is not None and len(part)]
    joint = posterior.joint(posterior.points(concatenate_rows([pool.rows[block], *parts])))
    sizes = [0 if part is None else len(part) for part in (pending, baseline)]
    return State(joint, sizes[0], sizes[1], pool.costs[block], exploration)


class Chosen:
    """The plate while it fills: which items of the pool it holds, their cost, and what they leave allowed."""

    def __init__(self, pool: Pool, settings: PlateSettings, similarity: Similarity, count: int) -> None:
        self.pool, self.settings, self._similarity = pool, settings, similarity
        self.places: list[int] = []
        self.cost = 0.0
        self._quota = Quota(quota_limit(settings.maximum_share, count))
        self._minds = settings.maximum_similarity < 1 or settings.diversity > 0

    def add(self, place: int) -> None:
        self.places.append(place)
        self.cost += float(self.pool.costs[place])
        self._quota.add(self._marks(place))

    def _marks(self, place: int) -> Marks:
        return self.pool.marks[place] if self.pool.marks else ()

    def usual(self, block: Int[np.ndarray, " candidate"]) -> float:
        """How alike two of the block's best candidates are: the median."""
        if self.settings.diversity == 0 or len(block) < 2:
            return 0.0
        best = [self.pool.items[place] for place in block[:COMPARED]]
        return float(np.median(np.asarray(self._similarity(best, best))[~np.eye(len(best), dtype=bool)]))

    def nearest(
        self, block: Int[np.ndarray, " candidate"], before: np.ndarray | None
    ) -> Float[np.ndarray, " candidate"]:
        """[candidate] greatest similarity to the plate. before: the same without the latest pick; None: of all."""
        if not self._minds or not self.places:
            return np.zeros(len(block))
        since = self.places if before is None else self.places[-1:]
        items = [self.pool.items[place] for place in block]
        found = np.asarray(self._similarity(items, [self.pool.items[place] for place in since])).max(1)
        return found if before is None else np.maximum(before, found)

    def allowed(self, block: Int[np.ndarray, " candidate"], nearest: np.ndarray) -> Bool[np.ndarray, " candidate"]:
        far = nearest <= self.settings.maximum_similarity
        affordable = self.cost + self.pool.costs[block] <= self.settings.cost_limit * (1 + 1e-12)
        found = far & affordable & ~np.isin(block, self.places)
        if self.settings.maximum_share < 1:
            found &= np.array([self._quota.allows(self._marks(place)) for place in block], bool)
        return found


def fill(chosen: Chosen, block: Int[np.ndarray, " candidate"], acquisition: Acquisition, count: int) -> None:
    """Pick from the block until the plate is full or nothing in the block may be picked."""
    nearest, usual = chosen.nearest(block, None), chosen.usual(block)
    while len(chosen.places) < count:
        allowed = chosen.allowed(block, nearest)
        if not allowed.any():
            return
        values = acquisition.values()
        finite = values[np.isfinite(values)]
        if chosen.settings.diversity > 0 and len(finite):
            nearness = np.clip((nearest - usual) / max(1 - usual, 1e-9), 0, 1)
            values = values - chosen.settings.diversity * nearness * finite.std()
        values = np.where(allowed, values, -np.inf)
        index = int(np.argmax(values))
        if values[index] == -np.inf:
            return
        chosen.add(int(block[index]))
        acquisition.pick(index)
        nearest = chosen.nearest(block, nearest)
