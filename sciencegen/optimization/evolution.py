"""Latent evolution, the default search: elitist, with adaptive operators and a surrogate that chooses children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from sciencegen.optimization.bandit import Bandit
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.operators import Child, Parent, item_moves, latent_moves, make_children
from sciencegen.optimization.population import Individual, begin, locate, score_neighbours, score_new, survivors
from sciencegen.optimization.ranking import random_weights
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.optimization.surrogate_screening import SurrogateScreen

RANK_PRESSURE = 2.0
"""Parents are drawn at the quantile 10^-(pressure u), u uniform: with 2, half of them from the best tenth."""

PICKERS = ("greedy", "optimistic", "blind")


def search_evolution(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Evolve until the budget is spent or `patience` rounds bring nothing new.

    The search begins with the start items, some of their neighbours, and draws of the prior. In each round, parents are
    drawn by rank and operators by their success (`Bandit`). They make `screen` children per scored one, in
    `generations`: the parents of each generation are the best children before it, as predicted by a Gaussian process
    fitted on scored items. The process then chooses which children to score: by its mean, by mean + deviation, or at
    random, in shares that follow success too. Items scored before use no budget.
    """
    everyone = begin(space, objective, generator, settings)
    everyone += score_neighbours(space, objective, generator, settings.initial // 4)
    parents = locate(space, survivors(everyone, settings.population, space.variety))
    operators = Bandit(["prior", *latent_moves(space), *item_moves(space)])
    pickers = Bandit(PICKERS, floor=0.1)
    screen, stalled = SurrogateScreen(space, objective.key), 0
    while not objective.exhausted and stalled < settings.patience:
        count = min(settings.batch, objective.remaining)
        screen.learn(everyone, random_weights([p.evaluation for p in parents], generator), generator)
        children = breed(space, objective, generator, settings, operators, screen, parents)
        chosen, why = screen.choose(children, count, pickers, generator)
        new = score_new(objective, [child.item for child in chosen], _stacked(space, chosen))
        stalled = 0 if new else stalled + 1
        newcomers = [individual for _, individual in new]
        everyone += newcomers
        ranked = survivors([*parents, *newcomers], settings.population, space.variety)
        credits = _credits(ranked, newcomers, settings.population)
        operators.learn([chosen[row].operator for row, _ in new], credits)
        pickers.learn([why[row] for row, _ in new], credits)
        parents = _located(space, ranked, parents)


def search_latent_evolution(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Evolution by latent moves only: what the model contributes without the domain's own moves."""
    search_evolution(replace(space, mutate=None, edit=None, recombine=None), objective, generator, settings)


def breed(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings,
    operators: Bandit, screen: SurrogateScreen, parents: Sequence[Individual],
) -> list[Child]:  # fmt: skip
    """Distinct children that were never scored."""
    born: dict[str, Child] = {}
    pool: Sequence[Parent] = parents
    count = min(settings.batch, objective.remaining) * settings.screen
    generations = min(settings.generations, count) if screen.ready and settings.screen > 1 else 1
    for generation in range(generations):
        share = count * (generation + 1) // generations - count * generation // generations
        for child in propose(space, generator, operators, pool, share):
            if not objective.is_scored(child.item):
                born.setdefault(objective.key(child.item), child)
        if generation + 1 < generations:
            pool = screen.best(list(born.values()), settings.population) or parents
    return list(born.values())


def propose(
    space: SearchSpace, generator: np.random.Generator, operators: Bandit, parents: Sequence[Parent], count: int
) -> list[Child]:
    """Up to `count` children: those that are no valid items are left out. Parents come best first."""
    if not parents:
        return make_children(space, ["prior"] * count, [], [], generator)
    located = [parent for parent in parents if parent.has_latent]
    everyone = list(parents)
    pool_of: dict[str, list[Parent]] = dict.fromkeys(latent_moves(space), located) | dict.fromkeys(
        item_moves(space), everyone
    )
    pool_of["prior"] = everyone  # a prior draw ignores its parents
    names = operators.draw(count, generator, [name for name in operators.names if pool_of[name]])
    pools = [pool_of[name] for name in names]
    first, second = ([_by_rank(pool, generator) for pool in pools] for _ in range(2))
    return make_children(space, names, first, second, generator)


def _stacked(space: SearchSpace, children: Sequence[Child]) -> Float[np.ndarray, "item latent"]:
    return np.array([child.latent for child in children], np.float32).reshape(len(children), space.latent_size)


def _by_rank(pool: Sequence[Parent], generator: np.random.Generator) -> Parent:
    quantile = 10 ** (-RANK_PRESSURE * generator.random())
    return pool[min(int(quantile * len(pool)), len(pool) - 1)]


def _located(space: SearchSpace, ranked: Sequence[Individual], before: Sequence[Individual]) -> list[Individual]:
    """The population, with newcomers encoded; individuals that were in it before are unchanged."""
    keys_before = {individual.evaluation.key for individual in before}
    new = locate(space, [individual for individual in ranked if individual.evaluation.key not in keys_before])
    found = {individual.evaluation.key: individual for individual in new}
    return [found.get(individual.evaluation.key, individual) for individual in ranked]


def _credits(ranked: Sequence[Individual], children: Sequence[Individual], size: int) -> list[float]:
    """1 for a child that becomes the best of the population, falling to 0 for one that doesn't enter it."""
    place = {individual.evaluation.key: rank for rank, individual in enumerate(ranked)}
    return [1 - place.get(child.evaluation.key, size) / size for child in children]
