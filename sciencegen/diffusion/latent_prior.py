"""A diffusion p(z | c) over the latents of a trained autoencoder, with the interface of its flow prior.

Vahdat et al. 2021 (LSGM) and Rombach et al. 2022, with the autoencoder fixed. `vae.prior_fitting.fit_prior` fits it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.diffusion.vectors import VectorDiffusionSettings, vector_diffusion
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.normal import check_latents

Latent = Float[Tensor, "batch latent"]
Condition = Float[Tensor, "batch property"] | None

NAME = "latent"
TIMES = 8
"""Noise levels for each held-out latent."""


class DiffusionPrior(nn.Module):
    """A variational diffusion over whitened latents.

        log p(z | c) = log p_diffusion(u | c) - log |det L|,    u = L^-1 (z - m),    L L^T the latents' covariance

    `forward` and `inverse` map standard normal noise to latents and back by the probability-flow ODE, with four network
    evaluations per step. They are inverse to each other up to the discretization error. `draw` uses the sampler, the
    steps and the guidance of the diffusion's settings.

    Parameters
    ----------
    latent_size : int
    property_count : int
        Number of columns of the condition.
    settings : VectorDiffusionSettings, optional
        Their `dropout` is ignored: the function that fits the prior drops conditions itself.
    seed : int
        Seed of the initial weights.

    References
    ----------
    .. [1] Vahdat et al., "Score-based Generative Modeling in Latent Space", NeurIPS 2021.
    .. [2] Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022.

    Examples
    --------
    >>> prior = DiffusionPrior(2, 1, VectorDiffusionSettings(width=16, depth=1))
    >>> latents = torch.randn(100, 2, generator=torch.Generator().manual_seed(0)) + 3.0
    >>> prior.standardize(latents)
    >>> noise = prior.inverse(latents[:5])
    >>> torch.allclose(prior(noise), latents[:5], atol=1e-2)
    True
    """

    centre: Tensor
    factor: Tensor

    def __init__(
        self, latent_size: int, property_count: int, settings: VectorDiffusionSettings | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        self.latent_size, self.property_count = latent_size, property_count
        s = settings or VectorDiffusionSettings()
        s = replace(s, diffusion=replace(s.diffusion, dropout=ConditionDropout()))
        self.model = vector_diffusion(NAME, latent_size, property_count, s, seed)
        self.register_buffer("centre", torch.zeros(latent_size))
        self.register_buffer("factor", torch.eye(latent_size))

    @property
    def reader(self) -> nn.Linear | None:
        """The layer that reads the condition as its last input features; None without properties."""
        return self.model.network.known if self.property_count else None

    def standardize(self, latents: Float[Tensor, "item latent"]) -> None:
        """Set centre and covariance from latents, so that the prior starts as their Gaussian fit."""
        centred = latents - latents.mean(0)
        covariance = centred.T @ centred / max(1, len(latents) - 1)
        floor = 1e-6 * covariance.diagonal().mean().clamp(min=1e-12)
        self.centre.copy_(latents.mean(0))
        self.factor.copy_(torch.linalg.cholesky(covariance + floor * torch.eye(self.latent_size).to(covariance)))

    def gaussian(self, like: Latent, condition: Condition = None) -> None:
        return None

    def whitened(self, latent: Latent, condition: Condition = None) -> Batch:
        """The latents as items of the diffusion model."""
        check_latents(latent, self.latent_size)
        value = torch.linalg.solve_triangular(self.factor, (latent - self.centre).T, upper=False).T
        return Batch({NAME: value}, None, condition)

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        """Exact up to the ODE's discretization. Too slow as a training loss: latent_size backward passes per step."""
        return self.model.log_prob(self.whitened(latent, condition)) - self._log_det()

    def inverse(self, latent: Latent, condition: Condition = None) -> Latent:
        """The noise that `forward` maps to these latents."""
        return self.model.encode(self.whitened(latent, condition))

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        check_latents(noise, self.latent_size)
        return self._coloured(self.model.decode(noise, condition))

    def draw(self, noise: Latent, condition: Condition = None) -> Latent:
        """Map standard normal noise to draws of p(z | c) with the settings' sampler, steps and guidance."""
        check_latents(noise, self.latent_size)
        return self._coloured(self.model.generate(noise, condition))

    def fit_loss(self, latent: Latent, condition: Condition, step: int, generator: Generator) -> Float[Tensor, ""]:
        """The diffusion loss in nats per dimension."""
        return self.model.loss(self.whitened(latent, condition), step, generator)["loss"]

    def cross_entropy(self, latent: Latent, condition: Condition = None) -> float:
        """An upper bound on -E log p(z | c) in nats, each latent at `TIMES` noise levels."""
        many = self.whitened(latent, condition).repeat_interleave(TIMES)
        return float(self.model.terms(many).nats.mean() + self._log_det())

    @torch.no_grad()
    def start_unconditional(self, other: DiffusionPrior) -> None:
        """Copy the weights of a conditional prior that apply when no condition is given."""
        read, now = other.model.network.known, self.model.network.known
        now.weight.copy_(read.weight[:, : now.in_features])  # without a condition, its features are 0
        now.bias.copy_(read.bias)

    def _coloured(self, drawn: Batch) -> Latent:
        return self.centre + drawn[NAME] @ self.factor.T

    def _log_det(self) -> Float[Tensor, ""]:
        return self.factor.diagonal().log().sum()
