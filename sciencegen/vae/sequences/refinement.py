"""Latents of items, improved by gradient steps from what the encoder gives (semi-amortized inference)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.vae.gaussian import DiagonalGaussian

RATE = 0.3
"""Of Adam, in standard deviations of the posterior."""
WEIGHT = 0.1
"""w. Of 200 held-out molecules of ZINC250k 92% come back with 0.1, 77% with 1, and 66% without steps."""

Latent = Float[Tensor, "batch latent"]


def refined(posterior: DiagonalGaussian, log_prob: Callable[[Latent], Float[Tensor, " batch"]], steps: int) -> Latent:
    """The latent from which each item is likely to be decoded, by steps of Adam from the posterior's mean.

        maximize over u   log p(x | z) - w |u|^2 / 2,     z = mu + sigma u

    Kim et al. 2018, section 3.1. Each row's steps are its own. Gradients are computed in inference mode too.

    Parameters
    ----------
    posterior : DiagonalGaussian
        The encoder's, of each item.
    log_prob : latent -> tensor [batch]
        log p(x | z) in nats, of tensors that were not made in inference mode.
    steps : int
    """
    if not steps or not len(posterior.mean):
        return posterior.mean
    with torch.inference_mode(False), torch.enable_grad():
        mean, spread = posterior.mean.detach().clone(), posterior.log_std.detach().exp()
        moved = torch.zeros_like(mean).requires_grad_()
        optimizer = torch.optim.Adam([moved], RATE)
        for _ in range(steps):
            loss = (0.5 * WEIGHT * moved.square().sum(1) - log_prob(mean + spread * moved)).sum()
            (moved.grad,) = torch.autograd.grad(loss, moved)
            optimizer.step()
        return (mean + spread * moved).detach()
