"""Optimizers by name, and schedules of the learning rate.

The learning rate means about the same for all optimizers: the size of an update is that of Adam.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from sciencegen.training.settings import TrainingSettings

BETAS = (0.9, 0.98)
"""Decay rates of the first and second moments."""

PRECONDITION_EVERY = 10
"""Steps between updates of the matrices by which SOAP and Shampoo precondition."""

Group = dict[str, Any]
"""A parameter group of torch: parameters and their options."""


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> Optimizer:
    """The optimizer of a training, by `settings.optimizer`.

    Parameters
    ----------
    model : nn.Module
        Its parameters that require gradients are optimized. Those of two or more dimensions decay by
        `settings.weight_decay`.
    settings : TrainingSettings
        `optimizer`, `learning_rate` and `weight_decay` are used.

    Returns
    -------
    Optimizer
        Its `state_dict` holds tensors and plain values only.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019 (`adamw`).
    Jordan et al., "Muon", 2024; Liu et al., "Muon is scalable for LLM training", 2025 (`muon`).
    Vyas et al., "SOAP: Improving and stabilizing Shampoo using Adam", ICLR 2025 (`soap`).
    Gupta et al., "Shampoo", ICML 2018; Anil et al., "Scalable second order optimization", 2020 (`shampoo`).

    Examples
    --------
    >>> from torch import nn
    >>> from sciencegen.training import TrainingSettings
    >>> from sciencegen.training.optimizers import make_optimizer
    >>> optimizer = make_optimizer(nn.Linear(3, 2), TrainingSettings(optimizer="adamw", weight_decay=0.1))
    >>> [group["weight_decay"] for group in optimizer.param_groups]
    [0.1, 0.0]
    """
    return OPTIMIZERS[settings.optimizer](model, settings)


def adamw(model: nn.Module, settings: TrainingSettings) -> Optimizer:
    """Adam with decoupled weight decay."""
    return _adamw(_trained(model), settings)


def _adamw(parameters: Sequence[nn.Parameter], settings: TrainingSettings) -> Optimizer:
    """On a GPU in one kernel for all parameters; Lightning can't scale the gradients of float16 with it."""
    fused = settings.precision != "float16" and all(one.is_cuda for one in parameters)
    return torch.optim.AdamW(
        _groups(parameters, settings), lr=settings.learning_rate, betas=BETAS, fused=True if fused else None
    )


def muon(model: nn.Module, settings: TrainingSettings) -> Optimizer:
    """Muon for matrices, which excludes tables of embeddings and tensors of more dimensions; AdamW for all others. The
    updates of matrices are scaled to the size of Adam's."""
    embedded = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    trained = _trained(model)
    matrices = [one for one in trained if one.ndim == 2 and id(one) not in embedded]
    chosen = {id(one) for one in matrices}
    parts: list[Optimizer] = []
    if matrices:
        of_muon: Group = {"params": matrices, "weight_decay": settings.weight_decay}
        parts.append(torch.optim.Muon([of_muon], lr=settings.learning_rate, adjust_lr_fn="match_rms_adamw"))
    if others := [one for one in trained if id(one) not in chosen]:
        parts.append(_adamw(others, settings))
    return Joint(parts)


def soap(model: nn.Module, settings: TrainingSettings) -> Optimizer:
    """Adam in the eigenbasis of Shampoo's matrices."""
    from pytorch_optimizer.optimizer.soap import SOAP

    groups = _groups(_trained(model), settings)
    return SOAP(groups, lr=settings.learning_rate, precondition_frequency=PRECONDITION_EVERY)


def shampoo(model: nn.Module, settings: TrainingSettings) -> Optimizer:
    """Shampoo in blocks of at most 512 rows and columns; updates have the norm of RMSProp's (grafting)."""
    from pytorch_optimizer.optimizer.utils.graft import LayerWiseGrafting

    from sciencegen.training.shampoo import Shampoo  # on use: its base is of an optional library

    return Shampoo(
        _groups(_trained(model), settings), lr=settings.learning_rate, betas=BETAS, moving_average_for_momentum=True,
        decoupled_weight_decay=True, graft_type=LayerWiseGrafting.RMSPROP,
        preconditioning_compute_steps=PRECONDITION_EVERY,
    )  # fmt: skip


OPTIMIZERS: Mapping[str, Callable[[nn.Module, TrainingSettings], Optimizer]] = {
    "adamw": adamw, "muon": muon, "soap": soap, "shampoo": shampoo,
}  # fmt: skip
"""Names -> functions that make the optimizer of a model. `settings.OPTIMIZERS` has the same names."""


class Joint(Optimizer):
    """Several optimizers of different parameters as one, whose groups are those of its parts."""

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]  # loading replaces them


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _groups(parameters: Sequence[nn.Parameter], settings: TrainingSettings) -> list[Group]:
    """Biases and scales, of one dimension or none, don't decay."""
    decayed, others = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]


# Schedules of the learning rate: a linear warm-up, times a function of the share of the training that is done.


COOLDOWN = 0.2
"""Share of the steps in which the schedule `wsd` falls."""


def cosine(done: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2017)."""
    return 0.5 * (1 + math.cos(math.pi * done))


def constant(done: float) -> float:
    """1 throughout."""
    return 1.0


def linear(done: float) -> float:
    """A line from 1 to 0."""
    return 1 - done


def warmup_stable_decay(done: float) -> float:
    """1, then a line to 0 in the last `COOLDOWN` of the steps (Zhai et al. 2022; Hu et al. 2024)."""
    return min(1.0, (1 - done) / COOLDOWN)


FALLS: Mapping[str, Callable[[float], float]] = {
    "cosine": cosine, "constant": constant, "linear": linear, "wsd": warmup_stable_decay,
}  # fmt: skip
"""Names of schedules -> functions of the share of the steps that is done, from 1 down to 0 (`constant`: 1)."""


def learning_rate(step: int, settings: TrainingSettings, timed: float = 0.0) -> float:
    """Learning rate relative to its peak: linear warm-up, times a fall of the schedule that ends at `final_rate`.

    Parameters
    ----------
    step : int
        Number of steps done.
    settings : TrainingSettings
        `schedule`, `steps`, `warmup_steps` and `final_rate` are used.
    timed : float
        Share of `settings.minutes` that is over.

    Returns
    -------
    float
        In [0, 1].

    References
    ----------
    Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", ICLR 2017 (`cosine`).
    Hu et al., "MiniCPM", 2024 (`wsd`).

    Examples
    --------
    >>> from sciencegen.training import TrainingSettings
    >>> from sciencegen.training.optimizers import learning_rate
    >>> settings = TrainingSettings(steps=100, warmup_steps=10, final_rate=0.0, schedule="wsd")
    >>> [round(learning_rate(step, settings), 2) for step in (0, 50, 90, 100)]
    [0.1, 1.0, 0.5, 0.0]
    """
    rise = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    fall = FALLS[settings.schedule](min(1.0, max(step / settings.steps, timed)))
    return rise * (settings.final_rate + (1 - settings.final_rate) * fall)
