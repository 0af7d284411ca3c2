"""Fully connected networks, one of residual blocks, and the masked one whose outputs are autoregressive."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.errors import ShapeError, unknown_name
from sciencegen.networks.shared_noise import standard_normal

ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


def activation(name: str) -> nn.Module:
    """The activation with this name."""
    if name not in ACTIVATIONS:
        raise unknown_name("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]()


def linear(inputs: int, outputs: int, generator: Generator | None = None, zero: bool = False) -> nn.Linear:
    """A linear layer, initialized with `generator` if one is given, or with zeros if `zero`."""
    layer = nn.Linear(inputs, outputs)
    if zero:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    elif generator is not None:
        bound = max(inputs, 1) ** -0.5
        nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
        nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


@dataclass(frozen=True)
class LayerSettings:
    """Settings of hidden layers. activation: a name in ACTIVATIONS. residual: whether a layer's input is added to its
    output, if both have the same size. direct: whether a linear map of the network's inputs is added to its outputs."""

    activation: str = "silu"
    dropout: float = 0.0
    residual: bool = False
    direct: bool = False


class MLP(nn.Module):
    """A fully connected network.

    Parameters
    ----------
    inputs, outputs : int
        Sizes of the last dimension.
    width, depth : int
        Size and number of hidden layers; depth 0 is one linear map.
    zero_output : bool
        Whether it starts as the zero function.
    generator : torch.Generator, optional
        Generator of the initial weights.
    layers : LayerSettings, optional

    Examples
    --------
    >>> import torch
    >>> from sciencegen.networks.mlp import MLP
    >>> MLP(inputs=3, outputs=2, width=8, depth=1)(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        width: int = 128,
        depth: int = 2,
        zero_output: bool = False,
        generator: Generator | None = None,
        layers: LayerSettings | None = None,
    ) -> None:
        super().__init__()
        sizes, layers = [inputs, *[width] * depth], layers or LayerSettings()
        self.inputs, self.residual = inputs, layers.residual
        self.hidden = nn.ModuleList([linear(size, following, generator) for size, following in pairwise(sizes)])
        self.activation = activation(layers.activation)
        self.dropout = nn.Dropout(layers.dropout)
        self.output = linear(sizes[-1], outputs, generator, zero=zero_output)
        self.direct = linear(inputs, outputs, generator, zero=zero_output) if layers.direct else None

    def forward(self, values: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        if values.shape[-1] != self.inputs:
            raise ShapeError(
                f"Expected {self.inputs} features in the last dimension, got {list(values.shape)}. "
                "Build the network with `inputs` of that size, or check what makes its features."
            )
        given = values
        for layer in self.hidden:
            changed = self.dropout(self.activation(layer(values)))
            values = values + changed if self.residual and changed.shape == values.shape else changed
        outputs = self.output(values)
        return outputs if self.direct is None else outputs + self.direct(given)


class ResidualMLP(nn.Module):
    """A network of residual blocks with layer normalization: it trains better than `MLP` where many different maps are
    learned at once. layers: number of blocks, each of two layers of size `width`."""

    def __init__(self, inputs: int, outputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.input = nn.Linear(inputs, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(layers)
        )
        self.output = nn.Linear(width, outputs)

    def forward(self, values: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        hidden = self.input(values)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.output(functional.silu(hidden))


class MaskedLinear(nn.Linear):
    """A linear layer with only the connections of `mask` [output input]."""

    mask: Tensor

    def __init__(self, mask: Float[Tensor, "output input"]) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask)

    def forward(self, values: Tensor) -> Tensor:
        return functional.linear(values, self.weight * self.mask, self.bias)


class MaskedAutoregressiveMLP(nn.Module):
    """Two outputs per input; the outputs of input d depend on inputs 1..d-1 and on the context only.

    Germain et al. 2015 (MADE): unit k of a hidden layer has a degree m(k) in 0..D-1 and reads inputs d <= m(k), output
    d reads hidden units of degree < d. Units of degree 0 read the context only, so the first output depends on it too.
    """

    def __init__(self, size: int, context_size: int, width: int = 64) -> None:
        super().__init__()
        self.size, self.context_size = size, context_size
        inputs = torch.arange(1, size + 1)
        hidden = torch.arange(width) % size
        self.first = MaskedLinear((hidden[:, None] >= inputs[None, :]).to(torch.get_default_dtype()))
        self.context = nn.Linear(context_size, width, bias=False)
        self.second = MaskedLinear((hidden[:, None] >= hidden[None, :]).to(torch.get_default_dtype()))
        last = (inputs[:, None] > hidden[None, :]).to(torch.get_default_dtype())
        self.output = MaskedLinear(last.repeat(2, 1))
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(
        self, values: Float[Tensor, "batch size"], context: Float[Tensor, "batch context"]
    ) -> tuple[Float[Tensor, "batch size"], Float[Tensor, "batch size"]]:
        if values.shape[-1] != self.size or context.shape[-1] != self.context_size:
            raise ShapeError(
                f"Expected values [batch {self.size}] and context [batch {self.context_size}], "
                f"got {list(values.shape)} and {list(context.shape)}."
            )
        hidden = functional.silu(self.first(values) + self.context(context))
        first, second = self.output(functional.silu(self.second(hidden))).chunk(2, -1)
        return first, second


# A Bayesian linear layer: a mean-field Gaussian posterior over its weights.


class BayesianLinear(nn.Linear):
    """A linear layer with a Gaussian over each weight. Kingma & Welling 2014, appendix F; Blundell et al. 2015.

    With a generator, a forward pass draws one set of weights, w = mean + std * noise; without one it uses the means.
    """

    def __init__(self, inputs: int, outputs: int, log_std: float = -5.0) -> None:
        super().__init__(inputs, outputs)
        self.weight_log_std = nn.Parameter(torch.full_like(self.weight, log_std))
        self.bias_log_std = nn.Parameter(torch.full_like(self.bias, log_std))

    def forward(
        self, values: Float[Tensor, "*batch inputs"], generator: Generator | None = None
    ) -> Float[Tensor, "*batch outputs"]:
        if generator is None:
            return super().forward(values)
        pairs = ((self.weight, self.weight_log_std), (self.bias, self.bias_log_std))
        weight, bias = (
            torch.addcmul(mean, log_std.exp(), standard_normal(mean.shape, generator, mean)) for mean, log_std in pairs
        )
        return functional.linear(values, weight, bias)

    def kl(self, prior_std: float = 1.0) -> Float[Tensor, ""]:
        """KL(q(w) || N(0, prior_std^2)) in nats, of all weights together.

        sum of log(s_0 / s) + (s^2 + m^2) / (2 s_0^2) - 1/2 over the weights; each term is summed on its own first.
        """
        pairs = ((self.weight, self.weight_log_std), (self.bias, self.bias_log_std))
        squares = torch.stack([(2 * log_std).exp().sum() + mean.square().sum() for mean, log_std in pairs]).sum()
        log_stds = torch.stack([log_std.sum() for _, log_std in pairs]).sum()
        count = sum(mean.numel() for mean, _ in pairs)
        return 0.5 * squares / prior_std**2 - log_stds + count * (math.log(prior_std) - 0.5)
