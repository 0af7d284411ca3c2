import numpy as np
import pytest
import torch
from scipy.signal import convolve2d
from torch.distributions import MultivariateNormal

from sciencegen.batch import Batch
from sciencegen.data.observation import correlated_noise
from sciencegen.errors import ShapeError
from sciencegen.networks.convolution import convolved
from sciencegen.vae.image_networks import log_prob_observed, noise_power, observed, roughness, whitened, with_noise
from tests.blobs import gaussian_image

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize(("side", "blur"), [(16, 5), (9, 15), (32, 1)])
def test_convolution_is_the_direct_sum(side, blur):
    image, psf = torch.randn(3, 2, side, side), torch.rand(3, blur, blur)
    found = convolved(image, psf)
    for item in range(3):
        for band in range(2):
            direct = convolve2d(image[item, band].numpy(), psf[item].numpy(), "same")
            expected = direct if blur <= side else convolve2d(image[item, band], psf[item], "full")[7:16, 7:16]
            np.testing.assert_allclose(found[item, band], expected, atol=1e-12)


def test_flux_stays_and_nothing_blurs_nothing():
    image = torch.zeros(2, 1, 16, 16)
    image[:, :, 6:10, 6:10] = torch.rand(2, 1, 4, 4)
    psf = gaussian_image(9, torch.eye(2).expand(2, 2, 2))
    torch.testing.assert_close(convolved(image, psf).sum((-2, -1)), image.sum((-2, -1)))
    assert convolved(image, None) is image
    psf[1] = 0.0
    blurred = convolved(image, psf)
    torch.testing.assert_close(blurred[1], image[1])
    assert not torch.allclose(blurred[0], image[0])
    each = psf[:, None].expand(-1, 2, -1, -1)
    torch.testing.assert_close(convolved(image.expand(-1, 2, -1, -1), each)[:, 1:], blurred)
    with pytest.raises(ShapeError, match="odd"):
        convolved(image, torch.ones(2, 4, 4))


def test_smooth_profiles_aren_t_rough_and_an_alternation_is_most():
    x = torch.arange(8.0).expand(1, 1, 8, 8)
    profile, alternation = torch.exp(0.3 * x + 0.2 * x.mT - 0.1 * (x - 3) ** 2), torch.exp(0.1 * (-1) ** x)
    torch.testing.assert_close(roughness(profile), torch.zeros(1), atol=1e-12, rtol=0)
    torch.testing.assert_close(roughness(alternation), torch.tensor([0.5 * 8 * 4 * 0.1**2]))
    assert roughness(torch.zeros(2, 1, 8, 8)).tolist() == [0, 0]
    for power in (20, 78, 80, 81, 90):  # of pixels that are dark beside the others
        logits = torch.where(x > 3, -float(power), 0.0).float().requires_grad_()
        roughness(logits.flatten().softmax(0).view(1, 1, 8, 8)).sum().backward()
        assert logits.grad.isfinite().all()


def test_noise_has_its_variance_and_a_misfit_adds_to_it(generator):
    image, variance = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    like = Batch({"image": image, "variance": variance, "psf": torch.rand(1, 3, 3)})
    many = like.map(lambda value: value.expand(20000, *value.shape[1:]))
    drawn = with_noise(many["image"], many, generator)
    torch.testing.assert_close(drawn.var(0), variance[0], rtol=0.1, atol=1e-3)
    exact, lenient = observed(image, like), observed(image, like, 0.1)
    torch.testing.assert_close((2 * exact.log_std).exp(), variance)
    peak = image.amax()
    granted = (2 * lenient.log_std).exp() - variance
    torch.testing.assert_close(granted, 0.01 * peak * (image + 1e-4 * peak))
    silent = Batch({**like.fields, "variance": torch.zeros(1, 1, 1, 1)})
    assert observed(image, silent, 0.1).log_prob(exact.mean).isfinite().all()


def test_correlated_noise_has_its_gaussian_density():
    """Of images of 6 x 6 pixels, by the covariance matrix of periodic noise; an image without noise stays white."""
    side, generator = 6, torch.Generator().manual_seed(0)
    correlation = torch.tensor([[[0.05, 0.1, 0.05], [0.2, 1.0, 0.2], [0.05, 0.1, 0.05]]])
    power = noise_power(correlation, side)
    rows = torch.fft.ifft2(power[0]).real
    pixels = [(y, x) for y in range(side) for x in range(side)]
    covariance = torch.tensor([[rows[(a - c) % side, (b - d) % side] for c, d in pixels] for a, b in pixels])
    assert covariance[0, 0] == pytest.approx(1)
    assert covariance[0, 1] == pytest.approx(covariance[0, side]) == pytest.approx(0.15)

    images = torch.randn(2, 1, side, side, generator=generator)
    like = Batch({"image": images, "variance": torch.full((2, 1, 1, 1), 4.0)})
    seen = observed(torch.zeros_like(images), like)
    found = log_prob_observed(seen, images, power, torch.tensor([True, False]))
    expected = MultivariateNormal(torch.zeros(side**2), 4 * covariance).log_prob(images[0].flatten())
    assert found[0] == pytest.approx(float(expected))
    assert found[1] == pytest.approx(float(seen.log_prob(images)[1]))
    with pytest.raises(ShapeError, match="offsets"):
        noise_power(torch.ones(1, 9, 9), 8)


def test_whitened_noise_is_white():
    correlation = np.array([[[0.05, 0.1, 0.05], [0.2, 1.0, 0.2], [0.05, 0.1, 0.05]]])
    generator = np.random.default_rng(0)
    noise = torch.from_numpy(np.stack([correlated_noise(correlation, (48, 48), generator) for _ in range(20)]))
    white = whitened(noise, noise_power(torch.from_numpy(correlation), 48))
    assert white.var() == pytest.approx(1, abs=0.02)
    assert (white[..., 1:] * white[..., :-1]).mean() == pytest.approx(0, abs=0.06)
    assert (noise[..., 1:] * noise[..., :-1]).mean() == pytest.approx(0.2, abs=0.03)
