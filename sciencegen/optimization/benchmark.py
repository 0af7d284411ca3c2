"""The measure of sample efficiency: area under the curve of the average of the best k (Gao et al. 2022, PMO)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sciencegen.optimization.objective import Evaluation


def auc_top_k(trace: Sequence[Evaluation], k: int = 10, budget: int = 10_000, every: int = 100) -> float:
    """`area_under_top_k` of the scalars of a trace; a failed item uses a call and adds no value."""
    return area_under_top_k([e.scalar for e in trace], k, budget, every)


def area_under_top_k(values: Sequence[float], k: int = 10, budget: int = 10_000, every: int = 100) -> float:
    """Mean over the budget of the average of the best k values so far, by PMO's rule (Gao et al. 2022, section 3.2).

    The average is taken every `every` calls and at the end, joined by the trapezoidal rule from 0 at call 0, and
    stays constant from the last call to the budget. If there are fewer than k values, all of them are averaged.
    """
    values = list(values)[:budget]
    if not values:
        return 0.0
    calls = [*range(every, len(values), every), len(values)]
    curve = np.array([0.0] + [_top_mean(values[:call], k) for call in calls])
    area = np.sum(np.diff([0, *calls]) * (curve[1:] + curve[:-1]) / 2)
    return float((area + (budget - len(values)) * curve[-1]) / budget)


def top_k_curve(trace: Sequence[Evaluation], k: int = 10, every: int = 100) -> tuple[list[int], list[float]]:
    """Calls and the average of the best k feasible scalars at each, for plots; NaN before the first."""
    values = [e.scalar if e.feasible else -np.inf for e in trace]
    calls = [*range(every, len(values), every), len(values)] if values else []
    return calls, [_top_mean(values[:call], k, empty=np.nan) for call in calls]


def _top_mean(values: Sequence[float], k: int, empty: float = 0.0) -> float:
    finite = np.array(values)[np.isfinite(values)]
    return float(np.sort(finite)[-k:].mean()) if len(finite) else empty
