"""Image features at coarser and coarser levels, and back: encoder and decoder, which latent maps may connect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.errors import ConfigError
from sciencegen.networks.descent import DescentSettings, FitProgress, descend, no_progress
from sciencegen.networks.pixels import SYMMETRIES, SymmetricConvolution, SymmetricNorm, padded_side
from sciencegen.networks.unet import ResidualBlock

# Texture in a decoder of images: detail that a latent can't carry, drawn anew for each image.
#
#     log structure(p) = decoder(p) + t(h, xi) - t(h, 0),    xi ~ N(0, I)
#
# h are the decoder's finest features. An autoencoder draws what its latents don't tell as the mean over all that it
# could be: a galaxy's arms without their knots. t replaces the mean by draws. With xi = 0 the decoder is that without
# texture; the encoder doesn't infer xi, whose posterior is taken to be its prior.
#
# t is fitted after the other networks, which it doesn't change, by the energy score (Gneiting & Raftery 2007, eq. 22),
# which is the least, on average, for draws m, m' from the distribution of the images x themselves:
#
#     score = E |m - x| - E |m - m'| / 2
#
# summed over windows of some sizes (Pacchiardi et al. 2024), in units of the deviation that the likelihood allows.

WINDOWS = (2, 4, 8, 16)
"""Sides of the windows in pixels; each overlaps the next one by half."""
HIDDEN = 32
"""Channels of the network."""
DESCENT = DescentSettings(learning_rate=2e-3, weight_decay=1e-4, largest_gradient=1.0)

Image = Float[Tensor, "batch band y x"]
Draws = tuple[Image, Image, Image, Image]


class Texture(nn.Module):
    """t(h, xi) - t(h, 0), [batch band y x] of `patch` pixels a position. width: channels of h. channels: of xi."""

    fitted: Tensor

    def __init__(self, width: int, channels: int, bands: int, patch: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width + channels, HIDDEN, 3, padding=1)
        self.second = nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1)
        self.last, self.patch = nn.Conv2d(HIDDEN, bands * patch**2, 3, padding=1), patch
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)
        self.requires_grad_(False)
        self.register_buffer("fitted", torch.tensor(False))

    def forward(self, above: Float[Tensor, "batch width v u"], noise: Float[Tensor, "batch channel v u"]) -> Image:
        return self._t(above, noise) - self._t(above, torch.zeros_like(noise))

    def _t(self, above: Tensor, noise: Tensor) -> Tensor:
        hidden = functional.silu(self.first(torch.cat([above, noise], 1)))
        return functional.pixel_shuffle(self.last(functional.silu(self.second(hidden))), self.patch)


def energy_score(first: Image, second: Image, image: Image, deviation: Image) -> Float[Tensor, " batch"]:
    """|m - x| / 2 + |m' - x| / 2 - |m - m'| / 2 over all windows of each size, divided by the size and averaged.

    first, second: independent draws m, m'. deviation: the unit of each pixel, which must not depend on x.
    """
    pairs = ((first, image, 0.5), (second, image, 0.5), (first, second, -0.5))
    differences = [((one - other) / deviation, weight) for one, other, weight in pairs]
    sides = sorted({min(side, image.shape[-1]) for side in WINDOWS})

    def norms(difference: Image, side: int) -> Tensor:
        """Root of the mean square over each window."""
        squares = functional.avg_pool2d(difference.square(), side, max(1, side // 2))
        return (squares + 1e-4 / side**2).sqrt()

    terms = [weight * norms(part, side).flatten(1).mean(1) for side in sides for part, weight in differences]
    return torch.stack(terms).sum(0)


def fit_texture(
    texture: Texture, draw: Callable[[int], Draws], steps: int, progress: FitProgress = no_progress
) -> list[float]:
    """Fit in place to what `draw(step)` gives: the arguments of `energy_score`. Returns the losses of all steps."""
    texture.requires_grad_(True)
    texture.fitted.fill_(True)
    losses = descend(texture.parameters(), lambda step: energy_score(*draw(step)).mean(), steps, DESCENT, progress)
    texture.requires_grad_(False)
    return losses


PLAIN = SYMMETRIES["none"]

Choose = Callable[[int, Tensor], Tensor]
"""(index of a latent map, decoder features at its level [batch width y x]) -> the map's value [batch channel y x]."""


@dataclass(frozen=True)
class PyramidSettings:
    """width: channels at the finest level. multipliers: of the width, for each level; a level has half the side of the
    one before. patch: side of the square of pixels that is one position of the finest level. known: width of the
    decoder's input. maps: channels of the latent maps in the decoder, from the second coarsest level on. texture:
    channels of the noise of the decoder's texture (`Texture`), 0 for none.
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


class LatentGrid(nn.Module):
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
        self.maps = nn.ModuleList([LatentGrid(*pair) for pair in zip(widths[1:], s.maps, strict=False)])
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
