"""Draws given a noisy observation y = h(x) + noise, by matching the moments of x given z.

    p(y | z) ~ N(y; h(x^), S + A V A^T),    V = Cov(x | z) = (sigma^2 / alpha) dx^/dz,    A = dh/dx at x^
    E[x | z, y] ~ x^ + V A^T (S + A V A^T)^-1 (y - h(x^))

S: the covariance of the noise. V is Tweedie's formula for the second moment (Finzi et al. 2023; Boys et al. 2023); the
system is solved by a few conjugate gradients (Rozet et al. 2024, section 4.2). With V = 0 this would be the unguided
denoiser, with V ~ r^2 I that of Song et al. 2023 (pseudoinverse-guided diffusion). Exact where x is Gaussian and h
linear.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.process import Denoiser, Levels, coefficients
from sciencegen.diffusion.state import Fields, State, differentiable


@dataclass(frozen=True)
class Observation:
    """What is known of one field of x.

    Parameters
    ----------
    field : str
    residual : x -> [batch number]
        S^(-1/2) (y - h(x)), differentiable.
    sensitivity : x -> [batch number], optional
        The diagonal of B B^T, B = S^(-1/2) A. With it, the system is divided by its diagonal as it would be with
        independent values of x (Jacobi's preconditioner), of variance 1 without z: 1 + sigma^2 diag(B B^T).
    largest : float
        Change of an entry of x^ at one noise level. Where h isn't linear, A doesn't hold farther away.
    iterations : int
        Of conjugate gradients, each the cost of a gradient of the network. With few, directions that y tells least stay
        as the network has them.
    """

    field: str
    residual: Callable[[Tensor], Float[Tensor, "batch number"]]
    sensitivity: Callable[[Tensor], Float[Tensor, "batch number"]] | None = None
    largest: float = math.inf
    iterations: int = 2


def observing(denoise: Denoiser, state: State, given: Observation) -> Denoiser:
    """Guide a denoiser by an observation."""
    name = given.field

    def guided(z: Fields, log_snr: Levels, condition: Tensor | None, mask: Tensor | None) -> Fields:
        at = coefficients(state, name, log_snr, z[name])
        with torch.inference_mode(False), torch.enable_grad():
            seen = Batch(z, mask, condition).map(differentiable)
            leaf = seen[name].detach().requires_grad_()
            estimate = denoise({**seen.fields, name: leaf}, differentiable(log_snr), seen.condition, seen.mask)
            x = estimate[name]

            def covariance(direction: Tensor) -> Tensor:
                (moved,) = torch.autograd.grad(x, leaf, direction, retain_graph=True)
                return at.sigma.square() / at.alpha * moved

            change = _kalman(given, x.detach(), covariance, at.sigma).clamp(-given.largest, given.largest)
        return {**{key: value.detach() for key, value in estimate.items()}, name: x.detach() + change}

    return guided


def _kalman(given: Observation, x: Tensor, covariance: Callable[[Tensor], Tensor], sigma: Tensor) -> Tensor:
    """V B^T (I + B V B^T)^-1 r,  r = S^(-1/2) (y - h(x)),  B = -dr/dx."""
    found = torch.func.vjp(given.residual, x)
    missed, transposed = found[0].detach(), found[1]
    diagonal = torch.ones_like(missed)
    if given.sensitivity is not None:
        diagonal = 1 + given.sensitivity(x) * sigma.square().flatten(1)

    def spread(w: Tensor) -> Tensor:
        return covariance(-transposed(w)[0])

    def forward(w: Tensor) -> Tensor:
        return w - torch.func.jvp(given.residual, (x,), (spread(w),))[1]

    return spread(conjugate_gradients(forward, missed, given.iterations, diagonal))


def conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    target: Float[Tensor, "batch number"],
    iterations: int,
    diagonal: Float[Tensor, "batch number"],
) -> Float[Tensor, "batch number"]:
    """The solution of M w = target after a few iterations, each row by itself; M is symmetric, and M - I positive.

    diagonal: about that of M, by which the system is preconditioned. With a network's Jacobian, M is neither exactly:
    curvatures below those of I are taken for these.
    """
    solution, left = torch.zeros_like(target), target
    direction = left / diagonal
    size = (left * direction).sum(1, keepdim=True)
    tiny = torch.finfo(target.dtype).tiny
    for _ in range(iterations):
        moved = product(direction)
        least = direction.square().sum(1, keepdim=True).clamp(min=tiny)
        step = size / torch.maximum((direction * moved).sum(1, keepdim=True), least)
        solution, left = solution + step * direction, left - step * moved
        scaled = left / diagonal
        following = (left * scaled).sum(1, keepdim=True)
        direction, size = scaled + following / size.clamp(min=tiny) * direction, following
    return solution
