"""Samples of images behind psf and noise: exact of small Gaussian values, and what a model must have learned from."""

import pytest
import torch
from torch import nn

from sciencegen.batch import Batch
from sciencegen.diffusion.images import ObservedImageDiffusion
from sciencegen.diffusion.model import DiffusionModel
from sciencegen.diffusion.posterior import deconvolved_samples
from sciencegen.diffusion.process import alpha, convert, sigma
from sciencegen.diffusion.schedules import Linear
from sciencegen.diffusion.state import Euclidean, Field, State
from sciencegen.errors import ConfigError
from sciencegen.networks.pixels import convolved

STATE, SIDE, SPREAD, UNIT = State({"image": Field(Euclidean(), positions=0)}), 4, 0.05, 3.0


class Gaussian(nn.Module):
    """The exact denoiser of u ~ N(0, spread^2), which predicts v."""

    def __init__(self, spread):
        super().__init__()
        self.spread, self.weight = spread, nn.Parameter(torch.zeros(()))

    def forward(self, z, log_snr, condition, mask):
        a, s = (one(log_snr)[:, None, None, None] for one in (alpha, sigma))
        variance = self.spread**2
        estimate = a * variance / (a**2 * variance + s**2) * z["image"]
        return convert(STATE, {"image": estimate}, Batch(z), log_snr, "x", "v")


def model(least_variance, spread=SPREAD, side=SIDE):
    diffusion = DiffusionModel(Gaussian(spread), STATE, Linear(15.0, -9.0), {"image": (1, side, side)})
    seen = Batch({"psf": torch.zeros(2, 3, 3), "variance": torch.full((2, 1, 1, 1), UNIT**2)})
    return ObservedImageDiffusion(diffusion, seen, 16, least_variance)


@pytest.fixture
def blurred(generator):
    """One image with a lopsided psf, noise of 0.1 and a masked row."""
    psf = torch.rand(1, 3, 3, generator=generator)
    variance = torch.full((1, 1, SIDE, SIDE), 0.1**2)
    variance[..., 0, :] *= 1e4
    image = 0.2 * torch.randn(1, 1, SIDE, SIDE, generator=generator)
    return Batch({"image": image, "psf": psf / psf.sum(), "variance": variance})


@pytest.mark.long
def test_samples_have_the_posteriors_mean_and_covariance(blurred, generator):
    one = model(torch.full((1, 1, 1), 1e-6))
    settings = {"sampler": "heun", "steps": 16, "iterations": SIDE**2, "temperature": 1.0}
    found = deconvolved_samples(one, blurred, 1000, generator, **settings).flatten(1)
    pixels = torch.eye(SIDE**2).reshape(-1, 1, SIDE, SIDE)
    matrix = convolved(pixels, blurred["psf"]).flatten(1).T
    scatter, noise = (UNIT * SPREAD) ** 2, torch.diag(blurred["variance"].flatten())
    gain = scatter * matrix.T @ torch.linalg.inv(scatter * matrix @ matrix.T + noise)
    mean, covariance = gain @ blurred["image"].flatten(), scatter * (torch.eye(SIDE**2) - gain @ matrix)
    torch.testing.assert_close(found.mean(0), mean, rtol=0, atol=0.02)
    torch.testing.assert_close(torch.cov(found.T), covariance, rtol=0.2, atol=0.0025)


@pytest.mark.long
@pytest.mark.parametrize("seen", [0.0, 4.0, 30.0])
def test_the_stretch_is_undone(seen, generator):
    """One pixel of 3 sinh(u), u ~ N(0, 1.5^2), with noise of 3: mean and deviation of u beside those by quadrature."""
    one, settings = model(torch.full((1, 1, 1), 1e-6), 1.5, 1), {"temperature": 1.0}
    image = Batch({"image": torch.full((1, 1, 1, 1), seen), "variance": torch.full((1, 1, 1, 1), UNIT**2)})
    found = torch.asinh(deconvolved_samples(one, image, 4000, generator, **settings) / UNIT)
    u = torch.linspace(-6, 6, 4001)
    weight = (-0.5 * (u / 1.5).square() - 0.5 * ((seen - UNIT * u.sinh()) / UNIT).square()).softmax(0)
    mean = (weight * u).sum()
    deviation = (weight * (u - mean).square()).sum().sqrt()
    print(seen, float(found.mean()), float(mean), float(found.std()), float(deviation))
    assert found.mean() == pytest.approx(float(mean), abs=0.25 * float(deviation) + 0.02)
    assert found.std() == pytest.approx(float(deviation), rel=0.35)


def test_images_that_are_computed_in_parts_are_the_same(blurred, monkeypatch):
    one, settings = model(torch.full((1, 1, 1), 1e-6)), {"steps": 3}
    whole = deconvolved_samples(one, blurred, 7, torch.Generator().manual_seed(5), **settings)
    monkeypatch.setattr("sciencegen.networks.pixels.AT_ONCE", 3 * SIDE**2)
    parts = deconvolved_samples(one, blurred, 7, torch.Generator().manual_seed(5), **settings)
    torch.testing.assert_close(parts, whole, rtol=1e-5, atol=1e-7)


def test_samples_depend_on_the_seed_alone(blurred):
    one, settings = model(torch.full((1, 1, 1), 1e-6)), {"steps": 3}
    first, again = (
        deconvolved_samples(one, blurred, 4, torch.Generator().manual_seed(5), **settings) for _ in range(2)
    )
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert first.shape == (4, 1, SIDE, SIDE)


def test_a_model_of_observed_images_alone_is_refused(blurred, generator):
    with pytest.raises(ConfigError, match="noise-free images"):
        deconvolved_samples(model(None), blurred, 2, generator)
