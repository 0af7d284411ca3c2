"""The probability-flow ODE: the deterministic map between data and noise, and the density that it defines.

Written in log-SNR l, it depends on the denoiser only and is the same for every schedule:

    dz/dl = alpha/2 (x^(z) - alpha z)                                  Song et al. 2021b, eq. 13
    d log p(z)/dl = -alpha/2 (div x^(z) - alpha D)                     ibid., appendix D.2

Steps are fixed (the classical Runge-Kutta method of fourth order), so that no row depends on the others of its batch.
Only continuous fields have such a density; given fields are not changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.process import Coefficients, Denoiser, coefficients, levels, predict
from sciencegen.diffusion.samplers import Path, row_keys, streams
from sciencegen.diffusion.state import CategoricalSpace, Fields, State, differentiable, sum_over_item, with_fields
from sciencegen.errors import ConfigError
from sciencegen.networks.shared_noise import LOG_2_PI

Divergence = Callable[[dict[str, Tensor], dict[str, Tensor]], Float[Tensor, " batch"]]
"""(outputs, inputs that they were computed from) -> sum_i d output_i / d input_i for each item."""


def velocity(denoise: Denoiser, state: State, z: Batch, log_snr: Float[Tensor, ""]) -> dict[str, Tensor]:
    """Slope dz / dlog_snr of every field, projected to its space, so that the divergence is that within the space."""
    x = predict(denoise, state, z, levels(log_snr, z))

    def of(name: str) -> Tensor:
        alpha = coefficients(state, name, levels(log_snr, z), z[name]).alpha
        return 0.5 * alpha * (x[name] - alpha * z[name])

    return state.project({name: of(name) for name in state.fields}, z.mask)


def flow(denoise: Denoiser, state: State, z: Batch, log_snrs: Path) -> Batch:
    """Integrate z from log_snrs[0] to log_snrs[-1], in either direction."""
    move = lambda at, log_snr: velocity(denoise, state, at, log_snr)  # noqa: E731
    for start, end in pairwise(log_snrs):
        z = _runge_kutta(move, z, start, end)
    return z


def encode(denoise: Denoiser, state: State, x: Batch, log_snrs: Path) -> Batch:
    """Map data to noise. log_snrs: [point], rising as for a sampler. `decode` is the inverse, up to the error of steps.

    The path starts from the least noisy z without its noise, alpha x; this neglects less than e^(-log_snr / 2).
    """
    scaled = {name: _least_noisy(state, name, x, log_snrs).alpha * x[name] for name in state.fields}
    return flow(denoise, state, with_fields(x, scaled), log_snrs.flip(0))


def decode(denoise: Denoiser, state: State, z: Batch, log_snrs: Path) -> Batch:
    """Map noise to data."""
    z = flow(denoise, state, z, log_snrs)
    return with_fields(z, {name: z[name] / _least_noisy(state, name, z, log_snrs).alpha for name in state.fields})


def _least_noisy(state: State, name: str, like: Batch, log_snrs: Path) -> Coefficients:
    return coefficients(state, name, levels(log_snrs[-1], like), like[name])


def _runge_kutta(move: Callable[[Batch, Tensor], dict[str, Tensor]], z: Batch, start: Tensor, end: Tensor) -> Batch:
    step, middle = end - start, 0.5 * (start + end)
    ahead = lambda by, slope: with_fields(z, {k: z[k] + by * v for k, v in slope.items()})  # noqa: E731
    first = move(z, start)
    second = move(ahead(0.5 * step, first), middle)
    third = move(ahead(0.5 * step, second), middle)
    fourth = move(ahead(step, third), end)
    return ahead(step / 6, {k: first[k] + 2 * second[k] + 2 * third[k] + fourth[k] for k in first})


# --- Density ----------------------------------------------------------------------------------------------------------


def exact_divergence(outputs: dict[str, Tensor], inputs: dict[str, Tensor]) -> Float[Tensor, " batch"]:
    """Exact, with one backward pass for each number of an item: for small items and for tests."""
    parts = []
    for name, value in inputs.items():
        size = math.prod(value.shape[1:])
        basis = torch.eye(size, dtype=value.dtype, device=value.device).reshape(size, 1, *value.shape[1:])
        (columns,) = torch.autograd.grad(
            outputs[name], value, basis.expand(size, *value.shape), retain_graph=True, is_grads_batched=True
        )
        parts.append((columns * basis).sum(0).flatten(1).sum(1))
    return torch.stack(parts).sum(0)


def hutchinson_divergence(state: State, like: Batch, generator: Generator) -> Divergence:
    """E[probe . J probe] over projected random signs, by one backward pass. Hutchinson 1990; Grathwohl et al. 2019.

    Each item has one probe, which is used at all steps.
    """

    def signs(value: Tensor) -> Tensor:
        return 2 * torch.randint(2, value.shape, generator=generator, device=generator.device).to(value) - 1

    return _along(state, like, {name: signs(like[name]) for name in state.fields})


def keyed_divergence(state: State, like: Batch) -> Divergence:
    """`hutchinson_divergence` with a probe that is determined by each item itself, so that its density does not depend
    on the other items of the batch."""
    bits = [
        [generator.integers(0, 2, tuple(like[name].shape[1:])) for name in state.fields]
        for generator in streams(row_keys(state.first(like)), 0)
    ]
    return _along(state, like, {
        name: 2 * torch.from_numpy(np.stack([row[at] for row in bits])).to(like[name]) - 1
        for at, name in enumerate(state.fields)
    })  # fmt: skip


def _along(state: State, like: Batch, signs: Fields) -> Divergence:
    """(probe . J probe) of projected probes."""
    probe = state.project(signs, like.mask)
    once = {name: field.once(probe[name], like.mask) for name, field in state.fields.items()}

    def divergence(outputs: dict[str, Tensor], inputs: dict[str, Tensor]) -> Float[Tensor, " batch"]:
        products = torch.autograd.grad(
            [outputs[name] for name in inputs], list(inputs.values()), [once[name] for name in inputs]
        )
        parts = [sum_over_item(product * probe[name]) for name, product in zip(inputs, products, strict=True)]
        return torch.stack(parts).sum(0)

    return divergence


def log_prob(
    denoise: Denoiser, state: State, x: Batch, log_snrs: Path, divergence: Divergence = exact_divergence
) -> Float[Tensor, " batch"]:
    """Log p(x) in nats: the log density of the noise that x maps to, plus the change of volume along the path.

    No noise is added to x; the density is that of data at the lowest noise level, e^(-log_snr_max / 2) of its scale.
    """
    check_continuous(state)
    state.check(x.fields, x.mask)
    with torch.inference_mode(False):  # a divergence needs gradients
        return _log_prob(denoise, state, x.map(differentiable), differentiable(log_snrs), divergence)


def _log_prob(
    denoise: Denoiser, state: State, x: Batch, log_snrs: Path, divergence: Divergence
) -> Float[Tensor, " batch"]:
    scale = {name: _least_noisy(state, name, x, log_snrs).alpha for name in state.fields}
    z = with_fields(x, {name: scale[name] * x[name] for name in state.fields})
    change = torch.zeros(len(x), dtype=log_snrs.dtype, device=log_snrs.device)
    for start, end in pairwise(log_snrs.flip(0)):
        z, step_change = _step_with_divergence(denoise, state, z, start, end, divergence)
        change = change + step_change
    norms = torch.stack(list(state.squared_norms(z.fields, z.mask).values())).sum(0)
    volumes = [
        f.space.dimensions(x[name], f.real(x[name], x.mask)) * scale[name].flatten().log()
        for name, f in state.fields.items()
    ]
    noise_log_prob = -0.5 * (norms + LOG_2_PI * state.dimensions(x))
    return noise_log_prob + change + torch.stack(volumes).sum(0)


DENSITY = "log density change"
"""Name of the additional field [batch] that is integrated with the others."""


def _step_with_divergence(
    denoise: Denoiser, state: State, z: Batch, start: Tensor, end: Tensor, divergence: Divergence
) -> tuple[Batch, Float[Tensor, " batch"]]:
    def move(at: Batch, log_snr: Tensor) -> dict[str, Tensor]:
        with torch.enable_grad():
            inputs = {name: at[name].detach().requires_grad_() for name in state.fields}
            slope = velocity(denoise, state, with_fields(at, inputs), log_snr)
            spread = divergence(slope, inputs)
        return {**{name: value.detach() for name, value in slope.items()}, DENSITY: spread.detach()}

    moved = _runge_kutta(move, with_fields(z, {DENSITY: state.first(z).new_zeros(len(z))}), start, end)
    fields = {name: value for name, value in moved.fields.items() if name != DENSITY}
    return Batch(fields, z.mask, z.condition), moved[DENSITY]


def categorical_fields(state: State) -> list[str]:
    """Names of the categorical fields, which have no density."""
    return [name for name, field in state.fields.items() if isinstance(field.space, CategoricalSpace)]


def check_continuous(state: State) -> None:
    """Raise an error for categorical fields."""
    if categorical := categorical_fields(state):
        raise ConfigError(
            f"Expected continuous fields for a density, got categorical {categorical}. "
            "Give these fields and take the density of the rest, or use `continuous_bound`."
        )


DIVERGENCES: Mapping[str, Callable[[State, Batch, Generator], Divergence]] = {
    "exact": lambda state, like, generator: exact_divergence,
    "hutchinson": hutchinson_divergence,
}
