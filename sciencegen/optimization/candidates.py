"""Candidates of a plate: from a given pool, or suggested, drawn and bred."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from sciencegen.metrics.numbers import SHAPES
from sciencegen.optimization.feature_rows import FeatureRows, concatenate_rows, distinct_rows
from sciencegen.optimization.measurements import Measurement
from sciencegen.optimization.plate import Candidates, Materials, PlateSettings
from sciencegen.optimization.posterior import MODELS, PlateError, SurrogatePosterior, names_for
from sciencegen.optimization.selection import Marks, first_within_quota
from sciencegen.progress import Report, silent

# Candidates of a campaign: a given pool, moves from the best measured items, and draws of a generative model.

Item = Any
"""An item as the domain represents it."""
CANDIDATES = "candidates"
"""What `Report` is told while candidates are drawn and bred."""
NOTHING: Mapping[str, Sequence[Item]] = MappingProxyType({})
Move = Callable[[Sequence[Item], np.random.Generator], Sequence[Item | None]]
"""Children, one (or None) for each parent; the parents come best first, some more than once."""
Common = tuple[Candidates, Int[np.ndarray, " candidate"], float]
"""Candidates that may be on one plate, their places among all, and what the change from the last plate costs."""
Rating = Callable[[FeatureRows], Float[np.ndarray, " item"]]


@dataclass(frozen=True)
class Proposals:
    """Distinct candidates, their rows for a surrogate, and the source of each."""

    items: list[Item] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    rows: list[FeatureRows] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class CampaignSpace:
    """What a campaign needs of a domain and a model.

    Parameters
    ----------
    key : callable
        item -> its identity.
    features : callable
        items -> rows for the surrogate.
    similarity : callable
        (items, references) -> array [item reference] in 0..1; limited by plates.
    accept : callable
        items -> which of them may be proposed.
    moves : mapping
        Name -> children of parents.
    draws : mapping
        Name -> draw(n, generator), items without parents; None where one fails.
    marks : callable, optional
        items -> marks of each that `PlateSettings.maximum_share` limits.
    report : callable
        Called with the progress of a plate.
    materials : callable, optional
        items -> what making each takes, of which a plate needs few (`PlateSettings.sharing`).
    may_be_parent : callable
        item -> whether the moves can change it.
    compound : callable, optional
        item -> the same text for items that are one when they are made: a candidate for each, and none for a measured
        item's. By default items are one if they have the same key.
    common : callable, optional
        (candidates, excluded names) -> the candidates under each value of what a plate has in common.
    """

    key: Callable[[Item], str]
    features: Callable[[Sequence[Item]], FeatureRows]
    similarity: Callable[[Sequence[Item], Sequence[Item]], Float[np.ndarray, "item reference"]]
    accept: Callable[[Sequence[Item]], Sequence[bool]] = lambda items: [True] * len(items)
    moves: Mapping[str, Move] = field(default_factory=dict)
    draws: Mapping[str, Callable[[int, np.random.Generator], Sequence[Item | None]]] = field(default_factory=dict)
    marks: Callable[[Sequence[Item]], Sequence[Marks]] | None = None
    report: Report = silent
    materials: Callable[[Sequence[Item]], Sequence[Materials]] | None = None
    may_be_parent: Callable[[Item], bool] = lambda item: True
    compound: Callable[[Item], str] | None = None
    common: Callable[[Candidates, set[str]], Sequence[Common]] | None = None

    def names_of(self, items: Iterable[Item]) -> set[str]:
        """Keys and compounds of items, which exclude candidates."""
        names = (self.key, *([] if self.compound is None else [self.compound]))
        return {name(item) for item in items for name in names}

    def marks_of(self, items: Sequence[Item], share: float) -> Sequence[Marks]:
        """Marks of each item; empty if the share does not limit them."""
        return self.marks(items) if self.marks is not None and share < 1 else [()] * len(items)

    def acceptable(self, items: Sequence[Item], keys: Sequence[str], excluded: set[str]) -> list[int]:
        """Indices of the items that may be proposed and are not among the excluded keys."""
        new = [index for index, key in enumerate(keys) if key not in excluded]
        flags = self.accept([items[index] for index in new]) if new else []
        return [index for index, accepted in zip(new, flags, strict=True) if accepted]


@dataclass(frozen=True)
class BreedingSettings:
    """Sizes of a generation.

    Parameters
    ----------
    children : int
        New candidates of a generation, of all moves together.
    generations : int
        Number of generations. The best-rated candidates are among the parents of the next generation.
    parents : int
        Parents of a generation.
    draws : int
        Candidates without parents.
    patience : int
        Rounds of moves with fewer new children than `LEAST_NEW` of them, after which a generation ends.
    """

    children: int = 300
    generations: int = 3
    parents: int = 100
    draws: int = 200
    patience: int = 3


LEAST_NEW = 0.01
"""Share of a round's children that must be new candidates: the moves of a small series soon repeat themselves."""


@dataclass(frozen=True)
class Parents:
    """Items that may be parents, with their ratings. share: greatest share of the parents that may have one mark."""

    items: Sequence[Item] = ()
    ratings: Sequence[float] = ()
    share: float = 1.0


def breed(
    space: CampaignSpace,
    parents: Parents,
    excluded: set[str],
    rating: Rating,
    settings: BreedingSettings,
    generator: np.random.Generator,
    suggestions: Mapping[str, Sequence[Item]] = NOTHING,
) -> Proposals:
    """Candidates that are suggested, drawn, and bred by moves, generation after generation.

    Parameters
    ----------
    space : CampaignSpace
    parents : Parents
        Of the first generation.
    excluded : set of str
        Keys that must not be proposed; the keys of all items that were considered are added to it.
    rating : callable
        Rows -> array [item] on the scale of the parents' ratings.
    settings : BreedingSettings
    generator : numpy.random.Generator
    suggestions : mapping
        Source -> items that are added to the candidates unchanged.

    Returns
    -------
    Proposals

    Examples
    --------
    >>> import numpy as np
    >>> space = CampaignSpace(
    ...     key=str, features=lambda items: np.array(items, float)[:, None],
    ...     similarity=lambda some, others: np.zeros((len(some), len(others))),
    ...     moves={"increment": lambda parents, generator: [parent + 1 for parent in parents]},
    ... )
    >>> settings = BreedingSettings(children=30, generations=1, parents=2)
    >>> found = breed(space, Parents([3, 7], [0.0, 1.0]), {"3", "7"}, lambda rows: rows[:, 0], settings,
    ...               np.random.default_rng(0))
    >>> sorted(found.items), set(found.sources)
    ([4, 8], {'increment'})
    """
    found, generations = Proposals(), settings.generations if space.moves and parents.items else 0
    most = sum(map(len, suggestions.values())) + settings.draws * bool(space.draws) + settings.children * generations
    for name, items in suggestions.items():
        _add(space, found, items, [name] * len(items), excluded)
    for name, draw in space.draws.items():
        space.report(CANDIDATES, len(found), most)
        drawn = draw(max(1, settings.draws // len(space.draws)), generator)
        _add(space, found, drawn, [name] * len(drawn), excluded)
    ratings: list[float] = rating(_add_rows(space, found, 0)).tolist() if len(found) else []
    for _ in range(generations):
        items, all_ratings = [*parents.items, *found.items], np.array([*parents.ratings, *ratings])
        best = [items[index] for index in np.argsort(-all_ratings, kind="stable") if space.may_be_parent(items[index])]
        if not best:
            break
        within = first_within_quota(space.marks_of(best, parents.share), settings.parents, parents.share)
        before = len(found)
        _generation(space, found, [best[index] for index in within], excluded, settings, generator, most)
        if len(found) == before:
            break
        ratings += rating(_add_rows(space, found, before)).tolist()
    return found


def _generation(
    space: CampaignSpace,
    found: Proposals,
    parents: Sequence[Item],
    excluded: set[str],
    settings: BreedingSettings,
    generator: np.random.Generator,
    most: int,
) -> None:
    """Children by every move in turn, until there are enough; better parents are drawn more often. most: candidates of
    all generations, for the report."""
    target, stalled = len(found) + settings.children, 0
    share = max(8, settings.children // len(space.moves))
    while len(found) < target and stalled < settings.patience:
        before = len(found)
        for name, move in space.moves.items():
            space.report(CANDIDATES, len(found), most)
            places = np.sort((len(parents) * generator.random(share) ** 2).astype(int))
            children = move([parents[place] for place in places], generator)
            _add(space, found, children[: target - len(found)], [name] * len(children), excluded)
        stalled = stalled + 1 if len(found) - before < LEAST_NEW * share * len(space.moves) else 0


def _add(
    space: CampaignSpace, found: Proposals, items: Iterable[Item | None], sources: Iterable[str], excluded: set[str]
) -> None:
    fresh: dict[str, tuple[Item, str]] = {}
    for item, source in zip(items, sources, strict=False):
        if item is not None and (key := space.key(item)) not in excluded:
            fresh.setdefault(key, (item, source))
    excluded.update(fresh)
    flags = space.accept([item for item, _ in fresh.values()]) if fresh else []
    for (key, (item, source)), accepted in zip(fresh.items(), flags, strict=True):
        if accepted and space.compound is not None:
            accepted = (name := space.compound(item)) not in excluded
            excluded.add(name)
        if accepted:
            found.items.append(item)
            found.keys.append(key)
            found.sources.append(source)


def _add_rows(space: CampaignSpace, found: Proposals, start: int) -> FeatureRows:
    """Features of the candidates from `start` on, which are added to `found`."""
    rows = space.features(found.items[start:])
    found.rows.append(rows)
    return rows


# Settings of a campaign, and how its exploration decreases from plate to plate.

MOST_EXPLORATION, LEAST_EXPLORATION = 1.7, 1.0
"""Exploration of the first plate after the random one, and of the last plate of a campaign."""


@dataclass(frozen=True)
class CampaignSettings:
    """How a plate is made.

    Parameters
    ----------
    count : int
        Items of a plate.
    surrogate, scale : str
        Names in `posterior.MODELS` and `metrics.numbers.SHAPES`, or "auto".
    plate : PlateSettings
    breeding : BreedingSettings
    hit : float, optional
        A value at least as good counts as a hit in forecasts; by default that of the best tenth of the measured items.
    earlier : sequence of PlateError
        Errors of earlier plates, which tell how far the next one will be off.
    beside_measured : bool
        Whether candidates are made by changing measured items: a forecast then has no larger share of hits than
        measured items beside hits have.
    """

    count: int = 96
    surrogate: str = "auto"
    scale: str = "auto"
    plate: PlateSettings = field(default_factory=PlateSettings)
    breeding: BreedingSettings = field(default_factory=BreedingSettings)
    hit: float | None = None
    earlier: Sequence[PlateError] = ()
    beside_measured: bool = False

    def __post_init__(self) -> None:
        names_for("surrogate", self.surrogate, MODELS)
        names_for("scale", self.scale, SHAPES)


def exploration_at(number: int, rounds: int) -> float:
    """Exploration of plate `number` in a campaign of `rounds` plates; it falls linearly from plate 2 to the last.

    Examples
    --------
    >>> [round(exploration_at(number, 4), 2) for number in (2, 3, 4)]
    [1.7, 1.35, 1.0]
    """
    if rounds <= 2 or number >= rounds:
        return LEAST_EXPLORATION
    left = min((rounds - number) / (rounds - 2), 1.0)
    return LEAST_EXPLORATION + (MOST_EXPLORATION - LEAST_EXPLORATION) * left


POOL, START, SUGGESTED, EARLIER = "pool", "start", "offered", "earlier"
"""Sources of candidates, as written in tables."""
MOST_EARLIER = 2000
"""Items of an earlier task that are candidates of the first plate, the best ones."""


@dataclass(frozen=True)
class CandidatePool:
    """A finite pool: distinct items, their keys, and the cost of each (above 0)."""

    items: Sequence[Item]
    keys: Sequence[str]
    costs: Float[np.ndarray, " item"]


@dataclass(frozen=True)
class CandidateSources:
    """Where candidates come from, in addition to moves and draws, and what was measured in earlier tasks.

    Parameters
    ----------
    pool : CandidatePool, optional
        If given, it contains all candidates.
    start : sequence
        Items of the first plate, and parents as long as nothing is measured.
    suggestions : sequence
        Further candidates.
    priors : sequence of sequence of Measurement
        Measurements of earlier tasks, which may be related (`posterior.TransferEncoding`).
    """

    pool: CandidatePool | None = None
    start: Sequence[Item] = ()
    suggestions: Sequence[Item] = ()
    priors: Sequence[Sequence[Measurement]] = ()


@dataclass(frozen=True)
class CandidateMaker:
    """Makes the candidates of one plate. excluded: names of measured and pending items."""

    space: CampaignSpace
    settings: CampaignSettings
    generator: np.random.Generator
    sources: CandidateSources
    excluded: set[str]

    def candidates(self, items: Sequence[Item], rows: FeatureRows, costs: Float[np.ndarray, " item"]) -> Candidates:
        marks = self.space.marks_of(items, self.settings.plate.maximum_share)
        materials = () if self.space.materials is None else self.space.materials(items)
        return Candidates(items, rows, costs, marks, materials)

    def from_pool(self, pool: CandidatePool) -> tuple[Candidates, list[str]]:
        """The items of the pool that may be proposed, and their sources."""
        self.space.report(f"testing {len(pool.items):,} candidates", 0, None)
        open_places = self.space.acceptable(pool.items, pool.keys, self.excluded)
        items = [pool.items[place] for place in open_places]
        return self.candidates(items, self.space.features(items), pool.costs[open_places]), [POOL] * len(items)

    def bred(
        self, measured: Sequence[Item], ratings: Float[np.ndarray, " item"], rating: Rating
    ) -> tuple[Candidates, list[str]]:
        """Candidates from moves of the measured items, one for each distinct row of features. ratings: of the measured
        items. rating: of others, by their rows."""
        parents = Parents(measured, ratings.tolist(), self.settings.plate.maximum_share)
        found = breed(
            self.space, parents, set(self.excluded), rating, self.settings.breeding, self.generator,
            self._suggestions,
        )  # fmt: skip
        rows = concatenate_rows(found.rows) if found.rows else np.empty((0, 0))
        places = distinct_rows(rows)
        items = [found.items[place] for place in places]
        return self.candidates(items, rows[places], np.ones(len(items))), [found.sources[place] for place in places]

    def for_first_plate(self) -> tuple[list[Item], list[str]]:
        """Start items, then suggestions, draws and moves from the start items in random order; and their sources."""
        space, settings, sources = self.space, self.settings, self.sources
        new = {key: item for item in sources.start if (key := space.key(item)) not in self.excluded}
        distinct = list(new.values())
        first = [distinct[place] for place in space.acceptable(distinct, list(new), set())]
        breeding = replace(settings.breeding, draws=2 * settings.count, children=2 * settings.count, generations=1)
        excluded = self.excluded | space.names_of(first)
        parents = Parents(sources.start, [0.0] * len(sources.start))
        found = breed(
            space, parents, excluded, lambda rows: np.zeros(len(rows)), breeding, self.generator, self._suggestions
        )
        order = self.generator.permutation(len(found)).tolist()
        items = [*first, *(found.items[place] for place in order)]
        return items, [START] * len(first) + [found.sources[place] for place in order]

    def by_earlier_task(self, posterior: SurrogatePosterior, others: Sequence[Item]) -> Proposals:
        """The best items of the first earlier task, and children of them and of the start items, without these others.

        There is one generation, since nothing measured says yet how far the earlier task's model holds."""
        earlier = [one.item for one in self.sources.priors[0]]
        parents = list({self.space.key(item): item for item in [*earlier, *self.sources.start]}.values())
        ratings = posterior.means(self.space.features(parents))
        best = [parents[place] for place in np.argsort(-ratings, kind="stable")[:MOST_EARLIER]]
        breeding = replace(self.settings.breeding, generations=1)
        return breed(
            self.space, Parents(parents, ratings.tolist(), self.settings.plate.maximum_share),
            self.excluded | self.space.names_of(others), posterior.means, breeding, self.generator,
            {EARLIER: best},
        )  # fmt: skip

    @property
    def _suggestions(self) -> dict[str, Sequence[Item]]:
        return {SUGGESTED: self.sources.suggestions}
