"""Rows as vectors of real numbers, for a diffusion: `sciencegen.diffusion.vectors.Coding`.

A number is its standardized value, or that of its logarithm where it has one; a whole number gets uniform noise of
one unit first. A class is one of K corners, 2 e_k - 2/K, of two classes -1 and 1, with normal noise of `NOISE`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.networks.shared_noise import standard_normal
from sciencegen.networks.unet import UNetSettings, VectorUNetDenoiser
from sciencegen.networks.uvit import Grid, UViTDenoiser, UViTSettings
from sciencegen.vae.array_columns import COUNTS, VALUES, ArrayBlock, Group, LikelihoodColumn, groups_of, in_order
from sciencegen.vae.posteriors import standard_normal_log_prob

CODES = "codes"
"""The field of the vectors."""
NOISE = 0.2
"""Standard deviation of the noise of classes, whose corners differ by 2: one draw in 1e7 is nearer to another."""
WHOLE = (*COUNTS, "discretized_logistic")


@dataclass(frozen=True)
class TableCoding:
    """Rows of a table as vectors [batch number]: the numbers in their order, then the classes of each column.

    columns: with the likelihoods by which the scale of numbers is chosen (`column_choice`).
    """

    columns: Sequence[LikelihoodColumn]

    @cached_property
    def groups(self) -> list[Group]:
        """The groups of `columns`: numbers first, each column of classes alone."""
        scaled = {"discretized_logistic": "gaussian", "student_t": "gaussian"} | dict.fromkeys(COUNTS, "log_normal")
        return groups_of([replace(one, likelihood=scaled.get(one.likelihood, one.likelihood)) for one in self.columns])

    @cached_property
    def places(self) -> list[int]:
        """The column of each number of a vector."""
        return [at for group in self.groups for at in group.index for _ in range(_width(group))]

    @property
    def size(self) -> int:
        return len(self.places)

    def drawn(self, batch: Batch, generator: Generator) -> tuple[Batch, Float[Tensor, " batch"]]:
        value = batch[VALUES]
        uniform = torch.rand(value.shape, generator=generator, device=generator.device).to(value) - 0.5
        noise = standard_normal((len(value), self.size), generator, value)
        return self._coded(batch, uniform, noise)

    def centre(self, batch: Batch) -> Batch:
        value = batch[VALUES]
        return self._coded(batch, torch.zeros_like(value), value.new_zeros(len(value), self.size))[0]

    def _coded(self, batch: Batch, uniform: Tensor, noise: Tensor) -> tuple[Batch, Tensor]:
        """Codes and -log q of uniform noise in -1/2..1/2 and standard normal noise."""
        value, known = batch[VALUES], self._known(batch)
        whole = value.new_tensor([one.likelihood in WHOLE for one in self.columns])
        value = value + uniform * whole / value.new_tensor([one.std for one in self.columns])
        codes, spreads = [], []
        for group, part in self._parts(noise):
            cells = value[:, list(group.index)]
            if group.classes:
                codes.append(_corners(group, cells) + NOISE * part)
                log_q = standard_normal_log_prob(part[..., None]) - torch.tensor(NOISE).log()
                spreads.append(-log_q)
            else:
                codes.append(group.to_support(cells))
                spreads.append(group.log_volume(cells))
        spread = torch.cat(spreads, 1).masked_fill(~known, 0.0).sum(1)
        return Batch({CODES: torch.cat(codes, 1).masked_fill(~known, 0.0)}, known, batch.condition), spread

    def _known(self, batch: Batch) -> Tensor:
        """The mask of a vector's numbers."""
        value = batch[VALUES]
        mask = torch.ones_like(value, dtype=torch.bool) if batch.mask is None else batch.mask
        return mask[:, self.places]

    def _parts(self, vectors: Tensor) -> Iterator[tuple[Group, Tensor]]:
        widths = [_width(group) * len(group.index) for group in self.groups]
        return zip(self.groups, vectors.split(widths, 1), strict=True)

    def read(self, batch: Batch) -> Batch:
        cells = [group.from_support(_nearest(part) if group.classes else part) for group, part in
                 self._parts(batch[CODES])]  # fmt: skip
        return Batch({VALUES: in_order(self.groups, cells)}, None, batch.condition)


def _width(group: Group) -> int:
    """Numbers of a vector for each column of a group."""
    return group.classes if group.classes > 2 else 1


def _corners(group: Group, cells: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch number"]:
    index = group.to_support(cells)
    if group.classes == 2:
        return 2 * index - 1
    return 2 * functional.one_hot(index[:, 0].long(), group.classes).to(cells) - 2 / group.classes


def _nearest(codes: Float[Tensor, "batch number"]) -> Float[Tensor, "batch 1"]:
    """The class of each code."""
    return ((codes > 0) if codes.shape[1] == 1 else codes.argmax(1, keepdim=True)).to(codes)


# Networks of the diffusion of a table with columns of arrays.

NetworkName = Literal["mlp", "unet", "uvit"]

NETWORKS: tuple[str, ...] = get_args(NetworkName)


def grids_of(blocks: Sequence[ArrayBlock], columns: Sequence[int]) -> list[Grid]:
    """Where the numbers of each block are in a row's vector. columns: the column of each number of the vector."""
    places = {column: place for place, column in enumerate(columns)}
    return [Grid(_image_shape(block), tuple(places[column] for column in block.index)) for block in blocks]


def _image_shape(block: ArrayBlock) -> tuple[int, int, int]:
    """Channels, height and width; a series has a height of 1."""
    channels, *sides = block.shape
    height, width = (1, *sides) if block.kind == "series" else sides
    return channels, height, width


def network_of(
    name: str, grids: Sequence[Grid], size: int, conditions: int, unet: UNetSettings, uvit: UViTSettings
) -> nn.Module | None:
    """The network of this name for vectors of a size; None for "mlp", the default of a diffusion of vectors.

    Raises
    ------
    ConfigError
        If the columns don't fit the network.
    """
    if name == "mlp":
        return None
    if not grids:
        raise ConfigError(f"Expected a column of images for network={name}, got none. Take network=mlp.")
    if name == "uvit":
        return UViTDenoiser(CODES, size, grids, conditions, uvit)
    if len(grids) > 1 or grids[0].shape[1] == 1:
        shapes = ", ".join(str(list(grid.shape)) for grid in grids)
        raise ConfigError(
            f"Expected one column of images for network=unet, got arrays [channel height width] of {shapes}. "
            "Leave others out, or take network=uvit."
        )
    return VectorUNetDenoiser(CODES, size, grids[0], conditions, unet)
