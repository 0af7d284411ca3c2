from dataclasses import replace

import pytest
import torch

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.symmetry import SYMMETRIES, ConditionKinds, turned
from sciencegen.networks.unet import UNetDenoiser, UNetSettings, equivariance_error, parameter_count, with_parameters

KINDS = ConditionKinds((0, 3), ((2, 1),))
CONTEXT = {"psf": 1, "level": 2}


def network(symmetry, side=16, **sizes):
    """Small, and no longer the zero function."""
    torch.manual_seed(0)
    settings = UNetSettings(symmetry, **{"width": 6, "multipliers": (1, 2), "known": 8, **sizes})
    made = UNetDenoiser("image", (2, side, side), KINDS, CONTEXT, settings)
    for parameter in made.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return made


def inputs(side=16):
    torch.manual_seed(1)
    z = {"image": torch.randn(3, 2, side, side), "psf": torch.rand(3, 7, 7), "level": torch.randn(3, 2, 1, 1)}
    condition = torch.randn(3, 4)
    condition[0, :], condition[1, 1], condition[1, 3] = torch.nan, torch.nan, torch.nan
    return z, torch.tensor([-4.0, 0.0, 7.0]), condition


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
def test_it_starts_as_zero_and_hears_level_and_condition(symmetry):
    settings = UNetSettings(symmetry, 6, (1, 2), known=8)
    z, level, condition = inputs()
    assert not UNetDenoiser("image", (2, 16, 16), KINDS, CONTEXT, settings)(z, level, condition, None)["image"].any()
    denoise = network(symmetry)
    first = denoise(z, level, condition, None)["image"]
    for other in (denoise(z, level + 1, condition, None), denoise(z, level, condition + 1, None)):
        assert (other["image"] != first).flatten(2).any(2)[2].all()
    nothing = denoise(z, level, torch.full_like(condition, torch.nan), None)["image"]
    torch.testing.assert_close(nothing, denoise(z, level, None, None)["image"])


def test_equal_parameters_are_found():
    def count(settings):
        return parameter_count(UNetDenoiser("image", (1, 64, 64), KINDS, {}, settings))

    plain = UNetSettings("none", 16)
    assert count(replace(plain, symmetry="d4")) == pytest.approx(count(plain), rel=0.2), "whichever the symmetry"
    wanted = count(replace(plain, symmetry="d4"))
    assert count(with_parameters(plain, wanted, (1, 64, 64), KINDS, {})) == pytest.approx(wanted, rel=0.08)


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
    z, level, condition = inputs()
    with pytest.raises(ShapeError, match="'image' of shape"):
        network("none")({**z, "image": z["image"][..., :8]}, level, condition, None)
    with pytest.raises(ConfigError, match="given beside the image"):
        network("none")({"image": z["image"], "level": z["level"]}, level, condition, None)
    with pytest.raises(ShapeError, match="'level' with 2 channels"):
        network("none")({**z, "level": z["level"][:, :1]}, level, condition, None)
