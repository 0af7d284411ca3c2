"""Scored individuals with their latents, the best kept as parents, and how a search begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.objective import Evaluation, Objective
from sciencegen.optimization.ranking import best_first
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.optimization.variety import DiversityFilter

MOST_TRIES = 20
"""Most moves that are tried for each requested neighbour."""


@dataclass(frozen=True)
class Individual:
    """A scored item and the latent it was decoded from or is encoded to; NaN if there is none."""

    evaluation: Evaluation
    latent: Float[np.ndarray, " latent"]

    @property
    def item(self) -> Any:
        return self.evaluation.item

    @property
    def has_latent(self) -> bool:
        return bool(np.isfinite(self.latent).all())


def score_new(
    objective: Objective, items: Sequence[Any | None], latents: Float[np.ndarray, "item latent"]
) -> list[tuple[int, Individual]]:
    """Score the items not scored before; (row, individual) of each distinct new one. None rows are skipped."""
    rows, keys = [], set()
    for row, item in enumerate(items):
        if item is None or objective.is_scored(item) or objective.key(item) in keys:
            continue
        keys.add(objective.key(item))
        rows.append(row)
    evaluations = objective.evaluate([items[row] for row in rows])
    scored = zip(rows, evaluations, strict=True)
    return [(row, Individual(e, latents[row])) for row, e in scored if e is not None]


def survivors(individuals: Sequence[Individual], size: int, variety: DiversityFilter | None = None) -> list[Individual]:
    """The best `size` that could be scored, best first; with a limit to each class, those beyond it come last."""
    usable = [individual for individual in individuals if individual.evaluation.failure is None]
    if not usable:
        return []
    ordered = [usable[i] for i in best_first([individual.evaluation for individual in usable])]
    if variety is None:
        return ordered[:size]
    return [ordered[i] for i in variety.choose([individual.item for individual in ordered], size)]


def begin(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> list[Individual]:
    """Score the start items, then prior draws: `initial` of them, a quarter of that where there are start items.

    Individuals may have no latent yet; a search that moves in the latent space calls `locate` afterwards.
    """
    start = [item for item in space.start if space.accept(item)]
    nowhere = np.full((len(start), space.latent_size), np.nan, np.float32)
    individuals = [new for _, new in score_new(objective, start, nowhere)]
    wanted = settings.initial // 4 if individuals else settings.initial
    return individuals + draw_prior(space, objective, generator, min(wanted, objective.remaining), settings.patience)


def score_neighbours(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, count: int
) -> list[Individual]:
    """Score items one move away from the start items, taken in turn, even if the start item itself isn't acceptable."""
    move, start = space.edit or space.mutate, space.start
    if move is None or not start:
        return []
    count = min(count, objective.remaining)
    moved: list[Any | None] = []
    for row in range(MOST_TRIES * count):
        item = move(start[row % len(start)], generator)
        if item is not None and space.accept(item):
            moved.append(item)
        if len(moved) == count:
            break
    nowhere = np.full((len(moved), space.latent_size), np.nan, np.float32)
    return [new for _, new in score_new(objective, moved, nowhere)]


def locate(space: SearchSpace, individuals: Sequence[Individual]) -> list[Individual]:
    """Individuals, where those without a latent get that of their encoding."""
    missing = [i for i, individual in enumerate(individuals) if not individual.has_latent]
    located = list(individuals)
    for i, latent in zip(missing, space.encode_or_nan([individuals[i].item for i in missing]), strict=True):
        located[i] = Individual(individuals[i].evaluation, latent)
    return located


def draw_prior(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, count: int, patience: int
) -> list[Individual]:
    """Score `count` new items drawn from the prior, fewer if `patience` draws in a row give nothing new. Items that
    `space.draw` makes have no latent yet (see `locate`).
    """
    individuals: list[Individual] = []
    stalled = 0
    while len(individuals) < count and stalled < patience:
        drawn, latents = space.draw_accepted(max(count - len(individuals), 8), generator)
        items = first_distinct(drawn, objective, count - len(individuals))
        new = [individual for _, individual in score_new(objective, items, latents)]
        individuals += new
        stalled = 0 if new else stalled + 1
    return individuals


def first_distinct(items: Sequence[Any | None], objective: Objective, count: int) -> list[Any | None]:
    """The list with None in place of all but the first `count` distinct unscored items."""
    kept: list[Any | None] = []
    keys: set[str] = set()
    for item in items:
        fresh = item is not None and len(keys) < count and not objective.is_scored(item)
        fresh = fresh and objective.key(item) not in keys
        kept.append(item if fresh else None)
        if fresh:
            keys.add(objective.key(item))
    return kept
