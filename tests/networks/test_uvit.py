"""U-ViTs of images and of vectors."""

import pytest
import torch

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.uvit import (
    Grid,
    ImageUViTDenoiser,
    PatchTokens,
    UViTDenoiser,
    UViTSettings,
    outside,
    vector_of,
)
from tests.networks.image_denoisers import CONTEXT, KINDS, awake, check_inputs, check_refusals, inputs
from tests.networks.vector_denoisers import GRID, PROPERTIES, SIZE, check_laws

SMALL = UViTSettings(width=8, depth=1, heads=2)


@pytest.mark.parametrize("settings", [SMALL, UViTSettings(width=8, depth=0, heads=1, patch=4)])
def test_laws_of_a_denoiser(settings):
    torch.manual_seed(0)
    check_laws(UViTDenoiser("z", SIZE, [GRID], PROPERTIES, settings))


def test_laws_with_two_arrays():
    torch.manual_seed(0)
    check_laws(UViTDenoiser("z", SIZE, [Grid((1, 2, 3), (5, 6, 7, 8, 9, 10)), Grid((2, 1, 2), (0, 2, 1, 3))], 2, SMALL))


def test_vectors_of_images_alone_without_conditions():
    network = UViTDenoiser("z", 9, [Grid((1, 3, 3), tuple(range(9)))], settings=SMALL)
    torch.nn.init.normal_(network.patches[0].outward.weight)
    z = torch.randn(2, 9)
    assert network({"z": z}, torch.zeros(2), None, None)["z"].any(1).all()
    assert network.transformer.position.shape == (5, 8), "the level and four patches"


def test_long_skips_join_blocks_from_the_outside_in():
    """Without the inner blocks, the outermost skip still carries the tokens; without its weights, none arrives."""
    torch.manual_seed(0)
    network = UViTDenoiser("z", 9, [Grid((1, 3, 3), tuple(range(9)))], settings=UViTSettings(8, 2, 2))
    torch.nn.init.normal_(network.patches[0].outward.weight)
    z = torch.randn(2, 9)
    with torch.no_grad():
        for skip in network.transformer.skips:
            skip.weight[:, : network.transformer.middle.linear2.out_features] = 0  # of the path through the middle
        through = network({"z": z}, torch.zeros(2), None, None)["z"]
        other = network({"z": z + 1}, torch.zeros(2), None, None)["z"]
        assert (through != other).all()
        network.transformer.skips[-1].weight.zero_()
        first, second = (network({"z": one}, torch.zeros(2), None, None)["z"] for one in (z, z + 1))
    torch.testing.assert_close(first, second)


def test_weights_without_a_module_transformer_are_loaded():
    """Their names in early models of version 0.3.0."""
    torch.manual_seed(0)
    first, second = (torch.nn.ModuleList([UViTDenoiser("z", SIZE, [GRID], PROPERTIES, SMALL)]) for _ in range(2))
    early = {name.replace("transformer.", ""): value for name, value in first.state_dict().items()}
    assert {"0.position", "0.level.weight", "0.inward.weight"} < set(early)
    second.load_state_dict(early)
    for name, value in first.state_dict().items():
        assert (second.state_dict()[name] == value).all(), name
    with pytest.raises(RuntimeError, match=r"transformer\.other"):
        second.load_state_dict({**early, "0.other": torch.zeros(1)})


@pytest.mark.parametrize("wrong", [{"width": 9}, {"patch": 0}, {"depth": -1}])
def test_wrong_sizes_are_errors(wrong):
    with pytest.raises(ConfigError, match="Expected"):
        UViTSettings(**wrong)


def test_another_shape_is_refused():
    network = UViTDenoiser("z", SIZE, [GRID], settings=SMALL)
    with pytest.raises(ShapeError, match=r"'z' of shape \[batch 12\], got \[4, 2\]"):
        network({"z": torch.zeros(4, 2)}, torch.zeros(4), None, None)


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


GRIDS = [Grid((1, 2, 2), (7, 5, 3, 1)), Grid((2, 1, 1), (0, 6))]


def test_a_vector_is_put_together_from_its_images_and_the_rest():
    vector = torch.randn(3, 9)
    assert outside(9, GRIDS) == [2, 4, 8]
    images = [grid.image(vector) for grid in GRIDS]
    assert [tuple(image.shape) for image in images] == [(3, 1, 2, 2), (3, 2, 1, 1)]
    assert (images[0][:, 0, 0] == vector[:, [7, 5]]).all()
    assert (vector_of(vector[:, [2, 4, 8]], images, GRIDS) == vector).all()


@pytest.mark.parametrize(("shape", "patch", "count"), [((2, 4, 6), 2, 6), ((1, 5, 3), 2, 6), ((3, 1, 7), 3, 3)])
def test_a_token_is_a_square_of_pixels(shape, patch, count):
    tokens = PatchTokens(shape, patch, 8, 4)
    assert tokens.count == count
    image = torch.randn(2, 4, *shape[1:])
    first = tokens(image)
    assert first.shape == (2, count, 8)
    changed = image.clone()
    changed[:, :, -1, -1] += 1
    assert ((tokens(changed) != first).any(2).sum(1) == 1).all()
    assert tokens.read(first).shape == (2, *shape)
    assert not tokens.read(first).any()


@pytest.mark.parametrize("shape", [(2, 4, 6), (1, 5, 3)])
def test_tokens_and_pixels_have_one_order(shape):
    """With the identity for both layers, the image comes back."""
    numbers = shape[0] * 4
    tokens = PatchTokens(shape, 2, numbers, shape[0])
    with torch.no_grad():
        tokens.inward.bias.zero_()
        tokens.inward.weight.copy_(torch.eye(numbers))
        tokens.outward.weight.copy_(torch.eye(numbers))
    image = torch.randn(2, *shape)
    torch.testing.assert_close(tokens.read(tokens(image)), image)
