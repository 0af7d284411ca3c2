"""A network for properties of whole items: invariant readouts of the network of spherical harmonics.

Its outputs are standardized. The caller adds what composition alone explains, and converts to the unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import unknown_name
from sciencegen.networks.equivariant.harmonics import (
    HarmonicNetwork,
    HarmonicSettings,
    PointProperties,
    pooled_scalars,
    pooled_vectors,
)

QUADRATIC_BELOW = 0.1
"""Standardized errors below this count quadratically, larger ones linearly, which limits the effect of outliers."""


def summed(found: PointProperties, positions: Tensor, mask: Bool[Tensor, "batch point"]) -> Float[Tensor, " batch"]:
    """sum_i a_i, for extensive properties."""
    return pooled_scalars(found)[:, 0]


def averaged(found: PointProperties, positions: Tensor, mask: Bool[Tensor, "batch point"]) -> Float[Tensor, " batch"]:
    """sum_i softmax_i(b_i) a_i, for intensive properties, also of few points (such as an orbital's energy)."""
    values, logits = found.scalars.unbind(-1)
    return (values * logits.masked_fill(~mask, float("-inf")).softmax(-1)).sum(-1)


def dipole(found: PointProperties, positions: Tensor, mask: Bool[Tensor, "batch point"]) -> Float[Tensor, " batch"]:
    """|sum_i (mu_i + q_i x_i)| with charges of mean zero; smooth where it vanishes."""
    return (pooled_vectors(found, positions, mask)[:, 0].square().sum(-1) + 1e-8).sqrt()


@dataclass(frozen=True)
class Readout:
    """scalars, vectors: outputs needed for each point, from which `of` computes one number for the item."""

    scalars: int
    vectors: int
    of: Callable[[PointProperties, Tensor, Tensor], Tensor]


READOUTS: Mapping[str, Readout] = {
    "sum": Readout(1, 0, summed),
    "mean": Readout(2, 0, averaged),
    "dipole": Readout(0, 1, dipole),
}


class PropertyNetwork(nn.Module):
    """Maps Batches with the fields positions [batch point 3], types [batch point type] and a mask to [batch property].

    readouts: for each property, a name in READOUTS. All properties share the network up to its last layer.
    """

    def __init__(self, types: int, readouts: Sequence[str], settings: HarmonicSettings | None = None) -> None:
        super().__init__()
        for name in readouts:
            if name not in READOUTS:
                raise unknown_name("readout", name, READOUTS)
        self.readouts = tuple(readouts)
        parts = [READOUTS[name] for name in self.readouts]
        self.scalars, self.vectors = [part.scalars for part in parts], [part.vectors for part in parts]
        self.network = HarmonicNetwork(types, sum(self.scalars), sum(self.vectors), settings)

    def forward(self, batch: Batch) -> Float[Tensor, "batch property"]:
        positions, types = batch["positions"], batch["types"]
        mask = torch.ones_like(positions[..., 0], dtype=torch.bool) if batch.mask is None else batch.mask
        found = self.network(positions, types, mask)
        scalars = found.scalars.split(self.scalars, -1)
        charges, vectors = found.charges.split(self.vectors, -1), found.vectors.split(self.vectors, 2)
        parts = map(PointProperties, scalars, charges, vectors)
        answers = [READOUTS[name].of(part, positions, mask) for name, part in zip(self.readouts, parts, strict=True)]
        return torch.stack(answers, -1)

    def loss(self, batch: Batch, step: int, generator: Generator) -> dict[str, Tensor]:
        """Mean Huber loss over the known values of the condition (NaN: unknown), and their mean absolute error."""
        assert batch.condition is not None  # the standardized values
        known = batch.condition.isfinite()
        answers, values = self(batch)[known], batch.condition[known]
        error = (answers - values).abs().sum() / known.sum().clamp(min=1)
        huber = functional.huber_loss(answers, values, reduction="sum", delta=QUADRATIC_BELOW)
        return {"loss": huber / QUADRATIC_BELOW / known.sum().clamp(min=1), "error": error.detach()}
