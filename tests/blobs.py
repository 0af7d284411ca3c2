"""Images whose size, shape and flux are known: elliptical Gaussians, blurred and noisy."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sciencegen.batch import Batch
from sciencegen.networks.pixels import ConditionKinds, convolved
from sciencegen.networks.shared_noise import standard_normal

KINDS = ConditionKinds((0, 1), ((2, 3),))
"""log flux, log size, e1, e2."""


def gaussian_image(side: int, covariance: Tensor) -> Tensor:
    """[item y x] of sum 1, around the middle; covariance [item 2 2] of (x, y) in pixels squared."""
    axis = torch.arange(side) - (side - 1) / 2
    place = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).to(covariance)
    squares = torch.einsum("yxa,iab,yxb->iyx", place, torch.linalg.inv(covariance), place)
    image = torch.exp(-0.5 * squares)
    return image / image.sum((-2, -1), keepdim=True)


def moments(image: Tensor) -> Tensor:
    """log flux, log size, e1, e2 of images [item band y x], as conditions are."""
    flux = image.sum((-3, -2, -1)).clamp(min=1e-12)
    axis = torch.arange(image.shape[-1]).to(image) - (image.shape[-1] - 1) / 2
    x, y, share = axis[None, :], axis[:, None], image.sum(1) / flux[:, None, None]
    xx, yy, xy = ((share * each).sum((-2, -1)) for each in (x * x, y * y, x * y))
    size = (0.5 * (xx + yy)).clamp(min=1e-6).sqrt()
    return torch.stack([flux.log(), size.log() / 0.3, 4 * (xx - yy) / (xx + yy), 8 * xy / (xx + yy)], 1)


def with_noise(image: Tensor, like: Batch, generator: torch.Generator) -> Tensor:
    """An image convolved by the psf of `like`, with noise of its variance added."""
    mean = convolved(image, like.fields.get("psf"))
    return mean + like["variance"].to(mean).sqrt() * standard_normal(mean.shape, generator, mean)


@dataclass(frozen=True)
class Blobs:
    """side: of the image. noise: standard deviation of a pixel. psf: whether there is one, of a width of its own."""

    side: int = 16
    noise: float = 0.01
    psf: bool = True

    def true(self, count: int, generator: torch.Generator) -> Tensor:
        """Without blur and noise, [item 1 y x]."""
        numbers = torch.randn(count, 4, generator=generator)
        size, e1, e2 = 1.7 * (0.2 * numbers[:, 1]).exp(), *(0.2 * numbers[:, 2:].clamp(-2, 2)).unbind(1)
        rows = [torch.stack([1 + e1, e2], 1), torch.stack([e2, 1 - e1], 1)]
        covariance = size[:, None, None].square() * torch.stack(rows, 1)
        return (numbers[:, 0].exp()[:, None, None] * gaussian_image(self.side, covariance))[:, None]

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        true = self.true(count, generator)
        given = {"variance": torch.full((count, 1, 1, 1), self.noise**2)}
        if self.psf:
            width = 0.8 + 0.4 * torch.rand(count, generator=generator)
            given["psf"] = gaussian_image(7, width[:, None, None].square() * torch.eye(2))
        like = Batch({"image": true, **given})
        return Batch({**like.fields, "image": with_noise(true, like, generator)}, None, moments(true))


LOG_2_PI = math.log(2 * math.pi)
