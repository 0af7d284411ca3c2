"""The spaces of fields: Euclidean, Euclidean with zero mean over positions, or categorical; of any trailing shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from sciencegen.errors import ConfigError, DataError
from sciencegen.networks.normal import LOG_2_PI

Real = Bool[Tensor, "batch ..."] | None
"""True at the entries of a field that count, not at padding; None: all. Its shape is the field's first dimensions."""


@runtime_checkable
class Space(Protocol):
    """The operations that diffusion needs for a kind of data. `real` broadcasts over a value's trailing dimensions."""

    def project(self, value: Tensor, real: Real) -> Tensor:
        """The nearest point of the space, zero at padding. Projected white noise is standard normal in the space."""

    def dimensions(self, value: Tensor, real: Real) -> Float[Tensor, " batch"]:
        """Dimension of the space for each item: the degrees of freedom of its noise."""

    def surprise(self, x: Tensor, z: Tensor, log_snr: Float[Tensor, " batch"], real: Real) -> Float[Tensor, " batch"]:
        """-log p(x | z_0) in nats for the least noisy z, or its expectation over z, if that has a closed form."""


def sum_over_item(values: Float[Tensor, "batch ..."], real: Real = None) -> Float[Tensor, " batch"]:
    """Sum over all but the first dimension, of the entries that are real."""
    values = real_entries(values, real)
    return values.flatten(1).sum(1) if values.ndim > 1 else values


def real_entries(value: Tensor, real: Real) -> Tensor:
    """The entries that are real, zero elsewhere."""
    return value if real is None else value.masked_fill(~_broad(real, value), 0)


def rows(values: Float[Tensor, " batch"], like: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch ..."]:
    """One number for each item, reshaped to broadcast against `like`."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def _broad(real: Tensor, like: Tensor) -> Tensor:
    return real.reshape(*real.shape, *[1] * (like.ndim - real.ndim))


@dataclass(frozen=True)
class Euclidean:
    """Real numbers of any trailing shape."""

    def project(self, value: Float[Tensor, "batch ..."], real: Real) -> Float[Tensor, "batch ..."]:
        return real_entries(value, real)

    def dimensions(self, value: Float[Tensor, "batch ..."], real: Real) -> Float[Tensor, " batch"]:
        return sum_over_item(torch.ones_like(value), real)

    def surprise(
        self,
        x: Float[Tensor, "batch ..."],
        z: Float[Tensor, "batch ..."],
        log_snr: Float[Tensor, " batch"],
        real: Real,
    ) -> Float[Tensor, " batch"]:
        """Where p(x | z_0) = N(z_0 / alpha_0, e^-log_snr I), the expectation over q(z_0 | x) is an entropy.

        -E log p(x | z_0) = D/2 (log 2 pi e - log_snr). Hoogeboom et al. 2022, section 3 (the zeroth likelihood term).
        """
        return 0.5 * self.dimensions(x, real) * (LOG_2_PI + 1 - log_snr)


@dataclass(frozen=True)
class ZeroCentre(Euclidean):
    """Points [batch position ... axis] whose mean over the positions is zero: a subspace of (n - 1) d dimensions.

    Köhler et al. 2020; Hoogeboom et al. 2022, section 3. Densities are over this subspace, which excludes
    translations of an item.
    """

    def project(self, value: Float[Tensor, "batch position ..."], real: Real) -> Float[Tensor, "batch position ..."]:
        value = super().project(value, real)
        count = value.shape[1] if real is None else _broad(real, value).sum(1, keepdim=True).clamp(min=1)
        return super().project(value - value.sum(1, keepdim=True) / count, real)

    def dimensions(self, value: Float[Tensor, "batch position ..."], real: Real) -> Float[Tensor, " batch"]:
        """(n - 1) d, and none for an item without positions."""
        every = super().dimensions(value, real)
        return (every - math.prod(value.shape[2:])).clamp(min=0)


@dataclass(frozen=True)
class Categorical(Euclidean):
    """One of `categories` at each place, as one-hot vectors [batch ... category]. Hoogeboom et al. 2022, section 3.

    The paper scales one-hot vectors by 1/4 so that classes are decided later than positions. Here, a field's
    `log_snr_shift` of 2 log(1/4) has the same effect on the signal-to-noise ratio.
    """

    categories: int

    def __post_init__(self) -> None:
        if self.categories < 1:
            raise ConfigError(f"Expected 1 or more categories, got {self.categories}.")

    def one_hot(self, index: Int[Tensor, "batch ..."]) -> Float[Tensor, "batch ... category"]:
        if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < self.categories:
            raise DataError(
                f"Expected categories 0 to {self.categories - 1}, got {int(index.min())} to {int(index.max())}. "
                "Refuse items of other kinds when they are read."
            )
        return functional.one_hot(index, self.categories).to(torch.get_default_dtype())

    def index(self, x: Float[Tensor, "batch ... category"]) -> Int[Tensor, "batch ..."]:
        """The likeliest category at each place."""
        return x.argmax(-1)

    def surprise(
        self,
        x: Float[Tensor, "batch ... category"],
        z: Float[Tensor, "batch ... category"],
        log_snr: Float[Tensor, " batch"],
        real: Real,
    ) -> Float[Tensor, " batch"]:
        """p(c | z_0) is proportional to the mass of N(z_0c / alpha_0, e^-log_snr) between 1/2 and 3/2. Ibid.

        `z` is z_0 / alpha_0. log [Phi(b) - Phi(a)] = log Phi(b) + log(1 - Phi(a) / Phi(b)) is precise in the tail if b
        is the nearer end. The interval is symmetric about 1, so only the absolute distance from 1 matters.
        """
        precision, distance = rows((0.5 * log_snr).exp(), z), (z - 1).abs()
        near = torch.special.log_ndtr((0.5 - distance) * precision)
        far = torch.special.log_ndtr((-0.5 - distance) * precision)
        mass = near + torch.log(-torch.expm1(far - near))
        return sum_over_item(-(x * torch.log_softmax(mass, -1)).sum(-1), real)
