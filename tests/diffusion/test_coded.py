"""A diffusion of codes: a true bound, items restored from their noise, gaps filled, cells hidden in training."""

from __future__ import annotations

import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal

from sciencegen.batch import Batch
from sciencegen.diffusion.steering import SteeredModel, Steering
from sciencegen.diffusion.vectors import CodedDiffusion, VectorDiffusionSettings, vector_diffusion
from sciencegen.errors import ConfigError

COVARIANCE = torch.tensor([[1.0, 0.8, 0.0], [0.8, 1.0, -0.3], [0.0, -0.3, 1.0]], dtype=torch.float64)
LAW = MultivariateNormal(torch.zeros(3, dtype=torch.float64), COVARIANCE)
SCALE = 3.0


class Scaled:
    """x = 3 v."""

    def drawn(self, batch, generator):
        known = self._known(batch)
        return self.centre(batch), -known.sum(1) * torch.tensor(SCALE).log()

    def _known(self, batch):
        return torch.ones_like(batch["x"], dtype=torch.bool) if batch.mask is None else batch.mask

    def centre(self, batch):
        known = self._known(batch)
        return Batch({"v": (batch["x"] / SCALE).masked_fill(~known, 0.0)}, known, batch.condition)

    def read(self, batch):
        return Batch({"x": SCALE * batch["v"]}, None, batch.condition)


class Exact(torch.nn.Module):
    """v of the denoiser of N(0, COVARIANCE), of the known numbers alone."""

    def forward(self, z, log_snr, condition, mask) -> dict[str, Tensor]:
        value = z["v"]
        known = torch.ones_like(value) if mask is None else mask.to(value)
        alpha, sigma = (torch.sigmoid(sign * log_snr).sqrt()[:, None] for sign in (1, -1))
        both = known[:, :, None] * known[:, None, :]
        noisy = alpha[..., None].square() * COVARIANCE * both + sigma[..., None].square() * torch.eye(3)
        x = alpha * (COVARIANCE * both @ torch.linalg.solve(noisy, value[..., None]))[..., 0]
        return {"v": (alpha * value - x) / sigma}


@pytest.fixture(scope="module")
def exact() -> CodedDiffusion:
    model = CodedDiffusion(Scaled(), vector_diffusion("v", 3, masked=True), samples=2)
    model.diffusion.network = Exact()  # 32 steps of its ODE err by 0.01
    return model


ROWS = 1.5 * torch.randn(4, 3, generator=Generator().manual_seed(0), dtype=torch.float64)


def test_the_bound_is_the_density_in_the_units_of_the_items(exact):
    expected = LAW.log_prob(ROWS / SCALE) - 3 * torch.tensor(SCALE).log()
    torch.testing.assert_close(exact.bound(Batch({"x": ROWS})), expected, atol=2e-2, rtol=0)


def test_an_estimated_bound_is_unbiased_and_of_each_item_alone(exact):
    """With one random vector of signs an item; the mean error of many is small."""
    many = LAW.sample((400,)) * SCALE
    estimated = CodedDiffusion(exact.coding, exact.diffusion, exact=False)
    found, expected = estimated.bound(Batch({"x": many})), LAW.log_prob(many / SCALE) - 3 * torch.tensor(SCALE).log()
    error = found - expected
    assert error.std() > 0.1
    assert error.mean().abs() < 4 * error.std() / 20
    torch.testing.assert_close(estimated.bound(Batch({"x": many[7:8]})), found[7:8])
    mask = torch.tensor([[True, False, False]]).expand(4, -1)
    torch.testing.assert_close(estimated.bound(Batch({"x": ROWS}, mask)), exact.bound(Batch({"x": ROWS}, mask)))


def test_cells_that_are_missing_are_marginalized(exact):
    mask = torch.tensor([[True, False, True]]).expand(4, -1)
    marginal = MultivariateNormal(torch.zeros(2), COVARIANCE[[0, 2]][:, [0, 2]])
    expected = marginal.log_prob(ROWS[:, [0, 2]] / SCALE) - 2 * torch.tensor(SCALE).log()
    torch.testing.assert_close(exact.bound(Batch({"x": ROWS}, mask)), expected, atol=2e-2, rtol=0)
    worse = torch.where(mask, ROWS, torch.nan)
    torch.testing.assert_close(exact.bound(Batch({"x": worse}, mask)), expected, atol=2e-2, rtol=0)


def test_items_are_restored_and_gaps_are_filled_by_what_is_known(exact):
    mask = torch.ones(4, 3, dtype=torch.bool)
    mask[:2, 0] = False
    latent = exact.encode(Batch({"x": ROWS}, mask))
    assert latent.shape == (4, exact.latent_size)
    restored = exact.decode(latent)["x"]
    torch.testing.assert_close(restored[mask], ROWS[mask], atol=1e-3, rtol=1e-3)
    weights = torch.linalg.solve(COVARIANCE[1:, 1:], COVARIANCE[1:, 0])
    assert ((restored[:2, 0] * (ROWS[:2, 1:] @ weights)) > 0).all()


def test_a_share_of_the_items_loses_cells_in_training_and_none_loses_all():
    model = CodedDiffusion(Scaled(), vector_diffusion("v", 3, masked=True), hidden=0.5)
    batch = Batch({"x": torch.ones(2000, 3)}, torch.tensor([[True, True, False]]).expand(2000, -1))
    mask = model.embed(batch, Generator().manual_seed(0)).mask
    assert not mask[:, 2].any()
    assert mask.any(1).all()
    assert 0.14 < (mask.sum(1) == 1).float().mean() < 0.19  # half of the items, of which a third keep one cell of two
    assert model.loss(batch, 0, Generator().manual_seed(0))["loss"].isfinite()


def test_a_trained_model_knows_which_numbers_are_known():
    """The network's output for a known number depends on the mask of another."""
    model = vector_diffusion("v", 2, settings=VectorDiffusionSettings(width=8, depth=1), masked=True)
    torch.nn.init.normal_(model.network.outward.weight, generator=Generator().manual_seed(0))
    z, level = {"v": torch.tensor([[1.0, 0.0]])}, torch.zeros(1)
    whole, part = (model(z, level, None, torch.tensor([[True, known]]))["v"][0, 0] for known in (True, False))
    assert whole != part


@pytest.mark.parametrize("wrong", [{"hidden": 1.5}, {"samples": 0}])
def test_wrong_settings_are_errors(wrong):
    with pytest.raises(ConfigError, match="Expected hidden between 0 and 1"):
        CodedDiffusion(Scaled(), vector_diffusion("v", 3, masked=True), **wrong)


def test_steered_draws_are_items_of_the_tilted_law(exact):
    """exp(r x_1) tilts N(0, C) to a mean of r C_1 in the units of items, and rewards are of items, not of codes."""
    generator, tilt = Generator().manual_seed(3), 1.0 / SCALE
    noise = torch.randn(6000, 3, generator=generator, dtype=torch.float64)
    asked = []

    def reward(items):
        asked.append(items)
        return tilt * items["x"][:, 0]

    assert isinstance(exact, SteeredModel)
    best = exact.steered(noise[:240], Steering(reward, 8))
    assert {tuple(one.fields) for one in asked} == {("x",)}
    assert len(best) == 30
    codes = exact.diffusion.start(noise, None, None)
    particles = exact.diffusion.draw_steered(codes, Steering(reward, 6000).after(exact.coding.read))["v"]
    torch.testing.assert_close(particles.mean(0), COVARIANCE[0], atol=0.2, rtol=0)
    assert best["x"][:, 0].mean() > SCALE
