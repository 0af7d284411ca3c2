"""p(x | z, c) as distribution objects: log_prob(x) of whole items [batch], `mode`, `sample(generator)`.

log_prob sums over all dimensions but the first, without the padding, where `mask` [batch position] is False.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor
from torch.nn import functional

from sciencegen.errors import ShapeError
from sciencegen.networks.shared_noise import LOG_2_PI, standard_normal


@runtime_checkable
class Likelihood(Protocol):
    """What a decoder returns; the bound is the same for every kind of data. mask: False for padding."""

    @property
    def mask(self) -> Tensor | None: ...

    def log_prob(self, value: Tensor) -> Float[Tensor, " batch"]: ...

    @property
    def mode(self) -> Tensor: ...

    def sample(self, generator: Generator) -> Tensor: ...


def sum_over_items(log_prob: Float[Tensor, "batch ..."], mask: Bool[Tensor, "..."] | None) -> Float[Tensor, " batch"]:
    """Sum over all dimensions but the first, without padding."""
    if mask is not None:
        if mask.shape != log_prob.shape[: mask.ndim]:
            raise ShapeError(f"Expected a mask of shape {list(log_prob.shape[: mask.ndim])}, got {list(mask.shape)}.")
        real = mask.reshape(*mask.shape, *[1] * (log_prob.ndim - mask.ndim))
        log_prob = log_prob.masked_fill(~real, 0.0)  # not a product: padding may hold an infinity
    return log_prob.flatten(1).sum(-1) if log_prob.ndim > 1 else log_prob


def _same_shape(value: Tensor, parameter: Tensor) -> None:
    if value.shape != parameter.shape:
        raise ShapeError(f"Expected values of shape {list(parameter.shape)}, as decoded, got {list(value.shape)}.")


def _uniform(like: Tensor, generator: Generator) -> Tensor:
    noise = torch.rand(like.shape, generator=generator, device=generator.device, dtype=like.dtype).to(like.device)
    return noise.clamp(1e-7, 1 - 1e-7)


@dataclass(frozen=True)
class Categorical:
    """One class at each position, independent given z; logits [batch position... class], values integer."""

    logits: Float[Tensor, "batch ... category"]
    mask: Bool[Tensor, "..."] | None = None

    def log_prob(self, value: Int[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
        _same_shape(value, self.logits[..., 0])
        log_prob = functional.log_softmax(self.logits, -1).gather(-1, value.long()[..., None])[..., 0]
        return sum_over_items(log_prob, self.mask)

    @property
    def mode(self) -> Tensor:
        return self.logits.argmax(-1)

    def sample(self, generator: Generator) -> Tensor:
        gumbel = -(-_uniform(self.logits, generator).log()).log()
        return (self.logits + gumbel).argmax(-1)


@dataclass(frozen=True)
class Gaussian:
    """Real values; log_std broadcasts against mean: a constant, a parameter, or a decoder's output."""

    mean: Float[Tensor, "batch ..."]
    log_std: Float[Tensor, "..."]
    mask: Bool[Tensor, "..."] | None = None

    def log_prob(self, value: Float[Tensor, "batch ..."]) -> Float[Tensor, " batch"]:
        _same_shape(value, self.mean)
        scaled = (value - self.mean) * (-self.log_std).exp()
        return sum_over_items(-0.5 * (scaled.square() + LOG_2_PI) - self.log_std, self.mask)

    @property
    def mode(self) -> Tensor:
        return self.mean

    def sample(self, generator: Generator) -> Tensor:
        return self.mean + self.log_std.exp() * standard_normal(self.mean.shape, generator, self.mean)

    def noise(self, value: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """(value - mean) / std."""
        return (value - self.mean) * (-self.log_std).exp()

    def from_noise(self, noise: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
        """Mean + std * noise."""
        return self.mean + self.log_std.exp() * noise
