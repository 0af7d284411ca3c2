import numpy as np
import pytest

from sciencegen.errors import DataError, ShapeError
from sciencegen.metrics.images import log_spectra, radial_power_spectrum


def test_white_noise_has_its_variance_at_every_scale(generator):
    spectra = radial_power_spectrum(3.0 * generator.normal(size=(1500, 16, 16)))
    assert spectra.shape == (1500, 9)
    np.testing.assert_allclose(spectra.mean(0), 9.0, rtol=0.1)


def test_a_gaussian_has_its_own_spectrum():
    """|F(k)|^2 = flux^2 exp(-(2 pi k s)^2), over the number of pixels."""
    axis, s, flux = np.arange(64) - 32, 3.0, 5.0
    image = flux * np.exp(-0.5 * (axis[:, None] ** 2 + axis[None, :] ** 2) / s**2) / (2 * np.pi * s**2)
    found, frequency = radial_power_spectrum(image[None])[0], np.arange(33) / 64
    expected = flux**2 * np.exp(-((2 * np.pi * frequency * s) ** 2)) / 64**2
    assert found[0] == pytest.approx(expected[0])
    np.testing.assert_allclose(found[1:8], expected[1:8], rtol=0.15)  # rings have a width


def test_a_wave_stands_in_its_ring_and_nothing_moves_it(generator):
    y, x = np.mgrid[:32, :32]
    wave = np.cos(2 * np.pi * (3 * x + 4 * y) / 32)[None]
    assert radial_power_spectrum(wave)[0].argmax() == 5
    image = generator.normal(size=(2, 32, 32))
    for moved in (np.rot90(image, 1, (1, 2)), image[:, ::-1], np.roll(image, (5, -3), (1, 2))):
        np.testing.assert_allclose(radial_power_spectrum(moved), radial_power_spectrum(image))


def test_odd_sides_no_images_and_refusals(generator):
    assert radial_power_spectrum(np.zeros((0, 8, 8))).shape == (0, 5)
    np.testing.assert_allclose(radial_power_spectrum(np.ones((1, 7, 7)))[0], [49, 0, 0, 0], atol=1e-12)
    assert log_spectra(np.zeros((1, 8, 8)), 0.01)[0] == pytest.approx(-2)
    with pytest.raises(ShapeError, match="y = x"):
        radial_power_spectrum(np.zeros((1, 8, 6)))
    with pytest.raises(DataError, match="above 0"):
        log_spectra(np.zeros((1, 8, 8)), 0.0)
