"""One LightningModule for any model that has a `loss`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import lightning
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import IterableDataset

from sciencegen.batch import Batch
from sciencegen.networks.shared_noise import Share, SharedNoise
from sciencegen.training.optimizers import make_optimizer
from sciencegen.training.schedules import learning_rate
from sciencegen.training.settings import TrainingSettings

Loss = Callable[[Batch, int, torch.Generator], dict[str, Tensor]]
"""(batch, step, generator) -> named scalars, of which "loss" is minimized."""


Part = tuple[Batch, int]
"""A process's share of a batch, and the number of rows of the whole batch."""


class StepBatches(IterableDataset):
    """The batches from step `start` on; each process of a distributed run takes its share of every batch."""

    def __init__(self, batches: Callable[[int], Iterator[Batch]], start: int, rank: int = 0, world: int = 1) -> None:
        self.batches, self.start, self.rank, self.world = batches, start, rank, world

    def __iter__(self) -> Iterator[Part]:
        for batch in self.batches(self.start):
            own = batch if self.world == 1 else batch.select(slice(self.rank, None, self.world))
            yield own, len(batch)


class TrainedModule(lightning.LightningModule):
    """Trains `model` from step `start`. Noise depends on (seed, step, row), never on global state or on the number of
    processes that share a batch."""

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

    def transfer_batch_to_device(self, batch: Part, device: torch.device, dataloader_idx: int) -> Part:
        return batch[0].to(device), batch[1]

    def training_step(self, batch: Part, index: int) -> Tensor:
        own, rows = batch
        loss = cast(Loss, self.model.loss)  # torch types every attribute of a module as a tensor or module
        with self._shared_noise(rows):
            self.terms = loss(own, self.step, self._generator(0))
        return self.terms["loss"]

    def _generator(self, rank: int) -> torch.Generator:
        key = np.random.SeedSequence([self.settings.seed, self.step, rank]).generate_state(1, np.uint64)[0]
        return torch.Generator(device=self.device).manual_seed(int(key) >> 1)

    def _shared_noise(self, rows: int) -> AbstractContextManager[object]:
        """The noise of this process's rows of a batch."""
        world = self.trainer.world_size if self._trainer is not None else 1
        if world == 1:
            return nullcontext()
        return SharedNoise(Share(self.global_rank, world, rows), self._generator(1 + self.global_rank))

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
