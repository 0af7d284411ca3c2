"""Log signal-to-noise ratio as a function of time: fixed shapes, and a learned monotone network.

A schedule maps times [time] in 0..1 to log-SNR log(alpha^2 / sigma^2), falling from `log_snr_max` at 0 (data) to
`log_snr_min` at 1 (noise). The continuous-time bound depends on the two ends alone (Kingma et al. 2021, section 5);
the shape decides the variance of its estimate and where a sampler's steps lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError, unknown_name


@runtime_checkable
class Schedule(Protocol):
    """Log-SNR by time, falling from `log_snr_max` at 0 (data) to `log_snr_min` at 1 (noise)."""

    @property
    def log_snr_max(self) -> float: ...

    @property
    def log_snr_min(self) -> float: ...

    def __call__(self, time: Float[Tensor, " time"]) -> Float[Tensor, " time"]: ...


def check_ends(log_snr_max: float, log_snr_min: float) -> None:
    """Raise an error unless log_snr_max is above log_snr_min."""
    if not log_snr_max > log_snr_min:
        raise ConfigError(f"Expected log_snr_max above log_snr_min, got {log_snr_max} and {log_snr_min}.")


def log_snr_and_slope(
    schedule: Schedule, time: Float[Tensor, " time"]
) -> tuple[Float[Tensor, " time"], Float[Tensor, " time"]]:
    """Log-SNR and its time derivative, by forward-mode differentiation; gradients reach a learned schedule by both."""
    recorded = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.set_grad_enabled(recorded):  # in inference mode torch 2.4 has slopes of 0
        time = time.clone() if time.is_inference() else time
        log_snr, slope = torch.func.jvp(schedule, (time,), (torch.ones_like(time),))[:2]
    return log_snr, slope


def check_times(last_time: float, crowding: float) -> None:
    """Raise an error unless 0 <= last_time < 1 and 0 < crowding <= 4."""
    if not (0 <= last_time < 1 and 0 < crowding <= 4):
        raise ConfigError(f"Expected a last_time of 0 to below 1 and a crowding in 0..4, got {last_time}, {crowding}.")


def log_snr_grid(
    schedule: Schedule,
    steps: int,
    like: Tensor,
    last_time: float = 0.0,
    crowding: float = 1.0,
    first_time: float = 1.0,
) -> Float[Tensor, " point"]:
    """The steps + 1 log-SNR values of a sampler's path from noise to data.

    The times are last + (first - last) u^crowding, with u falling evenly from 1 to 0. With crowding above 1, steps are
    denser near the data (like rho in Karras et al. 2022, eq. 5), below 1 near the noise. A path that ends at a
    last_time above 0 leaves the remaining noise to the last estimate, which is more accurate than a long step to almost
    no noise.
    """
    if steps < 1:
        raise ConfigError(f"Expected 1 or more steps, got {steps}.")
    check_times(last_time, crowding)
    if not last_time < first_time <= 1:
        raise ConfigError(f"Expected a first time above the last, {last_time}, and at most 1, got {first_time}.")
    even = torch.linspace(1, 0, steps + 1, dtype=like.dtype, device=like.device)
    return schedule(last_time + (first_time - last_time) * even**crowding)


@dataclass(frozen=True)
class Linear:
    """log_snr = max + (min - max) t."""

    log_snr_max: float = 13.3
    log_snr_min: float = -5.0

    def __post_init__(self) -> None:
        check_ends(self.log_snr_max, self.log_snr_min)

    def __call__(self, time: Float[Tensor, " time"]) -> Float[Tensor, " time"]:
        return self.log_snr_max + (self.log_snr_min - self.log_snr_max) * time


@dataclass(frozen=True)
class Cosine:
    """log_snr = -2 log tan(pi t / 2) + shift, cut at its ends. Nichol & Dhariwal 2021, section 3.2.

    `shift` = 2 log(64 / d) for images of d by d pixels (Hoogeboom et al. 2023, section 3.1): below 0 for bigger items,
    whose parts depend more on each other.
    """

    log_snr_max: float = 13.3
    log_snr_min: float = -13.3
    shift: float = 0.0

    def __post_init__(self) -> None:
        check_ends(self.log_snr_max, self.log_snr_min)

    def __call__(self, time: Float[Tensor, " time"]) -> Float[Tensor, " time"]:
        start, end = (math.atan(math.exp(0.5 * (self.shift - at))) for at in (self.log_snr_max, self.log_snr_min))
        return -2 * torch.log(torch.tan(start + (end - start) * time)) + self.shift


@dataclass(frozen=True)
class EDM:
    """sigma / alpha = (a + t (b - a))^rho with the ends' rho-th roots a, b. Karras et al. 2022, eq. 5.

    The defaults are their 0.002 to 80, which is for data of standard deviation 1/2, rescaled to standard deviation 1.
    """

    log_snr_max: float = -2 * math.log(0.004)
    log_snr_min: float = -2 * math.log(160.0)
    rho: float = 7.0

    def __post_init__(self) -> None:
        check_ends(self.log_snr_max, self.log_snr_min)
        if not self.rho > 0:
            raise ConfigError(f"Expected rho above 0, got {self.rho}.")

    def __call__(self, time: Float[Tensor, " time"]) -> Float[Tensor, " time"]:
        start, end = (math.exp(-0.5 * at / self.rho) for at in (self.log_snr_max, self.log_snr_min))
        return -2 * self.rho * torch.log(start + (end - start) * time)


class Learned(nn.Module):
    """A monotone network between fixed ends. Kingma et al. 2021, section 3.2 and appendix H.

    gamma~(t) = l1(t) + l3(sigmoid(l2(l1(t)))) with positive weights, and
    log_snr(t) = max + (min - max) (gamma~(t) - gamma~(0)) / (gamma~(1) - gamma~(0)).
    It starts nearly linear, and is trained by `objectives.variance_minimizing_loss`.
    """

    def __init__(
        self,
        log_snr_max: float = 13.3,
        log_snr_min: float = -5.0,
        width: int = 1024,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        check_ends(log_snr_max, log_snr_min)
        self.log_snr_max, self.log_snr_min = log_snr_max, log_snr_min
        self.slope = nn.Parameter(torch.zeros(()))
        self.rise = nn.Parameter(torch.randn(width, generator=generator))
        self.centre = nn.Parameter(torch.rand(width, generator=generator))
        self.height = nn.Parameter(torch.full((width,), -4.0 - math.log(width)))

    def forward(self, time: Float[Tensor, " time"]) -> Float[Tensor, " time"]:
        ends = self._raw(torch.tensor([0.0, 1.0], dtype=time.dtype, device=time.device))
        done = (self._raw(time) - ends[0]) / (ends[1] - ends[0])
        return self.log_snr_max + (self.log_snr_min - self.log_snr_max) * done

    def _raw(self, time: Float[Tensor, " time"]) -> Float[Tensor, " time"]:
        """gamma~. The second layer is parametrized by each unit's centre and steepness: this trains at every width."""
        steepness = 4 * functional.softplus(self.rise)
        hidden = torch.sigmoid(steepness * (time[:, None] - self.centre))
        return functional.softplus(self.slope) * time + hidden @ self.height.exp()


SCHEDULES: dict[str, Callable[..., Schedule]] = {"linear": Linear, "cosine": Cosine, "edm": EDM, "learned": Learned}
"""Name to the shape, built with log_snr_max and log_snr_min."""


def noise_schedule(
    name: str, log_snr_max: float, log_snr_min: float, shift: float = 0.0, generator: Generator | None = None
) -> Schedule:
    """The schedule of this name between the ends. shift: of the cosine one. generator: of the learned one's weights.

    Examples
    --------
    >>> noise_schedule("linear", 10.0, -10.0)(torch.tensor([0.0, 0.5, 1.0]))
    tensor([ 10.,   0., -10.])
    """
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, SCHEDULES)
    owned: dict[str, dict[str, Any]] = {"cosine": {"shift": shift}, "learned": {"generator": generator}}
    own = owned.get(name, {})
    return SCHEDULES[name](log_snr_max, log_snr_min, **own)
