"""Networks of series and images of any size, to features and back to numbers at each position; recurrent dynamics."""

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


# A recurrent generator of series: a state that begins at a function of a code, and evolves by its own dynamics.
#
#     g_1 = tanh(W z),  g_t = GRU(g_{t-1}, [u_t, c]),  f_t = W_f g_t,  y_t = W_y f_t + b
#
# f are few factors, y the numbers at each time. Inputs u follow an autoregressive process,
#
#     u_1 = s e_1,  u_t = a u_{t-1} + s sqrt(1 - a^2) e_t,  e_t ~ N(0, I)
#
# which has the standard deviation s at each time. Pandarinath et al., "Inferring single-trial neural population
# dynamics using sequential auto-encoders", Nature Methods 2018, eq. 1 to 4 and 8.


CORRELATION = math.exp(-0.1)
"""Of inputs at consecutive times, at first: a correlation time of ten steps, as in the paper."""
DEVIATION = 0.3
"""Of inputs, at first."""


class AutoregressiveInputs(nn.Module):
    """Standard normal innovations e to inputs u, with learned a and s of each input."""

    def __init__(self, inputs: int, time: int) -> None:
        super().__init__()
        self.inputs, self.time = inputs, time
        self.logit = nn.Parameter(torch.full((inputs,), math.log(CORRELATION / (1 - CORRELATION))))
        self.log_std = nn.Parameter(torch.full((inputs,), math.log(DEVIATION)))

    def forward(self, innovations: Float[Tensor, "batch time input"]) -> Float[Tensor, "batch time input"]:
        """U_t = s (a^(t-1) e_1 + sqrt(1 - a^2) sum_(k=2..t) a^(t-k) e_k)."""
        log_a = functional.logsigmoid(self.logit)
        steps = torch.arange(self.time, device=log_a.device)
        lag = (steps[:, None] - steps)[..., None]
        powers = (lag.clamp(min=0) * log_a).exp() * (lag >= 0)
        later = (1 - (2 * log_a).exp()).sqrt()
        scale = torch.where(steps[:, None] == 0, torch.ones_like(later), later)
        return self.log_std.exp() * torch.einsum("tki,bki->bti", powers * scale, innovations)


class DynamicsWriter(nn.Module):
    """The generator as a network from features [z, e, c] to numbers at each time.

    Parameters
    ----------
    code : int
        Size of z.
    others : int
        Size of c, which is an input at each time.
    channels : int
        Numbers at each time.
    time, width, factors, inputs : int
        Length of the series; sizes of g, f and u.

    Examples
    --------
    >>> network = DynamicsWriter(code=2, others=0, channels=5, time=4, width=8, factors=3, inputs=1)
    >>> network(torch.zeros(6, 2 + 4)).shape
    torch.Size([6, 5, 4])
    """

    def __init__(
        self, code: int, others: int, channels: int, time: int, width: int, factors: int, inputs: int = 0
    ) -> None:
        super().__init__()
        self.time, self.inputs, self.sizes = time, inputs, [code, inputs * time, others]
        self.driven = AutoregressiveInputs(inputs, time) if inputs else None
        self.first = nn.Linear(code, width)
        self.network = nn.GRU(max(inputs + others, 1), width, batch_first=True)
        self.factors = nn.Linear(width, factors, bias=False)
        self.outward = nn.Linear(factors, channels)

    def forward(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch channel time"]:
        return self.outward(self.factors_of(features)).transpose(1, 2)

    def factors_of(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch time factor"]:
        """The factors f; rows of W_f have length 1."""
        code, _, others = features.split(self.sizes, 1)
        parts = [self.inputs_of(features), others[:, None].expand(-1, self.time, -1)]
        known = torch.cat(parts, -1) if sum(self.sizes[1:]) else features.new_zeros(len(features), self.time, 1)
        states, _ = self.network(known, torch.tanh(self.first(code))[None])
        return functional.linear(states, functional.normalize(self.factors.weight, dim=1))

    def inputs_of(self, features: Float[Tensor, "batch feature"]) -> Float[Tensor, "batch time input"]:
        """The inputs u."""
        innovations = features.split(self.sizes, 1)[1].unflatten(1, (self.time, self.inputs))
        return innovations if self.driven is None else self.driven(innovations)
