"""q(z | x, c) as a Gaussian with all covariances.

    z = mean + L e,  e ~ N(0, I),  log q(z) = log N(e; 0, I) - sum_d log L_dd        Kingma & Welling 2019, algorithm 3

With a diagonal posterior the bound has a gap at the true decoder that doesn't vanish with the noise s of the
observations,

    1/2 (sum_d log P_dd - log det P),   P = J^T J / s^2 + the precision of the prior

for its Jacobian J: 0 only where the columns of J are orthogonal. An identifiable VAE then prefers other latents to the
sources.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.networks.conditions import beside_condition
from sciencegen.networks.mlp import MLP, LayerSettings
from sciencegen.networks.normal import check_latents, standard_normal
from sciencegen.vae.gaussian import repeats, standard_normal_log_prob
from sciencegen.vae.posteriors import LOG_STD_RANGE


@dataclass(frozen=True)
class FullCovarianceGaussian:
    """N(mean, L L^T), where L has the diagonal exp(log_std) and the entries `below` it: the latents of an item may be
    correlated. Kingma & Welling 2019, algorithm 3."""

    mean: Float[Tensor, "batch latent"]
    log_std: Float[Tensor, "batch latent"]
    below: Float[Tensor, "batch latent latent"]

    @property
    def factor(self) -> Float[Tensor, "batch latent latent"]:
        """L."""
        return self.below.tril(-1) + torch.diag_embed(self.log_std.exp())

    def reparameterized(
        self, noise: Float[Tensor, "_ latent"]
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " _"]]:
        """Latents z = mean + L noise, and log |dz/dnoise| = sum log L_dd."""
        return self.mean + (self.factor @ noise[..., None])[..., 0], self.log_std.sum(-1)

    def sample(
        self, generator: Generator, count: int = 1
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " samples"]]:
        own = FullCovarianceGaussian(
            *(one.repeat_interleave(count, 0) for one in (self.mean, self.log_std, self.below))
        )
        noise = standard_normal(own.mean.shape, generator, own.mean)
        latent, log_volume = own.reparameterized(noise)
        return latent, standard_normal_log_prob(noise) - log_volume

    def log_prob(self, latent: Float[Tensor, "samples latent"]) -> Float[Tensor, " samples"]:
        check_latents(latent, self.mean.shape[-1])
        count = repeats(latent.shape[0], self.mean.shape[0], latent)
        mean, factor, log_std = (one.repeat_interleave(count, 0) for one in (self.mean, self.factor, self.log_std))
        noise = torch.linalg.solve_triangular(factor, (latent - mean)[..., None], upper=False)[..., 0]
        return standard_normal_log_prob(noise) - log_std.sum(-1)


class FullCovariancePosterior(nn.Module):
    """Features (and the condition) to a `FullCovarianceGaussian`; depth 0 is a linear head."""

    def __init__(
        self, feature_size: int, latent_size: int, property_count: int = 0, width: int = 128, depth: int = 0,
        layers: LayerSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.latent_size, self.property_count = latent_size, property_count
        self.sizes = [latent_size, latent_size, latent_size**2]
        self.head = MLP(feature_size + 2 * property_count, sum(self.sizes), width, depth, layers=layers)

    def forward(
        self, features: Float[Tensor, "batch feature"], condition: Float[Tensor, "batch property"] | None = None
    ) -> FullCovarianceGaussian:
        known = beside_condition(features, condition, self.property_count)
        mean, log_std, below = self.head(known).split(self.sizes, -1)
        shape = (self.latent_size, self.latent_size)
        return FullCovarianceGaussian(mean, log_std.clamp(*LOG_STD_RANGE), below.unflatten(-1, shape))
