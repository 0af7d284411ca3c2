"""Ranking of evaluations: a scale-free order, and the targets of surrogates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from sciencegen.optimization.objective import Evaluation
from sciencegen.optimization.pareto import crowding_distance, nondominated_ranks


def best_first(evaluations: Sequence[Evaluation]) -> Int[np.ndarray, " item"]:
    """Indices from best to worst: feasible before infeasible before failed (Deb 2000).

    Feasible ones are ordered by their objective, several by Pareto front and crowding (NSGA-II, Deb et al. 2002),
    infeasible ones by their violation. Ties keep their order.
    """
    feasible = np.array([e.feasible for e in evaluations], bool)
    quality = np.array([-e.violation for e in evaluations], float)
    spread = np.zeros(len(evaluations))
    if feasible.any():
        gains = np.array([e.gains for e in evaluations if e.feasible], float)
        quality[feasible], spread[feasible] = _quality(gains)
    return np.lexsort((-spread, -quality, ~feasible))


def _quality(gains: Float[np.ndarray, "item goal"]) -> tuple[np.ndarray, np.ndarray]:
    if gains.shape[1] == 0:
        return np.zeros(len(gains)), np.zeros(len(gains))
    if gains.shape[1] == 1:
        return gains[:, 0], np.zeros(len(gains))
    ranks = nondominated_ranks(gains)
    return -ranks.astype(float), crowding_distance(gains, ranks)


def desirability(
    evaluations: Sequence[Evaluation], weights: Float[np.ndarray, " goal"] | None = None
) -> Float[np.ndarray, " item"]:
    """Normal quantiles of the ranks in the same order: targets of surrogates, independent of units and outliers.

    Several objectives are joined by an augmented Chebyshev sum, after Knowles 2006 (ParEGO), of gains instead of costs:
    u = min_i w_i g_i + 0.05 sum_i w_i g_i, with `weights` w_i (equal by default) and each gain g_i scaled to 0..1 over
    the feasible ones.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    feasible = np.array([e.feasible for e in evaluations], bool)
    ranks = np.empty(len(evaluations))
    ranks[~feasible] = rankdata([-e.violation for e in evaluations if not e.feasible])
    if feasible.any():
        gains = np.array([e.gains for e in evaluations if e.feasible], float)
        ranks[feasible] = (~feasible).sum() + rankdata(_chebyshev(gains, weights))
    return ndtri((ranks - 0.5) / max(len(ranks), 1))


def _chebyshev(gains: Float[np.ndarray, "item goal"], weights: np.ndarray | None) -> Float[np.ndarray, " item"]:
    count = gains.shape[1]
    if count == 0:
        return np.zeros(len(gains))
    if count == 1:
        return gains[:, 0]
    low, high = gains.min(0), gains.max(0)
    weighted = (
        (gains - low)
        / np.where(high > low, high - low, 1.0)
        * (np.full(count, 1 / count) if weights is None else weights)
    )
    return weighted.min(1) + 0.05 * weighted.sum(1)


def random_weights(
    evaluations: Sequence[Evaluation], generator: np.random.Generator
) -> Float[np.ndarray, " goal"] | None:
    """Weights for one round, uniform on the simplex; None for fewer than two objectives."""
    count = max((len(e.gains) for e in evaluations), default=0)
    return generator.dirichlet(np.ones(count)) if count > 1 else None
