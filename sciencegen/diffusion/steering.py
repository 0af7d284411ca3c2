"""Steered sampling: more compute for better items under any score, without training.

Each item is drawn as `count` particles, in consecutive rows (`Batch.repeat_interleave`). Particles of different items
do not interact.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.process import Denoiser, Levels, ancestral_step, coefficients, levels, predict
from sciencegen.diffusion.samplers import Noise, Path, check_path, row_keys, streams
from sciencegen.diffusion.state import Fields, State, differentiable, with_fields
from sciencegen.errors import ConfigError, ShapeError

Evidence = Callable[[Fields, Levels, Tensor | None, Tensor | None], Float[Tensor, " batch"]]
"""(z, log_snr, condition, mask) -> log p(y | z) in nats up to a constant, differentiable in z."""


def classifier_free(denoise: Denoiser, weight: float) -> Denoiser:
    """x^ = (1 + w) x^(z, c) - w x^(z). Ho & Salimans 2022, eq. 6, stated there for eps.

    The dropped condition is NaN, as in training. weight 0 is the conditional model; without a condition, guidance has
    no effect.
    """

    def guided(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        conditional = denoise(z, log_snr, condition, mask)
        if condition is None or weight == 0:
            return conditional
        free = denoise(z, log_snr, torch.full_like(condition, torch.nan), mask)
        return {name: (1 + weight) * conditional[name] - weight * free[name] for name in conditional}

    return guided


def predictor_gradient(denoise: Denoiser, state: State, evidence: Evidence, scale: float = 1.0) -> Denoiser:
    """x^ + scale (sigma^2 / alpha) grad_z log p(y | z). Dhariwal & Nichol 2021, section 4; Song et al. 2021b, eq. 14.

    With the exact log p(y | z) and scale 1 this is the exact denoiser of p(x | y).
    """

    def guided(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        nested = torch.is_grad_enabled() and all(z[name].requires_grad for name in state.fields)  # for a log density
        with torch.inference_mode(False), torch.enable_grad():
            seen = {name: differentiable(value) for name, value in z.items()}
            leaves = {name: z[name] if nested else seen[name].detach().requires_grad_() for name in state.fields}
            known = [None if value is None else differentiable(value) for value in (condition, mask)]
            total = evidence({**seen, **leaves}, differentiable(log_snr), *known).sum()
            gradients = torch.autograd.grad(
                total, list(leaves.values()), create_graph=nested, allow_unused=True, materialize_grads=True
            )
        estimate = dict(denoise(z, log_snr, condition, mask))
        for name, gradient in zip(leaves, gradients, strict=True):
            at = coefficients(state, name, log_snr, z[name])
            estimate[name] = estimate[name] + scale * at.sigma.square() / at.alpha * gradient
        return estimate

    return guided


def of_estimate(denoise: Denoiser, log_prob: Callable[[Fields], Float[Tensor, " batch"]]) -> Evidence:
    """Approximate log p(y | z) by log p(y | x^(z)), for predictors of clean items. Chung et al. 2023, section 3.

    `log_prob` gets the denoiser's estimates and given fields; the gradient passes through the denoiser.
    """

    def evidence(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Tensor:
        return log_prob({**z, **denoise(z, log_snr, condition, mask)})

    return evidence


def inpainting(
    denoise: Denoiser, known: Fields, where: Mapping[str, Bool[Tensor, "..."]], rigid: Collection[str] = ()
) -> Denoiser:
    """Replace the known entries of the estimate, so that the rest is drawn to fit them.

    known: fields of x. where: True at the entries that are known, broadcastable against the field. Deterministic
    samplers end at the known entries. There z keeps its initial noise, alpha x + sigma eps, so this is the replacement
    method of Song et al. 2021b (appendix I.2) with the same noise at all levels.
    rigid: fields of points [batch position axis] of which only the distances are known. At each level the known points
    are rotated, translated and reflected to fit the estimate best. So the noise decides where they lie, as without
    inpainting; fixed places would conflict with it. This needs a network that is equivariant to these operations.
    """
    for name in where:
        if name not in known:
            raise ShapeError(f"Expected known values of '{name}', got those of {sorted(known)}.")

    def guided(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        estimate = dict(denoise(z, log_snr, condition, mask))
        for name, there in where.items():
            value = fitted(known[name], there, estimate[name]) if name in rigid else known[name]
            estimate[name] = torch.where(there, value, estimate[name])
        return estimate

    return guided


def fitted(
    points: Float[Tensor, "batch position axis"], where: Bool[Tensor, "#batch position 1"],
    places: Float[Tensor, "batch position axis"], reflect: bool = True,
) -> Float[Tensor, "batch position axis"]:  # fmt: skip
    """Points rotated or reflected, and translated, so that those at `where` fit `places` best (least squares).

    With centred points P, Q and P^T Q = U S V^T, it is U V^T. Schönemann 1966 (orthogonal Procrustes problem).
    reflect: whether reflections are allowed; else it is U diag(1, .., det U V^T) V^T. Kabsch 1978. Rows whose places
    aren't finite give points that aren't finite.
    """
    weight = where.to(points)
    count = weight.sum(1, keepdim=True).clamp(min=1)
    centre, target = ((weight * one).sum(1, keepdim=True) / count for one in (points, places))
    covariance = (weight * (points - centre)).mT @ (places - target)
    left, _, right = torch.linalg.svd(covariance.nan_to_num(0.0, 0.0, 0.0))  # it raises for others, for all rows
    if not reflect:
        handed = torch.linalg.det(left @ right).sign()
        left = torch.cat([left[..., :-1], left[..., -1:] * handed[:, None, None]], -1)
    return (points - centre) @ left @ right + target


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
