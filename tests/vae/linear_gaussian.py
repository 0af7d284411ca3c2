"""A model whose evidence is known: x = weight z + noise, z ~ N(0, I)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal

from sciencegen.vae.likelihoods import Gaussian
from sciencegen.vae.posteriors import DiagonalGaussian


@dataclass(frozen=True)
class LinearGaussian:
    weight: Tensor
    std: float

    def evidence(self, x: Tensor) -> Tensor:
        size = self.weight.shape[0]
        covariance = self.weight @ self.weight.T + self.std**2 * torch.eye(size)
        return MultivariateNormal(torch.zeros(size), covariance).log_prob(x)

    def precision(self) -> Tensor:
        """Of the exact posterior, which is the same for every x."""
        return torch.eye(self.weight.shape[1]) + self.weight.T @ self.weight / self.std**2

    def posterior_mean(self, x: Tensor) -> Tensor:
        return torch.linalg.solve(self.precision(), self.weight.T @ x.T / self.std**2).T

    def best_gaussian(self, x: Tensor) -> DiagonalGaussian:
        """The diagonal Gaussian nearest to the posterior in KL(q || p); exact where the precision is diagonal."""
        log_std = -0.5 * self.precision().diagonal().log()
        return DiagonalGaussian(self.posterior_mean(x), log_std.expand(len(x), -1))

    def likelihood(self, z: Tensor) -> Gaussian:
        return Gaussian(z @ self.weight.T, torch.tensor(self.std).log())

    def data(self, count: int, generator: torch.Generator) -> Tensor:
        z = torch.randn(count, self.weight.shape[1], generator=generator)
        return z @ self.weight.T + self.std * torch.randn(count, self.weight.shape[0], generator=generator)


ORTHOGONAL = LinearGaussian(torch.tensor([[1.0, 1.0], [1.0, -1.0], [0.5, 0.0], [0.0, 2.0]], dtype=torch.float64), 0.5)
CORRELATED = LinearGaussian(torch.tensor([[1.0, 0.9], [0.8, 1.0], [0.5, 0.4]], dtype=torch.float64), 0.4)


class LinearDecoder(nn.Module):
    """The exact decoder of a LinearGaussian, with trainable weight."""

    def __init__(self, toy: LinearGaussian) -> None:
        super().__init__()
        self.weight = nn.Parameter(toy.weight.clone())
        self.std = toy.std

    def forward(self, z: Tensor, condition: Tensor | None, batch: object) -> Gaussian:
        return Gaussian(z @ self.weight.T, torch.tensor(self.std).log())
