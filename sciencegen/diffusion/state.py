"""The state of a diffusion: a mapping of named fields, each with its space and its noise.

Fields of a batch that the state doesn't name are given: they are passed to the denoiser without noise (such as a graph
whose geometry is to be drawn), and nothing here changes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from sciencegen.batch import Batch
from sciencegen.diffusion.spaces import Categorical, Real, Space, ZeroCentre, real_entries, sum_over_item
from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.networks.normal import standard_normal

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
            if isinstance(space, Categorical) and not value.is_floating_point():
                return space.one_hot(field.once(value, batch.mask))  # padding may hold any number
            return value

        self.check(batch.fields, batch.mask)
        fields = {name: embedded(name, field) for name, field in self.fields.items()}
        return with_fields(batch, self.project(fields, batch.mask))

    def read(self, x: Batch) -> Batch:
        """The batch with each categorical field as whole numbers."""
        spaces = {name: field.space for name, field in self.fields.items()}
        chosen = {name: space.index(x[name]) for name, space in spaces.items() if isinstance(space, Categorical)}
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
