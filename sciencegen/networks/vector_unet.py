"""A U-Net that denoises vectors in which an image lies, beside other numbers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.networks.denoiser import VectorDenoiser, vector_and_mask
from sciencegen.networks.grids import ImageReader
from sciencegen.networks.patches import Grid, outside, vector_of
from sciencegen.networks.pixels import padded_side
from sciencegen.networks.symmetry import ConditionKinds
from sciencegen.networks.unet import UNetDenoiser, UNetSettings

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
