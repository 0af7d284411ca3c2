"""Texture in a decoder of images: detail that a latent can't carry, drawn anew for each image.

    log structure(p) = decoder(p) + t(h, xi) - t(h, 0),    xi ~ N(0, I)

h are the decoder's finest features. An autoencoder draws what its latents don't tell as the mean over all that it could
be: a galaxy's arms without their knots. t replaces the mean by draws. With xi = 0 the decoder is that without texture;
the encoder doesn't infer xi, whose posterior is taken to be its prior.

t is fitted after the other networks, which it doesn't change, by the energy score (Gneiting & Raftery 2007, eq. 22),
which is the least, on average, for draws m, m' from the distribution of the images x themselves:

    score = E |m - x| - E |m - m'| / 2

summed over windows of some sizes (Pacchiardi et al. 2024), in units of the deviation that the likelihood allows.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.networks.descent import DescentSettings, FitProgress, descend, no_progress

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
    terms = [weight * _norms(part, side).flatten(1).mean(1) for side in sides for part, weight in differences]
    return torch.stack(terms).sum(0)


def _norms(difference: Image, side: int) -> Tensor:
    """Root of the mean square over each window."""
    squares = functional.avg_pool2d(difference.square(), side, max(1, side // 2))
    return (squares + 1e-4 / side**2).sqrt()


def fit_texture(
    texture: Texture, draw: Callable[[int], Draws], steps: int, progress: FitProgress = no_progress
) -> list[float]:
    """Fit in place to what `draw(step)` gives: the arguments of `energy_score`. Returns the losses of all steps."""
    texture.requires_grad_(True)
    texture.fitted.fill_(True)
    losses = descend(texture.parameters(), lambda step: energy_score(*draw(step)).mean(), steps, DESCENT, progress)
    texture.requires_grad_(False)
    return losses
