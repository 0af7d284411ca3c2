"""Blocks of columns that are the numbers of a series or an image: one likelihood, and networks of their own.

A block's numbers are columns as others are (`columns`). The networks differ: recurrent ones over the time of a series,
convolutions over an image. Given the latent, all numbers are independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.networks.conditions import beside_condition
from sciencegen.networks.grids import ImageReader, ImageWriter, SeriesReader, SeriesWriter
from sciencegen.networks.mlp import MLP
from sciencegen.vae.arrays.cell_weights import present, read_weights
from sciencegen.vae.arrays.column_networks import outputs_of, plain_outputs
from sciencegen.vae.arrays.columns import Cellwise, Column, attached_and_detached, group_of, groups_of
from sciencegen.vae.arrays.networks import VALUES, Condition

READERS = {"series": SeriesReader, "image": ImageReader}
WRITERS = {"series": SeriesWriter, "image": ImageWriter}


@dataclass(frozen=True)
class Block:
    """A series or an image.

    Parameters
    ----------
    kind : {"series", "image"}
    shape : tuple of int
        Channels and time, or channels, height and width.
    index : tuple of int
        Columns of the numbers, in the order of the flat array of this shape.
    """

    kind: Literal["series", "image"]
    shape: tuple[int, ...]
    index: tuple[int, ...]

    @property
    def positions(self) -> tuple[int, ...]:
        return self.shape[1:]


def _others(columns: Sequence[Column], blocks: Sequence[Block]) -> list[int]:
    """The columns outside of blocks."""
    inside = {at for block in blocks for at in block.index}
    return [at for at in range(len(columns)) if at not in inside]


class BlockEncoder(nn.Module):
    """Cells, and a mask of those that are known, to features [batch feature]."""

    def __init__(self, columns: Sequence[Column], blocks: Sequence[Block], width: int, depth: int) -> None:
        super().__init__()
        self.columns, self.blocks, others = columns, blocks, _others(columns, blocks)
        self.groups = [*groups_of(columns, others), *(group_of(columns, block.index) for block in blocks)]
        self.alone = len(self.groups) - len(blocks)
        plain = sum(columns[at].features for at in others) + len(others)
        self.sizes = [plain, *(2 * math.prod(block.shape) for block in blocks)]
        self.inputs, self.features = sum(self.sizes), width
        self.readers = nn.ModuleList([READERS[b.kind](2 * b.shape[0], b.positions, width) for b in blocks])
        self.network = MLP(plain + width * len(blocks), width, width, depth)

    def forward(self, batch: Batch) -> Float[Tensor, "batch feature"]:
        value, mask = batch[VALUES], present(batch, self.columns)
        weights, places = read_weights(batch, mask), [list(group.index) for group in self.groups]
        masks = [mask[:, index] for index in places]
        known = [group.features(value[:, at]) * weights[:, at] for group, at in zip(self.groups, places, strict=True)]
        plain = [*known[: self.alone], *masks[: self.alone]]
        arrays = [one for pair in zip(known[self.alone :], masks[self.alone :], strict=True) for one in pair]
        return self.of_inputs(torch.cat([*plain, *arrays], 1))

    def of_inputs(self, inputs: Float[Tensor, "batch input"]) -> Float[Tensor, "batch feature"]:
        """Features of the networks' inputs, such as those of a VampPrior's pseudo-items."""
        plain, *arrays = self.split(inputs)
        read = [reader(one) for reader, one in zip(self.readers, arrays, strict=True)]
        return functional.silu(self.network(torch.cat([plain, *read], 1)))

    def split(self, inputs: Float[Tensor, "batch input"]) -> list[Tensor]:
        """The inputs of the plain columns [batch input], and of each block [batch channel ...]."""
        plain, *arrays = inputs.split(self.sizes, 1)
        shapes = [(2 * block.shape[0], *block.positions) for block in self.blocks]
        return [plain, *(one.unflatten(1, shape) for one, shape in zip(arrays, shapes, strict=True))]


WriterOf = Callable[[Block, int, int, int], nn.Module]
"""(block, inputs, channels of outputs, width) -> a network from features to outputs at each position."""


def writer_of(block: Block, inputs: int, channels: int, width: int) -> nn.Module:
    """The decoder's network of a block."""
    return WRITERS[block.kind](inputs, channels, block.positions, width)


class BlockDecoder(nn.Module):
    """p(x | z, c), `Cellwise`."""

    def __init__(
        self, columns: Sequence[Column], blocks: Sequence[Block], latent_size: int, property_count: int, width: int,
        depth: int, writer: WriterOf = writer_of,
    ) -> None:  # fmt: skip
        super().__init__()
        attached, detached = attached_and_detached(columns, _others(columns, blocks))
        arrays = [group_of(columns, block.index) for block in blocks]
        self.groups, self.property_count = [*attached, *detached, *arrays], property_count
        known = latent_size + 2 * property_count
        self.network, self.detached = (outputs_of(groups, known, width, depth) for groups in (attached, detached))
        self.writers = nn.ModuleList([
            writer(block, known, group.parameters // math.prod(block.positions), width)
            for block, group in zip(blocks, arrays, strict=True)
        ])  # fmt: skip

    def forward(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None, batch: Batch | None = None
    ) -> Cellwise:
        known = self.known(latent, condition)
        plain = plain_outputs(known, self.network, self.detached)
        outputs = torch.cat([*plain, *(writer(known).flatten(1) for writer in self.writers)], 1)
        return Cellwise(self.groups, outputs, None if batch is None else batch.mask)

    def known(
        self, latent: Float[Tensor, "batch latent"], condition: Condition = None
    ) -> Float[Tensor, "batch feature"]:
        """Inputs of the networks."""
        return beside_condition(latent, condition, self.property_count)
