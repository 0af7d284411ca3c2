"""Data whose diffusion is known in closed form at every noise level: Gaussians and their mixtures."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.process import alpha, sigma
from sciencegen.diffusion.state import Euclidean, Field, State

VECTOR = State({"x": Field(Euclidean(), positions=0)})


@dataclass(frozen=True)
class GaussianData:
    """x ~ N(mean, std^2 I), the field "x" [batch axis]."""

    mean: Tensor
    std: float
    log_snr_shift: float = 0.0

    def draw(self, count, generator) -> Batch:
        return Batch({"x": self.mean + self.std * torch.randn(count, len(self.mean), generator=generator)})

    def spread(self, log_snr) -> Tensor:
        """The standard deviation of z."""
        own = log_snr + self.log_snr_shift
        return (alpha(own).square() * self.std**2 + sigma(own).square()).sqrt()

    def denoise(self, z, log_snr, condition=None, mask=None):
        """E[x | z] = mean + std^2 alpha / (std^2 alpha^2 + sigma^2) (z - alpha mean)."""
        a = alpha(log_snr + self.log_snr_shift)[:, None]
        gain = self.std**2 * a / self.spread(log_snr)[:, None].square()
        return {"x": self.mean + gain * (z["x"] - a * self.mean)}

    def log_prob(self, x: Tensor) -> Tensor:
        scaled = (x - self.mean) / self.std
        return (-0.5 * (scaled.square() + math.log(2 * math.pi)) - math.log(self.std)).sum(1)

    def flowed(self, z: Tensor, start, end) -> Tensor:
        """The probability-flow ODE's solution: the distance from the mean grows as the spread does."""
        start, end = torch.as_tensor(start), torch.as_tensor(end)
        return alpha(end) * self.mean + self.spread(end) / self.spread(start) * (z - alpha(start) * self.mean)


@dataclass(frozen=True)
class MixtureData:
    """x ~ sum_k w_k N(mean_k, std_k^2 I)."""

    weights: Tensor = field(default_factory=lambda: torch.tensor([0.3, 0.7], dtype=torch.float64))
    means: Tensor = field(default_factory=lambda: torch.tensor([[-1.5, 0.0], [1.0, 0.5]], dtype=torch.float64))
    stds: Tensor = field(default_factory=lambda: torch.tensor([0.3, 0.5], dtype=torch.float64))

    def draw(self, count, generator) -> Batch:
        k = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        noise = torch.randn(count, self.means.shape[1], generator=generator)
        return Batch({"x": self.means[k] + self.stds[k, None] * noise})

    def _log_parts(self, z, log_snr) -> tuple[Tensor, Tensor, Tensor]:
        a = alpha(log_snr)[:, None, None]
        variance = a[..., 0].square() * self.stds.square() + sigma(log_snr)[:, None].square()
        distance = z[:, None] - a * self.means
        size = z.shape[1]
        log_density = -0.5 * (distance.square().sum(-1) / variance + size * (2 * math.pi * variance).log())
        return log_density + self.weights.log(), distance, variance

    def denoise(self, z, log_snr, condition=None, mask=None):
        logs, distance, variance = self._log_parts(z["x"], log_snr)
        gain = self.stds.square() * alpha(log_snr)[:, None] / variance
        means = self.means + gain[..., None] * distance
        return {"x": (torch.softmax(logs, -1)[..., None] * means).sum(1)}

    def log_prob(self, x: Tensor) -> Tensor:
        return torch.logsumexp(self._log_parts(x, torch.full((len(x),), 60.0))[0], -1)
