"""The networks of the VAE of arrays whose columns have likelihoods of their own (`columns`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import MLP
from sciencegen.vae.arrays.columns import Cellwise, Column, groups_of, present
from sciencegen.vae.arrays.networks import VALUES, Condition


class ColumnEncoder(nn.Module):
    """Cells, and a mask of those that are known, to features [batch feature]."""

    def __init__(self, columns: Sequence[Column], width: int, depth: int) -> None:
        super().__init__()
        self.columns, self.groups = columns, groups_of(columns)
        self.inputs = sum(column.features for column in columns) + len(columns)
        self.network = MLP(self.inputs, width, width, depth)

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        value, mask = batch[VALUES], present(batch, self.columns)
        known = (group.features(value[:, group.index]) * mask[:, group.index] for group in self.groups)
        return self.of_inputs(torch.cat([*known, mask], 1))

    def of_inputs(self, inputs: Float[Tensor, "batch input"]) -> Float[Tensor, "batch feature"]:
        """Features of the network's inputs, such as those of a VampPrior's pseudo-items."""
        return functional.silu(self.network(inputs))


class ColumnDecoder(nn.Module):
    """p(x | z, c), `Cellwise`."""

    def __init__(
        self, columns: Sequence[Column], latent_size: int, property_count: int, width: int, depth: int
    ) -> None:
        super().__init__()
        self.groups, self.property_count = groups_of(columns), property_count
        outputs = sum(group.parameters for group in self.groups)
        self.network = MLP(latent_size + 2 * property_count, outputs, width, depth)

    def forward(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None, batch: Batch | None = None
    ) -> Cellwise:
        features = condition_features(condition, latent, self.property_count)
        outputs = self.network(torch.cat([latent, features], -1))
        return Cellwise(self.groups, outputs, None if batch is None else batch.mask)
