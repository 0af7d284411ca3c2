"""Latent evolution, the default search: elitist, with adaptive operators and a surrogate that chooses children."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.bandit import Bandit
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.operators import item_moves, latent_moves, make_children
from sciencegen.optimization.population import Individual, begin, first_distinct, locate, score_new, survivors
from sciencegen.optimization.ranking import desirability, random_weights
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.optimization.surrogate import TanimotoProcess, training_subset

RANK_PRESSURE = 2.0
"""Parents are drawn at the quantile 10^-(pressure u), u uniform: with 2, half of them from the best tenth."""

SURROGATE_SIZE = 900
PICKERS = ("greedy", "optimistic", "blind")


def search_evolution(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Evolve until the budget is spent or `patience` rounds bring nothing new.

    Each round: parents by rank pressure, operators by their success (`Bandit`), `screen` children per scored one; a
    Gaussian process over everything scored picks those worth a call (by its mean, by mean + deviation, or blindly,
    in shares that follow success too). Known items never spend budget.
    """
    everyone = begin(space, objective, generator, settings)
    parents = locate(space, survivors(everyone, settings.population))
    operators = Bandit(["prior", *latent_moves(space), *item_moves(space)])
    pickers = Bandit(PICKERS, floor=0.1)
    screen, stalled = Screen(space, objective.key, generator), 0
    while not objective.exhausted and stalled < settings.patience:
        count = min(settings.batch, objective.remaining)
        names, items, latents = propose(
            space, objective, generator, operators, parents, count * max(settings.screen, 1)
        )
        fresh = [row for row, item in enumerate(first_distinct(items, objective, len(items))) if item is not None]
        weights = random_weights([p.evaluation for p in parents], generator)
        chosen, why = screen.choose(everyone, [items[r] for r in fresh], latents[fresh], count, pickers, weights)
        rows = [fresh[i] for i in chosen]
        new = score_new(objective, [items[r] for r in rows], latents[rows])
        stalled = 0 if new else stalled + 1
        everyone += [individual for _, individual in new]
        ranked = survivors([*parents, *[individual for _, individual in new]], settings.population)
        credits = _credits(ranked, [individual for _, individual in new], settings.population)
        operators.learn([names[rows[row]] for row, _ in new], credits)
        pickers.learn([why[row] for row, _ in new], credits)
        parents = _located(space, ranked, parents)


def propose(
    space: SearchSpace,
    objective: Objective,
    generator: np.random.Generator,
    operators: Bandit,
    parents: Sequence[Individual],
    count: int,
) -> tuple[list[str], list[Any | None], Float[np.ndarray, "item latent"]]:
    """`count` children: operator, item (None where it failed) and latent of each."""
    located = [parent for parent in parents if parent.has_latent]
    if not parents:
        return ["prior"] * count, *make_children(space, ["prior"] * count, [], [], generator)
    everyone = list(parents)
    pool_of = dict.fromkeys(latent_moves(space), located) | dict.fromkeys(item_moves(space), everyone)
    pool_of["prior"] = everyone  # a fresh draw has no parent, whatever stands here
    names = operators.draw(count, generator, [name for name in operators.names if pool_of[name]])
    pools = [pool_of[name] for name in names]
    first = [_by_rank(pool, generator) for pool in pools]
    second = [_by_rank(pool, generator) for pool in pools]
    return names, *make_children(space, names, first, second, generator)


class Screen:
    """Chooses which children are worth a call; keeps the features of everything scored."""

    def __init__(self, space: SearchSpace, key: Callable[[Any], str], generator: np.random.Generator) -> None:
        self._space, self._key, self._generator = space, key, generator
        self._features: dict[str, np.ndarray] = {}

    def choose(
        self, scored: Sequence[Individual], items: Sequence[Any], latents: Float[np.ndarray, "item latent"],
        count: int, pickers: Bandit, weights: np.ndarray | None,
    ) -> tuple[list[int], list[str]]:  # fmt: skip
        """Rows of at most `count` children, and which picker chose each."""
        blind = self._generator.permutation(len(items))
        if len(items) <= count or len(scored) < 20:
            return blind[:count].tolist(), ["blind"] * min(count, len(items))
        features = self._features_of(items, latents)
        mean, deviation = self._predict(scored, features, weights)
        orders = {
            "greedy": np.argsort(-mean, kind="stable"),
            "optimistic": np.argsort(-mean - deviation, kind="stable"),
            "blind": blind,
        }
        why = pickers.draw(count, self._generator)
        queues = {name: iter(order.tolist()) for name, order in orders.items()}
        taken: dict[int, None] = {}
        for name in why:
            taken[next(row for row in queues[name] if row not in taken)] = None
        self._features |= {self._key(items[row]): features[row].copy() for row in taken}
        return list(taken), why

    def _predict(
        self, scored: Sequence[Individual], features: np.ndarray, weights: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        targets = desirability([individual.evaluation for individual in scored], weights)
        rows = training_subset(targets, SURROGATE_SIZE, self._generator)
        self._remember([scored[row] for row in rows.tolist()])
        known = np.stack([self._features[scored[row].evaluation.key] for row in rows.tolist()])
        return TanimotoProcess().fit(known, targets[rows]).predict(features)

    def _remember(self, individuals: Sequence[Individual]) -> None:
        new = [individual for individual in individuals if individual.evaluation.key not in self._features]
        if new:
            latents = np.stack([individual.latent for individual in new])
            rows = self._features_of([individual.item for individual in new], latents)
            self._features |= {individual.evaluation.key: row for individual, row in zip(new, rows, strict=True)}

    def _features_of(self, items: Sequence[Any], latents: np.ndarray) -> np.ndarray:
        if self._space.features is not None:
            return np.asarray(self._space.features(items), np.float32)
        semantic = np.array(latents[:, : self._space.semantic_size], np.float32)
        missing = np.flatnonzero(~np.isfinite(semantic).all(1)).tolist()
        semantic[missing] = self._space.encode_or_nan([items[i] for i in missing])[:, : self._space.semantic_size]
        return np.nan_to_num(np.concatenate([semantic, np.ones((len(semantic), 1), np.float32)], 1))


def _by_rank(pool: Sequence[Individual], generator: np.random.Generator) -> Individual:
    quantile = 10 ** (-RANK_PRESSURE * generator.random())
    return pool[min(int(quantile * len(pool)), len(pool) - 1)]


def _located(space: SearchSpace, ranked: Sequence[Individual], before: Sequence[Individual]) -> list[Individual]:
    """The population with a latent for each newcomer; whoever was there before keeps what it has."""
    known = {individual.evaluation.key for individual in before}
    new = locate(space, [individual for individual in ranked if individual.evaluation.key not in known])
    found = {individual.evaluation.key: individual for individual in new}
    return [found.get(individual.evaluation.key, individual) for individual in ranked]


def _credits(ranked: Sequence[Individual], children: Sequence[Individual], size: int) -> list[float]:
    """1 for a child that becomes the best of the population, falling to 0 for one that doesn't enter it."""
    place = {individual.evaluation.key: rank for rank, individual in enumerate(ranked)}
    return [1 - place.get(child.evaluation.key, size) / size for child in children]
