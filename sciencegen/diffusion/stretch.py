"""Pixels in units of their noise, stretched: linear where noise rules, logarithmic where a galaxy is bright.

    u = asinh(w),   w = pixel / sigma of its noise          Lupton, Gunn & Szalay 1999, softened at one sigma

Noise of deviation 1 in w keeps it where w is near 0, and has about 1 / w in u where w is great.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def stretched(pixels: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Maps w to u."""
    return torch.asinh(pixels)


def unstretched(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Maps u to w."""
    return torch.sinh(values)


def log_slope(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Log du/dw = -log cosh u, by u: what a density of w has more than that of u, in nats for each pixel."""
    size = values.abs()
    return math.log(2) - size - functional.softplus(-2 * size)
