"""The state of a diffusion: a mapping of named fields, each with its space and its noise.

Fields of a batch that the state doesn't name are given: they are passed to the denoiser without noise (such as a graph
whose geometry is to be drawn), and nothing here changes them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, DataError, ShapeError, unknown_name
from sciencegen.networks.shared_noise import LOG_2_PI, standard_normal

# The spaces of fields: Euclidean, Euclidean with zero mean over positions, or categorical; of any trailing shape.

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

    def prior(self, x: Tensor, log_snr: Float[Tensor, " batch"], real: Real) -> Float[Tensor, " batch"]:
        """KL(q(z_1 | x) || p(z_1)) in nats at the noisiest level."""

    def target(self, x: Tensor, y: Tensor, log_snr: Float[Tensor, " batch"], real: Real) -> Tensor:
        """What an estimate from y = z / alpha is compared with: x, or a mean of what is equal to it."""


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

    def prior(
        self, x: Float[Tensor, "batch ..."], log_snr: Float[Tensor, " batch"], real: Real
    ) -> Float[Tensor, " batch"]:
        """1/2 sum [sigma^2 + alpha^2 x^2 - 1 - log sigma^2], from N(0, I)."""
        count, squares = self.dimensions(x, real), sum_over_item(x.square(), real)
        return 0.5 * (torch.sigmoid(log_snr) * (squares - count) - count * functional.logsigmoid(-log_snr))

    def target(
        self,
        x: Float[Tensor, "batch ..."],
        y: Float[Tensor, "batch ..."],
        log_snr: Float[Tensor, " batch"],
        real: Real,
    ) -> Float[Tensor, "batch ..."]:
        return x


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
class CategoricalSpace(Euclidean):
    """One of `categories` at each place, as one-hot vectors [batch ... category]. Hoogeboom et al. 2022, section 3.

    The paper scales one-hot vectors by 1/4 so that classes are decided later than positions. Here, a field's
    `log_snr_shift` of 2 log(1/4) has the same effect on the signal-to-noise ratio.
    """

    categories: int

    def __post_init__(self) -> None:
        if self.categories < 1:
            raise ConfigError(f"Expected 1 or more categories, got {self.categories}.")

    def one_hot(self, index: Int[Tensor, "batch ..."]) -> Float[Tensor, "batch ... category"]:
        checked = index.device.type == "cpu" and index.numel()  # elsewhere the host would have to wait
        if checked and not 0 <= int(index.min()) <= int(index.max()) < self.categories:
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


Fields = Mapping[str, Tensor]


@dataclass(frozen=True)
class Field:
    """A part of the state: its space, its noise, and how its entries belong to the positions of an item.

    log_snr_shift: added to the process's log-SNR. Below 0, noise hides the field earlier, and sampling decides it
    later. The integration variable of the bound, d log_snr, is the same for every shift.
    positions: number of dimensions after the batch that are positions, which the mask may mark as padding. 0: the field
    belongs to the whole item. 1: [batch position ...]. 2: [batch position position ...], unordered pairs: the field is
    symmetric, zero on the diagonal, and each pair counts once.
    """

    space: Space
    log_snr_shift: float = 0.0
    positions: int = 1

    def __post_init__(self) -> None:
        if self.positions not in (0, 1, 2):
            raise ConfigError(f"Expected a field with 0, 1 or 2 dimensions of positions, got {self.positions}.")
        if isinstance(self.space, ZeroCentre) and self.positions != 1:
            raise ConfigError(f"Expected positions=1 of a field with its centre at zero, got {self.positions}.")

    def real(self, value: Tensor, mask: Bool[Tensor, "batch position"] | None) -> Real:
        """Mask of the entries that count: real positions, or pairs of them, each pair once."""
        if self.positions == 0 or (mask is None and self.positions == 1):
            return None
        if self.positions == 1:
            return mask
        upper = torch.ones(value.shape[1:3], dtype=torch.bool, device=value.device).triu(1)
        pairs = upper.expand(len(value), -1, -1)
        return pairs if mask is None else pairs & mask[:, :, None] & mask[:, None, :]

    def once(self, value: Tensor, mask: Bool[Tensor, "batch position"] | None) -> Tensor:
        """The entries that count, zero elsewhere."""
        return real_entries(value, self.real(value, mask))

    def project(self, value: Tensor, mask: Bool[Tensor, "batch position"] | None) -> Tensor:
        """The nearest point of the field's space; for pairs, the upper triangle and its transpose."""
        value = self.space.project(value, self.real(value, mask))
        return value + value.transpose(1, 2) if self.positions == 2 else value


@dataclass(frozen=True)
class State:
    """The fields that are noised, by name."""

    fields: Mapping[str, Field]

    def __post_init__(self) -> None:
        if not self.fields:
            raise ConfigError("Expected a state of one or more fields, got none.")

    def first(self, batch: Batch) -> Tensor:
        """The first field of a batch, for the number of items, the type and the device of all of them."""
        return batch[next(iter(self.fields))]

    def check(self, values: Fields, mask: Tensor | None, what: str = "batch") -> None:
        """Raise an error if a field is missing or has too few dimensions, or if the mask doesn't fit its positions."""
        for name, field in self.fields.items():
            if name not in values:
                raise unknown_name(f"field (the {what} lacks it)", name, values)
            shape = list(values[name].shape)
            if len(shape) < 1 + field.positions or (field.positions == 2 and shape[1] != shape[2]):
                layout = " ".join(["batch", *["position"] * field.positions])
                raise ShapeError(f"Expected '{name}' of shape [{layout} ...] in the {what}, got {shape}.")
            if mask is not None and field.positions and list(mask.shape) != shape[:2]:
                raise ShapeError(
                    f"Expected a mask of shape {shape[:2]} [batch position] for '{name}', got {list(mask.shape)}. "
                    "Give a field that belongs to the whole item `positions=0`."
                )

    def project(self, values: Fields, mask: Tensor | None, what: str = "batch") -> dict[str, Tensor]:
        """Each field's nearest point in its space; given fields are left out."""
        self.check(values, mask, what)
        return {name: field.project(values[name], mask) for name, field in self.fields.items()}

    def embed(self, batch: Batch) -> Batch:
        """The batch with the state's fields in their spaces; whole numbers of a categorical field become one-hot."""

        def embedded(name: str, field: Field) -> Tensor:
            value, space = batch[name], field.space
            if isinstance(space, CategoricalSpace) and not value.is_floating_point():
                return space.one_hot(field.once(value, batch.mask))  # padding may hold any number
            return value

        self.check(batch.fields, batch.mask)
        fields = {name: embedded(name, field) for name, field in self.fields.items()}
        return with_fields(batch, self.project(fields, batch.mask))

    def read(self, x: Batch) -> Batch:
        """The batch with each categorical field as whole numbers."""
        spaces = {name: field.space for name, field in self.fields.items()}
        chosen = {name: space.index(x[name]) for name, space in spaces.items() if isinstance(space, CategoricalSpace)}
        return with_fields(x, chosen)

    def dimensions(self, x: Batch) -> Float[Tensor, " batch"]:
        """Degrees of freedom of each item's noise, over all fields."""
        counts = [f.space.dimensions(x[name], f.real(x[name], x.mask)) for name, f in self.fields.items()]
        return torch.stack(counts).sum(0)

    def squared_norms(self, values: Fields, mask: Tensor | None) -> dict[str, Float[Tensor, " batch"]]:
        """Squared length of each item in each field, over the entries that count."""
        return {n: sum_over_item(values[n].square(), f.real(values[n], mask)) for n, f in self.fields.items()}

    def noise(self, like: Batch, generator: Generator) -> dict[str, Tensor]:
        """Standard normal noise in each field's space."""
        drawn = {name: standard_normal(like[name].shape, generator, like[name]) for name in self.fields}
        return self.project(drawn, like.mask)


def with_fields(batch: Batch, changed: Fields) -> Batch:
    """The batch with some of its fields replaced."""
    return Batch({**batch.fields, **changed}, batch.mask, batch.condition)


def differentiable(value: Tensor) -> Tensor:
    """The tensor, or its copy if it was made in inference mode and so can't take part in a gradient."""
    return value.clone() if value.is_inference() else value
