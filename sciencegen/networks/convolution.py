"""Convolution of images by a point spread function, differentiable."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from sciencegen.data.observation import convolve
from sciencegen.errors import ShapeError


def convolved(
    image: Float[Tensor, "batch band y x"], psf: Float[Tensor, "_ *band v u"] | None
) -> Float[Tensor, "batch band y x"]:
    """Convolves by psf (`data.observation.convolve`); an image whose psf is missing or all zero is unchanged."""
    if psf is None:
        return image
    psf = psf[:, None] if psf.ndim == 3 else psf
    side = psf.shape[-1]
    if side % 2 == 0 or psf.shape[-2] != side or psf.shape[1] not in (1, image.shape[1]):
        raise ShapeError(f"Expected a psf of shape [batch y x] with y = x odd, got {list(psf.shape)}. Pad or crop it.")
    nothing = functional.pad(psf.new_ones(1, 1, 1, 1), [side // 2] * 4)
    psf = torch.where(psf.abs().sum((-2, -1), keepdim=True) > 0, psf, nothing).to(image)
    return convolve(image, psf, torch.fft)
