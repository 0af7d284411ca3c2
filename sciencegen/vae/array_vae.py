"""A VAE of vectors: what items that are arrays of one shape need, and no more."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from sciencegen.batch import Batch
from sciencegen.networks.conditions import ConditionDropout, condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.vae.likelihoods import Gaussian
from sciencegen.vae.model import ConditionalVAE, VAESettings
from sciencegen.vae.posteriors import GaussianPosterior
from sciencegen.vae.priors import StandardNormalPrior

VALUES = "values"
"""The field of a batch that holds the vectors, [item value]."""


class ArrayVAE(ConditionalVAE):
    """p(x | z, c) = N(mean(z, c), diag(std^2)), p(z) = N(0, I).

    One std for each value, learned with the networks, weighs the reconstruction against the KL divergence.

    Parameters
    ----------
    size : int
        Values of an item.
    property_count : int
        Columns of the condition.
    latent_size : int
    width : int
        Of the hidden layers of the encoder and the decoder.
    depth : int
        Number of these layers in each.

    References
    ----------
    Kingma & Welling, Auto-encoding variational Bayes, ICLR 2014. Rybkin, Daniilidis & Levine, Simple and effective VAE
    training with calibrated decoders, ICML 2021.

    Examples
    --------
    >>> import torch
    >>> from sciencegen.vae.array_vae import ArrayVAE
    >>> ArrayVAE(size=10, property_count=1, latent_size=4).decode(torch.zeros(3, 4))["values"].shape
    torch.Size([3, 10])
    """

    def __init__(self, size: int, property_count: int, latent_size: int = 8, width: int = 64, depth: int = 2) -> None:
        super().__init__(
            _Encoder(MLP(size, width, width, depth - 1)),
            _Decoder(size, property_count, latent_size, width, depth),
            GaussianPosterior(width, latent_size, property_count),
            StandardNormalPrior(latent_size),
            VALUES,
            VAESettings(dropout=ConditionDropout(some=0.2, everything=0.1)),
        )

    def finish(self, batches: Iterable[Batch], generator: Generator) -> None:
        """Nothing remains to be fitted."""


class _Encoder(nn.Module):
    def __init__(self, network: MLP) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        return nn.functional.silu(self.network(batch[VALUES]))


class _Decoder(nn.Module):
    def __init__(self, size: int, property_count: int, latent_size: int, width: int, depth: int) -> None:
        super().__init__()
        self.property_count = property_count
        self.mean = MLP(latent_size + 2 * property_count, size, width, depth)
        self.log_std = nn.Parameter(torch.zeros(size))

    def forward(
        self,
        latent: Float[Tensor, "batch latent"],
        condition: Float[Tensor, "batch property"] | None,
        batch: Batch | None,
    ) -> Gaussian:
        known = condition_features(condition, latent, self.property_count)
        return Gaussian(self.mean(torch.cat([latent, known], -1)), self.log_std)
