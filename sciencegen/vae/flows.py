"""Invertible maps between latents and noise, each exact in both directions.

`to_noise(z, context)` is the fast direction, with its log-determinant (density, training); `to_latent(u, context)`
is its inverse (sampling).
"""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.errors import ShapeError, unknown_name
from sciencegen.networks.mlp import MLP
from sciencegen.vae.splines import rational_quadratic_spline

Latent = Float[Tensor, "batch latent"]
Context = Float[Tensor, "batch context"]
LogDet = Float[Tensor, " batch"]


class Invertible(Protocol):
    """One step of a flow."""

    def to_noise(self, latent: Latent, context: Context) -> tuple[Latent, LogDet]: ...

    def to_latent(self, noise: Latent, context: Context) -> Latent: ...


class Whitening(nn.Module):
    """u = L^-1 (z - centre), with centre and covariance L L^T set once from data (buffers, no gradient).

    The data-dependent start of an activation norm (Kingma & Dhariwal 2018, section 3.1), with correlations: a flow
    whose couplings start as the identity then starts as the Gaussian fit.
    """

    centre: Tensor
    factor: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("factor", torch.eye(size))

    def fit(self, latents: Latent, jitter: float = 1e-3) -> None:
        """Set centre and covariance from data; `jitter` (relative to each variance) bounds the condition number."""
        if latents.shape[-1] != self.centre.shape[0] or latents.shape[0] < 2:
            raise ShapeError(f"Expected 2 or more latents [n {self.centre.shape[0]}], got {list(latents.shape)}.")
        latents = latents.double()
        std = latents.std(0).clamp_min(1e-6)
        scaled = (latents - latents.mean(0)) / std
        correlation = scaled.T @ scaled / (latents.shape[0] - 1)
        correlation = (correlation + jitter * torch.eye(len(std), device=std.device).double()) / (1 + jitter)
        self.centre.copy_(latents.mean(0))
        self.factor.copy_(std[:, None] * torch.linalg.cholesky(correlation))

    def to_noise(self, latent: Latent, context: Context) -> tuple[Latent, LogDet]:
        noise = torch.linalg.solve_triangular(self.factor, (latent - self.centre).T, upper=False).T
        return noise, -self.factor.diagonal().log().sum().expand(latent.shape[0])

    def to_latent(self, noise: Latent, context: Context) -> Latent:
        return self.centre + noise @ self.factor.T


class Mixing(nn.Module):
    """u = L U P z: a fixed random permutation P, then a learned invertible matrix. Kingma & Dhariwal 2018, eq. 11.

    L is unit lower triangular and U upper triangular with the diagonal exp(log_diagonal); both start as the identity.
    """

    permutation: Tensor

    def __init__(self, size: int, generator: Generator) -> None:
        super().__init__()
        self.register_buffer("permutation", torch.randperm(size, generator=generator))
        self.lower = nn.Parameter(torch.zeros(size, size))
        self.upper = nn.Parameter(torch.zeros(size, size))
        self.log_diagonal = nn.Parameter(torch.zeros(size))

    def factors(self) -> tuple[Tensor, Tensor]:
        identity = torch.eye(len(self.log_diagonal), dtype=self.lower.dtype, device=self.lower.device)
        return self.lower.tril(-1) + identity, self.upper.triu(1) + torch.diag(self.log_diagonal.exp())

    def to_noise(self, latent: Latent, context: Context) -> tuple[Latent, LogDet]:
        lower, upper = self.factors()
        return latent[:, self.permutation] @ (lower @ upper).T, self.log_diagonal.sum().expand(latent.shape[0])

    def to_latent(self, noise: Latent, context: Context) -> Latent:
        lower, upper = self.factors()
        half = torch.linalg.solve_triangular(lower, noise.T, upper=False, unitriangular=True)
        return torch.linalg.solve_triangular(upper, half, upper=True).T[:, self.permutation.argsort()]


class Coupling(nn.Module):
    """Transforms the second half of the elements, with parameters computed from the first half and the context.

    "affine": u_2 = z_2 exp(s) + t with s in (-2, 2) (Dinh et al. 2017, eq. 7 and 8).
    "spline": a monotone rational-quadratic spline (Durkan et al. 2019, section 3.1).
    Both start as the identity.
    """

    def __init__(
        self, size: int, context_size: int, width: int, depth: int, transform: str, bins: int, generator: Generator
    ) -> None:
        super().__init__()
        if transform not in COUPLINGS:
            raise unknown_name("coupling transform", transform, COUPLINGS)
        self.kept, self.changed = size // 2, size - size // 2
        self.transform = transform
        per_element = 2 if transform == "affine" else 3 * bins - 1
        outputs = self.changed * per_element
        self.network = MLP(self.kept + context_size, outputs, width, depth, zero_output=True, generator=generator)

    def to_noise(self, latent: Latent, context: Context) -> tuple[Latent, LogDet]:
        kept, changed = latent.split([self.kept, self.changed], -1)
        changed, log_det = COUPLINGS[self.transform](changed, self._coefficients(kept, context), False)
        return torch.cat([kept, changed], -1), log_det.sum(-1)

    def to_latent(self, noise: Latent, context: Context) -> Latent:
        kept, changed = noise.split([self.kept, self.changed], -1)
        changed, _ = COUPLINGS[self.transform](changed, self._coefficients(kept, context), True)
        return torch.cat([kept, changed], -1)

    def _coefficients(self, kept: Tensor, context: Tensor) -> Tensor:
        return self.network(torch.cat([kept, context], -1)).unflatten(-1, (self.changed, -1))


def affine(values: Tensor, parameters: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
    """Maps x to x exp(s) + t, or back. s = 2 tanh(raw / 2): slope 1 at 0, and no scale beyond e^2 per layer."""
    raw, shift = parameters.unbind(-1)
    log_scale = 2 * torch.tanh(raw / 2)
    if inverse:
        return (values - shift) * (-log_scale).exp(), -log_scale
    return values * log_scale.exp() + shift, log_scale


COUPLINGS = {"affine": affine, "spline": rational_quadratic_spline}
"""(values [batch element], parameters [batch element parameter], inverse) -> (values, log derivative)."""
