"""A U-Net that denoises images, optionally equivariant by construction to rotations by 90 degrees and reflections.

    denoise(g z, g condition, g context) = g denoise(z, condition, context)     for the eight symmetries g of a square

Ronneberger et al. 2015 with the residual blocks of Dhariwal & Nichol 2021; Cohen & Welling 2016 for the symmetry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError, unknown_name
from sciencegen.networks.conditions import condition_features
from sciencegen.networks.grids import ImageReader
from sciencegen.networks.mlp import MLP, LevelEmbedding, VectorDenoiser, vector_and_mask
from sciencegen.networks.pixels import (
    SYMMETRIES,
    ConditionKinds,
    SymmetricConvolution,
    SymmetricNorm,
    cropped,
    image_of,
    padded,
    padded_side,
    square_shape,
    with_context,
)
from sciencegen.networks.uvit import Grid, outside, vector_of


@dataclass(frozen=True)
class UNetSettings:
    """Settings of a U-Net.

    symmetry: a name of SYMMETRIES. width: channels at the finest level. A symmetry of n elements has width / sqrt(n)
    channels for each of them: about as many parameters, and for "d4"
    about five times the time.
    multipliers: of the width, for each level. A level has half the side of the one before, so that the same weights
    take a quarter of the time. blocks: per level, both down and up. patch: side of the square of pixels that is one
    position of the finest level; halving it takes four times as long. known: width of the embedding of noise level and
    condition.
    """

    symmetry: str = "none"
    width: int = 16
    multipliers: tuple[int, ...] = (1, 2, 4, 8)
    blocks: int = 1
    patch: int = 2
    known: int = 128
    level_size: int = 32

    def __post_init__(self) -> None:
        if self.symmetry not in SYMMETRIES:
            raise unknown_name("symmetry", self.symmetry, SYMMETRIES)
        if min(self.width, self.blocks, self.patch, self.known, *self.multipliers) < 1:
            raise ConfigError(f"Expected sizes of 1 or more, got {self}.")

    @property
    def widths(self) -> list[int]:
        """Channels of each level, per element."""
        channels = max(1, round(self.width / len(SYMMETRIES[self.symmetry]) ** 0.5))
        return [channels * multiplier for multiplier in self.multipliers]

    @property
    def smallest_side(self) -> int:
        """Images are padded to a multiple of this."""
        return self.patch * 2 ** (len(self.multipliers) - 1)


class ResidualBlock(nn.Module):
    """x + W2 silu((1 + scale) norm(W1 silu(norm x)) + shift), scale and shift linear in the embedding `known`.

    known: width of this embedding, 0 for none. The block starts as the identity if inputs = outputs.
    """

    def __init__(self, inputs: int, outputs: int, elements: Sequence[int], known: int = 0) -> None:
        super().__init__()
        self.first_norm, self.second_norm = SymmetricNorm(inputs, elements), SymmetricNorm(outputs, elements)
        self.first = SymmetricConvolution(inputs, outputs, elements)
        self.second = SymmetricConvolution(outputs, outputs, elements, zero=True)
        self.modulation = nn.Linear(known, 2 * outputs) if known else None
        self.skip = SymmetricConvolution(inputs, outputs, elements, 1) if inputs != outputs else nn.Identity()

    def forward(
        self, values: Float[Tensor, "batch input y x"], known: Float[Tensor, "batch element known"] | None = None
    ) -> Float[Tensor, "batch output y x"]:
        hidden = self.second_norm(self.first(functional.silu(self.first_norm(values))))
        if self.modulation is not None:
            modulation = self.modulation(known).transpose(1, 2).flatten(1)[..., None, None]  # channel by channel
            scale, shift = modulation.chunk(2, 1)
            hidden = (1 + scale) * hidden + shift
        return self.skip(values) + self.second(functional.silu(hidden))


class UNetDenoiser(nn.Module):
    """`(z, log_snr, condition, mask) -> estimate` of one field of images [batch channel y x], y = x.

    shape: channels, y and x of the field. conditions: how the columns of the condition transform. context: number of
    channels of each field that is given with the image (a point spread function, a noise map): [batch y x],
    [batch channel y x], or [batch channel 1 1]. Field and context should have a standard deviation of about 1. The
    network starts as the zero function.
    """

    def __init__(
        self,
        name: str,
        shape: Sequence[int],
        conditions: ConditionKinds | None = None,
        context: Mapping[str, int] | None = None,
        settings: UNetSettings | None = None,
    ) -> None:
        super().__init__()
        s = self.settings = settings or UNetSettings()
        self.name, self.shape, self.context = name, square_shape(shape), dict(context or {})
        self.conditions, elements = conditions or ConditionKinds(), SYMMETRIES[s.symmetry]
        self.elements = elements
        if self.shape[1] % 2 and s.symmetry != "none":  # the padding wouldn't turn with the images
            raise ConfigError(
                f"Expected an even side for symmetry '{s.symmetry}', got {self.shape[1]}. Crop the images by a pixel, "
                "or choose symmetry 'none'."
            )
        self.padded_side = padded_side(self.shape[1], s.smallest_side)
        inputs, widths = self.shape[0] + sum(self.context.values()), s.widths
        size = s.patch if s.patch > 1 else 3
        self.level = LevelEmbedding(s.level_size)
        self.known = MLP(s.level_size + 2 * self.conditions.count, s.known, s.known, 1)
        self.inward = SymmetricConvolution(inputs, widths[0], elements, size, s.patch, "lifts")
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        saved, width = [], widths[0]
        for one in widths:
            for _ in range(s.blocks):
                self.down.append(ResidualBlock(width, one, elements, s.known))
                saved.append(width := one)
        self.middle = ResidualBlock(width, width, elements, s.known)
        for one in reversed(widths):
            for _ in range(s.blocks):
                self.up.append(ResidualBlock(width + saved.pop(), one, elements, s.known))
                width = one
        self.norm = SymmetricNorm(width, elements)
        self.outward = SymmetricConvolution(width, self.shape[0], elements, size, s.patch, "projects", zero=True)

    def forward(
        self, z: Mapping[str, Tensor], log_snr: Float[Tensor, " batch"], condition: Tensor | None, mask: Tensor | None
    ) -> dict[str, Tensor]:
        image = image_of(z, self.name, self.shape)
        known = self._known(log_snr.to(image), condition)
        inputs = padded(with_context(image, z, self.context), self.padded_side)
        hidden, saved, blocks = self.inward(inputs), [], self.settings.blocks
        for number, block in enumerate(self.down):
            if number and number % blocks == 0:
                hidden = functional.avg_pool2d(hidden, 2)  # of even sides: a strided 3 x 3 would not commute
            hidden = block(hidden, known)
            saved.append(hidden)
        hidden = self.middle(hidden, known)
        for number, block in enumerate(self.up):
            if number and number % blocks == 0:
                hidden = functional.interpolate(hidden, scale_factor=2.0, mode="nearest")
            hidden = block(torch.cat([hidden, saved.pop()], 1), known)
        return {self.name: cropped(self.outward(functional.silu(self.norm(hidden))), self.shape[1])}

    def _known(self, log_snr: Float[Tensor, " batch"], condition: Tensor | None) -> Tensor:
        """[batch element known] embedding of the level and of h^-1 condition for each element h of the group.

        The embedding of g condition at h is that of the condition at g^-1 h: a regular representation. (The signs of an
        element and of its inverse agree.)
        """
        level, kinds = self.level(log_snr), self.conditions
        read = [condition_features(kinds.turned(condition, h), level, kinds.count) for h in self.elements]
        inputs = torch.stack([torch.cat([level, features], 1) for features in read], 1)
        return functional.silu(self.known(inputs))


# A U-Net that denoises vectors in which an image lies, beside other numbers.

IMAGE, KNOWN = "image", "known"
"""The U-Net's fields: the pixels, and 1 where one is known, else 0."""


class VectorUNetDenoiser(nn.Module):
    """`(z, log_snr, condition, mask) -> estimate` of one field of vectors [batch number] in which one image lies.

    The U-Net reads the other numbers as conditions. Their own estimates are a `VectorDenoiser`'s, which reads features
    of the image as conditions. The mask of the known numbers is an input too, None for all of them. Images are padded
    to a square at the bottom and at the right. The network starts as the zero function.

    Parameters
    ----------
    name : str
        Of the field.
    size : int
        Length of a vector.
    grid : Grid
        The image.
    property_count : int
        Columns of the condition.
    settings : UNetSettings, optional

    Examples
    --------
    >>> import torch
    >>> grid = Grid((1, 4, 4), tuple(range(2, 18)))
    >>> network = VectorUNetDenoiser("z", 18, grid, settings=UNetSettings(width=4, multipliers=(1, 2), patch=1))
    >>> network({"z": torch.randn(3, 18)}, torch.zeros(3), None, None)["z"].shape
    torch.Size([3, 18])
    """

    def __init__(
        self, name: str, size: int, grid: Grid, property_count: int = 0, settings: UNetSettings | None = None
    ) -> None:
        super().__init__()
        s = settings or UNetSettings()
        self.name, self.size, self.grid, self.property_count = name, size, grid, property_count
        self.others = outside(size, [grid])
        channels, height, width = grid.shape
        side = padded_side(max(height, width), s.smallest_side)
        self.margins = (0, side - width, 0, side - height)
        kinds = ConditionKinds(tuple(range(property_count + len(self.others))))
        self.unet = UNetDenoiser(IMAGE, (channels, side, side), kinds, {KNOWN: channels}, s)
        self.reader = ImageReader(2 * channels, (height, width), s.known) if self.others else None
        conditions = property_count + s.known
        self.network = VectorDenoiser(name, len(self.others), conditions, s.known, masked=True) if self.others else None

    def forward(
        self, z: Mapping[str, Tensor], log_snr: Float[Tensor, " batch"], condition: Tensor | None, mask: Tensor | None
    ) -> dict[str, Tensor]:
        value, present = vector_and_mask(z, self.name, self.size, mask)
        condition = value.new_full((len(value), self.property_count), torch.nan) if condition is None else condition
        image, known = self.grid.image(value * present), self.grid.image(present)
        others = value[:, self.others]
        free = others.masked_fill(present[:, self.others] == 0, torch.nan)
        padded = {IMAGE: functional.pad(image, self.margins), KNOWN: functional.pad(known, self.margins)}
        estimate = self.unet(padded, log_snr, torch.cat([condition.to(value), free], 1), None)[IMAGE]
        pixels = estimate[:, :, : self.grid.shape[1], : self.grid.shape[2]]
        if self.reader is None or self.network is None:
            return {self.name: vector_of(others, [pixels], [self.grid])}
        features = torch.cat([condition.to(value), self.reader(torch.cat([image, known], 1))], 1)
        found = self.network({self.name: others}, log_snr, features, present[:, self.others])[self.name]
        return {self.name: vector_of(found, [pixels], [self.grid])}
