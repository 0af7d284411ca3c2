"""Settings of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal, get_args

from sciencegen.errors import ConfigError, MissingLibrary, unknown_name

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "float32": "32-true",
    "tf32": "32-true",
    "bfloat16": "bf16-mixed",
    "float16": "16-mixed",
}
"""Names of precisions -> Lightning's names."""

OptimizerName = Literal["adamw", "muon", "soap", "shampoo"]
ScheduleName = Literal["cosine", "constant", "linear", "wsd"]
StrategyName = Literal["auto", "ddp"]
LoggerName = Literal["none", "csv", "tensorboard", "wandb", "mlflow"]

OPTIMIZERS: tuple[str, ...] = get_args(OptimizerName)
SCHEDULES: tuple[str, ...] = get_args(ScheduleName)
STRATEGIES: tuple[str, ...] = get_args(StrategyName)
LOGGERS: tuple[str, ...] = get_args(LoggerName)

PROCESSES = ("devices", "nodes", "strategy", "logger")
"""Settings of where a training runs and what is told; weights depend on them by rounding only."""

CHECKPOINT = "checkpoints/last.pt"
"""Path of the checkpoint in a training's folder."""


@dataclass(frozen=True)
class TrainingSettings:
    """steps: total optimizer steps. minutes: longest time of the steps on the clock, 0 for any. The schedule then
    follows the share of the time or of the steps, whichever is larger. Time goes on where a killed run resumes; the
    number of steps, and so the weights, depend on the machine. optimizer: its name (`optimizers.OPTIMIZERS`).
    learning_rate: the peak, after a linear warm-up of `warmup_steps`; then it follows `schedule` (`optimizers.FALLS`)
    down to `final_rate` times the peak. ema_decay: decay of the moving average of the weights, which the model has at
    the end (0: no averaging). checkpoint_every, log_every: in steps; checkpoints are also saved once a minute. A killed
    run resumes from its last checkpoint and ends with the same weights.
    precision: of the steps; tf32 is float32 whose matrix products on a GPU keep 10 bits of each factor's mantissa.
    devices: number of GPUs of each node, or of processes on a CPU; each takes its share of every batch. "auto": all
    GPUs, or one process on a CPU. nodes: number of machines, on each of which the command is started. strategy: "ddp",
    copies of the model whose gradients are averaged; "auto" is ddp where there are several devices.
    compile: compile each network by torch.compile, which needs a C++ compiler and up to minutes, for long runs.
    sparsity: share of zeros at the end in each layer of at least `smallest_pruned` weights (0: none are pruned).
    logger: one of Lightning's that gets the rows of log.csv too, in the training's folder.
    """

    steps: int = 10_000
    minutes: float = 0.0
    batch_size: int = 256
    optimizer: OptimizerName = "adamw"
    learning_rate: float = 1e-3
    schedule: ScheduleName = "cosine"
    final_rate: float = 0.02
    warmup_steps: int = 200
    weight_decay: float = 0.01
    largest_gradient: float = 1.0
    ema_decay: float = 0.999
    precision: Literal["float32", "tf32", "bfloat16", "float16"] = "float32"
    checkpoint_every: int = 500
    log_every: int = 50
    seed: int = 0
    devices: int | Literal["auto"] = 1
    nodes: int = 1
    strategy: StrategyName = "auto"
    compile: bool = False
    sparsity: float = 0.0
    smallest_pruned: int = 4096
    logger: LoggerName = "none"

    def __post_init__(self) -> None:
        is_number = isinstance(self.devices, int) and not isinstance(self.devices, bool)
        if self.devices != "auto" and not (is_number and self.count >= 1):
            raise ConfigError(f"Expected 1 or more for devices, or auto, got {self.devices!r}.")
        for name in ("steps", "batch_size", "checkpoint_every", "log_every", "nodes", "smallest_pruned"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Expected 1 or more for {name}, got {getattr(self, name)}.")
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        if self.optimizer not in OPTIMIZERS:
            raise unknown_name("optimizer", self.optimizer, OPTIMIZERS)
        if self.schedule not in SCHEDULES:
            raise unknown_name("schedule", self.schedule, SCHEDULES)
        if self.strategy not in STRATEGIES:
            raise unknown_name("strategy", self.strategy, STRATEGIES)
        if not 0 <= self.minutes < math.inf:
            raise ConfigError(f"Expected minutes of more than 0, or 0 for any time, got {self.minutes}.")
        if self.minutes and self.sparsity:
            raise ConfigError(
                "Expected no sparsity with minutes: weights are pruned by the share of the steps. Pass one."
            )
        for name in ("ema_decay", "sparsity"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"Expected {name} in [0, 1), got {getattr(self, name)}.")
        if self.logger not in LOGGERS:
            raise unknown_name("logger", self.logger, LOGGERS)
        if self.logger not in ("none", "csv") and find_spec(self.logger) is None:
            raise ConfigError(
                f"Expected the package {self.logger} for its logger. Install it: "
                f"pip install 'sciencegen[{self.logger}]'"
            )
        _check_installed(self.optimizer)

    @property
    def count(self) -> int:
        """Number of devices of each node; "auto" counts as one until `on` has replaced it."""
        return 1 if self.devices == "auto" else self.devices

    def on(self, device: str) -> TrainingSettings:
        """These settings with the number of devices that "auto" stands for on `device`.

        Examples
        --------
        >>> TrainingSettings(devices="auto").on("cpu").devices
        1
        """
        if self.devices != "auto":
            return self
        import torch

        return replace(self, devices=max(torch.cuda.device_count(), 1) if device == "cuda" else 1)


def _check_installed(optimizer: str) -> None:
    """Raise an error for an optimizer whose library isn't here."""
    if optimizer in ("soap", "shampoo") and find_spec("pytorch_optimizer") is None:
        raise MissingLibrary("pytorch_optimizer", f"for optimizer '{optimizer}'")
    if optimizer == "muon" and _torch_version() < (2, 9):
        raise ConfigError(
            f"Expected torch 2.9 or newer for optimizer 'muon', found {version('torch')}. Upgrade it: "
            "pip install 'torch>=2.9'"
        )


def _torch_version() -> tuple[int, int]:
    try:
        major, minor = version("torch").split(".")[:2]
    except PackageNotFoundError:  # torch of another installer, without metadata
        return (0, 0)
    return int(major), int(minor)
