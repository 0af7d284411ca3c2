"""A critic of finished sequences: which of several draws is the best, judged without asking an oracle.

    log p(well formed | x) + sum_i log N(c_i; m_i(x), s_i(x)^2)        over the properties that are asked for

A sequence is well formed if the item that it stands for is written as this very sequence. What a model draws beside the
data (ends that mean nothing, rings that close in the air) is not, and there a reading that was learned from data alone
errs most: on draws of the shipped molecule model five times as much. So the critic also learns from draws whose
properties were computed (the sleep phase of Hinton, Dayan, Frey & Neal, Science 1995, 268, 1158), and says how far each
of its readings may be trusted (Nix & Weigend 1994).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.networks.sequence import Reading, SequenceCritic


def read(critic: SequenceCritic, batch: Batch) -> Reading:
    """What the critic makes of each sequence; columns that no row uses cost nothing."""
    assert batch.mask is not None  # sequences differ in length
    used = max(int(batch.mask.sum(1).max()), 1)
    return critic(batch["tokens"][:, :used], batch.mask[:, :used])


def log_prob(reading: Reading, condition: Float[Tensor, "batch property"]) -> Float[Tensor, "batch property"]:
    """log N(c; m(x), s(x)^2) without its constant, 0 where nothing is asked (NaN)."""
    squares = ((condition - reading.mean) / reading.log_std.exp()).square()
    return (-squares / 2 - reading.log_std).nan_to_num(0.0)


def score(reading: Reading, condition: Float[Tensor, "batch property"]) -> Float[Tensor, " batch"]:
    """The formula above."""
    return functional.logsigmoid(reading.well_formed) + log_prob(reading, condition).sum(1)


def reading_error(reading: Reading, known: Float[Tensor, "batch property"] | None) -> Tensor:
    """-log N(y; m, s^2), each weighted by its s (no gradient), summed over the known properties, mean over the batch.

    The weight keeps the uncertain ones worth learning: Seitzer et al., ICLR 2022, eq. 5 with beta 1/2.
    """
    if known is None:
        return reading.mean.new_zeros(())
    return -(log_prob(reading, known) * reading.log_std.detach().exp()).sum(1).mean()


def rehearse(
    critic: SequenceCritic,
    data: Sequence[Batch],
    draws: Sequence[Batch],
    well_formed: Sequence[Bool[Tensor, " batch"]],
    steps: int,
    generator: Generator,
    learning_rate: float = 5e-4,
) -> list[float]:
    """Minimize the errors on a batch of data and one of draws at each step; returns the losses.

    Batches carry their properties as the condition (NaN where unknown); `well_formed` belongs to the draws, data always
    is. The rate falls to zero by half a cosine.
    """
    optimizer = torch.optim.AdamW(critic.parameters(), learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)))
    losses = []
    for _ in range(steps):
        seen, drawn = (_any_index(batches, generator) for batches in (data, draws))
        loss = _error(critic, data[seen], torch.ones(len(data[seen]), dtype=torch.bool))
        loss = loss + _error(critic, draws[drawn], well_formed[drawn])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(critic.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return losses


def _error(critic: SequenceCritic, batch: Batch, well_formed: Bool[Tensor, " batch"]) -> Tensor:
    reading = read(critic, batch)
    target = well_formed.to(reading.well_formed)
    return reading_error(reading, batch.condition) + functional.binary_cross_entropy_with_logits(
        reading.well_formed, target
    )


def _any_index(batches: Sequence[Batch], generator: Generator) -> int:
    return int(torch.randint(len(batches), (1,), generator=generator, device=generator.device))
