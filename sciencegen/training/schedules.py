"""Schedules of the learning rate: a linear warm-up, times a function of the share of the training that is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from sciencegen.training.settings import TrainingSettings

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


def learning_rate(step: int, settings: TrainingSettings) -> float:
    """Learning rate relative to its peak: linear warm-up, times a fall of the schedule that ends at `final_rate`.

    Parameters
    ----------
    step : int
        Number of steps done.
    settings : TrainingSettings
        `schedule`, `steps`, `warmup_steps` and `final_rate` are used.

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
    >>> from sciencegen.training.schedules import learning_rate
    >>> settings = TrainingSettings(steps=100, warmup_steps=10, final_rate=0.0, schedule="wsd")
    >>> [round(learning_rate(step, settings), 2) for step in (0, 50, 90, 100)]
    [0.1, 1.0, 0.5, 0.0]
    """
    rise = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    fall = FALLS[settings.schedule](min(1.0, step / settings.steps))
    return rise * (settings.final_rate + (1 - settings.final_rate) * fall)
