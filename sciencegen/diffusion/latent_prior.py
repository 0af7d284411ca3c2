"""A diffusion p(z | c) over the latents of a trained autoencoder, with the interface of its flow prior.

Vahdat et al. 2021 (LSGM) and Rombach et al. 2022, with the autoencoder fixed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings
from sciencegen.diffusion.schedules import Cosine
from sciencegen.diffusion.spaces import Euclidean
from sciencegen.diffusion.state import Field, State
from sciencegen.errors import ShapeError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.denoiser import VectorDenoiser
from sciencegen.networks.descent import DescentSettings, descend

Latent = Float[Tensor, "batch latent"]
Condition = Float[Tensor, "batch property"] | None

NAME = "latent"
TIMES = 8
"""Noise levels for each held-out latent."""


class DiffusionPrior(nn.Module):
    """Standard normal noise to latents and back by the probability-flow ODE, between whitened latents.

    log p(z | c) = log p_diffusion(u | c) - log |det L|, u = L^-1 (z - m), L L^T the latents' covariance. `steps` of the
    ODE cost four network evaluations each; `forward` and `inverse` undo one another up to their error. The starting
    weights follow from `seed` alone.
    """

    centre: Tensor
    factor: Tensor

    def __init__(
        self,
        latent_size: int,
        property_count: int,
        width: int = 256,
        depth: int = 4,
        steps: int = 24,
        weighting: str = "sigmoid",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.latent_size, self.property_count = latent_size, property_count
        generator = Generator().manual_seed(seed)
        network = VectorDenoiser(NAME, latent_size, property_count, width, depth, generator=generator)
        settings = DiffusionSettings(weighting=weighting, flow_steps=steps)
        state = State({NAME: Field(Euclidean(), positions=0)})
        self.model = DiffusionModel(network, state, Cosine(12.0, -12.0), {NAME: (latent_size,)}, settings)
        self.register_buffer("centre", torch.zeros(latent_size))
        self.register_buffer("factor", torch.eye(latent_size))

    def standardize(self, latents: Float[Tensor, "item latent"]) -> None:
        """Take centre and covariance of the latents: the prior then starts as their Gaussian fit."""
        centred = latents - latents.mean(0)
        covariance = centred.T @ centred / max(1, len(latents) - 1)
        floor = 1e-6 * covariance.diagonal().mean().clamp(min=1e-12)
        self.centre.copy_(latents.mean(0))
        self.factor.copy_(torch.linalg.cholesky(covariance + floor * torch.eye(self.latent_size).to(covariance)))

    def gaussian(self, like: Latent, condition: Condition = None) -> None:
        return None

    def whitened(self, latent: Latent, condition: Condition = None) -> Batch:
        """The latents as items of the diffusion model."""
        self._check(latent)
        value = torch.linalg.solve_triangular(self.factor, (latent - self.centre).T, upper=False).T
        return Batch({NAME: value}, None, condition)

    def log_prob(self, latent: Latent, condition: Condition = None) -> Float[Tensor, " batch"]:
        """Exact up to the ODE's steps; latent_size backward passes for each evaluation, so not a loss to train with."""
        return self.model.log_prob(self.whitened(latent, condition)) - self.factor.diagonal().log().sum()

    def inverse(self, latent: Latent, condition: Condition = None) -> Latent:
        """Latents to the noise that `forward` turns into them."""
        return self.model.encode(self.whitened(latent, condition))

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        self._check(noise)
        return self.centre + self.model.decode(noise, condition)[NAME] @ self.factor.T

    def _check(self, latent: Tensor) -> None:
        if latent.ndim != 2 or latent.shape[1] != self.latent_size:
            raise ShapeError(f"Expected latents [batch {self.latent_size}], got {list(latent.shape)}.")


@dataclass(frozen=True)
class PriorFit:
    """What fitting did. losses: of every step. start, end: the bound of -log p(z | c) in nats before and after, on rows
    that were not trained on (NaN where there are none)."""

    losses: tuple[float, ...]
    start: float
    end: float


@dataclass(frozen=True)
class PriorFitSettings:
    """dropout: conditions to forget, so that any subset can be asked for. held_out is a share of the rows."""

    descent: DescentSettings = field(default_factory=DescentSettings)
    dropout: ConditionDropout = field(default_factory=lambda: ConditionDropout(some=0.5, everything=0.1))
    held_out: float = 0.02


def fit_diffusion_prior(
    prior: DiffusionPrior,
    latents: Float[Tensor, "item latent"],
    conditions: Float[Tensor, "item property"] | None,
    steps: int,
    batch: int,
    generator: Generator,
    *,
    log_std: Float[Tensor, "item latent"] | None = None,
    settings: PriorFitSettings | None = None,
) -> PriorFit:
    """Train in place on z ~ N(latents, exp(log_std)^2), drawn anew at each step, or on the latents themselves.

    The aggregate posterior is what a prior should be: Tomczak & Welling 2018, eq. 6.
    """
    settings = settings or PriorFitSettings()

    def draw(rows: Tensor) -> tuple[Tensor, Tensor | None]:
        latent = latents[rows]
        if log_std is not None:
            noise = torch.randn(latent.shape, generator=generator, device=generator.device, dtype=latent.dtype)
            latent = latent + log_std[rows].exp() * noise.to(latent.device)
        return latent, None if conditions is None else conditions[rows]

    def loss(step: int) -> Tensor:
        drawn = torch.randint(len(rows), (batch,), generator=generator, device=generator.device)
        latent, condition = draw(rows[drawn.to(rows.device)])
        x = prior.whitened(latent, settings.dropout(condition, generator))
        return prior.model.loss(x, step, generator)["loss"]

    order = torch.randperm(len(latents), generator=generator, device=generator.device).to(latents.device)
    count = int(settings.held_out * len(order))
    held, rows = order[:count], order[count:]
    prior.standardize(draw(rows)[0])
    check = draw(held)
    start = _mean_bound(prior, *check)
    prior.train()
    losses = descend(prior.parameters(), loss, steps, settings.descent)
    prior.eval()
    return PriorFit(tuple(losses), start, _mean_bound(prior, *check))


def _mean_bound(prior: DiffusionPrior, latent: Latent, condition: Condition) -> float:
    if len(latent) == 0:
        return torch.nan
    many = prior.whitened(latent, condition).repeat_interleave(TIMES)
    bound = prior.model.terms(many).nats.mean()
    return float(bound + prior.factor.diagonal().log().sum())
