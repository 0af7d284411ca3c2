"""Samplers, from noise to data. All have the same signature and implement the cited algorithm in terms of log-SNR.

z: a Batch of noise at log_snrs[0]. log_snrs: [point], rising (`schedules.log_snr_grid`). noise(step, like): standard
normal fields shaped like those of the Batch; random samplers call it once per step. If it is keyed by row, a row's
result does not depend on the other rows of its batch. Samplers return z at log_snrs[-1].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.process import (
    Denoiser,
    ancestral_step,
    coefficients,
    deterministic_step,
    diffuse_further,
    levels,
    predict,
)
from sciencegen.diffusion.state import Fields, State, with_fields
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.plugins import installed_part

Noise = Callable[[int, Batch], Fields]
Path = Float[Tensor, " point"]


@runtime_checkable
class Sampler(Protocol):
    """A function that takes z from log_snrs[0] to log_snrs[-1]."""

    def __call__(self, denoise: Denoiser, state: State, z: Batch, log_snrs: Path, noise: Noise) -> Batch: ...


def noise_of(state: State, generator: Generator) -> Noise:
    """Noise from a generator, if rows need not be independent of their batch."""
    return lambda step, like: state.noise(like, generator)


def noise_of_start(state: State, start: Batch) -> Noise:
    """Noise determined by each item's own start (its noisiest z) and the step, so that a draw does not depend on the
    other items of its batch. Philox, keyed by a hash of the start, which is computed at the first request."""
    keys = cache(lambda: row_keys(state.first(start)))

    def noise(step: int, like: Batch) -> Fields:
        shapes = [tuple(like[name].shape[1:]) for name in state.fields]
        rows = [[generator.standard_normal(shape) for shape in shapes] for generator in streams(keys(), step)]
        return {
            name: torch.from_numpy(np.stack([row[place] for row in rows])).to(like[name])
            for place, name in enumerate(state.fields)
        }

    return noise


def scaled(noise: Noise, factor: float) -> Noise:
    """Noise with another standard deviation."""
    if factor == 1:
        return noise
    return lambda step, like: {name: factor * value for name, value in noise(step, like).items()}


def streams(keys: Iterable[int], number: int) -> Iterator[np.random.Generator]:
    """For each key the generator `Philox(key=(key, number))`: one object, which is moved to the next key's stream.

    To make one for each takes four times as long, most of it for entropy that a key makes needless.
    """
    philox = np.random.Philox(key=np.array([0, number], np.uint64))
    start, generator = philox.state, np.random.Generator(philox)
    for key in keys:
        start["state"]["key"] = np.array([key, number], np.uint64)  # without the type, 2^63 and more become floats
        philox.state = start
        yield generator


def row_keys(rows: Tensor) -> list[int]:
    """A 64-bit hash of each row, such as of an item's start."""
    return [int.from_bytes(blake2b(row.tobytes(), digest_size=8).digest()) for row in rows.detach().cpu().numpy()]


def no_noise(step: int, like: Batch) -> Fields:
    """The noise of deterministic samplers: an error if it is called."""
    raise ConfigError("Expected noise for a sampler that is random, got none. Pass `noise_of(state, generator)`.")


def check_path(log_snrs: Path) -> None:
    """Raise an error for fewer than 2 log-SNR values, or values that do not rise."""
    if log_snrs.ndim != 1 or len(log_snrs) < 2:
        raise ShapeError(f"Expected 2 or more log-SNR values [point], got {list(log_snrs.shape)}.")
    if not (log_snrs.diff() > 0).all():
        raise ConfigError("Expected log-SNR values that rise from noise to data. Make them with `log_snr_grid`.")


def sample_ancestral(denoise: Denoiser, state: State, z: Batch, log_snrs: Path, noise: Noise) -> Batch:
    """z_s ~ q(z_s | z_t, x^(z_t)). Kingma et al. 2021, section 3.3; Ho et al. 2020, algorithm 2."""
    for step, (t, s) in enumerate(pairwise(levels(at, z) for at in log_snrs)):
        fresh = state.project(noise(step, z), z.mask, "noise")
        z = ancestral_step(state, z, predict(denoise, state, z, t), t, s, fresh)
    return z


def sample_ddim(denoise: Denoiser, state: State, z: Batch, log_snrs: Path, noise: Noise) -> Batch:
    """First order, deterministic. Song et al. 2021a, eq. 12; Euler's method in sigma / alpha."""
    for t, s in pairwise(levels(at, z) for at in log_snrs):
        z = deterministic_step(state, z, predict(denoise, state, z, t), t, s)
    return z


def sample_heun(denoise: Denoiser, state: State, z: Batch, log_snrs: Path, noise: Noise) -> Batch:
    """Second order, two evaluations a step. Karras et al. 2022, algorithm 1, in y = z / alpha and u = sigma / alpha."""
    for t, s in pairwise(levels(at, z) for at in log_snrs):
        z = _heun_step(denoise, state, z, t, s)
    return z


def _heun_step(denoise: Denoiser, state: State, z: Batch, t: Tensor, s: Tensor) -> Batch:
    """dy/du = (y - x^) / u at both ends, averaged."""
    first = predict(denoise, state, z, t)
    tried = deterministic_step(state, z, first, t, s)
    second = predict(denoise, state, tried, s)

    def corrected(name: str) -> Tensor:
        before, after = (coefficients(state, name, at, z[name]) for at in (t, s))
        u, following = before.sigma / before.alpha, after.sigma / after.alpha
        y, y_tried = z[name] / before.alpha, tried[name] / after.alpha
        slope = 0.5 * ((y - first[name]) / u + (y_tried - second[name]) / following)
        return after.alpha * (y + (following - u) * slope)

    return with_fields(z, {name: corrected(name) for name in state.fields})


def sample_dpm_solver(denoise: Denoiser, state: State, z: Batch, log_snrs: Path, noise: Noise) -> Batch:
    """DPM-Solver++(2M): second order, one evaluation a step. Lu et al. 2022b, algorithm 2.

    With their lambda = log_snr / 2, h its step and r = h_before / h:
    D = (1 + 1 / 2r) x^_i - 1 / 2r x^_i-1,  z_s = (sigma_s / sigma_t) z_t + alpha_s (1 - e^-h) D.
    """
    earlier: Fields | None = None
    width = 0.5 * log_snrs.diff()
    for step, (t, s) in enumerate(pairwise(levels(at, z) for at in log_snrs)):
        x = predict(denoise, state, z, t)
        aim = x
        if earlier is not None:
            share = 0.5 * width[step] / width[step - 1]
            aim = {name: (1 + share) * x[name] - share * earlier[name] for name in x}
        z, earlier = deterministic_step(state, z, aim, t, s), x
    return z


def sample_churn(denoise: Denoiser, state: State, z: Batch, log_snrs: Path, noise: Noise, churn: float = 20.0) -> Batch:
    """Heun's steps with noise added before each. Karras et al. 2022, algorithm 2 (all levels, their S_noise = 1).

    sigma / alpha grows by 1 + gamma, gamma = min(churn / steps, sqrt(2) - 1): log-SNR changes by -2 log(1 + gamma), but
    never below the path's first: networks have learned no noisier level.
    """
    if churn < 0:
        raise ConfigError(f"Expected a churn of 0 or more, got {churn}.")
    gamma = min(churn / (len(log_snrs) - 1), math.sqrt(2) - 1)
    for step, (t, s) in enumerate(pairwise(levels(at, z) for at in log_snrs)):
        noisier = (t - 2 * math.log1p(gamma)).clamp(min=log_snrs[0])
        z = diffuse_further(state, z, t, noisier, state.project(noise(step, z), z.mask, "noise"))
        z = _heun_step(denoise, state, z, noisier, s)
    return z


SAMPLERS: Mapping[str, Sampler] = {
    "ancestral": sample_ancestral,
    "ddim": sample_ddim,
    "heun": sample_heun,
    "dpm-solver": sample_dpm_solver,
    "churn": sample_churn,
}
DETERMINISTIC = frozenset({"ddim", "heun", "dpm-solver"})
FEWEST = {"ancestral": 100, "ddim": 120, "heun": 40, "dpm-solver": 20, "churn": 60}
"""Steps from which the mean flux of stamps is near that of many steps (`tests/benchmarks/converged_draws.py`: 3%; of
`ddim`, 60 were 6% off; of random samplers as far as few draws tell). A model's own number may be lower."""
GROUP = "sciencegen.samplers"
"""Entry points of samplers that other packages add."""


def sampler(name: str) -> Sampler:
    """The sampler with this name: built in (`SAMPLERS`), or an entry point of the group `sciencegen.samplers`.

    Examples
    --------
    >>> sampler("heun") is sample_heun
    True
    >>> sampler("huen")
    Traceback (most recent call last):
    sciencegen.errors.UnknownNameError: Unknown sampler 'huen'. Did you mean 'heun' or 'churn'?
    """
    return SAMPLERS[name] if name in SAMPLERS else installed_part("sampler", GROUP, name, SAMPLERS)


def sample(name: str, denoise: Denoiser, state: State, z: Batch, log_snrs: Path, noise: Noise | None = None) -> Batch:
    """Check the path, and run the sampler with this name. noise: by default that of the start (`noise_of_start`).

    Raises
    ------
    ShapeError
        If there are fewer than 2 log-SNR values.
    ConfigError
        If they do not rise, or the sampler is unknown.
    """
    check_path(log_snrs)
    return sampler(name)(denoise, state, z, log_snrs, noise or noise_of_start(state, z))


def from_pure_noise(denoise: Denoiser, state: State, noise: Batch, log_snr: Tensor) -> Batch:
    """The step of `sample_ddim` from log-SNR -inf (alpha 0, sigma 1) to the first level: z = alpha x^ + sigma noise.

    The item's distribution at log_snr is not N(0, I), which lacks alpha E[x]. This is small in one value, but not in
    the mean of many (such as the brightness of an image), and deterministic samplers keep it to the end: of data
    N(mean, std^2), with std << sigma / alpha, the mean would become mean (1 - std alpha / sigma). Lin et al. 2024,
    section 3.1, has images whose brightness is wrong for this reason.
    """
    at = levels(log_snr, noise)
    return deterministic_step(state, noise, predict(denoise, state, noise, at), at.new_full(at.shape, -math.inf), at)


def clean(denoise: Denoiser, state: State, z: Batch, log_snr: Tensor) -> Batch:
    """The estimate x^ at the least noisy z: the last step, without noise."""
    return with_fields(z, predict(denoise, state, z, levels(log_snr, z)))
