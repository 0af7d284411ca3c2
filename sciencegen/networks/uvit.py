"""U-ViT: a transformer with long skip connections, and a denoiser of vectors in which images lie.

Bao et al., "All are Worth Words: A ViT Backbone for Diffusion Models", CVPR 2023.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.mlp import LEVEL_SIZE, LevelEmbedding, linear, vector_and_mask
from sciencegen.networks.pixels import ConditionKinds, image_of, square_shape, with_context

# Images that lie in a vector of numbers, and their patches as tokens.


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


@dataclass(frozen=True)
class UViTSettings:
    """Settings of a U-ViT.

    width: of a token. depth: blocks before the middle one, and as many after it. heads: of the attention. patch: side
    of the square of pixels that is one token; halving it makes four times as many tokens.
    """

    width: int = 96
    depth: int = 2
    heads: int = 4
    patch: int = 2

    def __post_init__(self) -> None:
        if min(self.width, self.heads, self.patch) < 1 or self.depth < 0:
            raise ConfigError(f"Expected sizes of 1 or more, and a depth of 0 or more, got {self}.")
        if self.width % self.heads:
            raise ConfigError(f"Expected a width divisible by {self.heads} heads, got {self.width}.")


class UViT(nn.Module):
    """`(tokens, log_snr, condition) -> tokens`, by a transformer with long skip connections.

    The noise level and the condition are tokens too, before the others. Each has a learned embedding of its position.
    With blocks f_i, g_i (pre-norm transformer layers) and the middle one m:

        h_i = f_i(h_{i-1})                          h = m(h_n)
        h <- g_i(W_i [h, h_i])                      i = n, ..., 1

    Parameters
    ----------
    count : int
        Number of tokens.
    property_count : int
        Columns of the condition.
    settings : UViTSettings

    Examples
    --------
    >>> import torch
    >>> network = UViT(5, 0, UViTSettings(width=8, depth=1, heads=2))
    >>> network(torch.randn(3, 5, 8), torch.zeros(3), None).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, count: int, property_count: int, settings: UViTSettings) -> None:
        super().__init__()
        s, self.property_count = settings, property_count
        self.embed_level = LevelEmbedding(LEVEL_SIZE)
        self.level = linear(LEVEL_SIZE, s.width)
        self.condition = linear(2 * property_count, s.width) if property_count else None
        known = 1 + (self.condition is not None)
        self.position = nn.Parameter(0.02 * torch.randn(known + count, s.width))
        self.down, self.up = (nn.ModuleList([_block(s) for _ in range(s.depth)]) for _ in range(2))
        self.middle = _block(s)
        self.skips = nn.ModuleList([linear(2 * s.width, s.width) for _ in range(s.depth)])
        self.norm = nn.LayerNorm(s.width)

    def forward(
        self, tokens: Float[Tensor, "batch token width"], log_snr: Float[Tensor, " batch"], condition: Tensor | None
    ) -> Float[Tensor, "batch token width"]:
        known = [self.level(self.embed_level(log_snr).to(tokens))]
        if self.condition is not None:
            known.append(self.condition(condition_features(condition, tokens[:, 0], self.property_count)))
        hidden, saved = torch.cat([torch.stack(known, 1), tokens], 1) + self.position, []
        for block in self.down:
            saved.append(hidden := block(hidden))
        hidden = self.middle(hidden)
        for skip, block in zip(self.skips, self.up, strict=True):
            hidden = block(skip(torch.cat([hidden, saved.pop()], -1)))
        return self.norm(hidden)[:, len(known) :]


class UViTDenoiser(nn.Module):
    """`(z, log_snr, condition, mask) -> estimate` of one field of vectors [batch number] in which images lie.

    Tokens of the `UViT` are all numbers outside of images, and the patches of the images. The mask of the known numbers
    is an input too, None for all of them. The network starts as the zero function.

    Parameters
    ----------
    name : str
        Of the field.
    size : int
        Length of a vector.
    grids : sequence of Grid
        The images.
    property_count : int
        Columns of the condition.
    settings : UViTSettings, optional

    Examples
    --------
    >>> import torch
    >>> grid = Grid((1, 4, 4), tuple(range(2, 18)))
    >>> network = UViTDenoiser("z", 18, [grid], settings=UViTSettings(width=8, depth=1, heads=2))
    >>> network({"z": torch.randn(3, 18)}, torch.zeros(3), None, None)["z"].shape
    torch.Size([3, 18])
    """

    def __init__(
        self,
        name: str,
        size: int,
        grids: Sequence[Grid],
        property_count: int = 0,
        settings: UViTSettings | None = None,
    ) -> None:
        super().__init__()
        s = settings or UViTSettings()
        self.name, self.size, self.grids = name, size, tuple(grids)
        self.others = outside(size, grids)
        self.inward = linear(2 * len(self.others), s.width) if self.others else None
        self.outward = linear(s.width, len(self.others), zero=True) if self.others else None
        patches = [PatchTokens(grid.shape, s.patch, s.width, 2 * grid.shape[0]) for grid in grids]
        self.patches = nn.ModuleList(patches)
        self.counts = [int(bool(self.others)), *(one.count for one in patches)]
        self.transformer = UViT(sum(self.counts), property_count, s)

    def forward(
        self, z: Mapping[str, Tensor], log_snr: Float[Tensor, " batch"], condition: Tensor | None, mask: Tensor | None
    ) -> dict[str, Tensor]:
        value, present = vector_and_mask(z, self.name, self.size, mask)
        hidden = self.transformer(self._tokens(value, present), log_snr, condition)
        others, *images = hidden.split(self.counts, 1)
        estimate = value[:, :0] if self.outward is None else self.outward(others[:, 0])
        read = [cast(PatchTokens, one).read(tokens) for one, tokens in zip(self.patches, images, strict=True)]
        return {self.name: vector_of(estimate, read, self.grids)}

    def _tokens(
        self, value: Float[Tensor, "batch size"], present: Float[Tensor, "batch size"]
    ) -> Float[Tensor, "batch token width"]:
        """Numbers outside of images, and patches."""
        known, tokens = value * present, []
        if self.inward is not None:
            tokens.append(self.inward(torch.cat([known[:, self.others], present[:, self.others]], 1))[:, None])
        for grid, patches in zip(self.grids, self.patches, strict=True):
            tokens.append(patches(torch.cat([grid.image(known), grid.image(present)], 1)))
        return torch.cat(tokens, 1)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        """Weights that were saved before the transformer was a module of its own are renamed."""
        own = tuple(f"{prefix}{name}." for name in ("inward", "outward", "patches", "transformer"))
        for name in [name for name in state_dict if name.startswith(prefix) and not name.startswith(own)]:
            state_dict[f"{prefix}transformer.{name.removeprefix(prefix)}"] = state_dict.pop(name)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _block(s: UViTSettings) -> nn.Module:
    """A pre-norm layer: x + attention(norm x), then x + MLP(norm x). Vaswani et al. 2017; Dosovitskiy et al. 2021."""
    return nn.TransformerEncoderLayer(
        s.width, s.heads, 4 * s.width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )


# A U-ViT that denoises images. Bao et al., "All are Worth Words: A ViT Backbone for Diffusion Models", CVPR 2023.


class ImageUViTDenoiser(nn.Module):
    """`(z, log_snr, condition, mask) -> estimate` of one field of images [batch channel y x], y = x.

    Tokens of the `UViT` are patches of the image and its context. The network isn't equivariant: like the U-Net of the
    symmetry "none", it doesn't turn with what it is given, and nothing is turned in training. It starts as the zero
    function.

    Parameters
    ----------
    name, shape, conditions, context
        As of `UNetDenoiser`. Images have any side: patches are padded.
    settings : UViTSettings, optional

    Examples
    --------
    >>> import torch
    >>> network = ImageUViTDenoiser("image", (1, 9, 9), settings=UViTSettings(width=8, depth=1, heads=2))
    >>> network({"image": torch.randn(3, 1, 9, 9)}, torch.zeros(3), None, None)["image"].shape
    torch.Size([3, 1, 9, 9])
    """

    def __init__(
        self,
        name: str,
        shape: Sequence[int],
        conditions: ConditionKinds | None = None,
        context: Mapping[str, int] | None = None,
        settings: UViTSettings | None = None,
    ) -> None:
        super().__init__()
        s = settings or UViTSettings()
        self.name, self.shape, self.context = name, square_shape(shape), dict(context or {})
        self.conditions = conditions or ConditionKinds()
        inputs = self.shape[0] + sum(self.context.values())
        self.patches = PatchTokens(self.shape, s.patch, s.width, inputs)
        self.transformer = UViT(self.patches.count, self.conditions.count, s)

    def forward(
        self, z: Mapping[str, Tensor], log_snr: Float[Tensor, " batch"], condition: Tensor | None, mask: Tensor | None
    ) -> dict[str, Tensor]:
        image = image_of(z, self.name, self.shape)
        tokens = self.patches(with_context(image, z, self.context))
        return {self.name: self.patches.read(self.transformer(tokens, log_snr, condition))}
