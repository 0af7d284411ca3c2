"""Steered sampling: more compute for better items under any score, without training.

Each item is drawn as `count` particles, in consecutive rows (`Batch.repeat_interleave`). Particles of different items
do not interact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.process import Denoiser, ancestral_step, levels, predict
from sciencegen.diffusion.samplers import Noise, Path, check_path, row_keys, streams
from sciencegen.diffusion.state import State, with_fields
from sciencegen.errors import ConfigError, ShapeError

Reward = Callable[[Batch], Float[Tensor, " particle"]]
"""Log preference in nats for each item, given in the state's spaces (`State.read` gives categories). NaN: the item
failed, and gets the least reward."""

WORTHLESS = -1e4
"""The least reward. With a lower one, sums of reward differences would lose digits when a later estimate is better."""


Uniform = Callable[[int, int], Float[Tensor, " item"]]
"""(step, items) -> a number in 0..1 for each item, for resampling."""


@dataclass(frozen=True)
class Steering:
    """Settings of drawing from p(x) e^reward(x) with particles.

    Parameters
    ----------
    reward : Reward
        Log preference of items as the model returns them, in nats.
    count : int
        Number of particles for each item.
    uniform : Uniform, optional
        Default: numbers determined by the start of each item's first particle.
    resample_below : float
        Particles are resampled if the effective sample size is below this fraction of `count`. 1: always; 0: only at
        the end.
    every : int
        Number of steps between evaluations of the reward, for slow rewards. It is always evaluated at the end.
    estimate : Reward, optional
        Of estimates along the path, if there is a faster one than `reward`, which is that of the end.

    Raises
    ------
    ConfigError
        If a number is outside its range.

    Examples
    --------
    >>> Steering(lambda x: x["x"].sum(1), count=8).resample_below
    0.5
    """

    reward: Reward
    count: int
    uniform: Uniform | None = None
    resample_below: float = 0.5
    every: int = 1
    estimate: Reward | None = None

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"Expected 1 or more particles for an item, got {self.count}.")
        if not 0 <= self.resample_below <= 1:
            raise ConfigError(f"Expected resample_below in 0..1, got {self.resample_below}.")
        if self.every < 1:
            raise ConfigError(f"Expected a reward every 1 or more steps, got {self.every}.")

    def after(self, function: Callable[[Batch], Batch]) -> Steering:
        """Steering by the same rewards of function(x)."""

        def composed(reward: Reward) -> Reward:
            return lambda x: reward(function(x))

        estimate = None if self.estimate is None else composed(self.estimate)
        return replace(self, reward=composed(self.reward), estimate=estimate)

    def best(self, x: Batch) -> Batch:
        """For each item, the one of its particles with the greatest reward; failures (NaN) come last."""
        worth = _by_item(torch.nan_to_num(self.reward(x), nan=-torch.inf), self.count)
        first = torch.arange(len(worth), device=worth.device) * self.count
        return x.select(first + worth.argmax(1))


@runtime_checkable
class SteeredModel(Protocol):
    """A model whose sampling steps can be steered."""

    def steered(
        self, noise: Float[Tensor, "particle latent"], steering: Steering, condition: Tensor | None = None
    ) -> Batch:
        """One item for each `steering.count` rows of standard normal noise: the particle with the greatest reward.
        The rows of an item have one condition."""


def uniform_of(generator: Generator) -> Uniform:
    """Numbers from a generator, if items need not be independent of their batch."""
    return lambda step, items: torch.rand(items, generator=generator, device=generator.device)


def uniform_of_start(state: State, start: Batch, count: int) -> Uniform:
    """Numbers determined by the start of each item's first particle and the step. Philox, as in `noise_of_start`."""
    keys = row_keys(state.first(start))[::count]
    return lambda step, items: torch.tensor([generator.random() for generator in streams(keys, RESAMPLING + step)])


RESAMPLING = 1 << 32
"""Offset of the random streams for resampling; the streams for noise are the step numbers."""


def sample_steered(
    denoise: Denoiser, state: State, z: Batch, log_snrs: Path, noise: Noise, steering: Steering
) -> Batch:
    """Sequential Monte Carlo with ancestral steps and the potentials e^(reward(x^_s) - reward(x^_t)).

    Their product over the path is e^reward(x). With many particles, the returned clean x are therefore equally weighted
    draws from p(x) e^reward(x) / Z, for any estimates x^ along the path, and any rewards of these.

    Parameters
    ----------
    z : Batch
        Noise at log_snrs[0], each item's `steering.count` particles in a row.
    log_snrs, noise
        As for any sampler.

    Returns
    -------
    Batch
        The same number of particles, resampled.

    References
    ----------
    .. [1] Wu et al., "Practical and asymptotically exact conditional sampling in diffusion models", NeurIPS 2023.
    .. [2] Singhal et al., "A general framework for inference-time scaling and steering of diffusion models", 2025
       (Feynman-Kac steering, difference potentials).
    """
    check_path(log_snrs)
    count = steering.count
    draw_uniform = steering.uniform or uniform_of_start(state, z, count)
    reward = log_weight = _by_item(state.first(z).new_zeros(len(z)), count)
    for step, (t, s) in enumerate(pairwise(log_snrs)):
        x = with_fields(z, predict(denoise, state, z, levels(t, z)))
        if step % steering.every == 0:
            reward, log_weight = _reweighted(x, steering.estimate or steering.reward, reward, log_weight)
            uniform = draw_uniform(step, len(log_weight))
            chosen, log_weight = _resampled(log_weight, uniform, steering.resample_below)
            z, x, reward = z.select(chosen), x.select(chosen), _by_item(reward.flatten()[chosen], count)
        fresh = state.project(noise(step, z), z.mask, "noise")
        z = ancestral_step(state, z, x.fields, levels(t, z), levels(s, z), fresh)
    x = with_fields(z, predict(denoise, state, z, levels(log_snrs[-1], z)))
    _, log_weight = _reweighted(x, steering.reward, reward, log_weight)
    return x.select(_resampled(log_weight, draw_uniform(len(log_snrs) - 1, len(log_weight)), 1.0)[0])


def _reweighted(x: Batch, measured: Reward, before: Tensor, log_weight: Tensor) -> tuple[Tensor, Tensor]:
    reward = torch.nan_to_num(measured(x).detach(), nan=WORTHLESS).clamp(min=WORTHLESS)
    reward = _by_item(reward, before.shape[1])
    return reward, log_weight + reward - before


def _resampled(
    log_weight: Float[Tensor, "item particle"], uniform: Float[Tensor, " item"], below: float
) -> tuple[Int[Tensor, " row"], Float[Tensor, "item particle"]]:
    """Rows of the resampled particles, and their new log weights. Systematic resampling (Kitagawa 1996), per item."""
    items, count = log_weight.shape
    share = torch.softmax(log_weight, 1)
    even = (torch.arange(count, device=share.device) + uniform.to(share)[:, None]) / count
    drawn = torch.searchsorted(share.cumsum(1), even.contiguous()).clamp(max=count - 1)
    stay = torch.arange(count, device=share.device).expand(items, -1)
    enough = (1 / share.square().sum(1, keepdim=True) >= below * count) & (below < 1)
    first = torch.arange(items, device=share.device)[:, None] * count
    return (first + torch.where(enough, stay, drawn)).flatten(), torch.where(enough, log_weight, 0.0)


def _by_item(values: Float[Tensor, " particle"], count: int) -> Float[Tensor, "item _"]:
    if values.ndim != 1 or count < 1 or len(values) % count:
        raise ShapeError(f"Expected a multiple of {count} numbers, each item's particles in a row, got {len(values)}.")
    return values.reshape(-1, count)
