"""Networks of the diffusion of a table with columns of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torch import nn

from sciencegen.domains.tables.coding import CODES
from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.patches import Grid
from sciencegen.networks.unet import UNetSettings
from sciencegen.networks.uvit import UViTDenoiser, UViTSettings
from sciencegen.networks.vector_unet import VectorUNetDenoiser
from sciencegen.vae.arrays.blocks import Block

NetworkName = Literal["mlp", "unet", "uvit"]

NETWORKS: tuple[str, ...] = get_args(NetworkName)


@dataclass(frozen=True)
class NetworkSizes:
    """size: of a row's vector. conditions: columns of the condition. unet, uvit: settings of the networks."""

    size: int
    conditions: int
    unet: UNetSettings
    uvit: UViTSettings


def check_network(name: str) -> None:
    """Raise an error for an unknown name."""
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)


def grids_of(blocks: Sequence[Block], columns: Sequence[int]) -> list[Grid]:
    """Where the numbers of each block are in a row's vector. columns: the column of each number of the vector."""
    places = {column: place for place, column in enumerate(columns)}
    return [Grid(_image_shape(block), tuple(places[column] for column in block.index)) for block in blocks]


def _image_shape(block: Block) -> tuple[int, int, int]:
    """Channels, height and width; a series has a height of 1."""
    channels, *sides = block.shape
    height, width = (1, *sides) if block.kind == "series" else sides
    return channels, height, width


def network_of(name: str, grids: Sequence[Grid], sizes: NetworkSizes) -> nn.Module | None:
    """The network of this name; None for "mlp", the default of a diffusion of vectors.

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
        return UViTDenoiser(CODES, sizes.size, grids, sizes.conditions, sizes.uvit)
    if len(grids) > 1 or grids[0].shape[1] == 1:
        shapes = ", ".join(str(list(grid.shape)) for grid in grids)
        raise ConfigError(
            f"Expected one column of images for network=unet, got arrays [channel height width] of {shapes}. "
            "Leave others out, or take network=uvit."
        )
    return VectorUNetDenoiser(CODES, sizes.size, grids[0], sizes.conditions, sizes.unet)
