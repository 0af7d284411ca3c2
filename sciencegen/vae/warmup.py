"""Schedules of the KL weight: small at first, so that the model learns to use the latent."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sciencegen.errors import ConfigError, unknown_name


def constant(progress: float) -> float:
    """1 from the first step on: no warm-up."""
    return 1.0


def linear(progress: float) -> float:
    """Bowman et al. 2016, Sønderby et al. 2016."""
    return min(1.0, progress)


def cosine(progress: float) -> float:
    """Half a cosine wave: flat at both ends."""
    return 0.5 * (1 - math.cos(math.pi * min(1.0, progress)))


def cyclical(progress: float) -> float:
    """Fu et al. 2019: in each cycle linear for the first half, then 1; never ends."""
    return min(1.0, 2 * (progress % 1.0))


WARMUPS = {"constant": constant, "linear": linear, "cosine": cosine, "cyclical": cyclical}
"""Shapes: progress (step / steps, may exceed 1) to the fraction of the way from start to end, 0..1."""


@dataclass(frozen=True)
class Warmup:
    """weight(step) = start + (end - start) * shape(step / steps). `steps`: length of the warm-up, or of a cycle."""

    shape: str = "constant"
    steps: int = 0
    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        if self.shape not in WARMUPS:
            raise unknown_name("warm-up", self.shape, WARMUPS)
        if self.steps < 0:
            raise ConfigError(f"Expected a number of warm-up steps of 0 or more, got {self.steps}.")

    def __call__(self, step: int) -> float:
        done = WARMUPS[self.shape](step / self.steps) if self.steps else 1.0
        return self.start + (self.end - self.start) * done
