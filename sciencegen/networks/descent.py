"""Stochastic gradient descent on a loss that draws its own batches, for fits that follow the main training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

FitProgress = Callable[[int, int, float | None], None]
"""Called after each step of a fit: (steps done, steps in all, that step's loss if it has one)."""
Progress = Callable[[str, int, int, float | None], None]
"""The same for several fits; the first argument is the name of the fit."""


def no_progress(*arguments: object) -> None:
    """Ignore progress of either kind."""


@dataclass(frozen=True)
class DescentSettings:
    """learning_rate: the peak, after a short linear warm-up; then a cosine decay to 0."""

    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    largest_gradient: float = 5.0


def descend(
    parameters: Iterable[nn.Parameter],
    loss: Callable[[int], Tensor],
    steps: int,
    settings: DescentSettings,
    progress: FitProgress = no_progress,
) -> list[float]:
    """Minimize loss(step) in place; return the losses of all steps. Steps with a non-finite gradient are skipped."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, settings.learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay
    )

    def rate(step: int) -> float:
        """A linear rise over the first 5% (at most 100 steps), then half a cosine down to 0."""
        rise = max(1, min(100, steps // 20))
        return min(1.0, (step + 1) / rise) * 0.5 * (1 + math.cos(math.pi * step / max(steps, 1)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    losses = []
    for step in range(steps):
        value = loss(step)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        if nn.utils.clip_grad_norm_(trained, settings.largest_gradient).isfinite():
            optimizer.step()
        schedule.step()
        losses.append(float(value.detach()))
        progress(step + 1, steps, losses[-1])
    return losses
