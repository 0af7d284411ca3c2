"""One LightningModule for any model that has a `loss`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import IterableDataset

from sciencegen.batch import Batch
from sciencegen.training.optimizers import make_optimizer
from sciencegen.training.schedules import learning_rate
from sciencegen.training.settings import TrainingSettings

Loss = Callable[[Batch, int, torch.Generator], dict[str, Tensor]]
"""(batch, step, generator) -> named scalars, of which "loss" is minimized."""


class StepBatches(IterableDataset):
    """The batches from step `start` on; each process of a distributed run takes its share of every batch."""

    def __init__(self, batches: Callable[[int], Iterator[Batch]], start: int, rank: int = 0, world: int = 1) -> None:
        self.batches, self.start, self.rank, self.world = batches, start, rank, world

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.batches(self.start):
            yield batch if self.world == 1 else batch.select(slice(self.rank, None, self.world))


class TrainedModule(lightning.LightningModule):
    """Trains `model` from step `start`. Noise depends on (seed, step), never on global state."""

    def __init__(
        self,
        model: nn.Module,
        settings: TrainingSettings,
        start: int = 0,
        optimizer_state: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model, self.settings, self.start, self.optimizer_state = model, settings, start, optimizer_state
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.masks: dict[str, Tensor] = {}  # of pruned weights (sparsity.py)
        self.terms: dict[str, Tensor] = {}

    @property
    def step(self) -> int:
        """Total number of steps done, before and after resuming."""
        return self.start + self.global_step

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        key = np.random.SeedSequence([self.settings.seed, self.step, self.global_rank]).generate_state(1, np.uint64)[0]
        generator = torch.Generator(device=self.device).manual_seed(int(key) >> 1)
        loss = cast(Loss, self.model.loss)  # torch types every attribute of a module as a tensor or module
        self.terms = loss(batch, self.step, generator)
        return self.terms["loss"]

    def configure_optimizers(self) -> dict:
        s = self.settings
        optimizer = make_optimizer(self.model, s)
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] = s.learning_rate
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: learning_rate(self.start + done, s))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def update_average(self) -> None:
        """Sets average to d average + (1 - d) weights, with smaller d in early steps, so that initial weights decay."""
        decay = min(self.settings.ema_decay, (1 + self.step) / (10 + self.step)) if self.settings.ema_decay else 0.0
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                average_value = self.average[name] = self.average[name].to(value.device)
                if value.is_floating_point():
                    average_value.lerp_(value, 1 - decay)
                else:
                    average_value.copy_(value)
