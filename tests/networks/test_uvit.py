import pytest
import torch

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.uvit import Grid, UViTDenoiser, UViTSettings
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
