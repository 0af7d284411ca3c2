"""Laws of a denoiser of vectors in which an image lies."""

from __future__ import annotations

import torch
from torch import nn

from sciencegen.networks.uvit import Grid

SIZE, PROPERTIES = 12, 2
GRID = Grid((1, 3, 3), (9, 8, 7, 6, 5, 4, 3, 2, 1))
"""Other numbers are the first and the last two."""


def check_laws(network: nn.Module) -> None:
    """It starts as zero; the estimate of each number depends on each known number, on level and condition, and on no
    unknown number; a missing condition and mask are empty ones; no item depends on another."""
    torch.manual_seed(0)
    z, level, condition = torch.randn(3, SIZE), torch.tensor([-4.0, 0.0, 5.0]), torch.randn(3, PROPERTIES)

    def estimate(z: torch.Tensor, level: torch.Tensor, condition=None, mask=None) -> torch.Tensor:
        return network({"z": z}, level, condition, mask)["z"]

    assert not estimate(z, level, condition).any()
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    first = estimate(z, level, condition)
    for changed in (estimate(z, level + 1, condition), estimate(z, level, condition + 1)):
        assert (changed != first).all()
    for number in range(SIZE):
        other = z.clone()
        other[:, number] += 1
        assert (estimate(other, level, condition) != first).all(), number
        known = torch.ones(3, SIZE, dtype=torch.bool)
        known[:, number] = False
        hidden = estimate(z, level, condition, known)
        rest = torch.arange(SIZE) != number
        assert (hidden != first).all()
        torch.testing.assert_close(estimate(other, level, condition, known)[:, rest], hidden[:, rest])
    nothing = torch.full_like(condition, torch.nan)
    torch.testing.assert_close(estimate(z, level), estimate(z, level, nothing, torch.ones(3, SIZE)))
    torch.testing.assert_close(estimate(z[1:2], level[1:2], condition[1:2]), first[1:2], rtol=1e-4, atol=1e-5)
