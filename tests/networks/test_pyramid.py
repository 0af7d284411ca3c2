"""Pyramids of feature maps, and textures."""

import pytest
import torch

from sciencegen.errors import ConfigError
from sciencegen.networks import pyramid as module
from sciencegen.networks.pyramid import (
    BottomUp,
    LatentGrid,
    PyramidSettings,
    Texture,
    TopDown,
    energy_score,
    fit_texture,
    map_shapes,
    map_widths,
)

# Two halves of an autoencoder agree in their sides, and a latent map that says nothing changes nothing.


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


# The energy score is least for draws of the right distribution, and a texture that is fitted by it draws from that.


def noise(count, spread, generator):
    return spread * torch.randn(count, 1, 8, 8, generator=generator)


def test_the_score_is_least_for_the_distribution_of_the_images(generator):
    image, unit = noise(400, 1.0, generator), torch.ones(1)
    scores = {
        spread: energy_score(noise(400, spread, generator), noise(400, spread, generator), image, unit.expand_as(image))
        for spread in (0.0, 0.5, 1.0, 2.0)
    }
    means = {spread: float(score.mean()) for spread, score in scores.items()}
    assert min(means, key=means.get) == 1.0


def test_the_score_without_spread_is_the_distance(generator, monkeypatch):
    monkeypatch.setattr(module, "WINDOWS", (8,))
    image = noise(3, 1.0, generator)
    made = torch.zeros_like(image)
    expected = (image.square().flatten(1).mean(1) + 1e-4 / 64).sqrt() - 0.5 * 1e-2 / 8
    torch.testing.assert_close(energy_score(made, made, image, torch.ones_like(image)), expected)
    halved = energy_score(made, made, image, torch.full_like(image, 2.0))
    torch.testing.assert_close(halved, expected / 2, rtol=0, atol=1e-3)


def test_no_noise_is_no_texture(generator):
    torch.manual_seed(0)
    texture = Texture(3, 2, 1, 2)
    above = torch.randn(4, 3, 5, 5, generator=generator)
    torch.nn.init.normal_(texture.last.weight)
    assert not texture(above, torch.zeros(4, 2, 5, 5)).any()
    made = texture(above, torch.randn(4, 2, 5, 5, generator=generator))
    assert made.shape == (4, 1, 10, 10)
    assert made.abs().max() > 0.1


@pytest.mark.long
def test_a_fitted_texture_draws_what_its_features_say(generator):
    torch.manual_seed(0)
    texture, spread = Texture(1, 1, 1, 1), 0.7

    def draw(step):
        loud = torch.randint(0, 2, (32, 1, 1, 1), generator=generator).float()
        above = loud.expand(-1, -1, 8, 8)
        first, second = (texture(above, torch.randn(32, 1, 8, 8, generator=generator)) for _ in range(2))
        return first, second, loud * noise(32, spread, generator), torch.ones_like(above)

    losses = fit_texture(texture, draw, 250)
    assert texture.fitted
    assert not any(parameter.requires_grad for parameter in texture.parameters())
    assert sum(losses[-50:]) < 0.9 * sum(losses[:50])
    with torch.no_grad():
        quiet, loud = (texture(torch.full((50, 1, 8, 8), one), torch.randn(50, 1, 8, 8)).std() for one in (0.0, 1.0))
    assert quiet < 0.15
    assert float(loud) == pytest.approx(spread, rel=0.2)
