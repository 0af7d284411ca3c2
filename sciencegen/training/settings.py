"""Settings of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sciencegen.errors import ConfigError, unknown_name

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "float32": "32-true",
    "bfloat16": "bf16-mixed",
    "float16": "16-mixed",
}
"""Names of precisions -> Lightning's names."""

CHECKPOINT = "checkpoints/last.pt"
"""Path of the checkpoint in a training's folder."""


@dataclass(frozen=True)
class TrainingSettings:
    """steps: total optimizer steps. learning_rate: the peak, after a linear warm-up of `warmup_steps`; then it follows
    a half cosine down to `final_rate` times the peak. ema_decay: decay of the moving average of the weights, which the
    model has at the end (0: no averaging). checkpoint_every, log_every: in steps; checkpoints are also saved once a
    minute. A killed run resumes from its last checkpoint and ends with the same weights.
    devices: number of GPUs, or of processes on a CPU; each takes its share of every batch.
    compile: compile each network by torch.compile, which needs a C++ compiler and up to minutes, for long runs.
    """

    steps: int = 10_000
    batch_size: int = 256
    learning_rate: float = 1e-3
    final_rate: float = 0.02
    warmup_steps: int = 200
    weight_decay: float = 0.01
    largest_gradient: float = 1.0
    ema_decay: float = 0.999
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    checkpoint_every: int = 500
    log_every: int = 50
    seed: int = 0
    devices: int = 1
    compile: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "checkpoint_every", "log_every", "devices"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Expected 1 or more for {name}, got {getattr(self, name)}.")
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f"Expected ema_decay in [0, 1), got {self.ema_decay}.")
