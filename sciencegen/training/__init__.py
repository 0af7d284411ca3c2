"""Training over Lightning: averaging, resuming, seeds, log. `train` imports Lightning, so it is fetched on use."""

from __future__ import annotations

from sciencegen.training.order import batch_order
from sciencegen.training.settings import TrainingSettings

__all__ = ["TrainingSettings", "batch_order", "train"]


def train(*arguments, **options) -> None:
    """See `sciencegen.training.train.train`."""
    from sciencegen.training.train import train as run

    run(*arguments, **options)
