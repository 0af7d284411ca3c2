"""An autoregressive categorical likelihood whose sampling is a deterministic, invertible map from normal noise.

A sequence x of tokens has log p(x | z) = sum_t log p(x_t | x_<t, z). Ancestral sampling by the inverse distribution
function writes it as a function of standard normal noise u, one number per position:

    x_t = F^-1( Phi(u_t) | x_<t, z ),      F(k) = sum_{j <= k} p(j | x_<t, z).

Read as a latent variable, u has an exact posterior given x: the standard normal truncated to the interval that F
assigns to x_t. Its divergence from the prior is KL = -log p(x_t | x_<t, z), so the bound over (z, u) equals the bound
over z alone (nothing is lost), while (z, u) together encode every sequence without loss: `noise` returns the interval's
median, and `decode` of it is x again. A floor under every probability keeps intervals wider than rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Step = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]
"""(previous tokens [batch 1], state or None) -> (logits [batch 1 vocabulary], state)."""

FLOOR = 1e-4
"""Total probability spread evenly over the vocabulary, so that any sequence has a code."""


@dataclass(frozen=True)
class AutoregressiveCategorical:
    """log p(x | z) from teacher-forced logits; `mask` marks the positions that count (the end token included)."""

    logits: Float[Tensor, "batch position vocabulary"]
    mask: Bool[Tensor, "batch position"]

    def log_prob(self, tokens: Int[Tensor, "batch position"]) -> Float[Tensor, " batch"]:
        log_p = torch.log_softmax(self.logits.float(), -1).gather(-1, tokens[..., None])[..., 0]
        return (log_p * self.mask).sum(1)


def distribution(logits: Float[Tensor, "batch vocabulary"]) -> Float[Tensor, "batch vocabulary"]:
    """F of the docstring in double precision, its last value exactly 1."""
    p = torch.softmax(logits.double(), -1) * (1 - FLOOR) + FLOOR / logits.shape[-1]
    cumulative = p.cumsum(-1)
    return cumulative / cumulative[:, -1:]


def encode(
    tokens: Int[Tensor, "batch position"], mask: Bool[Tensor, "batch position"], start: int, step: Step
) -> Float[Tensor, "batch position"]:
    """The posterior median of u: Phi^-1 of the middle of each token's interval; 0 where masked."""
    previous = torch.full_like(tokens[:, :1], start)
    state, noise = None, []
    for position in range(tokens.shape[1]):
        logits, state = step(previous, state)
        cumulative = distribution(logits[:, 0])
        previous = tokens[:, position : position + 1]
        upper = cumulative.gather(1, previous)
        lower = torch.where(previous > 0, cumulative.gather(1, (previous - 1).clamp_min(0)), 0.0)
        noise.append(_normal_quantile((lower + upper) / 2)[:, 0])
    return torch.where(mask, torch.stack(noise, 1), 0.0).float()


def decode(
    noise: Float[Tensor, "batch position"], start: int, end: int, step: Step
) -> tuple[Int[Tensor, "batch position"], Bool[Tensor, "batch position"]]:
    """x of u: tokens and the mask of real positions; a row without an end token has a mask that is all True."""
    batch, length = noise.shape
    previous = torch.full((batch, 1), start, dtype=torch.long, device=noise.device)
    alive = torch.ones(batch, dtype=torch.bool, device=noise.device)
    tokens = torch.full((batch, length), end, dtype=torch.long, device=noise.device)
    mask = torch.zeros((batch, length), dtype=torch.bool, device=noise.device)
    quantile = torch.special.ndtr(noise.double()).T.contiguous()
    state = None
    for position in range(length):
        logits, state = step(previous, state)
        cumulative = distribution(logits[:, 0])
        previous = torch.searchsorted(cumulative, quantile[position, :, None], right=True)
        previous = previous.clamp_max(cumulative.shape[1] - 1)
        tokens[:, position] = torch.where(alive, previous[:, 0], end)
        mask[:, position] = alive
        alive = alive & (previous[:, 0] != end)
        if not bool(alive.any()):
            break
    return tokens, mask


def _normal_quantile(probability: Tensor) -> Tensor:
    return math.sqrt(2) * torch.erfinv(2 * probability - 1)
