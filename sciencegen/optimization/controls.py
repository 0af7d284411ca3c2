"""Baselines for latent searches: draws of the prior, and hill climbing by the domain's own mutations."""

from __future__ import annotations

import numpy as np

from sciencegen.errors import ConfigError
from sciencegen.optimization.evolution import begin, draw_prior, first_distinct, score_new, survivors
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.spaces import SearchSettings, SearchSpace


def search_prior(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Score draws of the prior until the budget is spent; start items come first."""
    begin(space, objective, generator, settings)
    while not objective.exhausted:
        count = min(settings.batch, objective.remaining)
        if not draw_prior(space, objective, generator, count, settings.patience):
            return


def search_hill_climb(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Mutate the best items and keep the best; latents are used only for the first prior draws."""
    if space.mutate is None:
        raise ConfigError(
            "Expected a domain with mutations for method 'hill_climb', this one has none. Use 'evolution'."
        )
    everyone, stalled = begin(space, objective, generator, settings), 0
    while not objective.exhausted and stalled < settings.patience:
        parents = survivors(everyone, settings.population, space.variety)
        if not parents:
            return
        count = min(settings.batch, objective.remaining)
        chosen = (parents[int(len(parents) * generator.random() ** 2)].item for _ in range(4 * count))
        children = [space.mutate(item, generator) for item in chosen]
        accepted = [child if child is not None and space.accept(child) else None for child in children]
        nowhere = np.full((len(accepted), space.latent_size), np.nan, np.float32)
        new = score_new(objective, first_distinct(accepted, objective, count), nowhere)
        everyone += [individual for _, individual in new]
        stalled = 0 if new else stalled + 1
