"""An autoregressive categorical likelihood whose sampling is a deterministic, invertible map from normal noise.

A sequence x of tokens has log p(x | z) = sum_t log p(x_t | x_<t, z). Ancestral sampling by the inverse distribution
function writes it as a function of standard normal noise u, one number per position:

    x_t = F^-1( Phi(u_t) | x_<t, z ),      F(k) = sum_{j <= k} p(j | x_<t, z).

Read as a latent variable, u has an exact posterior given x: the standard normal truncated to the interval that F
assigns to x_t. Its divergence from the prior is KL = -log p(x_t | x_<t, z), so the bound over (z, u) equals the bound
over z alone (nothing is lost), while (z, u) together encode every sequence without loss: `noise` returns the interval's
median, and `decode` of it is x again. A minimum of every probability keeps intervals wider than rounding errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

END, START = 0, 1
"""Special tokens; END also fills the masked positions."""

State = tuple[Tensor, ...]
"""All that the next step depends on, apart from the previous token; each part [batch ...]."""
Step = Callable[[Tensor, State], tuple[Tensor, State]]
"""(previous tokens [batch 1], state) -> (logits [batch 1 vocabulary], state)."""

Choose = Callable[[Tensor, Tensor, int], Tensor]
"""(logits [row vocabulary], rows, position) -> tokens [row 1]."""

LEAST_ROWS = 32
"""Matrix products of few rows (less than 4 on some processors, less than 16 on others) are summed in another order: a
row decoded alone would get other logits than when it was encoded among many, and 2 % of molecules would be decoded to
other ones."""

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
    """F of the module's docstring, in double precision; its last value is exactly 1."""
    p = torch.softmax(logits.double(), -1) * (1 - FLOOR) + FLOOR / logits.shape[-1]
    cumulative = p.cumsum(-1)
    return cumulative / cumulative[:, -1:]


def filled(rows: Tensor) -> Tensor:
    """The rows, the last one repeated until there are LEAST_ROWS."""
    lacking = LEAST_ROWS - len(rows)
    return rows if lacking <= 0 or not len(rows) else torch.cat([rows, rows[-1:].expand(lacking, *rows.shape[1:])])


def advance(step: Step, previous: Tensor, state: State) -> tuple[Tensor, State]:
    """One step; no row's result depends on the number of rows."""
    logits, after = step(filled(previous), tuple(filled(part) for part in state))
    return logits[: len(previous)], tuple(part[: len(previous)] for part in after)


def encode(
    tokens: Int[Tensor, "batch position"], mask: Bool[Tensor, "batch position"], start: int, step: Step, state: State
) -> Float[Tensor, "batch position"]:
    """The posterior median of u: Phi^-1 of the middle of each token's interval; 0 where masked."""
    noise = torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device)
    rows = mask[:, 0].nonzero()[:, 0]
    previous, state = torch.full_like(tokens[rows, :1], start), tuple(part[rows] for part in state)
    for position in range(tokens.shape[1]):
        if not len(rows):
            break
        logits, state = advance(step, previous, state)
        cumulative = distribution(logits[:, 0])
        previous = tokens[rows, position, None]
        upper = cumulative.gather(1, previous)
        lower = torch.where(previous > 0, cumulative.gather(1, (previous - 1).clamp_min(0)), 0.0)
        noise[rows, position] = _normal_quantile((lower + upper) / 2)[:, 0]
        going = mask[rows, min(position + 1, tokens.shape[1] - 1)].nonzero()[:, 0]
        rows, previous, state = rows[going], previous[going], tuple(part[going] for part in state)
    return noise.float()


def decode(
    noise: Float[Tensor, "batch position"], start: int, end: int, step: Step, state: State
) -> tuple[Int[Tensor, "batch position"], Bool[Tensor, "batch position"]]:
    """The sequence x of noise u: tokens and the mask of real positions; without an end token the mask is all True.

    Rows that have ended are not computed further.
    """
    quantile = torch.special.ndtr(noise.double())

    def choose(logits: Tensor, rows: Tensor, position: int) -> Tensor:
        cumulative = distribution(logits)
        chosen = torch.searchsorted(cumulative, quantile[rows, position, None], right=True)
        return chosen.clamp_max(cumulative.shape[1] - 1)

    return unroll(start, end, step, state, noise.shape[1], torch.arange(len(noise), device=noise.device), choose)


def unroll(
    start: int, end: int, step: Step, state: State, length: int, rows: Int[Tensor, " batch"], choose: Choose
) -> tuple[Int[Tensor, "batch position"], Bool[Tensor, "batch position"]]:
    """Tokens and mask of `decode`, each token chosen from the logits of its step. rows: 0 to batch - 1."""
    tokens = torch.full((len(rows), length), end, dtype=torch.long, device=rows.device)
    mask = torch.zeros(tokens.shape, dtype=torch.bool, device=rows.device)
    previous = torch.full((len(rows), 1), start, dtype=torch.long, device=rows.device)
    for position in range(length):
        logits, state = advance(step, previous, state)
        chosen = choose(logits[:, 0], rows, position)
        tokens[rows, position], mask[rows, position] = chosen[:, 0], True
        going = (chosen[:, 0] != end).nonzero()[:, 0]
        if not len(going):
            break
        rows, previous, state = rows[going], chosen[going], tuple(part[going] for part in state)
    return tokens, mask


def shift(noise: Float[Tensor, "batch position"], number: int) -> Float[Tensor, "batch position"]:
    """Rotation `number` of the noise: frac(Phi(u) + number alpha_t), standard normal again; 0 is the noise itself.

    Cranley & Patterson, SIAM J. Numer. Anal. 1976, 13, 904. alpha_t = t times the golden ratio, so that the rotations
    of one row lie far apart at nearly all positions (not where t is a Fibonacci number of 13 or more).
    """
    if not number:
        return noise
    golden = torch.arange(1, noise.shape[1] + 1, dtype=torch.float64, device=noise.device) * ((math.sqrt(5) - 1) / 2)
    rotated = torch.frac(torch.special.ndtr(noise.double()) + torch.frac(number * golden))
    return _normal_quantile(rotated.clamp(1e-9, 1 - 1e-9)).float()


def _normal_quantile(probability: Tensor) -> Tensor:
    return math.sqrt(2) * torch.erfinv(2 * probability - 1)
