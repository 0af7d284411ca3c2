"""CMA-ES on the semantic coordinates, restarted from good points (Hansen 2016; the library `cma`)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from sciencegen.errors import ConfigError
from sciencegen.optimization.evolution import Individual, begin, locate, score_new, survivors
from sciencegen.optimization.objective import Evaluation, Objective
from sciencegen.optimization.selection import best_first
from sciencegen.optimization.spaces import SearchSettings, SearchSpace

if TYPE_CHECKING:
    import cma

FULL_COVARIANCE = 200
"""With up to this many coordinates the covariance is full, with more it is diagonal."""

STALLED_GENERATIONS = 12
"""Number of generations without a new, better item after which the strategy restarts at another point."""


def search_cma(
    space: SearchSpace, objective: Objective, generator: np.random.Generator, settings: SearchSettings
) -> None:
    """Restart the strategy at another good point each time it has converged, until the budget is spent."""
    everyone = locate(space, begin(space, objective, generator, settings))
    idle = 0
    while not objective.exhausted and idle < settings.patience:
        center = _starting_point(space, everyone, generator)
        new = _run_strategy(space, objective, center, generator, settings)
        everyone += new
        idle = 0 if new else idle + 1


def _starting_point(
    space: SearchSpace, everyone: list[Individual], generator: np.random.Generator
) -> Float[np.ndarray, " latent"]:
    """The latent of one of the twenty best items, better ones more often; a prior draw if no item has a latent."""
    located = [individual for individual in survivors(everyone, 20, space.variety) if individual.has_latent]
    if not located:
        return space.sample(1, generator)[0]
    return located[int(len(located) * generator.random() ** 3)].latent


def _run_strategy(
    space: SearchSpace,
    objective: Objective,
    center: Float[np.ndarray, " latent"],
    generator: np.random.Generator,
    settings: SearchSettings,
) -> list[Individual]:
    """Run one strategy until it converges, stalls or the budget is spent; noise coordinates stay at the center's."""
    strategy = _strategy(center[: space.semantic_size], settings.step, generator)
    found: list[Individual] = []
    best: Evaluation | None = None
    stalled = 0
    while not objective.exhausted and stalled < STALLED_GENERATIONS and not strategy.stop():
        points = strategy.ask()
        latents = np.tile(center, (len(points), 1)).astype(np.float32)
        latents[:, : space.semantic_size] = points
        items = space.decode_accepted(latents)
        new = [individual for _, individual in score_new(objective, items, latents)]
        found += new
        evaluations = objective.evaluate([item for item in items if item is not None])
        strategy.tell(points, _losses(items, evaluations))
        scored = [one for one in (best, *evaluations) if one is not None]
        leader = scored[int(best_first(scored)[0])] if scored else None
        stalled = 0 if new and leader is not best else stalled + 1
        best = leader
    return found


def _strategy(
    mean: Float[np.ndarray, " semantic"], step: float, generator: np.random.Generator
) -> cma.CMAEvolutionStrategy:
    if len(mean) < 2:
        raise ConfigError(
            f"Expected at least 2 semantic coordinates for method 'cma', got {len(mean)}. Use 'evolution'."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cma warns where matplotlib or its own plotting is missing
        import cma

    options = {
        "verbose": -9,
        "randn": lambda *shape: generator.standard_normal(shape),
        "seed": np.nan,  # leave numpy's global generator alone
        "CMA_diagonal": len(mean) > FULL_COVARIANCE,
        "tolfun": 0,
        "tolfunhist": 0,
        "tolflatfitness": STALLED_GENERATIONS,
        "tolx": 1e-3,
    }
    return cma.CMAEvolutionStrategy(mean.astype(float), step, options)


def _losses(items: list, evaluations: list[Evaluation | None]) -> list[float]:
    """Ranks, 0 the best: the strategy uses only the order. Items that were not scored come last."""
    scored = [e for e in evaluations if e is not None]
    places = np.empty(len(scored))
    places[best_first(scored)] = np.arange(len(scored))
    by_key = {e.key: place for e, place in zip(scored, places, strict=True)}  # the same item has one loss
    results = iter(evaluations)
    losses = []
    for item in items:
        evaluation = next(results) if item is not None else None
        losses.append(float(by_key[evaluation.key]) if evaluation is not None else float(len(items)))
    return losses
