"""Rehearsal: a model learns to read the properties of what it draws itself, not of the training data alone.

The sleep phase of Hinton, Dayan, Frey & Neal (Science 1995, 268, 1158): recognition is trained on dreams. Draws under
unusual conditions lie where data is thin; there a reading that was learned from data alone errs most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch


def rehearse(
    parameters: Sequence[nn.Parameter],
    loss: Callable[[Batch], Tensor],
    awake: Sequence[Batch],
    dreams: Sequence[Batch],
    steps: int,
    generator: Generator,
    learning_rate: float = 1e-3,
) -> list[float]:
    """Minimize loss(training batch) + loss(dream batch) over `parameters`; the losses of the dreams, step by step.

    Batches carry their properties as the condition. The rate falls to zero by half a cosine.
    """
    optimizer = torch.optim.AdamW(parameters, learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / steps)))
    losses = []
    for _ in range(steps):
        seen, dreamt = (_any_of(batches, generator) for batches in (awake, dreams))
        error = loss(dreamt)
        optimizer.zero_grad(set_to_none=True)
        (loss(seen) + error).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(error.detach()))
    return losses


def _any_of(batches: Sequence[Batch], generator: Generator) -> Batch:
    return batches[int(torch.randint(len(batches), (1,), generator=generator, device=generator.device))]
