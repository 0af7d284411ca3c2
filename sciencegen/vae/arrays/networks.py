"""The networks of the VAE of arrays: numbers in columns, some of which may be missing in an item."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.networks.conditions import beside_condition
from sciencegen.networks.mlp import MLP, LayerSettings
from sciencegen.vae.gaussian import DiagonalGaussian
from sciencegen.vae.likelihoods import Gaussian

VALUES = "values"
"""The field of a Batch: [batch value] standardized numbers; the mask [batch column] is False if one is missing."""
LEAST_LOG_STD = -6.0
"""Lower limit in the decoder, so that a column that is a function of others has a finite density."""

Condition = Float[Tensor, "batch property"] | None


@runtime_checkable
class EncodesInputs(Protocol):
    """An encoder that gives features of a network's inputs too."""

    inputs: int

    def of_inputs(self, inputs: Tensor) -> Tensor: ...


class ArrayEncoder(nn.Module):
    """Numbers, and a mask of those that are known, to features [batch feature]. direct: whether these include the
    numbers."""

    def __init__(self, size: int, width: int, depth: int, direct: bool = False) -> None:
        super().__init__()
        self.inputs, self.direct, self.features = size, direct, width + size * direct
        self.network = MLP(2 * size, width, width, depth)

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        array = batch[VALUES]
        present = torch.ones_like(array) if batch.mask is None else batch.mask.to(array)
        features = functional.silu(self.network(torch.cat([array * present, present], -1)))
        return torch.cat([features, array * present], -1) if self.direct else features

    def of_inputs(self, inputs: Float[Tensor, "batch column"]) -> Float[Tensor, "batch feature"]:
        """Features of whole arrays, such as a VampPrior's pseudo-items."""
        return self(Batch({VALUES: inputs}))


class ArrayDecoder(nn.Module):
    """p(x | z, c) = N(mean(z, c), diag(std)^2), with a learned standard deviation for each column, or `noise`."""

    def __init__(
        self, size: int, latent_size: int, property_count: int, width: int, depth: int, noise: float = 0.0,
        layers: LayerSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.property_count, self.noise = property_count, noise
        self.network = MLP(latent_size + 2 * property_count, size, width, depth, layers=layers)
        self.log_std = nn.Parameter(torch.zeros(size))

    def forward(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None, batch: Batch | None = None
    ) -> Gaussian:
        mean = self.network(beside_condition(latent, condition, self.property_count))
        log_std = torch.full_like(self.log_std, math.log(self.noise)) if self.noise else self.log_std
        return Gaussian(mean, log_std.clamp(min=LEAST_LOG_STD), None if batch is None else batch.mask)


class PseudoPosterior(nn.Module):
    """q(z | u) of pseudo-items u [component input], for a VampPrior."""

    def __init__(self, encoder: EncodesInputs, posterior: nn.Module) -> None:
        super().__init__()
        self.encoder, self.posterior = encoder, posterior

    def forward(self, arrays: Float[Tensor, "component input"]) -> DiagonalGaussian:
        return self.posterior(self.encoder.of_inputs(arrays), None)
