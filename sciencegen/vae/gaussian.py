"""The diagonal Gaussian, used for posteriors, priors and inferred conditions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from sciencegen.errors import ShapeError
from sciencegen.networks.normal import LOG_2_PI, check_latents, standard_normal


def standard_normal_log_prob(values: Float[Tensor, "*batch latent"]) -> Float[Tensor, "*batch"]:
    """Log N(values; 0, I), summed over the last dimension."""
    return -0.5 * (values.square() + LOG_2_PI).sum(-1)


def repeats(rows: int, batch: int, latent: Tensor) -> int:
    """Samples per item, if `rows` rows hold those of `batch` items, an item's samples in consecutive rows."""
    if batch == 0 or rows % batch:
        raise ShapeError(
            f"Expected a multiple of {batch} rows, each item's samples in a row, got {list(latent.shape)}."
        )
    return rows // batch


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mean, diag(exp(log_std))^2), one for each item of a batch. Kingma & Welling 2014, section 3."""

    mean: Float[Tensor, "*batch latent"]
    log_std: Float[Tensor, "*batch latent"]

    def __post_init__(self) -> None:
        if self.mean.shape != self.log_std.shape:
            raise ShapeError(
                f"Expected mean and log_std of one shape [batch latent], got {list(self.mean.shape)} and "
                f"{list(self.log_std.shape)}."
            )

    def sample(
        self, generator: Generator, count: int = 1
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " samples"]]:
        """Draws z = mean + std * noise, and log q(z): `count` per item in consecutive rows."""
        mean, log_std = self.mean.repeat_interleave(count, 0), self.log_std.repeat_interleave(count, 0)
        noise = standard_normal(mean.shape, generator, mean)
        return mean + log_std.exp() * noise, standard_normal_log_prob(noise) - log_std.sum(-1)

    def reparameterized(
        self, noise: Float[Tensor, "_ latent"]
    ) -> tuple[Float[Tensor, "samples latent"], Float[Tensor, " _"]]:
        """Latents z = mean + std * noise and log |dz/dnoise|; either may be one row, which is broadcast."""
        return self.mean + self.log_std.exp() * noise, self.log_std.sum(-1)

    def log_prob(self, latent: Float[Tensor, "samples latent"]) -> Float[Tensor, " samples"]:
        """Log q(z), for one or several latents of each item (in consecutive rows)."""
        check_latents(latent, self.mean.shape[-1])
        count = repeats(latent.shape[0], self.mean.shape[0], latent)
        mean, log_std = self.mean.repeat_interleave(count, 0), self.log_std.repeat_interleave(count, 0)
        return standard_normal_log_prob((latent - mean) * (-log_std).exp()) - log_std.sum(-1)

    def kl_per_dimension(self, other: DiagonalGaussian) -> Float[Tensor, "*batch latent"]:
        """KL(q || p) = log(s_p / s_q) + (s_q^2 + (m_q - m_p)^2) / (2 s_p^2) - 1/2 in each dimension.

        Kingma & Welling 2014, appendix B, with a general second Gaussian.
        """
        scaled = (self.mean - other.mean) * (-other.log_std).exp()
        difference = self.log_std - other.log_std
        return 0.5 * ((2 * difference).exp() + scaled.square() - 1) - difference

    def kl(self, other: DiagonalGaussian) -> Float[Tensor, "*batch"]:
        return self.kl_per_dimension(other).sum(-1)

    def detach(self) -> DiagonalGaussian:
        """The same distribution, with detached parameters."""
        return DiagonalGaussian(self.mean.detach(), self.log_std.detach())


def standard_normal_kl(posterior: DiagonalGaussian) -> Float[Tensor, "*batch"]:
    """KL(N(m, s^2) || N(0, I)) = 1/2 sum (m^2 + s^2 - 1) - sum log s, in single precision or better. Ibid."""
    mean, log_std = (v.to(torch.promote_types(v.dtype, torch.float32)) for v in (posterior.mean, posterior.log_std))
    return (0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std).sum(-1)
