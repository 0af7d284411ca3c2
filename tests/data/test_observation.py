"""The blur and the noise of an instrument, in numpy and in torch."""

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d

from sciencegen.data.observation import convolve, with_gaussian_noise


@pytest.mark.parametrize(("side", "blur"), [(8, 3), (9, 7), (7, 15)])
def test_it_is_the_direct_sum_in_both_libraries(side, blur):
    generator = np.random.default_rng(side)
    image, kernel = generator.normal(size=(2, side, side)), generator.random((blur, blur))
    start = (blur - 1) // 2
    direct = np.stack([convolve2d(band, kernel)[start : start + side, start : start + side] for band in image])
    np.testing.assert_allclose(convolve(image, kernel), direct, atol=1e-12)
    found = convolve(torch.from_numpy(image), torch.from_numpy(kernel), torch.fft)
    np.testing.assert_allclose(found.numpy(), direct, atol=1e-12)


@pytest.mark.parametrize("shape", [(2,), (2, 64, 64)])
def test_noise_has_the_stated_variance(shape):
    variance = np.full(shape, 4.0)
    variance[1] = 0.25
    noise = with_gaussian_noise(np.ones((2, 64, 64)), variance, np.random.default_rng(0)) - 1
    assert noise.var((1, 2)) == pytest.approx([4, 0.25], rel=0.05)
