"""Laws of a denoiser of images with a context and conditions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.pixels import ConditionKinds

KINDS = ConditionKinds((0, 3), ((2, 1),))
CONTEXT = {"psf": 1, "level": 2}


def inputs(side: int = 16) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    torch.manual_seed(1)
    z = {"image": torch.randn(3, 2, side, side), "psf": torch.rand(3, 7, 7), "level": torch.randn(3, 2, 1, 1)}
    condition = torch.randn(3, 4)
    condition[0, :], condition[1, 1], condition[1, 3] = torch.nan, torch.nan, torch.nan
    return z, torch.tensor([-4.0, 0.0, 7.0]), condition


def awake(network: nn.Module) -> nn.Module:
    """No longer the zero function."""
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.2)
    return network


def check_inputs(network: nn.Module) -> None:
    """It starts as zero; then the estimate depends on level, condition and each field of the context, and a missing
    condition is an empty one."""
    z, level, condition = inputs()
    assert not network(z, level, condition, None)["image"].any()
    awake(network)
    first = network(z, level, condition, None)["image"]
    for other in (network(z, level + 1, condition, None), network(z, level, condition + 1, None)):
        assert (other["image"] != first).flatten(2).any(2)[2].all()
    for name in CONTEXT:
        assert (network({**z, name: z[name] + 1}, level, condition, None)["image"] != first).flatten(1).any(1).all()
    nothing = network(z, level, torch.full_like(condition, torch.nan), None)["image"]
    torch.testing.assert_close(nothing, network(z, level, None, None)["image"])


def check_refusals(network: nn.Module) -> None:
    """Images of another shape, and a missing or wrong context, are errors."""
    z, level, condition = inputs()
    with pytest.raises(ShapeError, match="'image' of shape"):
        network({**z, "image": z["image"][..., :8]}, level, condition, None)
    with pytest.raises(ConfigError, match="given beside the image"):
        network({"image": z["image"], "level": z["level"]}, level, condition, None)
    with pytest.raises(ShapeError, match="'level' with 2 channels"):
        network({**z, "level": z["level"][:, :1]}, level, condition, None)
