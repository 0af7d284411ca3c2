"""The networks of the VAE of arrays whose columns have likelihoods of their own (`columns`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.networks.conditions import beside_condition
from sciencegen.networks.mlp import MLP, LayerSettings
from sciencegen.vae.arrays.cell_weights import present, read_weights
from sciencegen.vae.arrays.columns import Cellwise, Column, Group, attached_and_detached, groups_of
from sciencegen.vae.arrays.networks import VALUES, Condition


class ColumnEncoder(nn.Module):
    """Cells, and a mask of those that are known, to features [batch feature]. direct: whether these include the
    numbers, standardized: `of_inputs` doesn't know them."""

    def __init__(self, columns: Sequence[Column], width: int, depth: int, direct: bool = False) -> None:
        super().__init__()
        self.columns, self.groups = columns, groups_of(columns)
        self.inputs = sum(column.features for column in columns) + len(columns)
        self.numbers = [at for at, one in enumerate(columns) if direct and not one.classes]
        self.features = width + len(self.numbers)
        self.network = MLP(self.inputs, width, width, depth)

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        value, mask = batch[VALUES], present(batch, self.columns)
        weights = read_weights(batch, mask)
        known = (group.features(value[:, group.index]) * weights[:, group.index] for group in self.groups)
        features = self.of_inputs(torch.cat([*known, mask], 1))
        return torch.cat([features, (value * mask)[:, self.numbers]], 1) if self.numbers else features

    def of_inputs(self, inputs: Float[Tensor, "batch input"]) -> Float[Tensor, "batch feature"]:
        """Features of the network's inputs, such as those of a VampPrior's pseudo-items."""
        return functional.silu(self.network(inputs))


class ColumnDecoder(nn.Module):
    """p(x | z, c), `Cellwise`."""

    def __init__(
        self, columns: Sequence[Column], latent_size: int, property_count: int, width: int, depth: int,
        layers: LayerSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        attached, detached = attached_and_detached(columns)
        self.groups, self.property_count = [*attached, *detached], property_count
        known = latent_size + 2 * property_count
        self.network, self.detached = (
            outputs_of(groups, known, width, depth, layers) for groups in (attached, detached)
        )

    def forward(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None, batch: Batch | None = None
    ) -> Cellwise:
        known = beside_condition(latent, condition, self.property_count)
        outputs = plain_outputs(known, self.network, self.detached)
        return Cellwise(self.groups, torch.cat(outputs, 1), None if batch is None else batch.mask)


def outputs_of(
    groups: Sequence[Group], inputs: int, width: int, depth: int, layers: LayerSettings | None = None
) -> MLP | None:
    """A network for the likelihoods' parameters; None without groups."""
    outputs = sum(group.parameters for group in groups)
    return MLP(inputs, outputs, width, depth, layers=layers) if groups else None


def plain_outputs(
    known: Float[Tensor, "batch input"], attached: nn.Module | None, detached: nn.Module | None
) -> list[Float[Tensor, "batch _"]]:
    """The parameters of columns by two networks, the second of which gives its inputs no gradient."""
    parts = ((attached, known), (detached, known.detach()))
    return [network(inputs) for network, inputs in parts if network is not None]
