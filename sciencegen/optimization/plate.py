"""A batch to measure together: picks of an acquisition, none of them too similar, within the plate's cost limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from sciencegen.errors import ConfigError
from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows
from sciencegen.optimization.normals import JointNormal, draws_of
from sciencegen.optimization.posterior import SurrogatePosterior
from sciencegen.optimization.selection import Marks, Quota, quota_limit
from sciencegen.plugins import installed_part

BETA = 2.0
"""Standard deviations of optimism."""
DRAWN_AT_ONCE = 96
DRAWS = 128
"""Joint samples behind an expected improvement."""
LONGEST_EI = 150
"""Most candidates that noisy expected improvement evaluates: each step computes a batch of Cholesky factors."""


@dataclass(frozen=True)
class AcquisitionState:
    """The joint posterior of the candidates, the pending items and the best measured items, in this order.

    pending, baseline: numbers of pending and of best measured items. costs: of each candidate. exploration: as in
    `PlateSettings`.
    """

    joint: JointNormal
    pending: int
    baseline: int
    costs: Float[np.ndarray, " candidate"]
    exploration: float = 1.0

    @property
    def candidates(self) -> int:
        return len(self.joint.mean) - self.pending - self.baseline


class Acquisition(Protocol):
    """Values of the candidates, the greatest of which is picked next; `pick` records which one was picked."""

    def values(self) -> Float[np.ndarray, " candidate"]: ...

    def pick(self, index: int) -> None: ...


class Thompson:
    """Each pick is the best of another function drawn from the posterior (Thompson 1933; in batches, Kandasamy et al.
    2018): candidates are taken as often as they are likely to be best."""

    def __init__(self, state: AcquisitionState, generator: np.random.Generator) -> None:
        self._state, self._generator = state, generator
        self._draws: list[np.ndarray] = []

    def values(self) -> Float[np.ndarray, " candidate"]:
        if not self._draws:
            joint = self._state.joint
            wider = JointNormal(joint.mean, self._state.exploration**2 * joint.covariance, joint.noise)
            self._draws = list(draws_of(wider, DRAWN_AT_ONCE, self._generator)[::-1])
        return self._draws.pop()[: self._state.candidates]

    def pick(self, index: int) -> None:
        return


class UpperBound:
    """mean + BETA sd, the sd falling as if each pick had been measured (GP-BUCB, Desautels, Krause, Burdick 2014)."""

    def __init__(self, state: AcquisitionState, generator: np.random.Generator) -> None:
        self._state, self._covariance = state, state.joint.covariance.copy()
        for index in range(state.candidates, state.candidates + state.pending):
            self.pick(index)

    def values(self) -> Float[np.ndarray, " candidate"]:
        deviation = np.sqrt(np.maximum(np.diag(self._covariance), 0.0))
        return (self._state.joint.mean + BETA * deviation)[: self._state.candidates]

    def pick(self, index: int) -> None:
        """C <- C - c c^T / (c_ii + noise)."""
        column = self._covariance[:, index].copy()
        self._covariance -= np.outer(column, column) / (column[index] + self._state.joint.noise)


class Greedy:
    """The posterior mean, without exploration: for controls and for the last plate."""

    def __init__(self, state: AcquisitionState, generator: np.random.Generator) -> None:
        self._state = state

    def values(self) -> Float[np.ndarray, " candidate"]:
        return self._state.joint.mean[: self._state.candidates]

    def pick(self, index: int) -> None:
        return


class NoisyImprovement:
    """log E[max(0, f - max over the batch and the best so far)], all uncertain: qLogNoisyExpectedImprovement of BoTorch
    (Letham et al. 2019; Ament et al. 2023) over a finite set. Greedy: picked and pending items join the best so far.

    The log of a candidate's cost is subtracted: improvement per cost (Snoek et al. 2012).
    """

    def __init__(self, state: AcquisitionState, generator: np.random.Generator) -> None:
        from sciencegen.optimization.gaussian_process import FinitePool  # on use: BoTorch's acquisition functions

        self._state, self._pool, self._seed = state, FinitePool(state.joint), int(generator.integers(2**31))
        self._reference = list(range(state.candidates, len(state.joint.mean)))
        optimistic = state.joint.mean + BETA * np.sqrt(np.maximum(np.diag(state.joint.covariance), 0))
        self._looked_at = np.sort(np.argsort(-optimistic[: state.candidates], kind="stable")[:LONGEST_EI])

    def values(self) -> Float[np.ndarray, " candidate"]:
        from sciencegen.optimization.gaussian_process import log_noisy_improvement

        values = np.full(self._state.candidates, -np.inf)
        values[self._looked_at] = log_noisy_improvement(self._pool, self._looked_at, self._reference, DRAWS, self._seed)
        return values - np.log(self._state.costs)

    def pick(self, index: int) -> None:
        self._reference.append(index)


MakeAcquisition = Callable[[AcquisitionState, np.random.Generator], Acquisition]

ACQUISITIONS: dict[str, MakeAcquisition] = {
    "thompson": Thompson,
    "ucb": UpperBound,
    "noisy-ei": NoisyImprovement,
    "greedy": Greedy,
}
"""The default first."""
GROUP = "sciencegen.acquisitions"
"""Entry points of acquisitions that other packages add."""


def load_acquisition(name: str) -> MakeAcquisition:
    """The acquisition with this name: built in (`ACQUISITIONS`), or an entry point of `sciencegen.acquisitions`.

    Examples
    --------
    >>> load_acquisition("greedy") is Greedy
    True
    """
    return ACQUISITIONS[name] if name in ACQUISITIONS else installed_part("acquisition", GROUP, name, ACQUISITIONS)


# A plate under construction: which candidates may still be picked, and the next pick by an acquisition's values.

COMPARED = 200
"""Number of best candidates of a block whose median similarity counts as typical."""

Materials = AbstractSet[Hashable]
"""What making an item takes."""
Similarity = Callable[[Sequence[Any], Sequence[Any]], Float[np.ndarray, "item reference"]]


@dataclass(frozen=True)
class PlateSettings:
    """Limits and preferences of a plate.

    Parameters
    ----------
    acquisition : str
        A name that `load_acquisition` takes.
    exploration : float
        Factor of the posterior's standard deviation where functions are drawn from it (Agrawal & Goyal 2013).
        Candidates that look best among many tend to be overrated.
    maximum_similarity : float
        Greatest similarity of two items of a plate, in (0, 1].
    maximum_share : float
        Greatest share of the plate that may have one mark (`CampaignSpace.marks`), in (0, 1].
    diversity : float
        Local penalization: each pick lowers its neighbours' values by diversity * nearness * (the values' standard
        deviation among the block). Nearness is 1 at the pick and 0 at the typical similarity of two candidates.
    cost_limit : float
        Of the whole plate.
    sharing : float
        How far below the best a candidate's value may be so that the candidate is picked instead, if it needs fewer
        materials that the plate doesn't use yet (`CampaignSpace.materials`): a share, in [0, 1], of the distance from
        the best value to the median one.

    Raises
    ------
    ConfigError
        If a number is outside its range or the acquisition is unknown.
    """

    acquisition: str = "thompson"
    exploration: float = 1.4
    maximum_similarity: float = 1.0
    maximum_share: float = 1.0
    diversity: float = 0.0
    cost_limit: float = math.inf
    sharing: float = 0.0

    def __post_init__(self) -> None:
        load_acquisition(self.acquisition)  # an unknown one is an error
        least, most = sorted((self.maximum_similarity, self.maximum_share))
        if not 0 <= self.sharing <= 1:
            raise ConfigError(f"Expected `sharing` from 0 to 1, got {self.sharing}.")
        if not 0 < least <= most <= 1 or min(self.diversity, self.exploration) < 0 or self.cost_limit <= 0:
            raise ConfigError(
                "Expected 0 < maximum_similarity <= 1, the same of maximum_share, diversity and exploration from 0, a "
                f"cost limit above 0, got {self.maximum_similarity}, {self.maximum_share}, {self.diversity}, "
                f"{self.exploration} and {self.cost_limit}."
            )


@dataclass(frozen=True)
class Candidates:
    """Candidates that may be picked.

    Parameters
    ----------
    items : sequence
    rows : SiteRows or array [item feature]
    costs : array [item]
        Above 0.
    marks : sequence
        Of each item; empty where they are not limited.
    materials : sequence
        What making each item takes; empty if nothing is known of it.
    """

    items: Sequence[Any]
    rows: FeatureRows
    costs: Float[np.ndarray, " item"]
    marks: Sequence[Marks] = ()
    materials: Sequence[Materials] = ()

    def marks_at(self, place: int) -> Marks:
        return self.marks[place] if self.marks else ()

    def materials_at(self, place: int) -> Materials:
        return self.materials[place] if self.materials else frozenset()


class PlateBuilder:
    """A plate under construction: the picked candidates, their cost and materials, and which others may still be
    picked."""

    def __init__(self, candidates: Candidates, settings: PlateSettings, similarity: Similarity, count: int) -> None:
        self.candidates, self.settings, self.count = candidates, settings, count
        self.picked: list[int] = []
        self.cost = 0.0
        self.materials = set[Hashable]()
        self._similarity, self._quota = similarity, Quota(quota_limit(settings.maximum_share, count))
        self._compares = settings.maximum_similarity < 1 or settings.diversity > 0

    @property
    def full(self) -> bool:
        return len(self.picked) >= self.count

    def add(self, place: int) -> None:
        self.picked.append(place)
        self.cost += float(self.candidates.costs[place])
        self._quota.add(self.candidates.marks_at(place))
        self.materials.update(self.candidates.materials_at(place))

    def typical_similarity(self, block: Int[np.ndarray, " candidate"]) -> float:
        """Median similarity of two of the block's best candidates."""
        if self.settings.diversity == 0 or len(block) < 2:
            return 0.0
        best = [self.candidates.items[place] for place in block[:COMPARED]]
        return float(np.median(np.asarray(self._similarity(best, best))[~np.eye(len(best), dtype=bool)]))

    def greatest_similarity(
        self, block: Int[np.ndarray, " candidate"], before: Float[np.ndarray, " candidate"] | None
    ) -> Float[np.ndarray, " candidate"]:
        """Greatest similarity of each candidate to the plate. before: the same without the latest pick, if known."""
        if not self._compares or not self.picked:
            return np.zeros(len(block))
        since = self.picked if before is None else self.picked[-1:]
        items = [self.candidates.items[place] for place in block]
        found = np.asarray(self._similarity(items, [self.candidates.items[place] for place in since])).max(1)
        return found if before is None else np.maximum(before, found)

    def pickable(
        self, block: Int[np.ndarray, " candidate"], greatest_similarity: Float[np.ndarray, " candidate"]
    ) -> Bool[np.ndarray, " candidate"]:
        distant = greatest_similarity <= self.settings.maximum_similarity
        affordable = self.cost + self.candidates.costs[block] <= self.settings.cost_limit * (1 + 1e-12)
        found = distant & affordable & ~np.isin(block, self.picked)
        if self.settings.maximum_share < 1:
            found &= np.array([self._quota.allows(self.candidates.marks_at(place)) for place in block], bool)
        return found

    def sharing(self, block: Int[np.ndarray, " candidate"], values: Float[np.ndarray, " candidate"]) -> int:
        """The index in the block of the candidate to pick: of those whose values are nearly the best, the one that
        needs the fewest further materials. values: -inf where a candidate can't be picked."""
        best = int(np.argmax(values))
        if self.settings.sharing == 0 or not self.candidates.materials or values[best] == -np.inf:
            return best
        width = values[best] - np.median(values[np.isfinite(values)])
        near = np.flatnonzero(values >= values[best] - self.settings.sharing * width)
        further = np.array([len(self.candidates.materials_at(block[index]) - self.materials) for index in near])
        return int(near[np.lexsort((-values[near], further))[0]])


def fill(builder: PlateBuilder, block: Int[np.ndarray, " candidate"], acquisition: Acquisition) -> None:
    """Pick from the block until the plate is full or nothing in the block may be picked."""
    greatest, typical = builder.greatest_similarity(block, None), builder.typical_similarity(block)
    while not builder.full:
        pickable = builder.pickable(block, greatest)
        if not pickable.any():
            return
        values = acquisition.values()
        finite = values[np.isfinite(values)]
        if builder.settings.diversity > 0 and len(finite):
            nearness = np.clip((greatest - typical) / max(1 - typical, 1e-9), 0, 1)
            values = values - builder.settings.diversity * nearness * finite.std()
        values = np.where(pickable, values, -np.inf)
        index = builder.sharing(block, values)
        if values[index] == -np.inf:
            return
        builder.add(int(block[index]))
        acquisition.pick(index)
        greatest = builder.greatest_similarity(block, greatest)


SHORTLIST = 1000
"""Candidates of a block, which share a joint posterior. If one block can't fill the plate, the next one is used."""
BASELINE = 10
"""Number of best measured items that noisy expected improvement compares with."""
OPTIMISM = 1.0
"""Standard deviations added to the means by which parents are rated."""
OF_PRIOR = 0.5
"""Exploration of the half of a first plate that an earlier task's model picks: the other half is random."""


@dataclass(frozen=True)
class ByAcquisition:
    """How candidates for one target are rated and picked: by an acquisition of its model.

    Parameters
    ----------
    posterior : SurrogatePosterior
    rows : rows
        Of the measured items.
    pending : rows, optional
        Of items that are being measured; acquisitions that plan ahead take them into account.
    """

    posterior: SurrogatePosterior
    rows: FeatureRows
    pending: FeatureRows | None = None

    @cached_property
    def of_measured(self) -> Float[np.ndarray, " item"]:
        """The ratings of the measured items."""
        return self.posterior.means(self.rows)

    def ratings(self, rows: FeatureRows) -> Float[np.ndarray, " item"]:
        marginals = self.posterior.marginals(rows)
        return marginals.mean + OPTIMISM * marginals.deviation

    def pick(
        self, candidates: Candidates, count: int, settings: PlateSettings, generator: np.random.Generator,
        similarity: Similarity,
    ) -> Int[np.ndarray, " pick"]:  # fmt: skip
        """Indices of candidates, in the order of picking; fewer than `count` if no more may be picked.

        Parameters
        ----------
        candidates : Candidates
        count : int
            Items of the plate.
        settings : PlateSettings
        generator : numpy.random.Generator
        similarity : callable
            (items, references) -> array [item reference] in 0..1.

        Returns
        -------
        array of int [pick]

        Examples
        --------
        >>> import numpy as np
        >>> from sciencegen.optimization.posterior import Measured, fit_posterior
        >>> rows = np.linspace(-2, 2, 30)[:, None]
        >>> measured = Measured(-rows[::3, 0] ** 2, np.full(10, np.nan))
        >>> posterior = fit_posterior(rows[::3], measured, np.random.default_rng(0), surrogate="gp", scale="linear")
        >>> never_similar = lambda some, others: np.zeros((len(some), len(others)))
        >>> picked = ByAcquisition(posterior, rows[::3]).pick(
        ...     Candidates(list(range(30)), rows, np.ones(30)), 4, PlateSettings("greedy"), np.random.default_rng(0),
        ...     never_similar,
        ... )
        >>> bool(np.abs(rows[picked]).max() < 0.5)
        True
        """
        marginals = self.posterior.marginals(candidates.rows)
        reach = {"greedy": 0.0, "thompson": BETA * settings.exploration}.get(settings.acquisition, BETA)
        optimistic = marginals.mean + reach * marginals.deviation
        acquisition, baseline = load_acquisition(settings.acquisition), np.argsort(-self.of_measured)[:BASELINE]

        def of_block(block: Int[np.ndarray, " candidate"]) -> Acquisition:
            further = self.pending, self.rows[baseline]
            return acquisition(_state(self.posterior, candidates, block, settings.exploration, *further), generator)

        builder = PlateBuilder(candidates, settings, similarity, count)
        return pick_by_blocks(builder, np.argsort(-optimistic, kind="stable"), of_block)

    def worth(self, rows: FeatureRows, generator: np.random.Generator) -> float:
        """The expected best value of a plate, in the unit of the values with their sign."""
        joint = self.posterior.joint(self.posterior.points(rows))
        return float(self.posterior.warp.inverse(draws_of(joint, DRAWS, generator)).max(1).mean())


def pick_by_prior(
    candidates: Candidates,
    prior: SurrogatePosterior,
    count: int,
    settings: PlateSettings,
    generator: np.random.Generator,
    similarity: Similarity,
) -> Int[np.ndarray, " pick"]:
    """A first plate: half of it by functions drawn from the model of an earlier task, the rest in the candidates'
    order, since nothing says yet that the tasks are related."""
    marginals = prior.marginals(candidates.rows)
    optimistic = marginals.mean + BETA * OF_PRIOR * marginals.deviation

    def of_block(block: Int[np.ndarray, " candidate"]) -> Acquisition:
        return Thompson(_state(prior, candidates, block, OF_PRIOR), generator)

    builder = PlateBuilder(candidates, settings, similarity, count)
    builder.count = count // 2
    pick_by_blocks(builder, np.argsort(-optimistic, kind="stable"), of_block)
    builder.count = count
    return pick_by_blocks(builder, np.arange(len(candidates.items)), GivenOrder)


def first_pickable(
    candidates: Candidates, count: int, settings: PlateSettings, similarity: Similarity
) -> Int[np.ndarray, " pick"]:
    """Indices of the first candidates that may be on one plate, without predictions."""
    builder = PlateBuilder(candidates, replace(settings, diversity=0.0, sharing=0.0), similarity, count)
    return pick_by_blocks(builder, np.arange(len(candidates.items)), GivenOrder)


def pick_by_blocks(
    builder: PlateBuilder,
    order: Int[np.ndarray, " candidate"],
    acquisition_of: Callable[[np.ndarray], Acquisition],
) -> Int[np.ndarray, " pick"]:
    """Fill a plate from blocks of candidates in this order."""
    for start in range(0, len(order), SHORTLIST):
        block = order[start : start + SHORTLIST]
        fill(builder, block, acquisition_of(block))
        if builder.full:
            break
    return np.array(builder.picked, int)


class GivenOrder:
    """An acquisition that prefers earlier candidates."""

    def __init__(self, block: Int[np.ndarray, " candidate"]) -> None:
        self._values = -np.arange(len(block), dtype=float)

    def values(self) -> Float[np.ndarray, " candidate"]:
        return self._values

    def pick(self, index: int) -> None:
        return


def _state(
    posterior: SurrogatePosterior, candidates: Candidates, block: np.ndarray, exploration: float,
    pending: FeatureRows | None = None, baseline: FeatureRows | None = None,
) -> AcquisitionState:  # fmt: skip
    """The joint posterior of a block, of pending items, and of the best measured ones."""
    sizes = [0 if part is None else len(part) for part in (pending, baseline)]
    parts = [part for part in (pending, baseline) if part is not None and len(part)]
    joint = posterior.joint(posterior.points(concatenate_rows([candidates.rows[block], *parts])))
    return AcquisitionState(joint, sizes[0], sizes[1], candidates.costs[block], exploration)
