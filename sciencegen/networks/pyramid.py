"""Image features at coarser and coarser levels, and back: encoder and decoder, which latent maps may connect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError
from sciencegen.networks.pixels import padded_side
from sciencegen.networks.symmetry import SYMMETRIES, SymmetricConvolution, SymmetricNorm
from sciencegen.networks.texture import Texture
from sciencegen.networks.unet import ResidualBlock

PLAIN = SYMMETRIES["none"]

Choose = Callable[[int, Tensor], Tensor]
"""(index of a latent map, decoder features at its level [batch width y x]) -> the map's value [batch channel y x]."""


@dataclass(frozen=True)
class PyramidSettings:
    """width: channels at the finest level. multipliers: of the width, for each level; a level has half the side of the
    one before. patch: side of the square of pixels that is one position of the finest level. known: width of the
    decoder's input. maps: channels of the latent maps in the decoder, from the second coarsest level on. texture:
    channels of the noise of the decoder's texture (`networks.texture`), 0 for none.
    """

    width: int = 16
    multipliers: tuple[int, ...] = (1, 2, 4, 8)
    patch: int = 2
    known: int = 256
    maps: tuple[int, ...] = ()
    texture: int = 0

    def __post_init__(self) -> None:
        if min(self.width, self.patch, self.known, *self.multipliers, *self.maps, self.texture + 1) < 1:
            raise ConfigError(f"Expected sizes of 1 or more, and a texture of 0 or more, got {self}.")
        if len(self.maps) >= len(self.multipliers):
            raise ConfigError(f"Expected fewer latent maps than the {len(self.multipliers)} levels, got {self.maps}.")

    @property
    def widths(self) -> list[int]:
        return [self.width * multiplier for multiplier in self.multipliers]

    def sides(self, side: int) -> list[int]:
        """Side of each level of images that are padded to `padded_side(side)`, the finest first."""
        return [self.padded_side(side) // self.patch // 2**level for level in range(len(self.multipliers))]

    def padded_side(self, side: int) -> int:
        """The least side, from this one on, that is halved at each level."""
        return padded_side(side, self.patch * 2 ** (len(self.multipliers) - 1))


class BottomUp(nn.Module):
    """The encoder: images [batch channel y x], padded, to the features of each level, the finest first."""

    def __init__(self, channels: int, settings: PyramidSettings) -> None:
        super().__init__()
        widths, patch = settings.widths, settings.patch
        self.inward = SymmetricConvolution(channels, widths[0], PLAIN, patch if patch > 1 else 3, patch, "lifts")
        inputs = [widths[0], *widths[:-1]]
        self.blocks = nn.ModuleList([ResidualBlock(*pair, PLAIN) for pair in zip(inputs, widths, strict=True)])

    def forward(self, image: Float[Tensor, "batch channel y x"]) -> list[Tensor]:
        hidden, features = self.inward(image), []
        for level, block in enumerate(self.blocks):
            hidden = block(functional.avg_pool2d(hidden, 2) if level else hidden)
            features.append(hidden)
        return features


class LatentMap(nn.Module):
    """A map of latents u ~ N(0, I) in the decoder: h <- h + W (mean(h) + std(h) u), [batch channel y x].

    z = mean(h) + std(h) u follows the prior p(z | h) of a ladder VAE; u is the part of z that coarser levels don't
    determine. Sønderby et al. 2016, eq. 10 to 12. h must carry what differs between images, or draws of u look alike
    everywhere. It is therefore the output of the level's block, which depends on all coarser levels.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.norm, self.prior = SymmetricNorm(width, PLAIN), zero_convolution(width, 2 * channels, 3)
        self.inward = nn.Conv2d(channels, width, 3, padding=1)

    def forward(
        self, hidden: Float[Tensor, "batch width y x"], noise: Float[Tensor, "batch channel y x"]
    ) -> Float[Tensor, "batch width y x"]:
        mean, log_std = self.prior(functional.silu(self.norm(hidden))).chunk(2, 1)
        return hidden + self.inward(mean + (4 * torch.tanh(log_std / 4)).exp() * noise)


class TopDown(nn.Module):
    """The decoder: a vector [batch known] to an image [batch channel y x] of `padded_side(side)`.

    Levels are upsampled bilinearly: what data don't determine, such as detail finer than their blur, stays smooth.
    Differences between the pixels of a patch are added; their layer starts as zero. `choose` also gives the noise of a
    texture, as of a further map; without `textured`, none is drawn.
    """

    def __init__(self, channels: int, side: int, settings: PyramidSettings) -> None:
        super().__init__()
        s, widths = settings, settings.widths[::-1]
        self.shape = (widths[0], *[settings.sides(side)[-1]] * 2)
        self.seed = nn.Linear(s.known, widths[0] * self.shape[1] ** 2)
        inputs = [widths[0], *widths[:-1]]
        self.blocks = nn.ModuleList([ResidualBlock(*pair, PLAIN, s.known) for pair in zip(inputs, widths, strict=True)])
        self.maps = nn.ModuleList([LatentMap(*pair) for pair in zip(widths[1:], s.maps, strict=False)])
        self.norm = SymmetricNorm(widths[-1], PLAIN)
        self.patch, self.outward = s.patch, SymmetricConvolution(widths[-1], channels, PLAIN, 3, 1, "projects")
        self.detail = zero_convolution(widths[-1], channels * s.patch**2, 3)
        self.texture = Texture(widths[-1], s.texture, channels, s.patch) if s.texture else None

    def forward(
        self, known: Float[Tensor, "batch known"], choose: Choose, textured: bool = True
    ) -> Float[Tensor, "batch channel y x"]:
        hidden = self.seed(known).unflatten(1, self.shape)
        for level, block in enumerate(self.blocks):
            if level:
                hidden = _finer(hidden, 2)
            hidden = block(hidden, known[:, None])
            if 0 < level <= len(self.maps):
                hidden = self.maps[level - 1](hidden, choose(level - 1, hidden))
        finest = functional.silu(self.norm(hidden))
        image = _finer(self.outward(finest), self.patch) + functional.pixel_shuffle(self.detail(finest), self.patch)
        if self.texture is None:
            return image
        noise = choose(len(self.maps), finest)
        return image + self.texture(finest, noise) if textured and self.texture.fitted else image


def _finer(hidden: Float[Tensor, "batch width y x"], times: int) -> Float[Tensor, "batch width v u"]:
    return hidden if times == 1 else functional.interpolate(hidden, scale_factor=float(times), mode="bilinear")


def map_shapes(settings: PyramidSettings, side: int) -> list[tuple[int, int, int]]:
    """Channels, y and x of each latent map, the coarsest first."""
    return [(c, s, s) for c, s in zip(settings.maps, settings.sides(side)[-2::-1], strict=False)]


def texture_shapes(settings: PyramidSettings, side: int) -> list[tuple[int, int, int]]:
    """Channels, y and x of the texture's noise, if there is one."""
    finest = settings.sides(side)[0]
    return [(settings.texture, finest, finest)] if settings.texture else []


def map_widths(settings: PyramidSettings) -> Sequence[tuple[int, int]]:
    """For each latent map, the channels of the decoder's and of the encoder's features at its level."""
    return [(width, width) for width in settings.widths[-2::-1]][: len(settings.maps)]


def zero_convolution(inputs: int, outputs: int, size: int) -> nn.Conv2d:
    """A convolution with all weights zero."""
    layer = nn.Conv2d(inputs, outputs, size, padding=size // 2)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
