"""Scattering coefficients: symmetric, and more than a spectrum."""

import numpy as np
import pytest

from sciencegen.errors import ShapeError
from sciencegen.metrics.images import SCALES, scattering


@pytest.mark.parametrize("side", [16, 31, 64])
def test_turned_and_mirrored_images_have_the_same(side):
    images = np.random.default_rng(0).normal(size=(3, side, side))
    turned = [np.rot90(each, turns, (-2, -1)) for each in (images, images[..., ::-1]) for turns in range(4)]
    found = scattering(np.concatenate(turned)).reshape(8, 3, -1)
    np.testing.assert_allclose(found, np.broadcast_to(found[0], found.shape), rtol=1e-3)


def test_brighter_images_have_more_of_the_first_order_and_the_same_ratios():
    images = np.random.default_rng(1).normal(size=(2, 32, 32))
    once, twice = scattering(images), scattering(2 * images)
    np.testing.assert_allclose(twice[:, :SCALES], 2 * once[:, :SCALES], rtol=1e-4)
    np.testing.assert_allclose(twice[:, SCALES:], once[:, SCALES:], rtol=1e-4, atol=1e-5)


def test_a_wave_is_of_its_own_scale_and_direction():
    x = np.arange(64)
    waves = np.stack([np.cos(2 * np.pi * f * x)[None, :] * np.ones((64, 1)) for f in (0.3125, 0.15625, 0.078125)])
    found = scattering(waves)
    assert found[:, :SCALES].argmax(1).tolist() == [0, 1, 2]
    assert found[[0, 1, 2], [SCALES, SCALES + 1, SCALES + 2]].min() > 0.45


def test_knots_and_noise_of_one_spectrum_differ():
    """A few points have the flat spectrum of white noise; only the second order tells them apart."""
    generator = np.random.default_rng(2)
    noise, knots = generator.normal(size=(64, 64)), np.zeros((64, 64))
    knots.ravel()[generator.choice(64 * 64, 12, replace=False)] = np.sqrt(64 * 64 / 12)
    found = scattering(np.stack([noise, knots]))
    assert (found[1, 2 * SCALES :] > found[0, 2 * SCALES :]).mean() > 0.8
    assert scattering(np.zeros((0, 8, 8))).shape == (0, found.shape[1])
    with pytest.raises(ShapeError, match="y = x"):
        scattering(np.zeros((1, 8, 9)))
