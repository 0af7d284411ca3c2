"""How long and how a model is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sciencegen.errors import ConfigError, unknown_name

PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "float32": "32-true",
    "bfloat16": "bf16-mixed",
    "float16": "16-mixed",
}
"""Our names to Lightning's."""

CHECKPOINT = "checkpoints/last.pt"
"""Where in the training's folder lies what a killed one goes on from."""


@dataclass(frozen=True)
class TrainingSettings:
    """steps: optimizer steps in all. learning_rate: the peak, after `warmup_steps` of a linear rise; then half a cosine
    down to `final_rate` of it. ema_decay: weight of the past in the averaged weights that are kept (0: no averaging).
    checkpoint_every, log_every: in steps; there is a checkpoint once a minute too. A killed run goes on from its last
    checkpoint to the same weights.
    compile: each network by torch.compile, which takes up to minutes and a C++ compiler, and pays in long runs.
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
        for name in ("steps", "batch_size", "checkpoint_every", "log_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Expected 1 or more for {name}, got {getattr(self, name)}.")
        if self.precision not in PRECISIONS:
            raise unknown_name("precision", self.precision, PRECISIONS)
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f"Expected ema_decay in [0, 1), got {self.ema_decay}.")
