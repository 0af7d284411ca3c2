"""Train any model that has a `loss`, on CPU or on GPUs; a killed run is resumed by the same call."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import lightning
import torch
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy, Strategy
from torch import nn
from torch.utils.data import DataLoader

from sciencegen.batch import Batch
from sciencegen.files import make_folder
from sciencegen.training.callbacks import Averaging, Checkpoints, Log, Progress
from sciencegen.training.module import StepBatches, TrainedModule
from sciencegen.training.processes import in_processes
from sciencegen.training.settings import CHECKPOINT, PRECISIONS, TrainingSettings
from sciencegen.training.sparsity import Pruning, check_prunable
from sciencegen.training.stopping import StopRequest, stop_on_signals


def train(
    model: nn.Module,
    batches: Callable[[int], Iterator[Batch]],
    settings: TrainingSettings,
    folder: Path,
    device: str = "cpu",
    progress: Progress | None = None,
) -> None:
    """Minimize model.loss(batch, step, generator)["loss"] in place; the model ends with the averaged weights.

    batches(step): an iterator over the batches from that step on, the same ones at every call.
    folder: where log.csv and checkpoints/ are written; training resumes from a checkpoint found there.
    With several devices the script is started again for each after the first; those end here (processes.py).
    Raises Stopped after the step in which a signal was received, once that step is saved.
    """
    settings = settings.on(device)
    check_prunable(model, settings)
    checkpoint = Path(folder) / CHECKPOINT
    make_folder(Path(folder))
    start, average, optimizer, logged, masks = 0, None, None, None, {}
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        start, average, optimizer = state["step"], state["average"], state["optimizer"]
        logged, masks = state.get("log"), state.get("masks", {})  # version 0.1.0 didn't save them
    module = TrainedModule(model, settings, start, optimizer)
    if average is not None:
        module.average = average
    module.masks = masks
    if settings.compile:
        for network in model.children():
            network.compile(dynamic=True)
    if start < settings.steps:
        with in_processes(settings.count, settings.nodes), stop_on_signals() as stop_request:
            heard = partial(_unless_stopped, stop_request, progress)
            log = Log(Path(folder) / "log.csv", settings.log_every, settings.steps, heard, logged)
            callbacks = [Averaging(), log, Checkpoints(checkpoint, settings, stop_request, log)]
            pruning = [Pruning()] if settings.sparsity else []
            _fit(module, batches, settings, folder, device, [*pruning, *callbacks])
    model.load_state_dict(module.average)
    model.eval()


def _unless_stopped(
    stop_request: StopRequest, progress: Progress | None, step: int, total: int, terms: dict[str, float]
) -> None:
    """Report, but not after a signal: `tee` behind a pipe gets it too, and a message that nobody can read would end the
    training before it is saved."""
    if progress is not None and stop_request.signal is None:
        progress(step, total, terms)


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
        strategy=_strategy(settings),
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
    data = StepBatches(batches, module.start, trainer.global_rank, trainer.world_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(module, DataLoader(data, batch_size=None))


def _strategy(settings: TrainingSettings) -> Strategy | str:
    """Parameters may have no gradient: priors are fitted later. All processes have the same buffers from the start, and
    no copies of gradients are made beside those that are summed."""
    if settings.strategy != "ddp" and settings.count * settings.nodes == 1:
        return "auto"
    return DDPStrategy(find_unused_parameters=True, broadcast_buffers=False, gradient_as_bucket_view=True)
