"""Two halves of an autoencoder agree in their sides, and a latent map that says nothing changes nothing."""

import pytest
import torch

from sciencegen.errors import ConfigError
from sciencegen.networks.pyramid import BottomUp, LatentGrid, PyramidSettings, TopDown, map_shapes, map_widths

SETTINGS = PyramidSettings(width=4, multipliers=(1, 2, 2), patch=2, known=8, maps=(3, 1))


def test_levels_halve_their_sides_and_maps_lie_below_the_coarsest():
    features = BottomUp(2, SETTINGS)(torch.randn(5, 2, 32, 32))
    assert [tuple(level.shape[1:]) for level in features] == [(4, 16, 16), (8, 8, 8), (8, 4, 4)]
    assert SETTINGS.sides(32) == [16, 8, 4]
    assert map_shapes(SETTINGS, 32) == [(3, 8, 8), (1, 16, 16)]
    assert map_widths(SETTINGS) == [(8, 8), (4, 4)]


def test_the_way_back_asks_for_each_map_and_makes_the_image():
    asked = []

    def choose(number, hidden):
        asked.append((number, tuple(hidden.shape[1:])))
        channels, *sides = map_shapes(SETTINGS, 32)[number]
        return torch.zeros(len(hidden), channels, *sides)

    image = TopDown(2, 32, SETTINGS)(torch.randn(5, 8), choose)
    assert image.shape == (5, 2, 32, 32)
    assert asked == [(0, (8, 8, 8)), (1, (4, 16, 16))]


def test_a_map_adds_a_linear_function_of_its_value():
    torch.manual_seed(0)
    layer, hidden, noise = LatentGrid(6, 2), torch.randn(3, 6, 4, 4), torch.randn(2, 3, 2, 4, 4)
    zero = layer(hidden, torch.zeros(3, 2, 4, 4))
    one, other, both = (layer(hidden, each) - zero for each in (noise[0], noise[1], noise.sum(0)))
    torch.testing.assert_close(one + other, both, atol=1e-5, rtol=1e-4)


def test_sides_that_do_not_halve_are_padded():
    assert (SETTINGS.padded_side(20), SETTINGS.padded_side(24)) == (24, 24)
    assert SETTINGS.sides(20) == [12, 6, 3]


def test_too_many_maps_are_refused():
    with pytest.raises(ConfigError, match="fewer latent maps"):
        PyramidSettings(multipliers=(1, 2), maps=(1, 1))
