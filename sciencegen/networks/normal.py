"""Standard normal noise, and a check of the shape of latents."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from sciencegen.errors import ShapeError

LOG_2_PI = math.log(2 * math.pi)


def standard_normal(shape: Sequence[int], generator: Generator, like: Tensor) -> Tensor:
    """Standard normal noise with the type and device of `like`, drawn on the generator's device."""
    return torch.randn(tuple(shape), generator=generator, device=generator.device, dtype=like.dtype).to(like.device)


def check_latents(latent: Tensor, latent_size: int) -> None:
    """Raise an error unless latents have the shape [batch latent_size]."""
    if latent.ndim != 2 or latent.shape[1] != latent_size:
        raise ShapeError(f"Expected latents [batch {latent_size}], got {list(latent.shape)}.")
