"""A learned conditional flow p(z | c) over the latents of a trained model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.networks.normal import check_latents
from sciencegen.vae.flows import Coupling, Invertible, Mixing, Whitening
from sciencegen.vae.gaussian import standard_normal_log_prob

Latent = Float[Tensor, "batch latent"]
Condition = Float[Tensor, "batch property"] | None


@dataclass(frozen=True)
class FlowSettings:
    """layers: pairs of an invertible matrix and a coupling. width, depth: of each coupling's network. transform: of
    each coupling, "affine" or "spline" (with `bins` bins). context_size: features of the condition in each coupling."""

    layers: int = 8
    width: int = 128
    depth: int = 2
    transform: str = "affine"
    bins: int = 8
    context_size: int = 64

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ConfigError(f"Expected 1 or more flow layers, got {self.layers}.")


class FlowPrior(nn.Module):
    """A normalizing flow p(z | c) over the latents of a trained model.

        log p(z | c) = log N(u; 0, I) + log |du/dz|,     u = inverse(z, c)

    Whitening, then layers of an invertible matrix and a coupling. `fit_prior` fits it to a model's posteriors: samples
    are then drawn from it, because the aggregate posterior differs from N(0, I). The initial weights depend only on
    `seed`.

    Parameters
    ----------
    latent_size, property_count : int
        Columns of z and of c.
    settings : FlowSettings, optional
    seed : int

    References
    ----------
    .. [1] Dinh et al., "Density estimation using Real NVP", ICLR 2017, eq. 2.

    Examples
    --------
    >>> import torch
    >>> from sciencegen.vae.flow_prior import FlowPrior, FlowSettings
    >>> flow = FlowPrior(latent_size=2, property_count=1, settings=FlowSettings(layers=2, width=16))
    >>> noise, condition = torch.zeros(3, 2), torch.tensor([[0.5], [1.0], [float("nan")]])
    >>> latent = flow(noise, condition)
    >>> torch.allclose(flow.inverse(latent, condition), noise, atol=1e-6)
    True
    >>> flow.log_prob(latent, condition).shape
    torch.Size([3])
    """

    def __init__(
        self, latent_size: int, property_count: int, settings: FlowSettings | None = None, seed: int = 0
    ) -> None:
        super().__init__()
        s, generator = settings or FlowSettings(), Generator().manual_seed(seed)
        self.latent_size, self.property_count = latent_size, property_count
        context_size = s.context_size if property_count else 0
        read = lambda: MLP(2 * property_count, context_size, context_size, 1, generator=generator)  # noqa: E731
        self.context = read() if context_size else None
        self.whitening = Whitening(latent_size)
        steps: list[nn.Module] = []
        for _ in range(s.layers):
            steps.append(Mixing(latent_size, generator))
            steps.append(Coupling(latent_size, context_size, s.width, s.depth, s.transform, s.bins, generator))
        self.steps = nn.ModuleList(steps)

    @property
    def reader(self) -> nn.Linear | None:
        """The linear layer whose last inputs are the features of the condition; None without properties."""
        return None if self.context is None else cast(nn.Linear, self.context.hidden[0])

    def standardize(self, latents: Latent) -> None:
        """Set the whitening to centre and covariance of the latents: the flow then starts as their Gaussian fit."""
        self.whitening.fit(latents)

    def gaussian(self, like: Latent, condition: Condition = None) -> None:
        return None

    def _context(self, like: Tensor, condition: Condition) -> Tensor:
        if self.context is None:
            return like.new_zeros(like.shape[0], 0)
        return self.context(condition_features(condition, like, self.property_count))

    def noise_and_log_det(self, latent: Latent, condition: Condition = None) -> tuple[Latent, Float[Tensor, " batch"]]:
        """The noise u = inverse(z, c) and log |du/dz|."""
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
        """The noise that `forward` maps to these latents."""
        return self.noise_and_log_det(latent, condition)[0]

    def forward(self, noise: Latent, condition: Condition = None) -> Latent:
        check_latents(noise, self.latent_size)
        context = self._context(noise, condition)
        for step in reversed(cast(list[Invertible], self.steps)):
            noise = step.to_latent(noise, context)
        return self.whitening.to_latent(noise, context)

    def draw(self, noise: Latent, condition: Condition = None) -> Latent:
        """Standard normal noise to draws of p(z | c), here the same as `forward`; other priors may differ."""
        return self(noise, condition)

    def fit_loss(self, latent: Latent, condition: Condition, step: int, generator: Generator) -> Float[Tensor, ""]:
        """Mean of -log p(z | c)."""
        return -self.log_prob(latent, condition).mean()

    def cross_entropy(self, latent: Latent, condition: Condition = None) -> float:
        """-E log p(z | c) in nats."""
        return -float(self.log_prob(latent, condition).mean())

    @torch.no_grad()
    def start_unconditional(self, other: FlowPrior) -> None:
        """Copy the weights of a conditional flow: this unconditional one then equals it without any known value."""
        assert other.context is not None  # otherwise the other flow is unconditional too
        (missing,) = other.context(other.whitening.centre.new_zeros(1, 2 * other.property_count))
        for before, after in zip(other.steps, self.steps, strict=True):
            if isinstance(before, Coupling) and isinstance(after, Coupling):
                read, now = (cast(nn.Linear, one.network.hidden[0]) for one in (before, after))
                own, context = read.weight.split([before.kept, len(missing)], 1)
                now.weight.copy_(own)
                now.bias.copy_(read.bias + context @ missing)
