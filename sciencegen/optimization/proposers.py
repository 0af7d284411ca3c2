"""Candidates of a campaign: a given pool, moves from the best measured items, and draws of a generative model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.plate_builder import Materials
from sciencegen.optimization.quotas import Marks, first_within_quota
from sciencegen.progress import Report, silent

Item = Any
"""An item as the domain represents it."""
CANDIDATES = "candidates"
"""What `Report` is told while candidates are drawn and bred."""
NOTHING: Mapping[str, Sequence[Item]] = MappingProxyType({})
Move = Callable[[Sequence[Item], np.random.Generator], Sequence[Item | None]]
"""Children, one (or None) for each parent; the parents come best first, some more than once."""
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
        Rounds of moves without a new child after which a generation ends.
    """

    children: int = 300
    generations: int = 3
    parents: int = 100
    draws: int = 200
    patience: int = 3


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
        stalled = stalled + 1 if len(found) == before else 0


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
        if accepted:
            found.items.append(item)
            found.keys.append(key)
            found.sources.append(source)


def _add_rows(space: CampaignSpace, found: Proposals, start: int) -> FeatureRows:
    """Features of the candidates from `start` on, which are added to `found`."""
    rows = space.features(found.items[start:])
    found.rows.append(rows)
    return rows
