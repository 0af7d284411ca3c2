"""Train any model that has a `loss`, on CPU or on GPUs; a killed run is resumed by the same call."""

from __future__ import annotations

import csv
import logging
import math
import re
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, cast

import lightning
import numpy as np
import torch
from jaxtyping import Bool, Float
from lightning.pytorch import loggers
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy, Strategy
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, IterableDataset

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel, HoldsDiffusion
from sciencegen.errors import ConfigError, Stopped
from sciencegen.files import atomic_write, make_folder
from sciencegen.networks.shared_noise import Share, SharedNoise
from sciencegen.progress import part_of
from sciencegen.training.optimizers import learning_rate, make_optimizer
from sciencegen.training.processes import in_processes
from sciencegen.training.progress import StopRequest, stop_on_signals
from sciencegen.training.settings import CHECKPOINT, PRECISIONS, TrainingSettings

# One LightningModule for any model that has a `loss`.

Loss = Callable[[Batch, int, torch.Generator], dict[str, Tensor]]
"""(batch, step, generator) -> named scalars, of which "loss" is minimized."""


Part = tuple[Batch, int]
"""A process's share of a batch, and the number of rows of the whole batch."""


class StepBatches(IterableDataset):
    """The batches from step `start` on; each process of a distributed run takes its share of every batch."""

    def __init__(
        self, batches: Callable[[int], Iterator[Batch]], start: int, rank: int = 0, world: int = 1, pin: bool = False,
    ) -> None:  # fmt: skip
        self.batches, self.start, self.rank, self.world, self.pin = batches, start, rank, world, pin

    def __iter__(self) -> Iterator[Part]:
        for batch in self.batches(self.start):
            own = batch if self.world == 1 else batch.select(slice(self.rank, None, self.world))
            yield own.pin_memory() if self.pin else own, len(batch)


class TrainedModule(lightning.LightningModule):
    """Trains `model` from step `start`. Noise depends on (seed, step, row), never on global state or on the number of
    processes that share a batch."""

    def __init__(
        self,
        model: nn.Module,
        settings: TrainingSettings,
        start: int = 0,
        optimizer_state: dict[str, Any] | None = None,
        spent: float = 0.0,
    ) -> None:
        super().__init__()
        self.model, self.settings, self.start, self.optimizer_state = model, settings, start, optimizer_state
        self.spent, self.began = spent, 0.0  # seconds of all steps so far, and when they would have begun
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self.masks: dict[str, Tensor] = {}  # of pruned weights (`Pruning`)
        self.terms: dict[str, Tensor] = {}

    @property
    def step(self) -> int:
        """Total number of steps done, before and after resuming."""
        return self.start + self.global_step

    @property
    def timed(self) -> float:
        """Share of the longest time that is over, 0 without one."""
        return self.spent / (60 * self.settings.minutes) if self.settings.minutes else 0.0

    @property
    def expected_steps(self) -> int:
        """Number of steps of the whole training, by the pace so far where its time is limited."""
        return round(self.step / max(self.step / self.settings.steps, self.timed)) if self.step else self.settings.steps

    @property
    def over(self) -> bool:
        return self.timed >= 1 or self.step >= self.settings.steps

    def on_train_start(self) -> None:
        self.began = time.monotonic() - self.spent

    def on_train_batch_end(self, outputs: object, batch: Part, batch_idx: int) -> None:
        if self.settings.minutes:
            self.trainer.should_stop = self.over

    def transfer_batch_to_device(self, batch: Part, device: torch.device, dataloader_idx: int) -> Part:
        return batch[0].to(device, non_blocking=True), batch[1]

    def training_step(self, batch: Part, index: int) -> Tensor:
        own, rows = batch
        loss = cast(Loss, self.model.loss)  # torch types every attribute of a module as a tensor or module
        with self._shared_noise(rows):
            self.terms = loss(own, self.step, self._generator(0))
        if self.settings.minutes:
            self.spent = time.monotonic() - self.began
            if self._trainer is not None and self.trainer.world_size > 1:  # the same rate and end on all processes
                self.spent = float(self.trainer.strategy.reduce(torch.tensor(self.spent, device=self.device)))
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
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda done: learning_rate(self.start + done, s, self.timed)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def update_average(self) -> None:
        """Sets average to d average + (1 - d) weights, with smaller d in early steps, so that initial weights decay."""
        decay = min(self.settings.ema_decay, (1 + self.step) / (10 + self.step)) if self.settings.ema_decay else 0.0
        with torch.no_grad():
            state = self.model.state_dict()
            self.average = {name: self.average[name].to(value.device) for name, value in state.items()}
            averaged = [name for name, value in state.items() if value.is_floating_point()]
            torch._foreach_lerp_(
                [self.average[name] for name in averaged], [state[name] for name in averaged], 1 - decay
            )
            for name in state.keys() - set(averaged):
                self.average[name].copy_(state[name])


# Callbacks of a training: averaged weights, checkpoints, log and progress.

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
            f"Expected a finite loss, got {loss} in step {module.step:,} of {module.expected_steps:,}: the training "
            f"has diverged. Lower the learning rate from {s.learning_rate:g} (`training` "
            f"learning_rate={s.learning_rate / 4:g}), and train into another folder."
        )


def save_checkpoint(module: TrainedModule, path: Path, log: LogState) -> None:
    """Save everything that the next step and the next row of the log depend on: tensors and numbers, which can be
    loaded with weights_only."""
    optimizer = module.optimizers()
    assert not isinstance(optimizer, list)  # `configure_optimizers` makes one
    state = {
        "step": module.step,
        "spent": module.spent,
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
            done = f"after {module.step:,} of {module.expected_steps:,} steps. The same call goes on from there"
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
        self, path: Path, every: int, progress: Progress | None, before: LogState | None = None,
        logger: Logger | None = None,
    ) -> None:  # fmt: skip
        self.logger = logger
        self.path, self.every, self.progress = path, every, progress
        self.sums: dict[str, float] = dict(before["sums"]) if before else {}
        self.count, self.items, self.began = before["count"] if before else 0, 0, time.monotonic()
        self.reported_at = -math.inf
        self.waiting: list[dict[str, Tensor]] = []

    def state(self) -> LogState:
        self._add()
        return {"sums": self.sums, "count": self.count}

    def _add(self) -> None:
        """Sum the terms of the latest steps, in one copy from the device: each step's own would make the host wait."""
        names = [name for terms in self.waiting for name in terms]
        values = [value for terms in self.waiting for value in terms.values()]
        for name, value in zip(names, torch.stack(values).tolist() if values else (), strict=True):
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.waiting.clear()

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
        self.waiting.append({name: value.detach() for name, value in module.terms.items()})
        self.count += 1
        self.items += batch[1]
        if module.step % self.every == 0 or module.over:
            self._flush(module)
        elif time.monotonic() - self.reported_at > SILENCE_S:
            self._report(module, *self._means())

    def _means(self) -> tuple[dict[str, float], float]:
        """Mean terms of the steps since the last row, and items per second."""
        self._add()
        means = {name: value / self.count for name, value in self.sums.items()}
        return means, self.items / max(time.monotonic() - self.began, 1e-9)

    def _report(self, module: TrainedModule, means: dict[str, float], rate: float) -> None:
        if self.progress is not None:
            self.progress(module.step, module.expected_steps, {**means, "items_per_second": rate})
        self.reported_at = time.monotonic()

    def _flush(self, module: TrainedModule) -> None:
        means, rate = self._means()
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *means, "items_per_second"])
            writer.writerow([module.step, *(f"{value:.6g}" for value in means.values()), f"{rate:.1f}"])
        if self.logger is not None:
            self.logger.log_metrics({**means, "items_per_second": rate}, module.step)
            self.logger.save()
        self._report(module, means, rate)
        self.sums, self.count, self.items, self.began = {}, 0, 0, time.monotonic()


# Gradual magnitude pruning: the smallest weights of each layer are set to 0 while the network is trained.
#
# Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017.

BEGIN, END = 0.1, 0.7
"""Shares of the steps between which sparsity rises. After that, masks are fixed."""

UPDATES = 100
"""Number of updates of the masks in a long training."""

WEIGHT = re.compile(r"(\w+_)?weight(_[ih]h_l\d+(_reverse)?)?")
"""Names of the weights of linear, convolutional, recurrent and attention layers and of embeddings in torch."""


def scheduled_sparsity(step: int, settings: TrainingSettings) -> float:
    """Share of zeros after an update of the masks at `step`: s (1 - (1 - t)^3) with t from 0 to 1 between the shares
    `BEGIN` and `END` of the steps (Zhu and Gupta 2017, equation 1).

    Examples
    --------
    >>> from sciencegen.training import TrainingSettings
    >>> from sciencegen.training.train import scheduled_sparsity
    >>> settings = TrainingSettings(steps=1000, sparsity=0.8)
    >>> [round(scheduled_sparsity(step, settings), 3) for step in (0, 100, 400, 700, 1000)]
    [0.0, 0.0, 0.7, 0.8, 0.8]
    """
    begin, end = _span(settings)
    t = min(1.0, max(0.0, (step - begin) / (end - begin))) if end > begin else float(step >= end)
    return settings.sparsity * (1 - (1 - t) ** 3)


def magnitude_mask(
    weight: Float[Tensor, "*shape"], share: float, before: Bool[Tensor, "*shape"] | None = None
) -> Bool[Tensor, "*shape"]:
    """Which weights are kept: False for the smallest magnitudes, exactly round(share times their number) of them. What
    `before` doesn't keep comes first.

    Examples
    --------
    >>> import torch
    >>> magnitude_mask(torch.tensor([0.3, -0.1, 0.2, -0.4]), 0.5).tolist()
    [True, False, False, True]
    """
    magnitude = weight.detach().abs().flatten()
    if before is not None:
        magnitude = magnitude.masked_fill(~before.flatten(), -1.0)
    kept = torch.ones_like(magnitude, dtype=torch.bool)
    kept[magnitude.argsort(stable=True)[: round(share * len(magnitude))]] = False
    return kept.view(weight.shape)


def prunable(model: nn.Module, settings: TrainingSettings) -> Iterator[tuple[str, nn.Parameter]]:
    """Names and weights that may be pruned: matrices, kernels and tables of at least `smallest_pruned` numbers."""
    for name, parameter in model.named_parameters(remove_duplicate=False):
        weight = WEIGHT.fullmatch(name.rpartition(".")[2]) is not None and parameter.ndim > 1
        if weight and parameter.requires_grad and parameter.numel() >= settings.smallest_pruned:
            yield name, parameter


class Pruning(lightning.Callback):
    """Keeps pruned weights and their averages at 0, in `module.masks`. Comes before `Averaging` and `Checkpoints`.

    Weights without a gradient aren't pruned: they are fitted later, such as a prior.
    """

    def on_train_start(self, trainer: lightning.Trainer, module: TrainedModule) -> None:
        module.masks = {name: mask.to(module.device) for name, mask in module.masks.items()}  # of a checkpoint

    @torch.no_grad()
    def on_before_optimizer_step(self, trainer: lightning.Trainer, module: TrainedModule, optimizer: Optimizer) -> None:
        weights = [(name, one) for name, one in prunable(module.model, module.settings) if one.grad is not None]
        begin, end = _span(module.settings)
        every = max(1, (end - begin) // UPDATES)
        if begin <= module.step <= end and ((module.step - begin) % every == 0 or module.step == end):
            share = scheduled_sparsity(module.step, module.settings)
            masks = {name: magnitude_mask(one, share, module.masks.get(name)) for name, one in weights}
            module.masks.update(masks)
        for name, one in weights:
            if name in module.masks and one.grad is not None:
                one.grad.masked_fill_(~module.masks[name], 0.0)

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: TrainedModule, outputs: object, batch: Batch, batch_idx: int
    ) -> None:
        weights = dict(module.model.named_parameters(remove_duplicate=False))
        for name, mask in module.masks.items():
            pruned = ~mask
            weights[name].masked_fill_(pruned, 0.0)
            module.average[name].masked_fill_(pruned.to(module.average[name].device), 0.0)


def _span(settings: TrainingSettings) -> tuple[int, int]:
    return int(BEGIN * settings.steps), int(END * settings.steps)


FEWEST_STEPS = 12
"""Steps of the first trial of a dry run."""


def train(
    model: nn.Module,
    batches: Callable[[int], Iterator[Batch]],
    settings: TrainingSettings,
    folder: Path,
    device: str = "cpu",
    progress: Progress | None = None,
) -> int:
    """Minimize model.loss(batch, step, generator)["loss"] in place; the model ends with the averaged weights. Returns
    the number of steps.

    batches(step): an iterator over the batches from that step on, the same ones at every call.
    folder: where log.csv and checkpoints/ are written; training resumes from a checkpoint found there.
    With several devices the script is started again for each after the first; those end here (processes.py).
    Raises Stopped after the step in which a signal was received, once that step is saved.
    """
    settings = replace(settings.on(device), steps=part_of(settings.steps, "steps", FEWEST_STEPS))
    if settings.sparsity and not any(True for _ in prunable(model, settings)):
        raise ConfigError(
            f"Expected a layer of at least {settings.smallest_pruned} weights for sparsity {settings.sparsity:g}, "
            "found none. Pass a lower `smallest_pruned`, or no `sparsity`."
        )
    checkpoint = Path(folder) / CHECKPOINT
    make_folder(Path(folder))
    start, average, optimizer, logged, masks, spent = 0, None, None, None, {}, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        start, average, optimizer = state["step"], state["average"], state["optimizer"]
        logged, masks = state.get("log"), state.get("masks", {})  # version 0.1.0 didn't save them
        spent = state.get("spent", 0.0)  # nor did 0.3
    module = TrainedModule(model, settings, start, optimizer, spent)
    if average is not None:
        module.average = average
    module.masks = masks
    if settings.compile:
        for network in model.children():
            network.compile(dynamic=True)
    if not module.over:
        with in_processes(settings.count, settings.nodes), stop_on_signals() as stop_request:

            def heard(step: int, total: int, terms: dict[str, float]) -> None:
                """Not after a signal: `tee` behind a pipe gets it too, and a message that nobody can read would end
                the training before it is saved."""
                if progress is not None and stop_request.signal is None:
                    progress(step, total, terms)

            logger = _logger(settings, Path(folder))
            log = Log(Path(folder) / "log.csv", settings.log_every, heard, logged, logger)
            callbacks = [Averaging(), log, Checkpoints(checkpoint, settings, stop_request, log)]
            pruning = [Pruning()] if settings.sparsity else []
            try:
                _fit(module, batches, settings, folder, device, [*pruning, *callbacks])
            finally:
                if logger is not None:
                    logger.finalize("success" if module.over else "aborted")
    model.load_state_dict(module.average)
    model.eval()
    return module.step


def _logger(settings: TrainingSettings, folder: Path) -> Logger | None:
    """The logger of the settings; of csv and mlflow, a call that resumes a training makes another run."""
    run = folder.absolute().name
    if settings.logger == "csv":
        return loggers.CSVLogger(folder, "csv")
    if settings.logger == "tensorboard":
        return loggers.TensorBoardLogger(folder, "tensorboard", "")
    if settings.logger == "wandb":
        return loggers.WandbLogger(run, folder, project="sciencegen", resume="allow")
    if settings.logger == "mlflow":
        return loggers.MLFlowLogger("sciencegen", run, save_dir=str(folder / "mlruns"))
    return None


def _fit(
    module: TrainedModule,
    batches: Callable[[int], Iterator[Batch]],
    settings: TrainingSettings,
    folder: Path,
    device: str,
    callbacks: list[lightning.Callback],
) -> None:
    for name in ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    trainer = lightning.Trainer(
        max_steps=settings.steps - module.start,
        accelerator={"cuda": "gpu"}.get(device, device),
        devices=settings.count,
        num_nodes=settings.nodes,
        strategy=_strategy(module, settings),
        precision=PRECISIONS[settings.precision],
        gradient_clip_val=settings.largest_gradient,
        callbacks=callbacks,
        default_root_dir=folder,
        plugins=[LightningEnvironment()],  # by itself, Lightning leaves the processes to SLURM's srun
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    data = StepBatches(batches, module.start, trainer.global_rank, trainer.world_size, device == "cuda")
    products = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if settings.precision == "tf32" and device == "cuda" else products)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.fit(module, DataLoader(data, batch_size=None))
    finally:
        torch.set_float32_matmul_precision(products)


def _strategy(module: TrainedModule, settings: TrainingSettings) -> Strategy | str:
    """Parameters may have no gradient where something is fitted later, such as a prior. All processes have the same
    buffers from the start, and no copies of gradients are made beside those that are summed."""
    if settings.strategy != "ddp" and settings.count * settings.nodes == 1:
        return "auto"
    unused = fits_later(module.model)
    return DDPStrategy(find_unused_parameters=unused, broadcast_buffers=False, gradient_as_bucket_view=True)


def fits_later(model: object) -> bool:
    """Whether a model may have parameters that no training step changes: all but plain diffusions."""
    return getattr(type(model), "finish", None) not in (DiffusionModel.finish, HoldsDiffusion.finish)
