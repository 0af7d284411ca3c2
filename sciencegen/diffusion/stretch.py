"""Pixels in units of their noise, stretched: linear where noise dominates, logarithmic where a galaxy is bright.

    u = asinh(w),   w = pixel / sigma of its noise          Lupton, Gunn & Szalay 1999, softened at one sigma

Noise of standard deviation 1 in w has a standard deviation in u of 1 where w is near 0, and of about 1 / w where w is
large.
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
    """Log du/dw = -log cosh u, as a function of u: the log density of w minus that of u, in nats per pixel."""
    size = values.abs()
    return math.log(2) - size - functional.softplus(-2 * size)
