"""Where candidates come from: a given pool, moves from the best items known, and the latent space of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.rows import Rows

Item = Any
Move = Callable[[Sequence[Item], np.random.Generator], Sequence[Item | None]]
"""Children, one of each parent (or None); the parents come best first, some more than once."""


@dataclass(frozen=True)
class Proposals:
    """Distinct candidates, the row that each surrogate sees of it, and who made it."""

    items: list[Item] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class CampaignSpace:
    """What a campaign sees of a domain and a model.

    key(item): identity. features(items): rows for the surrogate. accept(item): what must hold of every proposal.
    moves: name -> how children come of parents. draws: name -> draw(n, generator), items of nobody (None fails).
    similarity: of items, for plates.
    """

    key: Callable[[Item], str]
    features: Callable[[Sequence[Item]], Rows]
    similarity: Callable[[Sequence[Item], Sequence[Item]], Float[np.ndarray, "item reference"]]
    accept: Callable[[Item], bool] = lambda item: True
    moves: Mapping[str, Move] = field(default_factory=dict)
    draws: Mapping[str, Callable[[int, np.random.Generator], Sequence[Item | None]]] = field(default_factory=dict)


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
    liking: Callable[[Rows], Float[np.ndarray, " item"]],
    settings: BreedingSettings,
    generator: np.random.Generator,
) -> Proposals:
    """Candidates from moves, generation after generation, and from draws.

    known: items that may be parents with their hopes, on the scale of `liking`, which rates candidates by their rows.
    forbidden: keys that must not be proposed; grows by those of the candidates.
    """
    found = Proposals()
    for name, draw in space.draws.items():
        drawn = draw(max(1, settings.draws // len(space.draws)), generator)
        _add(space, found, drawn, [name] * len(drawn), forbidden)
    liked: list[float] = liking(_rows_of(space, found, 0)).tolist() if len(found) else []
    for _ in range(settings.generations if space.moves and known else 0):
        pool, rated = [*known, *found.items], np.array([*hopes, *liked])
        best = np.argsort(-rated, kind="stable")[: settings.parents].tolist()
        before = len(found)
        _generation(space, found, [pool[place] for place in best], forbidden, settings, generator)
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
    space: CampaignSpace, found: Proposals, items: Sequence[Item | None], sources: Sequence[str], forbidden: set[str]
) -> None:
    for item, source in zip(items, sources, strict=False):
        if item is None or not space.accept(item) or (key := space.key(item)) in forbidden:
            continue
        forbidden.add(key)
        found.items.append(item)
        found.keys.append(key)
        found.sources.append(source)


def _rows_of(space: CampaignSpace, found: Proposals, start: int) -> Rows:
    """Features of the candidates from `start` on, computed now and kept."""
    rows = space.features(found.items[start:])
    found.rows.append(rows)
    return rows
