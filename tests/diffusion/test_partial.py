"""Partial diffusion: how much of an item is left, from everything to nothing."""

from dataclasses import replace

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.model import DiffusionModel, DiffusionSettings, vary
from sciencegen.diffusion.process import alpha
from sciencegen.diffusion.schedules import Cosine
from sciencegen.errors import ConfigError
from tests.diffusion.known_data import VECTOR, GaussianData


class Exact(torch.nn.Module):
    """The denoiser of standard normal data."""

    def forward(self, z, log_snr, condition, mask):
        return GaussianData(torch.zeros(2), 1.0).denoise(z, log_snr)


@pytest.fixture
def model():
    settings = DiffusionSettings(prediction="x", sampler="ddim", steps=100)
    return DiffusionModel(Exact(), VECTOR, Cosine(9.0, -9.0), {"x": (2,)}, settings)


@pytest.mark.parametrize("level", [0.02, 0.3, 0.6, 1.0])
def test_of_white_data_the_share_alpha_is_left(model, generator, level):
    """The path from z_t to x keeps a standard normal z, so that x' = alpha x + sigma noise."""
    x, noise = (torch.randn(2000, 2, generator=generator) for _ in range(2))
    found = vary(model, Batch({"x": x}), {"x": noise}, level)["x"]
    left = alpha(model.schedule(torch.tensor([level]))).item()
    assert torch.corrcoef(torch.stack([x.flatten(), found.flatten()]))[0, 1] == pytest.approx(left, abs=0.05)
    assert found.std() == pytest.approx(1, abs=0.06)


def test_variations_do_not_begin_with_pure_noise(model, generator):
    x, noise = (torch.randn(3, 2, generator=generator) for _ in range(2))
    before = vary(model, Batch({"x": x}), {"x": noise}, 0.3)["x"]
    model.settings = replace(model.settings, pure_noise=True)
    torch.testing.assert_close(vary(model, Batch({"x": x}), {"x": noise}, 0.3)["x"], before, rtol=0, atol=0)


def test_further_guidance_bends_the_draws(model, generator):
    x, noise = torch.ones(3, 2), {"x": torch.randn(3, 2, generator=generator)}
    fixed = vary(model, Batch({"x": x}), noise, 0.5, lambda denoise: lambda *given: {"x": torch.full((3, 2), 4.0)})
    assert fixed["x"] == pytest.approx(4)


@pytest.mark.parametrize("name", ["ancestral", "churn"])
def test_less_noise_a_step_narrows_variations(model, generator, name):
    x, noise, spread = torch.zeros(400, 2), {"x": torch.randn(400, 2, generator=generator)}, {}
    for factor in (0.0, 0.5, 1.0):
        model.settings = replace(model.settings, sampler=name, step_noise=factor)
        spread[factor] = vary(model, Batch({"x": x}), noise, 0.6)["x"].std().item()
    assert spread[0.0] < spread[0.5] < spread[1.0]


@pytest.mark.parametrize("level", [0.0, -0.1, 1.1])
def test_a_level_out_of_range_is_an_error(model, level):
    with pytest.raises(ConfigError, match="noise level above 0, at most 1"):
        vary(model, Batch({"x": torch.zeros(1, 2)}), {"x": torch.zeros(1, 2)}, level)
