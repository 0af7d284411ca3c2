"""Samples of images behind psf and noise: exact of small Gaussian values, and what a model must have learned from."""

import pytest
import torch
from torch import nn

from sciencegen.batch import Batch
from sciencegen.diffusion.deconvolution import DeconvolutionSettings, deconvolved_samples
from sciencegen.diffusion.model import DiffusionModel
from sciencegen.diffusion.observed_images import ObservedImageDiffusion
from sciencegen.diffusion.process import alpha, convert, sigma
from sciencegen.diffusion.schedules import Linear
from sciencegen.diffusion.spaces import Euclidean
from sciencegen.diffusion.state import Field, State
from sciencegen.errors import ConfigError
from sciencegen.networks.convolution import convolved

STATE, SIDE, SPREAD, UNIT = State({"image": Field(Euclidean(), positions=0)}), 4, 0.05, 3.0


class SmallValues(nn.Module):
    """The exact denoiser of u ~ N(0, SPREAD^2), which predicts v."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, z, log_snr, condition, mask):
        a, s = (one(log_snr)[:, None, None, None] for one in (alpha, sigma))
        estimate = a * SPREAD**2 / (a**2 * SPREAD**2 + s**2) * z["image"]
        return convert(STATE, {"image": estimate}, Batch(z), log_snr, "x", "v")


def model(least_variance):
    diffusion = DiffusionModel(SmallValues(), STATE, Linear(15.0, -9.0), {"image": (1, SIDE, SIDE)})
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


def test_samples_have_the_posteriors_mean_and_covariance(blurred, generator):
    one = model(torch.full((1, 1, 1), 1e-6))
    settings = DeconvolutionSettings("heun", 16, SIDE**2)
    found = deconvolved_samples(one, blurred, 1000, generator, settings).flatten(1)
    pixels = torch.eye(SIDE**2).reshape(-1, 1, SIDE, SIDE)
    matrix = convolved(pixels, blurred["psf"]).flatten(1).T
    scatter, noise = (UNIT * SPREAD) ** 2, torch.diag(blurred["variance"].flatten())
    gain = scatter * matrix.T @ torch.linalg.inv(scatter * matrix @ matrix.T + noise)
    mean, covariance = gain @ blurred["image"].flatten(), scatter * (torch.eye(SIDE**2) - gain @ matrix)
    torch.testing.assert_close(found.mean(0), mean, rtol=0, atol=0.02)
    torch.testing.assert_close(torch.cov(found.T), covariance, rtol=0.2, atol=0.0025)


def test_samples_depend_on_the_seed_alone(blurred):
    one, settings = model(torch.full((1, 1, 1), 1e-6)), DeconvolutionSettings(steps=3)
    first, again = (deconvolved_samples(one, blurred, 4, torch.Generator().manual_seed(5), settings) for _ in range(2))
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert first.shape == (4, 1, SIDE, SIDE)


def test_a_model_of_observed_images_alone_is_refused(blurred, generator):
    with pytest.raises(ConfigError, match="noise-free images"):
        deconvolved_samples(model(None), blurred, 2, generator)
