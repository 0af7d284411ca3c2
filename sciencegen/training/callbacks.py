"""Callbacks of a training: averaged weights, checkpoints, log and progress."""

from __future__ import annotations

import csv
import math
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import lightning
import torch

from sciencegen.errors import ConfigError, Stopped
from sciencegen.runs import atomic_write
from sciencegen.training.module import Part, TrainedModule
from sciencegen.training.settings import TrainingSettings
from sciencegen.training.stopping import StopRequest

CHECKPOINT_S = 60.0
"""Longest time between checkpoints: the most that a killed run loses."""

SILENCE_S = 20.0
"""Longest time between progress reports; the first step is always reported."""

Progress = Callable[[int, int, dict[str, float]], None]
"""(steps done, total steps, latest terms)."""


def check_finite(module: TrainedModule) -> None:
    """Raise an error if the loss of the latest step is infinite or NaN: all further steps would be, too."""
    loss = float(module.terms["loss"].detach())
    if not math.isfinite(loss):
        s = module.settings
        raise ConfigError(
            f"Expected a finite loss, got {loss} in step {module.step:,} of {s.steps:,}: the training has diverged. "
            f"Lower the learning rate from {s.learning_rate:g} (`training` learning_rate={s.learning_rate / 4:g}), and "
            "train into another folder."
        )


def save_checkpoint(module: TrainedModule, path: Path, log: LogState) -> None:
    """Save everything that the next step and the next row of the log depend on: tensors and numbers, which can be
    loaded with weights_only."""
    optimizer = module.optimizers()
    assert not isinstance(optimizer, list)  # `configure_optimizers` makes one
    state = {
        "step": module.step,
        "model": module.model.state_dict(),
        "average": module.average,
        "masks": module.masks,
        "optimizer": optimizer.optimizer.state_dict(),
        "log": log,
    }
    with atomic_write(path, "wb") as handle:
        torch.save(state, handle)


class LogState(TypedDict):
    """Sums of the loss terms of the steps since the last row of the log, and the number of these steps."""

    sums: dict[str, float]
    count: int


class Averaging(lightning.Callback):
    """Updates the averaged weights. Must come before `Checkpoints`, which saves them."""

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: TrainedModule, outputs: object, batch: Part, batch_idx: int
    ) -> None:
        module.update_average()


class Checkpoints(lightning.Callback):
    """Saves after every `checkpoint_every` steps, once a minute, and before it ends a training that a signal stops."""

    def __init__(self, path: Path, settings: TrainingSettings, stop_request: StopRequest, log: Log) -> None:
        self.path, self.settings, self.stop_request, self.rows = path, settings, stop_request, log
        self.saved = time.monotonic()

    def on_train_start(self, trainer: lightning.Trainer, module: TrainedModule) -> None:
        self.stop_request.listen()  # replaces Lightning's handler, which exits with code 0

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: TrainedModule, outputs: object, batch: Part, batch_idx: int
    ) -> None:
        self._save(trainer, module)

    def _save(self, trainer: lightning.Trainer, module: TrainedModule) -> None:
        late = time.monotonic() - self.saved > CHECKPOINT_S
        stops = self._stops(trainer)
        if trainer.is_global_zero and (late or stops or module.step % self.settings.checkpoint_every == 0):
            check_finite(module)
            save_checkpoint(module, self.path, self.rows.state())
            self.saved = time.monotonic()
        if stops:
            done = f"after {module.step:,} of {self.settings.steps:,} steps. The same call goes on from there"
            raise Stopped(self.stop_request.signal or signal.SIGTERM, done)

    def on_train_end(self, trainer: lightning.Trainer, module: TrainedModule) -> None:
        if self._stops(trainer):
            self._save(trainer, module)

    def _stops(self, trainer: lightning.Trainer) -> bool:
        """Whether to stop; equal on all processes of a distributed run, so that none waits for one that has ended."""
        requested = self.stop_request.signal is not None
        return requested if trainer.world_size == 1 else trainer.strategy.reduce_boolean_decision(requested, all=False)


class Log(lightning.Callback):
    """Appends running means of the loss terms to log.csv and reports them; rows after the resumed step are dropped
    first.

    before: the state at the resumed step.
    """

    def __init__(
        self, path: Path, every: int, total: int, progress: Progress | None, before: LogState | None = None
    ) -> None:
        self.path, self.every, self.total, self.progress = path, every, total, progress
        self.sums: dict[str, float] = dict(before["sums"]) if before else {}
        self.count, self.items, self.began = before["count"] if before else 0, 0, time.monotonic()
        self.reported_at = -math.inf

    def state(self) -> LogState:
        return {"sums": self.sums, "count": self.count}

    def on_train_start(self, trainer: lightning.Trainer, module: TrainedModule) -> None:
        if not trainer.is_global_zero:
            return
        if module.start == 0:
            self.path.unlink(missing_ok=True)
        elif self.path.exists():
            with self.path.open(newline="") as file:
                head, *rows = list(csv.reader(file)) or [[]]
            whole = (row for row in rows if len(row) == len(head))  # the last one may be cut short by a kill
            with atomic_write(self.path) as handle:
                csv.writer(handle).writerows([head, *(row for row in whole if int(row[0]) <= module.start)])
        self.began = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: TrainedModule, outputs: object, batch: Part, batch_idx: int
    ) -> None:
        if module.step % self.every == 0:
            check_finite(module)
        if not trainer.is_global_zero:
            return
        for name, value in module.terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        self.count += 1
        self.items += batch[1]
        if module.step % self.every == 0 or module.step == self.total:
            self._flush(module.step)
        elif time.monotonic() - self.reported_at > SILENCE_S:
            self._report(module.step, *self._means())

    def _means(self) -> tuple[dict[str, float], float]:
        """Mean terms of the steps since the last row, and items per second."""
        means = {name: value / self.count for name, value in self.sums.items()}
        return means, self.items / max(time.monotonic() - self.began, 1e-9)

    def _report(self, step: int, means: dict[str, float], rate: float) -> None:
        if self.progress is not None:
            self.progress(step, self.total, {**means, "items_per_second": rate})
        self.reported_at = time.monotonic()

    def _flush(self, step: int) -> None:
        means, rate = self._means()
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *means, "items_per_second"])
            writer.writerow([step, *(f"{value:.6g}" for value in means.values()), f"{rate:.1f}"])
        self._report(step, means, rate)
        self.sums, self.count, self.items, self.began = {}, 0, 0, time.monotonic()
