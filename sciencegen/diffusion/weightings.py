"""Weights of noise levels in a loss, matching importance sampling of levels, and the bounds that a loss averages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.diffusion.schedules import Tabulated, schedule_of_density
from sciencegen.errors import ConfigError, unknown_name

Weighting = Callable[[Tensor], Tensor]
"""Log-SNR to the weight w of |eps - eps^|^2; 1 everywhere is the bound. Kingma & Gao 2023, table 1."""


def elbo_weighting(log_snr: Tensor) -> Tensor:
    """1 at every noise level: the evidence lower bound itself."""
    return torch.ones_like(log_snr)


def snr_weighting(log_snr: Tensor) -> Tensor:
    """sech(log_snr / 2): |eps - eps^|^2 = SNR |x - x^|^2, unweighted under the cosine schedule (DDPM's simple loss)."""
    return 1 / torch.cosh(0.5 * log_snr)


def p2_weighting(log_snr: Tensor, gamma: float = 1.0) -> Tensor:
    """sech(log_snr / 2) / (1 + SNR)^gamma. Choi et al. 2022, with the cosine schedule."""
    return snr_weighting(log_snr) * torch.sigmoid(-log_snr) ** gamma


def sigmoid_weighting(log_snr: Tensor, bias: float = 2.0) -> Tensor:
    """sigmoid(bias - log_snr), monotone: an expectation of bounds. Proposed by Kingma & Gao 2023."""
    return torch.sigmoid(bias - log_snr)


def edm_weighting(log_snr: Tensor, std: float = 1.0) -> Tensor:
    """N(log_snr; m, 2.4^2) (1 / SNR + std^2), data of standard deviation `std`. Karras et al. 2022, table 1.

    Their m is 2.4, for standard deviation 1/2. The same noise level relative to data of 1 is 2.4 - 2 log 2.
    """
    centre = 2.4 - 2 * math.log(2 * std)
    return torch.exp(-0.5 * ((log_snr - centre) / 2.4) ** 2) * (torch.exp(-log_snr) + std**2)


def flow_matching_weighting(log_snr: Tensor) -> Tensor:
    """e^(-log_snr / 2): the velocity's error on the straight path, t uniform. Lipman et al. 2023; monotone."""
    return torch.exp(-0.5 * log_snr)


WEIGHTINGS: Mapping[str, Weighting] = {
    "elbo": elbo_weighting,
    "snr": snr_weighting,
    "p2": p2_weighting,
    "sigmoid": sigmoid_weighting,
    "edm": edm_weighting,
    "flow-matching": flow_matching_weighting,
}


def weighting(name: str) -> Weighting:
    """The weighting with this name."""
    if name not in WEIGHTINGS:
        raise unknown_name("weighting", name, WEIGHTINGS)
    return WEIGHTINGS[name]


def importance_schedule(
    weight: Weighting, log_snr_max: float, log_snr_min: float, error: Weighting = elbo_weighting
) -> Tabulated:
    """Noise levels drawn with density p_w proportional to w, or to w E|eps - eps^|^2 where `error` gives the latter.

    Kingma & Gao 2023; the second is their adaptive schedule. For weightings that are large where there is hardly any
    signal, only the second has less variance than a linear schedule.
    """
    return schedule_of_density(lambda log_snr: weight(log_snr) * error(log_snr), log_snr_max, log_snr_min)


def bound_weights(weight: Weighting, log_snrs: Float[Tensor, " point"]) -> Float[Tensor, " point"]:
    """p_w: the weights of the bounds of noised data that a monotone weighting averages. Kingma & Gao 2023, theorem 1.

    With L(t) = KL(q(z_t..z_1 | x) || p(z_t..z_1)), the bound of data that was noised up to t,
    E_t[w-weighted loss] = w(log_snr_min) (E_p_w[L(t)] - L(1)), where p_w has a mass w(log_snr_max) / w(log_snr_min) at
    t = 0 and the density dw / dt / w(log_snr_min) for t > 0. `log_snrs` fall from data to noise; the weight returned at
    a point is p_w's mass between the previous point and this one.
    """
    weights = weight(log_snrs)
    masses = torch.cat([weights[:1], weights.diff()]) / weights[-1]
    if not (masses >= 0).all():
        raise ConfigError("Expected a weighting that never rises with the log-SNR ('sigmoid'), got one that does.")
    return masses
