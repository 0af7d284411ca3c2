"""Training for a given processor time: the learning rate falls with the time that is spent, not with steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.errors import DataError
from sciencegen.files import atomic_write

WARM_UP, FINAL_RATE = 100, 0.02
"""Steps until the learning rate is at its peak; its share of the peak at the end."""
CHECKPOINT_S = 60.0
POOLED = 10
"""Batches whose items are sorted by length, so that little is padded."""
REPORTED = 200
"""Steps that a printed loss is a mean of."""


@dataclass(frozen=True)
class TimedTraining:
    """seconds: of processor time of this process. learning_rate: the peak, before a fall by a cosine."""

    seconds: float
    learning_rate: float
    batch_size: int
    seed: int = 0

    def rate(self, step: int, spent: float) -> float:
        fall = 0.5 * (1 + math.cos(math.pi * spent / self.seconds))
        return self.learning_rate * (FINAL_RATE + (1 - FINAL_RATE) * fall) * min(1.0, (step + 1) / WARM_UP)

    def rows(self, step: int, lengths: Int[np.ndarray, " item"]) -> Int[np.ndarray, " row"]:
        """Of items of nearly one length, in an order of their own for each epoch."""
        size, count = self.batch_size, len(lengths) // self.batch_size
        if not count:
            raise DataError(f"Expected at least {size} items to train on, got {len(lengths)}. Pass more of them.")
        epoch, place = divmod(step, count)
        generator = np.random.default_rng((self.seed, epoch))
        order, batches = generator.permutation(len(lengths))[: count * size], generator.permutation(count)
        pool = batches[place] // POOLED * POOLED * size
        pooled = order[pool : pool + POOLED * size]
        first = batches[place] % POOLED * size
        return pooled[np.argsort(lengths[pooled], kind="stable")][first : first + size]


def train(
    model: nn.Module,
    batch: Callable[[Int[np.ndarray, " row"]], Batch],
    lengths: Int[np.ndarray, " item"],
    training: TimedTraining,
    path: Path,
) -> int:
    """Minimize model.loss of batches of items of these lengths by AdamW; returns the number of steps.

    A training that was stopped goes on from the checkpoint at `path`.
    """
    optimizer = torch.optim.AdamW(model.parameters(), training.learning_rate, weight_decay=0.01)
    step, spent = _restored(model, optimizer, path)
    begun, saved, losses = time.process_time() - spent, spent, list[float]()
    while (spent := time.process_time() - begun) < training.seconds:
        optimizer.param_groups[0]["lr"] = training.rate(step, spent)
        generator = Generator().manual_seed(training.seed * 2**32 + step)
        loss = model.loss(batch(training.rows(step, lengths)), step, generator)["loss"]
        _descend(model, optimizer, loss)
        step, losses = step + 1, [*losses[1 - REPORTED :], float(loss.detach())]
        if spent > saved + CHECKPOINT_S:
            saved = spent
            _save(model, optimizer, step, spent, path)
            print(f"{spent:.0f} s, step {step}, loss {np.mean(losses):.4f}", flush=True)
    _save(model, optimizer, step, training.seconds, path)
    return step


def _descend(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def _save(model: nn.Module, optimizer: torch.optim.Optimizer, step: int, spent: float, path: Path) -> None:
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": spent}
    with atomic_write(path, "wb") as handle:
        torch.save(state, handle)


def _restored(model: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> tuple[int, float]:
    """Steps and seconds of a stopped training."""
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"], state["spent"]
