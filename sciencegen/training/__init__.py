"""Training with Lightning: averaging, resuming, seeds, log. `train.train` isn't imported here: Lightning is slow."""

from __future__ import annotations

from sciencegen.training.progress import batch_order, weighted_order
from sciencegen.training.settings import TrainingSettings

__all__ = ["TrainingSettings", "batch_order", "weighted_order"]
