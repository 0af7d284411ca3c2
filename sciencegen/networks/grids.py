"""Networks of series and images of any size: to features, and from features back to numbers at each position."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

COARSEST = 4
"""Images are halved until their longer side is at most this."""
LEAST_WIDTH = 16
TYPICAL = 0.1
"""Scale of the last layer's initial weights: its outputs begin near 0."""


def sides(shape: Sequence[int]) -> list[tuple[int, int]]:
    """Height and width of an image at each level, the finest first; odd sides are rounded up."""
    found = [(shape[0], shape[1])]
    while max(found[-1]) > COARSEST:
        height, width = found[-1]
        found.append(((height + 1) // 2, (width + 1) // 2))
    return found


class ImageReader(nn.Module):
    """Convolutions from an image to features.

    Parameters
    ----------
    channels : int
    shape : sequence of int
        Height and width.
    width : int
        Number of the features; four times the convolutions' channels at the finest level.
    """

    def __init__(self, channels: int, shape: Sequence[int], width: int) -> None:
        super().__init__()
        levels, fine = sides(shape), max(LEAST_WIDTH, width // 4)
        self.inward = nn.Conv2d(channels, fine, 3, padding=1)
        widths = [fine, *[2 * fine] * (len(levels) - 1)]
        self.coarser = nn.ModuleList([nn.Conv2d(*pair, 3, stride=2, padding=1) for pair in pairwise(widths)])
        self.outward = nn.Linear(widths[-1] * math.prod(levels[-1]), width)

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> Float[Tensor, "batch feature"]:
        hidden = functional.silu(self.inward(image))
        for layer in self.coarser:
            hidden = functional.silu(layer(hidden))
        return functional.silu(self.outward(hidden.flatten(1)))


class ImageWriter(nn.Module):
    """Convolutions from features to numbers at each pixel; the inverse in shape of `ImageReader`."""

    def __init__(self, features: int, channels: int, shape: Sequence[int], width: int) -> None:
        super().__init__()
        self.levels, fine = sides(shape)[::-1], max(LEAST_WIDTH, width // 4)
        widths = [*[2 * fine] * (len(self.levels) - 1), fine]
        self.seed = nn.Linear(features, widths[0] * math.prod(self.levels[0]))
        self.shape = (widths[0], *self.levels[0])
        self.finer = nn.ModuleList([nn.Conv2d(*pair, 3, padding=1) for pair in pairwise(widths)])
        self.outward = typical(nn.Conv2d(fine, channels, 3, padding=1))
        self.average = nn.Parameter(torch.zeros(channels, *self.levels[-1]))

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch channel y x"]:
        hidden = functional.silu(self.seed(features)).unflatten(1, self.shape)
        for layer, size in zip(self.finer, self.levels[1:], strict=True):
            hidden = functional.silu(layer(functional.interpolate(hidden, size=size, mode="nearest")))
        return self.outward(hidden) + self.average


class SeriesReader(nn.Module):
    """A recurrent network over time, in both directions, from a series to features. shape: its length."""

    def __init__(self, channels: int, shape: Sequence[int], width: int) -> None:
        super().__init__()
        self.network = nn.GRU(channels, width, batch_first=True, bidirectional=True)
        self.outward = nn.Linear(2 * width, width)

    def forward(self, series: Float[Tensor, "batch channel time"]) -> Float[Tensor, "batch feature"]:
        return self.read(series)[0]

    def read(
        self, series: Float[Tensor, "batch channel time"]
    ) -> tuple[Float[Tensor, "batch feature"], Float[Tensor, "batch time state"]]:
        """Features of the whole series, and the states of both directions at each time."""
        states, last = self.network(series.transpose(1, 2))
        return functional.silu(self.outward(last.transpose(0, 1).flatten(1))), states


class SeriesWriter(nn.Module):
    """A recurrent network from features, which give its first state and are its input, to numbers at each time."""

    def __init__(self, features: int, channels: int, shape: Sequence[int], width: int) -> None:
        super().__init__()
        self.time = shape[0]
        self.first = nn.Linear(features, width)
        self.network = nn.GRU(features, width, batch_first=True)
        self.outward = typical(nn.Linear(width, channels))
        self.average = nn.Parameter(torch.zeros(channels, self.time))

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch channel time"]:
        first = torch.tanh(self.first(features))[None]
        states, _ = self.network(features[:, None].expand(-1, self.time, -1).contiguous(), first)
        return self.outward(states).transpose(1, 2) + self.average


Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)


def typical(layer: Layer) -> Layer:
    """The layer with small weights."""
    with torch.no_grad():
        layer.weight.mul_(TYPICAL)
        if layer.bias is not None:
            layer.bias.zero_()
    return layer
