"""The diffusion model of plain vectors, for items that are arrays and for latents of an autoencoder."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch, concatenate
from sciencegen.diffusion.likelihood import exact_divergence, keyed_divergence
from sciencegen.diffusion.model import EVALUATION_SEED as SEED
from sciencegen.diffusion.model import Accept, Condition, DiffusionModel, DiffusionSettings, HoldsDiffusion
from sciencegen.diffusion.schedules import noise_schedule
from sciencegen.diffusion.state import Euclidean, Field, State
from sciencegen.diffusion.steering import Steering, inpainting
from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.mlp import VectorDenoiser
from sciencegen.networks.shared_noise import check_latents

LOG_SNR_ENDS = 12.0, -12.0


@dataclass(frozen=True)
class VectorDiffusionSettings:
    """Sizes of the network, and settings of training and sampling.

    Parameters
    ----------
    width : int
        Width of the residual layers.
    depth : int
        Number of these layers.
    diffusion : DiffusionSettings
    """

    width: int = 256
    depth: int = 4
    diffusion: DiffusionSettings = field(
        default_factory=lambda: DiffusionSettings(dropout=ConditionDropout(some=0.5, everything=0.1, few=0.5))
    )


def vector_diffusion(
    name: str,
    size: int,
    property_count: int = 0,
    settings: VectorDiffusionSettings | None = None,
    seed: int = 0,
    masked: bool = False,
    network: nn.Module | None = None,
) -> DiffusionModel:
    """A diffusion model of one field [batch size] of numbers with a standard deviation of about 1.

    Parameters
    ----------
    name : str
        Name of the field.
    size : int
        Length of an item's vector.
    property_count : int
        Number of columns of the condition.
    settings : VectorDiffusionSettings, optional
    seed : int
        Seed of the initial weights.
    masked : bool
        Whether the mask of a batch [batch size] says which numbers of an item are known. The model is then p of the
        known numbers alone, for any set of them that it was trained on.
    network : torch.nn.Module, optional
        Another denoiser of the field than a `VectorDenoiser` of the settings' sizes.

    Examples
    --------
    >>> import torch
    >>> model = vector_diffusion("x", size=3, settings=VectorDiffusionSettings(width=16, depth=1))
    >>> model.generate(torch.randn(5, 3))["x"].shape
    torch.Size([5, 3])
    """
    s = settings or VectorDiffusionSettings()
    generator = Generator().manual_seed(seed)
    if network is None:
        network = VectorDenoiser(name, size, property_count, s.width, s.depth, generator=generator, masked=masked)
    state = State({name: Field(Euclidean(), positions=int(masked))})
    schedule = noise_schedule(s.diffusion.schedule or "cosine", *LOG_SNR_ENDS, generator=generator)
    return DiffusionModel(network, state, schedule, {name: (size,)}, s.diffusion)


# A diffusion p(z | c) over the latents of a trained autoencoder, with the interface of its flow prior.
#
# Vahdat et al. 2021 (LSGM) and Rombach et al. 2022, with the autoencoder fixed. `vae.flows.fit_prior` fits
# it.

Latent = Float[Tensor, "batch latent"]

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


# A diffusion model of items that become vectors of real numbers by a random code, and so may be discrete.
#
# With q(v | x) the code, and v read as x with certainty, p(x) = P(read(v) = x) of the diffusion's p(v) is bounded by
#
#     log p(x) >= E_q(v|x)[ log p(v) - log q(v | x) ]                                      Ho et al. 2019, eq. 12
#
# (variational dequantization; of a real number, -log q is the log volume of its change of scale). A mask says which
# numbers of a vector are known: the denoiser gets it, so that the model is p of the known cells for any set of them.


@runtime_checkable
class Coding(Protocol):
    """Items as vectors, in a field of a Batch whose mask [batch number] is False at the unknown numbers."""

    def drawn(self, batch: Batch, generator: Generator) -> tuple[Batch, Float[Tensor, " batch"]]:
        """Random codes v ~ q(v | x), and -log q(v | x) of the known cells."""

    def centre(self, batch: Batch) -> Batch:
        """The code without noise."""

    def read(self, batch: Batch) -> Batch:
        """The items of vectors."""


class CodedDiffusion(HoldsDiffusion):
    """A `LatentModel`: a diffusion of codes.

    Parameters
    ----------
    coding : Coding
    diffusion : DiffusionModel
        Of one field, the vectors; `vector_diffusion(..., masked=True)`.
    hidden : float
        Share of the items of which cells are hidden in training: for each of them a rate u ~ U(0, 1) is drawn, and
        each cell is hidden with probability u.
    samples : int
        Codes of each item by which `bound` bounds log p.
    exact : bool
        Whether log p(v) is computed with one backward pass for each number, or estimated without bias by one pass
        (`likelihood.keyed_divergence`), for large networks.
    """

    def __init__(
        self, coding: Coding, diffusion: DiffusionModel, hidden: float = 0.0, samples: int = 1, exact: bool = True
    ) -> None:
        super().__init__(diffusion)
        if not 0 <= hidden <= 1 or samples < 1:
            raise ConfigError(f"Expected hidden between 0 and 1, 1 sample or more, got {hidden} and {samples}.")
        self.coding, self.hidden, self.samples, self.exact = coding, hidden, samples, exact
        (self.field,) = diffusion.state.fields
        self.latent_size = self.semantic_size = diffusion.latent_size

    # --- training -----------------------------------------------------------------------------------------------------

    def embed(self, batch: Batch, generator: Generator) -> Batch:
        """Random codes, of which cells are hidden as in training."""
        if not self.hidden:
            return self.coding.drawn(batch, generator)[0]
        return self.coding.drawn(Batch(batch.fields, self._shown(batch, generator), batch.condition), generator)[0]

    def _shown(self, batch: Batch, generator: Generator) -> Bool[Tensor, "batch cell"]:
        value = next(iter(batch.fields.values()))
        uniform = torch.rand(len(value), 2 + value.shape[1], generator=generator, device=generator.device).to(value)
        hidden = (uniform[:, 2:] < uniform[:, :1]) & (uniform[:, 1:2] < self.hidden)
        known = torch.ones_like(hidden) if batch.mask is None else batch.mask
        left = known & ~hidden
        return torch.where(left.any(1, keepdim=True), left, known)

    # --- evidence -----------------------------------------------------------------------------------------------------

    def bound(self, batch: Batch) -> Float[Tensor, " batch"]:
        """The importance-weighted bound of log p(x | c) of the known cells in nats, by codes of each item
        (Burda et al. 2016, eq. 8). log p(v | c) is that of the probability-flow ODE. The seed is fixed, and the noise
        of an item doesn't depend on the others."""
        rows = (batch.select(slice(at, at + 1)).repeat_interleave(self.samples) for at in range(len(batch)))
        of_items = [self.coding.drawn(row, Generator().manual_seed(SEED)) for row in rows]
        codes, spread = concatenate([one for one, _ in of_items]), torch.cat([one for _, one in of_items])
        divergence = exact_divergence if self.exact else keyed_divergence(self.diffusion.state, codes)
        log_weights = self.diffusion.log_prob(codes, divergence) + spread
        return torch.logsumexp(log_weights.unflatten(0, (-1, self.samples)), 1) - math.log(self.samples)

    # --- latent space -------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def encode(self, batch: Batch) -> Float[Tensor, "batch latent"]:
        """The noise of each item by the probability-flow ODE, without the condition; gaps are filled first."""
        return self.diffusion.encode(self._whole(self.coding.centre(batch.with_condition(None))))

    def _whole(self, codes: Batch) -> Batch:
        """Codes without gaps: the unknown numbers are drawn from the centre of the noise, given the known ones."""
        value, mask = codes[self.field], codes.mask
        if mask is None or mask.all():
            return Batch(codes.fields, None, codes.condition)
        start = Batch({self.field: torch.zeros_like(value)}, None, codes.condition)
        filled = self.diffusion.complete(
            start, start.fields, lambda denoise: inpainting(denoise, {self.field: value}, {self.field: mask})
        )
        return Batch({self.field: torch.where(mask, value, filled[self.field])}, None, codes.condition)

    @torch.no_grad()
    def decode(self, latent: Float[Tensor, "batch latent"], condition: Condition = None) -> Batch:
        """The inverse of `encode`."""
        return self.coding.read(self.diffusion.decode(latent, condition))

    @torch.no_grad()
    def sample(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Float[Tensor, "batch latent"]:
        """The noise itself: latents are standard normal under every condition."""
        return self.diffusion.sample(noise, condition)

    @torch.no_grad()
    def generate(
        self, noise: Float[Tensor, "batch latent"], condition: Condition = None, accept: Accept | None = None
    ) -> Batch:
        """Draw items of p(x | c) with the diffusion's sampler and guidance; `accept` is not used."""
        return self.coding.read(self.diffusion.generate(noise, condition))

    @torch.no_grad()
    def steered(
        self, noise: Float[Tensor, "particle latent"], steering: Steering, condition: Condition = None
    ) -> Batch:
        """One item for each `steering.count` rows: the best of its particles. The reward is that of items."""
        start = self.diffusion.start(noise, condition, None)
        drawn = self.diffusion.draw_steered(start, steering.after(self.coding.read))
        return steering.best(self.coding.read(drawn))
