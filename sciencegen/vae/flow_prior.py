"""A learned conditional flow p(z | c) over the latents of a trained model."""

from __future__ import annotations

from typing import cast

from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.vae.flows import Coupling, Invertible, Mixing, Whitening
from sciencegen.vae.gaussian import check_latents, standard_normal_log_prob

Latent = Float[Tensor, "batch latent"]
Condition = Float[Tensor, "batch property"] | None


class FlowPrior(nn.Module):
    """A normalizing flow p(z | c) over the latents of a trained model: whitening, then `layers` of matrix and coupling.

    log p(z | c) = log N(u; 0, I) + log |du/dz|, u = inverse(z, c). Dinh et al. 2017, eq. 2; fit it with
    `fit_flow_prior`, which gives the model an honest prior where the aggregate posterior isn't N(0, I).
    The starting weights follow from `seed` alone.
    """

    def __init__(
        self,
        latent_size: int,
        property_count: int,
        layers: int = 8,
        width: int = 128,
        depth: int = 2,
        transform: str = "affine",
        bins: int = 8,
        context_size: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ConfigError(f"Expected 1 or more flow layers, got {layers}.")
        generator = Generator().manual_seed(seed)
        self.latent_size, self.property_count = latent_size, property_count
        context_size = context_size if property_count else 0
        read = lambda: MLP(2 * property_count, context_size, context_size, 1, generator=generator)  # noqa: E731
        self.context = read() if context_size else None
        self.whitening = Whitening(latent_size)
        steps: list[nn.Module] = []
        for _ in range(layers):
            steps.append(Mixing(latent_size, generator))
            steps.append(Coupling(latent_size, context_size, width, depth, transform, bins, generator))
        self.steps = nn.ModuleList(steps)

    def standardize(self, latents: Latent) -> None:
        """Take centre and covariance of the latents: the flow then starts as their Gaussian fit."""
        self.whitening.fit(latents)

    def gaussian(self, like: Latent, condition: Condition = None) -> None:
        return None

    def _context(self, like: Tensor, condition: Condition) -> Tensor:
        if self.context is None:
            return like.new_zeros(like.shape[0], 0)
        return self.context(condition_features(condition, like, self.property_count))

    def noise_and_log_det(self, latent: Latent, condition: Condition = None) -> tuple[Latent, Float[Tensor, " batch"]]:
        """u = inverse(z, c) and log |du/dz|."""
        check_latents(latent, self.latent_size)
        context = self._context(latent, condition)
        noise, log_det = self.whitening.to_noise(latent, context)
        for step in cast(list[Invertible], self.steps):
            noise, change = step.to_noise(noise, context)
            log_det = log_det + change
        return noise, log_det

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        noise, log_det = self.noise_and_log_det(latent, condition)
        return standard_normal_log_prob(noise) + log_det

    def inverse(self, latent: Latent, condition: Condition = None) -> Latent:
        """Latents to the noise that `forward` turns into them."""
        return self.noise_and_log_det(latent, condition)[0]

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        check_latents(noise, self.latent_size)
        context = self._context(noise, condition)
        for step in reversed(cast(list[Invertible], self.steps)):
            noise = step.to_latent(noise, context)
        return self.whitening.to_latent(noise, context)
