"""Monotone rational-quadratic splines with linear tails."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

BOUND = 5.0
"""The spline acts on -5..5; outside it is the identity."""
SMALLEST = 1e-3
"""Least width and height of a bin (relative to the total), and least slope."""
_UNIT_SLOPE = math.log(math.expm1(1 - SMALLEST))
"""softplus(this) + SMALLEST = 1, so that parameters of zero give the identity."""


def _knots(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Bin sizes from raw sizes, and the left ends of the bins."""
    # written out, because torch's softmax takes five times as long over so few bins
    weights = (raw - raw.amax(-1, keepdim=True)).exp()
    shares = weights / weights.sum(-1, keepdim=True)
    sizes = 2 * BOUND * (SMALLEST + (1 - SMALLEST * raw.shape[-1]) * shares)
    return sizes, sizes.cumsum(-1) - sizes - BOUND


def rational_quadratic_spline(
    values: Float[Tensor, "batch element"], parameters: Float[Tensor, "batch element parameter"], inverse: bool
) -> tuple[Float[Tensor, "batch element"], Float[Tensor, "batch element"]]:
    """Values through the spline (or back), and the log of the derivative. Durkan et al. 2019, eq. 4, 5 and 6 to 8.

    parameters: K raw widths, K raw heights, K - 1 raw slopes at the inner knots; zeros give the identity.
    """
    bins = (parameters.shape[-1] + 1) // 3
    raw_widths, raw_heights, raw_slopes = parameters.split([bins, bins, bins - 1], -1)
    widths, lefts = _knots(raw_widths)
    heights, bottoms = _knots(raw_heights)
    slopes = functional.pad(SMALLEST + functional.softplus(raw_slopes + _UNIT_SLOPE), (1, 1), value=1.0)
    inside = values.abs() < BOUND
    clipped = values.clamp(-BOUND, BOUND)
    edges = (bottoms if inverse else lefts)[..., 1:]
    index = (clipped[..., None] >= edges).sum(-1, keepdim=True)
    pick = lambda table: table.gather(-1, index)[..., 0]  # noqa: E731
    left, width, bottom, height = pick(lefts), pick(widths), pick(bottoms), pick(heights)
    slope, slope_next = pick(slopes[..., :-1]), pick(slopes[..., 1:])
    mean_slope = height / width
    if inverse:
        share = _solve(clipped - bottom, height, mean_slope, slope, slope_next)
        moved = left + share * width
    else:
        share = (clipped - left) / width
    rest = share * (1 - share)
    denominator = mean_slope + (slope_next + slope - 2 * mean_slope) * rest
    if not inverse:
        moved = bottom + height * (mean_slope * share.square() + slope * rest) / denominator
    numerator = mean_slope.square() * (
        slope_next * share.square() + 2 * mean_slope * rest + slope * (1 - share).square()
    )
    log_derivative = numerator.log() - 2 * denominator.log()
    log_derivative = torch.where(inside, log_derivative, 0.0)
    return torch.where(inside, moved, values), -log_derivative if inverse else log_derivative


def _solve(rise: Tensor, height: Tensor, mean_slope: Tensor, slope: Tensor, slope_next: Tensor) -> Tensor:
    """The position in the bin, 0..1, where the spline has risen by `rise`: the root of eq. 25 in the stable form 29."""
    excess = slope_next + slope - 2 * mean_slope
    a = height * (mean_slope - slope) + rise * excess
    b = height * slope - rise * excess
    c = -mean_slope * rise
    discriminant = (b.square() - 4 * a * c).clamp_min(0)
    return 2 * c / (-b - discriminant.sqrt())
