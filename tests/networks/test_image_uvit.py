import pytest
import torch

from sciencegen.errors import ConfigError
from sciencegen.networks.uvit import ImageUViTDenoiser, UViTSettings
from tests.networks.image_denoisers import CONTEXT, KINDS, awake, check_inputs, check_refusals, inputs

SMALL = UViTSettings(width=8, depth=1, heads=2)


def network(side=16, settings=SMALL):
    torch.manual_seed(0)
    return ImageUViTDenoiser("image", (2, side, side), KINDS, CONTEXT, settings)


@pytest.mark.parametrize("settings", [SMALL, UViTSettings(width=8, depth=0, heads=1, patch=5)])
def test_it_starts_as_zero_and_hears_level_condition_and_context(settings):
    check_inputs(network(settings=settings))


@pytest.mark.parametrize("side", [7, 9, 12])
def test_images_of_any_side_are_denoised(side):
    z, level, condition = inputs(side)
    found = awake(network(side, UViTSettings(8, 1, 2, patch=4)))(z, level, condition, None)["image"]
    assert found.shape == (3, 2, side, side)
    assert found.all()


def test_each_pixel_is_estimated_from_all(double_precision):
    one, (z, level, condition) = awake(network()), inputs()
    first = one(z, level, condition, None)["image"]
    changed = {**z, "image": z["image"].clone()}
    changed["image"][:, 0, -1, -1] += 1
    assert (one(changed, level, condition, None)["image"] != first).all()


def test_other_shapes_and_missing_context_are_refused():
    with pytest.raises(ConfigError, match="y = x"):
        ImageUViTDenoiser("image", (1, 24, 16))
    check_refusals(network())
