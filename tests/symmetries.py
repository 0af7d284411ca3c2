"""How far a network of images is from commuting with the symmetries of the square."""

from collections.abc import Mapping

import torch
from torch import Tensor

from sciencegen.networks.pixels import SYMMETRIES, turned
from sciencegen.networks.unet import UNetDenoiser


@torch.no_grad()
def equivariance_error(
    denoise: UNetDenoiser, z: Mapping[str, Tensor], log_snr: Tensor, condition: Tensor | None
) -> float:
    """The greatest |denoise(g z, g condition) - g denoise(z, condition)| over the eight symmetries g, relative to the
    greatest |denoise|: only rounding for a symmetric network. The context is transformed with the image."""

    def estimate(g: int) -> Tensor:
        seen = {name: turned(value, g) if value.ndim > 2 else value for name, value in z.items()}
        return denoise(seen, log_snr, denoise.conditions.turned(condition, g), None)[denoise.name]

    still = estimate(0)
    worst = max(float((estimate(g) - turned(still, g)).abs().max()) for g in SYMMETRIES["d4"])
    return worst / float(still.abs().max())
