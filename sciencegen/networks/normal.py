"""Standard normal noise, and latents: rows [batch latent] whose noise it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from sciencegen.errors import ShapeError

LOG_2_PI = math.log(2 * math.pi)


def standard_normal(shape: Sequence[int], generator: Generator, like: Tensor) -> Tensor:
    """Standard normal noise of the type and on the device of `like`, drawn where `generator` lives."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def check_latents(latent: Tensor, latent_size: int) -> None:
    """Latents are one row each, [batch latent]."""
    if latent.ndim != 2 or latent.shape[1] != latent_size:
        raise ShapeError(f"Expected latents [batch {latent_size}], got {list(latent.shape)}.")
