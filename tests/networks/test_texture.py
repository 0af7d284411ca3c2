"""The energy score is least for draws of the right distribution, and a texture that is fitted by it draws from that."""

import pytest
import torch

from sciencegen.networks import pyramid as module
from sciencegen.networks.pyramid import Texture, energy_score, fit_texture


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
