"""A denoiser network for plain vectors, and an embedding of the noise level."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import linear


class LevelEmbedding(nn.Module):
    """sin and cos of the log-SNR at `size` / 2 wavelengths, geometric from 6 to 60 nats. Vaswani et al. 2017.

    Shorter wavelengths would make the estimate oscillate along the path, which reduces a solver's order of convergence.
    """

    frequencies: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 2 or size % 2:
            raise ConfigError(f"Expected an embedding of an even size, 2 or more, got {size}.")
        self.size = size
        self.register_buffer("frequencies", 2 * torch.pi / torch.logspace(0.8, 1.78, size // 2), persistent=False)

    def forward(self, log_snr: Float[Tensor, " batch"]) -> Float[Tensor, "batch size"]:
        angle = log_snr[:, None] * self.frequencies.to(log_snr)
        return torch.cat([angle.sin(), angle.cos()], 1)


LEVEL_SIZE = 32
"""Features of the noise level."""


class VectorDenoiser(nn.Module):
    """Residual layers over one field [batch size]; noise level and condition scale and shift every layer.

    h <- h + silu((1 + scale) W h + shift). Perez et al. 2018 (FiLM). It starts as the zero function.
    masked: whether the mask [batch size] of the known numbers is an input too, None for all of them.
    """

    def __init__(
        self,
        name: str,
        size: int,
        property_count: int = 0,
        width: int = 256,
        depth: int = 4,
        generator: Generator | None = None,
        masked: bool = False,
    ) -> None:
        super().__init__()
        self.name, self.size, self.property_count, self.masked = name, size, property_count, masked
        self.level = LevelEmbedding(LEVEL_SIZE)
        self.known = linear(LEVEL_SIZE + 2 * property_count, width, generator)
        self.inward = linear(size * (1 + masked), width, generator)
        self.layers = nn.ModuleList([linear(width, width, generator) for _ in range(depth)])
        self.modulations = nn.ModuleList([linear(width, 2 * width, generator) for _ in range(depth)])
        self.outward = linear(width, size, zero=True)

    def forward(
        self, z: Mapping[str, Tensor], log_snr: Float[Tensor, " batch"], condition: Tensor | None, mask: Tensor | None
    ) -> dict[str, Tensor]:
        value, present = vector_and_mask(z, self.name, self.size, mask)
        known = self.level(log_snr).to(value)
        if self.property_count:
            known = torch.cat([known, condition_features(condition, value, self.property_count)], 1)
        if self.masked:
            value = torch.cat([value * present, present], 1)
        known, hidden = functional.silu(self.known(known)), self.inward(value)
        for layer, modulation in zip(self.layers, self.modulations, strict=True):
            scale, shift = modulation(known).chunk(2, 1)
            hidden = hidden + functional.silu((1 + scale) * layer(hidden) + shift)
        return {self.name: self.outward(hidden)}


def vector_and_mask(
    z: Mapping[str, Tensor], name: str, size: int, mask: Tensor | None
) -> tuple[Float[Tensor, "batch size"], Float[Tensor, "batch size"]]:
    """The field `name` of vectors, and 1 where a number is known, else 0. mask: None if all are.

    Raises
    ------
    ShapeError
        If the field has another shape.
    """
    value = z[name]
    if value.ndim != 2 or value.shape[1] != size:
        raise ShapeError(f"Expected '{name}' of shape [batch {size}], got {list(value.shape)}.")
    return value, torch.ones_like(value) if mask is None else mask.to(value)
