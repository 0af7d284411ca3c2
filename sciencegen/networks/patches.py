"""Images that lie in a vector of numbers, and their patches as tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.networks.mlp import linear


@dataclass(frozen=True)
class Grid:
    """An image in a vector.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width. A series has a height of 1.
    index : tuple of int
        Places of the numbers in the vector, in the order of the flat image.
    """

    shape: tuple[int, int, int]
    index: tuple[int, ...]

    def image(self, vector: Float[Tensor, "batch size"]) -> Float[Tensor, "batch channel y x"]:
        return vector[:, list(self.index)].unflatten(1, self.shape)


def outside(size: int, grids: Sequence[Grid]) -> list[int]:
    """Places of a vector that are in none of the grids."""
    inside = {place for grid in grids for place in grid.index}
    return [place for place in range(size) if place not in inside]


def vector_of(
    others: Float[Tensor, "batch other"], images: Sequence[Float[Tensor, "batch _c _y _x"]], grids: Sequence[Grid]
) -> Float[Tensor, "batch size"]:
    """The vector of the numbers outside of the grids and of the grids' images."""
    parts = torch.cat([others, *(image.flatten(1) for image in images)], 1)
    index = [*outside(parts.shape[1], grids), *(place for grid in grids for place in grid.index)]
    return parts[:, torch.tensor(index, device=parts.device).argsort()]


class PatchTokens(nn.Module):
    """Squares of pixels of an image as tokens, and back; images are padded at the bottom and at the right.

    Parameters
    ----------
    shape : tuple of int
        Channels, height and width of the image that is made.
    patch : int
        Side of a square.
    width : int
        Of a token.
    inputs : int
        Channels that are read.
    """

    def __init__(self, shape: tuple[int, int, int], patch: int, width: int, inputs: int) -> None:
        super().__init__()
        self.shape, self.patch = shape, patch
        self.rows, self.columns = (math.ceil(side / patch) for side in shape[1:])
        self.count = self.rows * self.columns
        self.inward = linear(inputs * patch**2, width)
        self.outward = linear(width, shape[0] * patch**2, zero=True)

    def forward(self, image: Float[Tensor, "batch input y x"]) -> Float[Tensor, "batch token width"]:
        """Tokens of an image."""
        _, height, width = self.shape
        margins = (0, self.columns * self.patch - width, 0, self.rows * self.patch - height)
        whole = functional.pad(image, margins)
        return self.inward(functional.pixel_unshuffle(whole, self.patch).flatten(2).transpose(1, 2))

    def read(self, tokens: Float[Tensor, "batch token width"]) -> Float[Tensor, "batch channel y x"]:
        """The image of tokens; it starts as 0."""
        squares = self.outward(tokens).transpose(1, 2).unflatten(2, (self.rows, self.columns))
        return functional.pixel_shuffle(squares, self.patch)[:, :, : self.shape[1], : self.shape[2]]
