"""Weights of noise levels in a loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sciencegen.errors import unknown_name

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
"""The shift of `snr_fine_weighting`."""


def snr_fine_weighting(log_snr: Tensor) -> Tensor:
    """`snr_weighting` of lower noise, for data with precise details, such as the bonds of coordinates."""
    return snr_weighting(log_snr, FINE_SHIFT)


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
    "snr-fine": snr_fine_weighting,
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
