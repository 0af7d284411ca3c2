"""Gradual magnitude pruning: the smallest weights of each layer are set to 0 while the network is trained.

Zhu and Gupta, "To prune, or not to prune: exploring the efficacy of pruning for model compression", 2017.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import lightning
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.optim import Optimizer

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.training.module import TrainedModule
from sciencegen.training.settings import TrainingSettings

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
    >>> from sciencegen.training.sparsity import scheduled_sparsity
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


def check_prunable(model: nn.Module, settings: TrainingSettings) -> None:
    """Raise an error if weights are to be pruned, and the model has none that may be."""
    if settings.sparsity and not any(True for _ in prunable(model, settings)):
        raise ConfigError(
            f"Expected a layer of at least {settings.smallest_pruned} weights for sparsity {settings.sparsity:g}, "
            "found none. Pass a lower `smallest_pruned`, or no `sparsity`."
        )


class Pruning(lightning.Callback):
    """Keeps pruned weights and their averages at 0, in `module.masks`. Comes before `Averaging` and `Checkpoints`.

    Weights without a gradient aren't pruned: they are fitted later, such as a prior.
    """

    def on_train_start(self, trainer: lightning.Trainer, module: TrainedModule) -> None:
        module.masks = {name: mask.to(module.device) for name, mask in module.masks.items()}  # of a checkpoint

    @torch.no_grad()
    def on_before_optimizer_step(self, trainer: lightning.Trainer, module: TrainedModule, optimizer: Optimizer) -> None:
        weights = [(name, one) for name, one in prunable(module.model, module.settings) if one.grad is not None]
        if _is_due(module.step, module.settings):
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


def _is_due(step: int, settings: TrainingSettings) -> bool:
    begin, end = _span(settings)
    every = max(1, (end - begin) // UPDATES)
    return begin <= step <= end and ((step - begin) % every == 0 or step == end)
