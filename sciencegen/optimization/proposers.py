"""Where candidates come from: a given pool, moves from the best items known, and the latent space of a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.feature_rows import FeatureRows
from sciencegen.optimization.quotas import Marks, first_within_quota

Item = Any
OFFERED = "offered"
"""Source of candidates that were given beside those that are made."""
Move = Callable[[Sequence[Item], np.random.Generator], Sequence[Item | None]]
"""Children, one of each parent (or None); the parents come best first, some more than once."""


@dataclass(frozen=True)
class Proposals:
    """Distinct candidates, the row that each surrogate sees of it, and who made it."""

    items: list[Item] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    rows: list[FeatureRows] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class CampaignSpace:
    """What a campaign sees of a domain and a model.

    key(item): identity. features(items): rows for the surrogate. accept(items): which may be proposed.
    moves: name -> how children come of parents. draws: name -> draw(n, generator), items of nobody (None fails).
    similarity: of items, for plates. marks(items): what each may have in common with others, for `maximum_share`.
    """

    key: Callable[[Item], str]
    features: Callable[[Sequence[Item]], FeatureRows]
    similarity: Callable[[Sequence[Item], Sequence[Item]], Float[np.ndarray, "item reference"]]
    accept: Callable[[Sequence[Item]], Sequence[bool]] = lambda items: [True] * len(items)
    moves: Mapping[str, Move] = field(default_factory=dict)
    draws: Mapping[str, Callable[[int, np.random.Generator], Sequence[Item | None]]] = field(default_factory=dict)
    marks: Callable[[Sequence[Item]], Sequence[Marks]] | None = None

    def marks_of(self, items: Sequence[Item], share: float) -> Sequence[Marks]:
        """Of each item; none where a share doesn't limit them."""
        return self.marks(items) if self.marks is not None and share < 1 else [()] * len(items)


@dataclass(frozen=True)
class BreedingSettings:
    """children: new candidates of a generation, all moves together. generations: each has the candidates that the
    surrogate likes best among its parents. parents: how many breed. draws: new ones without parents. patience: rounds
    of moves without a new child after which a generation is over.
    """

    children: int = 300
    generations: int = 3
    parents: int = 100
    draws: int = 200
    patience: int = 3


def breed(
    space: CampaignSpace,
    known: Sequence[Item],
    hopes: Sequence[float],
    forbidden: set[str],
    liking: Callable[[FeatureRows], Float[np.ndarray, " item"]],
    settings: BreedingSettings,
    generator: np.random.Generator,
    offered: Sequence[Item] = (),
    share: float = 1.0,
) -> Proposals:
    """Candidates that are offered, that are drawn, and from moves, generation after generation.

    known: items that may be parents with their hopes, on the scale of `liking`, which rates candidates by their rows.
    forbidden: keys that must not be proposed; grows by those that were looked at. share: of the parents, that may bear
    one mark.
    """
    found = Proposals()
    _add(space, found, offered, [OFFERED] * len(offered), forbidden)
    for name, draw in space.draws.items():
        drawn = draw(max(1, settings.draws // len(space.draws)), generator)
        _add(space, found, drawn, [name] * len(drawn), forbidden)
    liked: list[float] = liking(_rows_of(space, found, 0)).tolist() if len(found) else []
    for _ in range(settings.generations if space.moves and known else 0):
        pool, rated = [*known, *found.items], np.array([*hopes, *liked])
        best = [pool[place] for place in np.argsort(-rated, kind="stable")]
        parents = [best[place] for place in first_within_quota(space.marks_of(best, share), settings.parents, share)]
        before = len(found)
        _generation(space, found, parents, forbidden, settings, generator)
        if len(found) == before:
            break
        liked += liking(_rows_of(space, found, before)).tolist()
    return found


def _generation(
    space: CampaignSpace,
    found: Proposals,
    parents: Sequence[Item],
    forbidden: set[str],
    settings: BreedingSettings,
    generator: np.random.Generator,
) -> None:
    """Children by every move in turn, until there are enough; parents by rank, the better ones oftener."""
    wanted, stalled = len(found) + settings.children, 0
    share = max(8, settings.children // len(space.moves))
    while len(found) < wanted and stalled < settings.patience:
        before = len(found)
        for name, move in space.moves.items():
            places = np.sort((len(parents) * generator.random(share) ** 2).astype(int))
            children = move([parents[place] for place in places], generator)
            _add(space, found, children[: wanted - len(found)], [name] * len(children), forbidden)
        stalled = stalled + 1 if len(found) == before else 0


def _add(
    space: CampaignSpace, found: Proposals, items: Iterable[Item | None], sources: Iterable[str], forbidden: set[str]
) -> None:
    fresh: dict[str, tuple[Item, str]] = {}
    for item, source in zip(items, sources, strict=False):
        if item is not None and (key := space.key(item)) not in forbidden:
            fresh.setdefault(key, (item, source))
    forbidden.update(fresh)
    may = space.accept([item for item, _ in fresh.values()]) if fresh else []
    for (key, (item, source)), accepted in zip(fresh.items(), may, strict=True):
        if accepted:
            found.items.append(item)
            found.keys.append(key)
            found.sources.append(source)


def _rows_of(space: CampaignSpace, found: Proposals, start: int) -> FeatureRows:
    """Features of the candidates from `start` on, computed now and kept."""
    rows = space.features(found.items[start:])
    found.rows.append(rows)
    return rows
