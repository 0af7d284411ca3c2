"""U-Nets that denoise images, alone and within vectors."""

import pytest
import torch

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.pixels import SYMMETRIES, turned
from sciencegen.networks.unet import (
    UNetDenoiser,
    UNetSettings,
    VectorUNetDenoiser,
)
from sciencegen.networks.uvit import Grid
from tests.networks.image_denoisers import CONTEXT, KINDS, awake, check_inputs, check_refusals, inputs
from tests.networks.vector_denoisers import GRID, PROPERTIES, SIZE, check_laws
from tests.symmetries import equivariance_error


def network(symmetry, side=16, **sizes):
    """Small, and no longer the zero function."""
    torch.manual_seed(0)
    settings = UNetSettings(symmetry, **{"width": 6, "multipliers": (1, 2), "known": 8, **sizes})
    return awake(UNetDenoiser("image", (2, side, side), KINDS, CONTEXT, settings))


@pytest.mark.parametrize("sizes", [{}, {"patch": 1, "blocks": 2}, {"patch": 4, "multipliers": (1,)}])
def test_it_turns_with_what_it_is_given(double_precision, sizes):
    assert equivariance_error(network("d4", **sizes), *inputs()) < 1e-10


def test_it_turns_in_single_precision():
    assert equivariance_error(network("d4", 64, multipliers=(1, 2, 2, 2)), *inputs(64)) < 1e-5


def test_a_plain_one_does_not_and_an_image_that_stays_behind_shows():
    assert equivariance_error(network("none"), *inputs()) > 0.1
    z, level, condition = inputs()
    denoise = network("d4")
    still = denoise(z, level, condition, None)["image"]
    for left in ("psf", "condition"):
        seen = {**z, "image": turned(z["image"], 1), "psf": z["psf"] if left == "psf" else turned(z["psf"], 1)}
        told = condition if left == "condition" else KINDS.turned(condition, 1)
        moved = denoise(seen, level, told, None)["image"]
        assert not torch.allclose(moved, turned(still, 1), atol=1e-3)


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_it_starts_as_zero_and_hears_level_condition_and_context(symmetry):
    torch.manual_seed(0)
    check_inputs(UNetDenoiser("image", (2, 16, 16), KINDS, CONTEXT, UNetSettings(symmetry, 6, (1, 2), known=8)))


@pytest.mark.parametrize(("symmetry", "side"), [("none", 23), ("none", 24), ("d4", 24)])
def test_images_of_any_side_are_denoised(symmetry, side):
    torch.manual_seed(0)
    one = UNetDenoiser("image", (1, side, side), settings=UNetSettings(symmetry, 8))
    z, level = {"image": torch.randn(2, 1, side, side)}, torch.zeros(2)
    torch.nn.init.normal_(one.outward.weight, std=0.1)
    assert one(z, level, None, None)["image"].shape == (2, 1, side, side)
    if symmetry == "d4":
        assert equivariance_error(one, z, level, None) < 1e-4


def test_other_shapes_and_missing_context_are_refused():
    with pytest.raises(ConfigError, match="y = x"):
        UNetDenoiser("image", (1, 24, 16))
    with pytest.raises(ConfigError, match="even side for symmetry 'd4', got 25"):
        UNetDenoiser("image", (1, 25, 25), settings=UNetSettings("d4"))
    check_refusals(network("none"))


@pytest.mark.parametrize("sizes", [{"multipliers": (1, 2), "patch": 1}, {"multipliers": (1,), "patch": 2}])
def test_laws_of_a_denoiser(sizes):
    torch.manual_seed(0)
    check_laws(VectorUNetDenoiser("z", SIZE, GRID, PROPERTIES, UNetSettings(width=4, known=8, **sizes)))


def test_an_image_alone_that_is_no_square():
    network = VectorUNetDenoiser("z", 6, Grid((1, 2, 3), tuple(range(6))), settings=UNetSettings(width=4, known=8))
    torch.nn.init.normal_(network.unet.outward.weight)
    z = torch.randn(2, 6)
    found = network({"z": z}, torch.zeros(2), None, None)["z"]
    assert found.shape == z.shape
    assert found.any(1).all()
    with pytest.raises(ShapeError, match=r"'z' of shape \[batch 6\], got \[2, 5\]"):
        network({"z": z[:, :5]}, torch.zeros(2), None, None)
