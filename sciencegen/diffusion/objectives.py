"""Objectives to train and evaluate denoisers: the bound on log p(x), and weighted losses.

Every loss is an integral over noise levels, estimated at one level per item. The argument `time` [batch] is drawn by
`low_discrepancy_times`; `noise` are standard normal fields (`State.noise`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.process import Denoiser, Levels, diffuse, predict, target
from sciencegen.diffusion.schedules import Schedule, log_snr_and_slope
from sciencegen.diffusion.state import Fields, State, rows
from sciencegen.errors import unknown_name
from sciencegen.networks.shared_noise import mean_of_processes, whole_batch

# Weights of noise levels in a loss.

Weighting = Callable[[Tensor], Tensor]
"""Log-SNR to the weight w of |eps - eps^|^2; 1 everywhere is the bound. Kingma & Gao 2023, table 1."""


def elbo_weighting(log_snr: Tensor) -> Tensor:
    """1 at every noise level: the evidence lower bound itself."""
    return torch.ones_like(log_snr)


def snr_weighting(log_snr: Tensor, shift: float = 0.0) -> Tensor:
    """sech((log_snr - shift) / 2): |eps - eps^|^2 = SNR |x - x^|^2, unweighted under the cosine schedule of this shift.

    DDPM's simple loss.
    """
    return 1 / torch.cosh(0.5 * (log_snr - shift))


FINE_SHIFT = 2.5
"""The shift of `snr_weighting` for data with precise details, such as the bonds of coordinates: lower noise."""


def p2_weighting(log_snr: Tensor, gamma: float = 1.0) -> Tensor:
    """sech(log_snr / 2) / (1 + SNR)^gamma. Choi et al. 2022, with the cosine schedule."""
    return snr_weighting(log_snr) * torch.sigmoid(-log_snr) ** gamma


def sigmoid_weighting(log_snr: Tensor, bias: float = 2.0) -> Tensor:
    """sigmoid(bias - log_snr), monotone: an expectation of bounds. Proposed by Kingma & Gao 2023."""
    return torch.sigmoid(bias - log_snr)


def edm_weighting(log_snr: Tensor, std: float = 1.0, centre: float | None = None, width: float = 2.4) -> Tensor:
    """N(log_snr; m, width^2) (1 / SNR + std^2), data of standard deviation `std`. Karras et al. 2022, table 1.

    Their m is 2.4, for standard deviation 1/2. The same noise level relative to data of 1 is 2.4 - 2 log 2. centre:
    another m.
    """
    m = 2.4 - 2 * math.log(2 * std) if centre is None else centre
    return torch.exp(-0.5 * ((log_snr - m) / width) ** 2) * (torch.exp(-log_snr) + std**2)


def flow_matching_weighting(log_snr: Tensor) -> Tensor:
    """e^(-log_snr / 2): the velocity's error on the straight path, t uniform. Lipman et al. 2023; monotone."""
    return torch.exp(-0.5 * log_snr)


WEIGHTINGS: Mapping[str, Weighting] = {
    "elbo": elbo_weighting,
    "snr": snr_weighting,
    "snr-fine": partial(snr_weighting, shift=FINE_SHIFT),
    "p2": p2_weighting,
    "sigmoid": sigmoid_weighting,
    "edm": edm_weighting,
    "edm-fine": partial(edm_weighting, centre=3.0, width=2.8),
    "flow-matching": flow_matching_weighting,
}


def weighting(name: str) -> Weighting:
    """The weighting with this name."""
    if name not in WEIGHTINGS:
        raise unknown_name("weighting", name, WEIGHTINGS)
    return WEIGHTINGS[name]


Times = Float[Tensor, " batch"]
Norms = Callable[[Fields, Batch], Mapping[str, Tensor]]
"""(errors, x) -> squared norm of each item in each field; by default `State.squared_norms`, as in the bound. For every
quadratic form that doesn't depend on x the best denoiser is the same, the conditional mean; one that depends on x
shifts it towards the x that count more."""


@dataclass(frozen=True)
class DiffusionBound:
    """-log p(x) <= prior + diffusion + reconstruction, in nats for each item. Kingma et al. 2021, section 3.5.

    prior: KL(q(z_1 | x) || N(0, I)). diffusion: the cost of denoising. reconstruction: -E log p(x | z_0).
    """

    prior: Float[Tensor, " batch"]
    diffusion: Float[Tensor, " batch"]
    reconstruction: Float[Tensor, " batch"]

    @property
    def nats(self) -> Float[Tensor, " batch"]:
        return self.prior + self.diffusion + self.reconstruction

    def bits_per_dimension(self, dimensions: Float[Tensor, " batch"], step: float = 1.0) -> Float[Tensor, " batch"]:
        """dimensions: `State.dimensions` of continuous data, the number of symbols of categorical data.

        step: bin width of quantized continuous data that were dequantized with uniform noise. The density times step^D
        is a lower bound on the probability of the quantized values. Theis et al. 2016, section 3.1.
        """
        return (self.nats / dimensions - math.log(step)) / math.log(2)


def low_discrepancy_times(count: int, generator: Generator, like: Tensor) -> Times:
    """t_i = mod(u + i / count, 1): each is uniform, together they are evenly spread. Kingma et al. 2021, appendix I.1.

    In random order, since a batch may be sorted. Those of a batch that processes share are evenly spread over all rows.
    """
    whole, own = whole_batch(count)
    uniform = torch.rand(1, generator=generator, device=generator.device, dtype=like.dtype)
    order = torch.randperm(whole, generator=generator, device=generator.device)[own].to(like.dtype)
    return ((uniform + order / whole) % 1.0).to(like.device)


# --- The bound --------------------------------------------------------------------------------------------------------


def squared_error(
    denoise: Denoiser, state: State, x: Batch, log_snr: Levels, noise: Fields, norms: Norms | None = None
) -> Float[Tensor, " batch"]:
    """|eps - eps^|^2 = SNR |x - x^|^2 summed over the fields, each with its own SNR, at z ~ q(z | x)."""
    z = diffuse(state, x, log_snr, noise)
    estimate, targets = predict(denoise, state, z, log_snr), target(state, x, z, log_snr)
    errors = {name: targets[name] - estimate[name] for name in state.fields}
    norm = state.squared_norms(errors, x.mask) if norms is None else norms(errors, x)
    parts = [(log_snr + field.log_snr_shift).exp() * norm[name] for name, field in state.fields.items()]
    return torch.stack(parts).sum(0)


def diffusion_loss(
    denoise: Denoiser, state: State, schedule: Schedule, x: Batch, time: Times, noise: Fields
) -> Float[Tensor, " batch"]:
    """-1/2 (dlog_snr / dt) |eps - eps^|^2; its mean over t ~ U(0, 1) is in the bound. Kingma et al. 2021, section 5."""
    return weighted_loss(denoise, state, schedule, x, time, noise, elbo_weighting)


def prior_loss(state: State, x: Batch, log_snr: Levels) -> Float[Tensor, " batch"]:
    """KL(q(z_1 | x) || p(z_1)) at the noisiest level, summed over the fields."""
    parts = [
        field.space.prior(x[name], log_snr + field.log_snr_shift, field.real(x[name], x.mask))
        for name, field in state.fields.items()
    ]
    return torch.stack(parts).sum(0)


def reconstruction_loss(state: State, x: Batch, log_snr: Levels, noise: Fields) -> Float[Tensor, " batch"]:
    """-log p(x | z_0) at the least noisy level; its expectation for continuous fields. Kingma et al. 2021, sec. 3.5."""
    parts = []
    for name, field in state.fields.items():
        own = log_snr + field.log_snr_shift
        scaled = x[name] + rows((-0.5 * own).exp(), x[name]) * noise[name]  # z_0 / alpha_0
        parts.append(field.space.surprise(x[name], scaled, own, field.real(x[name], x.mask)))
    return torch.stack(parts).sum(0)


def continuous_bound(
    denoise: Denoiser, state: State, schedule: Schedule, x: Batch, time: Times, noise: Fields
) -> DiffusionBound:
    """The bound with infinitely many steps, estimated at one `time` per item. Kingma et al. 2021, section 5."""
    return DiffusionBound(
        prior_loss(state, x, _at(schedule, 1.0, time)),
        diffusion_loss(denoise, state, schedule, x, time, noise),
        reconstruction_loss(state, x, _at(schedule, 0.0, time), noise),
    )


def _at(schedule: Schedule, time: float, like: Times) -> Levels:
    return schedule(torch.full_like(like, time))


# --- Weighted losses --------------------------------------------------------------------------------------------------


def weighted_loss(
    denoise: Denoiser, state: State, schedule: Schedule, x: Batch, time: Times, noise: Fields, weight: Weighting
) -> Float[Tensor, " batch"]:
    """1/2 w(log_snr) (-dlog_snr / dt) |eps - eps^|^2, w at the process's log-SNR. Kingma & Gao 2023.

    Its mean over uniform t is the same for every schedule with the same ends. The schedule acts as the density of an
    importance sampler.
    """
    log_snr, slope = log_snr_and_slope(schedule, time)
    return -0.5 * weight(log_snr) * slope * squared_error(denoise, state, x, log_snr, noise)


def variance_minimizing_loss(
    denoise: Denoiser, state: State, schedule: Schedule, x: Batch, time: Times, noise: Fields, weight: Weighting,
    norms: Norms | None = None,
) -> Float[Tensor, " batch"]:  # fmt: skip
    """`weighted_loss`, with a backward pass that gives a learned schedule the gradient of the estimate's variance.

    The loss's mean doesn't depend on the schedule's shape, so its variance is E[loss^2] up to a constant. As
    d loss^2 = 2 loss d loss, it suffices to scale the ordinary gradient where it reaches the schedule (Kingma et al.
    2021, section 5.3). Division by the batch's mean of loss^2 makes it the gradient of log E[loss^2]. The denoiser gets
    the gradient of the loss.
    """
    log_snr, slope = (value.clone() for value in log_snr_and_slope(schedule, time))
    error = squared_error(denoise, state, x, log_snr, noise, norms)  # first: the order decides how gradients are summed
    losses = -0.5 * weight(log_snr) * slope * error
    squares = mean_of_processes(losses.detach().square().mean())
    scale = 2 * losses.detach() / squares.clamp(min=torch.finfo(losses.dtype).tiny)
    for value in (log_snr, slope):
        if value.requires_grad:
            value.register_hook(lambda gradient: gradient * scale)
    return losses
