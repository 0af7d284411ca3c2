"""Samples of the posterior of one image: exact where the model is linear, and held by the truth of blobs."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Generator, nn

from sciencegen.batch import Batch
from sciencegen.networks import pixels
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae.image_networks import FluxScale, noise_power, whitened, with_noise
from sciencegen.vae.image_vae import ImageVAE, PosteriorSettings, descended, posterior_samples
from tests.blobs import KINDS, Blobs, moments
from tests.vae.images.test_image_vae import PLAIN, trained

BLOBS = Blobs(noise=0.02)
WITHOUT_CONDITIONS = replace(PLAIN, dropout=ConditionDropout(everything=1.0))
QUICK = PosteriorSettings(steps=10)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    made = ImageVAE((1, 16, 16), KINDS, WITHOUT_CONDITIONS, FluxScale(0.0, 1.0))
    fitted = trained(made, BLOBS, 80)
    generator = Generator().manual_seed(0)
    fitted.finish([BLOBS.draw(256, generator)], generator, steps=60, batch=128)
    return fitted


def one(batch: Batch, row: int) -> Batch:
    return Batch({name: field[row : row + 1] for name, field in batch.fields.items()})


def test_the_randomized_mode_of_a_linear_model_is_its_posterior():
    """x = A z + noise of variance 1: the posterior is N(C A'x, C), C = (I + A'A)^-1."""
    generator = Generator().manual_seed(0)
    design, data, count = torch.randn(6, 3, generator=generator), torch.randn(6, generator=generator), 4000
    noisy = data + torch.randn(count, 6, generator=generator)
    prior = torch.randn(count, 3, generator=generator)

    def energy(z):
        return 0.5 * (noisy - z @ design.T).square().sum() + 0.5 * (z - prior).square().sum()

    found = descended(energy, torch.zeros(count, 3), 200, 0.2)
    covariance = torch.linalg.inv(torch.eye(3) + design.T @ design)
    assert found.T.cov() == pytest.approx(covariance, abs=0.03)
    assert found.mean(0) == pytest.approx(covariance @ design.T @ data, abs=0.03)


def test_the_truth_lies_among_the_samples(model):
    """Of log flux, log size, e1 and e2 of 8 images of the model's prior: 90% are expected within the least and the
    greatest of 19 samples."""
    generator = Generator().manual_seed(7)
    with torch.no_grad():
        code = model.prior(torch.randn(8, 6, generator=generator))
        true = model.networks.image_of(code, [], None)
    like = BLOBS.draw(8, generator)
    seen = Batch({**like.fields, "image": with_noise(true, like, generator)})
    held = []
    for row in range(8):
        found = moments(posterior_samples(model, one(seen, row), 19, Generator().manual_seed(row)))
        numbers = moments(true[row : row + 1])
        held.append((found.amin(0) <= numbers) & (numbers <= found.amax(0)))
    assert torch.cat(held).float().mean() > 0.75


def test_samples_explain_the_image_and_differ(model):
    image = one(BLOBS.draw(1, Generator().manual_seed(3)), 0)
    model.zero_grad()
    samples = posterior_samples(model, image, 8, Generator().manual_seed(0), QUICK)
    again = posterior_samples(model, image, 8, Generator().manual_seed(0), QUICK)
    assert samples.shape == (8, 1, 16, 16)
    assert torch.equal(samples, again)
    assert samples.std(0).max() > 0
    assert not any(parameter.grad is not None for parameter in model.parameters())


def test_a_higher_temperature_widens(model):
    image = one(BLOBS.draw(1, Generator().manual_seed(3)), 0)
    settings = [PosteriorSettings(temperature) for temperature in (1.0, 9.0)]
    samples = [posterior_samples(model, image, 19, Generator().manual_seed(0), one) for one in settings]
    narrow, wide = (moments(found)[:, 0].std() for found in samples)  # of log flux
    assert wide > 2 * narrow


def test_masked_pixels_do_not_count(model):
    image = one(BLOBS.draw(1, Generator().manual_seed(3)), 0)
    variance = image["variance"].expand(1, 1, 16, 16).clone()
    variance[..., :3] *= 1e4
    spoiled = image["image"].clone()
    spoiled[..., :3] += 0.5
    masked, spoiled = (Batch({**image.fields, "variance": variance, "image": x}) for x in (image["image"], spoiled))
    first, second = (
        posterior_samples(model, x, 8, Generator().manual_seed(0), QUICK).mean(0) for x in (masked, spoiled)
    )
    assert (first - second).abs().max() < 0.2 * first.max()


class Linear(ImageVAE):
    """m(z) = A z, of 3 latents and 4 x 4 pixels."""

    sizes = (3, 0)

    def __init__(self, design, power):
        nn.Module.__init__(self)
        self.noise_power, self.settings = power, SimpleNamespace(misfit=0.0)
        self.networks = SimpleNamespace(image_of=lambda code, maps, _: (code @ design.T).unflatten(1, (1, 4, 4)))

    def prior(self, code):
        return code

    def encode(self, image):
        return torch.zeros(1, 3)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("correlated", [False, True])
def test_samples_of_a_linear_model_are_its_posterior(temperature, correlated, monkeypatch):
    """N(C A'K x / T, C), C = (I + A'K A / T)^-1, K: the inverse covariance of the noise. Samples are drawn in parts."""
    monkeypatch.setattr(pixels, "AT_ONCE", 700 * 16)
    generator = Generator().manual_seed(1)
    design = torch.randn(16, 3, generator=generator)
    power = noise_power(torch.tensor([[[0.0, 0.1, 0.0], [0.2, 1.0, 0.2], [0.0, 0.1, 0.0]]]), 4) if correlated else None
    x = torch.randn(1, 1, 4, 4, generator=generator)
    image = Batch({"image": x, "variance": torch.full((1, 1, 1, 1), 0.25)})
    settings = PosteriorSettings(temperature, steps=100)
    found = posterior_samples(Linear(design, power), image, 2000, generator, settings)
    latents = torch.linalg.lstsq(design, found.flatten(1).T).solution.T
    white = whitened(torch.eye(16).unflatten(1, (1, 4, 4)), power).flatten(1)
    precision = white.T @ white / (0.25 * temperature)
    covariance = torch.linalg.inv(torch.eye(3) + design.T @ precision @ design)
    assert latents.T.cov() == pytest.approx(covariance, abs=0.15 * float(covariance.diagonal().max()))
    mean = covariance @ design.T @ precision @ x.flatten()
    assert latents.mean(0) == pytest.approx(mean, abs=0.15 * float(covariance.diagonal().max().sqrt()))
