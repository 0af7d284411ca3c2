"""Fully connected networks: plain, residual, masked so that outputs are autoregressive; a denoiser of plain vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError, ShapeError, unknown_name
from sciencegen.networks.conditions import condition_features
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


# A denoiser network for plain vectors, and an embedding of the noise level.


class LevelEmbedding(nn.Module):
    """sin and cos of the log-SNR at `size` / 2 wavelengths, geometric from 6 to 60 nats. Vaswani et al. 2017.

    Shorter wavelengths would make the estimate oscillate along the path, which reduces a solver's order of convergence.
    """

    frequencies: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 2 or size % 2:
            raise ConfigError(f"Expected an embedding of an even size, 2 or more, got {size}.")
        self.size = size
        self.register_buffer("frequencies", 2 * torch.pi / torch.logspace(0.8, 1.78, size // 2), persistent=False)

    def forward(self, log_snr: Float[Tensor, " batch"]) -> Float[Tensor, "batch size"]:
        angle = log_snr[:, None] * self.frequencies.to(log_snr)
        return torch.cat([angle.sin(), angle.cos()], 1)


LEVEL_SIZE = 32
"""Features of the noise level."""


class VectorDenoiser(nn.Module):
    """Residual layers over one field [batch size]; noise level and condition scale and shift every layer.

    h <- h + silu((1 + scale) W h + shift). Perez et al. 2018 (FiLM). It starts as the zero function.
    masked: whether the mask [batch size] of the known numbers is an input too, None for all of them.
    """

    def __init__(
        self,
        name: str,
        size: int,
        property_count: int = 0,
        width: int = 256,
        depth: int = 4,
        generator: Generator | None = None,
        masked: bool = False,
    ) -> None:
        super().__init__()
        self.name, self.size, self.property_count, self.masked = name, size, property_count, masked
        self.level = LevelEmbedding(LEVEL_SIZE)
        self.known = linear(LEVEL_SIZE + 2 * property_count, width, generator)
        self.inward = linear(size * (1 + masked), width, generator)
        self.layers = nn.ModuleList([linear(width, width, generator) for _ in range(depth)])
        self.modulations = nn.ModuleList([linear(width, 2 * width, generator) for _ in range(depth)])
        self.outward = linear(width, size, zero=True)

    def forward(
        self, z: Mapping[str, Tensor], log_snr: Float[Tensor, " batch"], condition: Tensor | None, mask: Tensor | None
    ) -> dict[str, Tensor]:
        value, present = vector_and_mask(z, self.name, self.size, mask)
        known = self.level(log_snr).to(value)
        if self.property_count:
            known = torch.cat([known, condition_features(condition, value, self.property_count)], 1)
        if self.masked:
            value = torch.cat([value * present, present], 1)
        known, hidden = functional.silu(self.known(known)), self.inward(value)
        for layer, modulation in zip(self.layers, self.modulations, strict=True):
            scale, shift = modulation(known).chunk(2, 1)
            hidden = hidden + functional.silu((1 + scale) * layer(hidden) + shift)
        return {self.name: self.outward(hidden)}


def vector_and_mask(
    z: Mapping[str, Tensor], name: str, size: int, mask: Tensor | None
) -> tuple[Float[Tensor, "batch size"], Float[Tensor, "batch size"]]:
    """The field `name` of vectors, and 1 where a number is known, else 0. mask: None if all are.

    Raises
    ------
    ShapeError
        If the field has another shape.
    """
    value = z[name]
    if value.ndim != 2 or value.shape[1] != size:
        raise ShapeError(f"Expected '{name}' of shape [batch {size}], got {list(value.shape)}.")
    return value, torch.ones_like(value) if mask is None else mask.to(value)
