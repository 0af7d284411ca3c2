"""The complete graph over the points of an item as two small matrices, and radial functions of distances.

With one row for each unordered pair (i, j), i < j, the incidence matrix S has ones at both ends and the gradient matrix
D has +1 at i and -1 at j. S h sums the values at an edge's ends, S^T e sums over a point's edges, D v are the
differences v_i - v_j, and D^T diag(w) D is the weighted graph Laplacian. This takes half the work of all ordered pairs,
and no gather operations.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Result = TypeVar("Result")


class CompleteGraph(NamedTuple):
    """incidence, gradient: S and D above. edge: index of the edge between two points; on the diagonal, the number of
    edges (one past the last index). first, second: the ends of each edge."""

    incidence: Float[Tensor, "edge point"]
    gradient: Float[Tensor, "edge point"]
    edge: Int[Tensor, "point point"]
    first: Int[Tensor, " edge"]
    second: Int[Tensor, " edge"]


@lru_cache(maxsize=256)
@torch.inference_mode(False)
def complete_graph(points: int, dtype: torch.dtype, device: torch.device) -> CompleteGraph:
    """The matrices for items with this number of points, cached, also for training if the first use is a draw."""
    first, second = torch.triu_indices(points, points, 1, device=device)
    edges = torch.arange(len(first), device=device)
    start, end = (torch.nn.functional.one_hot(one, points).to(dtype) for one in (first, second))
    edge = torch.full((points, points), len(first), device=device)
    edge[first, second] = edges
    edge[second, first] = edges
    return CompleteGraph(start + end, start - end, edge, first, second)


def centred(
    positions: Float[Tensor, "batch point axis"], mask: Bool[Tensor, "batch point"] | None
) -> Float[Tensor, "batch point axis"]:
    """Values minus their mean over the real points; zero at padding."""
    if mask is None:
        return positions - positions.mean(1, keepdim=True)
    real = mask[..., None].to(positions.dtype)
    return (positions - (positions * real).sum(1, keepdim=True) / real.sum(1, keepdim=True).clamp(min=1)) * real


def radial_functions(distances: Float[Tensor, "..."], count: int, reach: float) -> Float[Tensor, "... count"]:
    """Gaussians exp(-((r - mu_k) / spacing)^2 / 2) with centres evenly spread over 0..reach, spacing apart."""
    centres = torch.linspace(0.0, reach, count, dtype=distances.dtype, device=distances.device)
    spacing = reach / max(count - 1, 1)
    return torch.exp(-0.5 * ((distances[..., None] - centres) / spacing).square())


def exactly(function: Callable[..., Result], first: Tensor, *others: object) -> Result:
    """Call a function of geometry without autocast, so that it keeps its precision."""
    with torch.autocast(first.device.type, enabled=False):
        return function(first, *others)
