"""Elliptical profiles in a decoder of images: the part of an object's light that is smooth and symmetric.

    shape(p) = sum_k share_k S(p; r_k, n_k, g_k) + share_0 structure(p),    the shares sum to 1
    S ∝ exp(-b(n) (rho / r)^(1/n)),    b(n) = 2 n - 1/3 + 4 / (405 n),    rho = |G^-1 (p - centre)|

Sérsic 1968; Ciotti & Bertin 1999, eq. 18. G turns a circle into an ellipse of equal area with g = (1 - q) / (1 + q), q
its axis ratio. Many galaxies are smooth and symmetric to a thousandth of their light, which convolutions alone don't
draw: errors of a percent of the brightness in each pixel add up to a tenth of the light.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from sciencegen.networks.mlp import MLP, linear

SQUARES = ((8, 3), (1, 16))
"""(half-width in pixels, samples per pixel along x and y) of squares in the middle, where profiles are averaged over
more samples than one a pixel. An index of 4 at a radius of 2 pixels is then exact to 1% of the light."""
RADII, INDICES = (0.03, 0.06), (3.0, 1.0)
"""Half-light radii relative to the image's side, and Sérsic indices, from which profiles start: bulge and disc in
turn."""
RADIUS_RANGE, INDEX_RANGE = 2.5, 0.9
"""Greatest changes of the logarithms of radius and index."""
SOFTENING = 0.03
"""Pixels, added in quadrature to rho, so that gradients at the centre stay finite."""
FLATTEST = 0.85
"""Greatest ellipticity g."""
STRUCTURE = -4.0
"""Logit of the structure's share from which it starts; those of profiles start from 0."""

Image = Float[Tensor, "batch profile y x"]


class Profiles(nn.Module):
    """The parameters of `count` profiles as functions of `inputs` numbers, and their images.

    Profiles have one centre, within a pixel of the middle. Their shares differ between bands, radii and shapes don't.
    All is computed in the weights' own precision, also under autocast: an error of 0.4% in a radius would be visible.
    """

    log_radius: Tensor
    log_index: Tensor
    logits: Tensor

    def __init__(self, inputs: int, bands: int, side: int, count: int) -> None:
        super().__init__()
        self.side, self.parts = side, (count + 1, bands)
        self.sizes = [2, count, count, 2 * count, (count + 1) * bands]
        self.plain = linear(inputs, sum(self.sizes), zero=True)
        self.bend = MLP(inputs, sum(self.sizes), 128, 2, zero_output=True)
        alternating = torch.arange(count) % 2
        self.register_buffer("log_radius", (side * torch.tensor(RADII)[alternating]).log(), persistent=False)
        self.register_buffer("log_index", torch.tensor(INDICES)[alternating].log(), persistent=False)
        self.register_buffer("logits", torch.tensor([[STRUCTURE], *[[0.0]] * count]), persistent=False)

    def forward(
        self, inputs: Float[Tensor, "batch input"]
    ) -> tuple[Float[Tensor, "batch band y x"], Float[Tensor, "batch band"]]:
        """The sum of all profiles, share_k S_k, and the share of the structure."""
        with torch.autocast(inputs.device.type, enabled=False):
            inputs = inputs.to(self.plain.weight)
            values = self.plain(inputs) + self.bend(inputs)
            centre, radius, index, shape, light = values.split(self.sizes, 1)
            parts = (self.logits + light.unflatten(1, self.parts)).softmax(1)
            structure, shares = parts[:, 0], parts[:, 1:]
            images = profile_images(
                centre.tanh(),
                self.log_radius + _limited(radius, RADIUS_RANGE),
                (self.log_index + _limited(index, INDEX_RANGE)).exp(),
                _shortened(shape.unflatten(1, (-1, 2))),
                self.side,
            )
            return torch.einsum("nkb,nkyx->nbyx", shares, images), structure


def profile_images(
    centre: Float[Tensor, "batch 2"],
    log_radius: Float[Tensor, "batch profile"],
    index: Float[Tensor, "batch profile"],
    g: Float[Tensor, "batch profile 2"],
    side: int,
) -> Image:
    """Sérsic profiles of sum 1. centre: x and y relative to the image's, in pixels, as radii are."""
    form = (centre[:, None], log_radius, index, g)
    image = _averaged(*form, side, 1)
    for half, samples in SQUARES:
        margin = max(0, side // 2 - half)
        finer = functional.pad(_averaged(*form, side - 2 * margin, samples), [margin] * 4)
        image = torch.where(finer > 0, finer, image)
    return image / image.sum((-2, -1), keepdim=True)


def _averaged(centre: Tensor, log_radius: Tensor, index: Tensor, g: Tensor, side: int, samples: int) -> Image:
    """Of a square of this side in the middle, each pixel the mean of its samples."""
    at = (torch.arange(side * samples, device=g.device) + 0.5) / samples - side / 2
    x, y = (at - centre[..., :1])[..., None, :], (at - centre[..., 1:])[..., :, None]
    g1, g2 = g[..., 0, None, None], g[..., 1, None, None]
    along, across = (1 - g1) * x - g2 * y, (1 + g1) * y - g2 * x
    squared = (along.square() + across.square()) / (1 - g1.square() - g2.square()) + SOFTENING**2
    n = index[..., None, None]
    steepness = 2 * n - 1 / 3 + 4 / (405 * n)
    bright = (-steepness * ((0.5 * squared.log() - log_radius[..., None, None]) / n).exp()).exp()
    pixels = (side, samples)
    return bright if samples == 1 else bright.unflatten(-1, pixels).unflatten(-3, pixels).mean((-3, -1))


def _limited(value: Tensor, most: float) -> Tensor:
    return most * torch.tanh(value / most)


def _shortened(vector: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
    """A vector of any length as an ellipticity g, of length below `FLATTEST`."""
    length = (vector.square().sum(-1, keepdim=True) + 1e-12).sqrt()
    return FLATTEST * length.tanh() / length * vector
