"""Estimators against exact profiles, and their symmetries."""

import math

import numpy as np
import pytest

from sciencegen.domains.galaxies import measurements
from sciencegen.domains.galaxies.features import oriented
from sciencegen.domains.galaxies.items import AB_ZERO_POINT
from sciencegen.domains.galaxies.measurements import GIVEN, PROPERTIES, measure, measure_stamp
from sciencegen.errors import ConfigError
from tests.domains.galaxies.examples import SCALE, exact_half_light_radius, sersic, stamp


@pytest.mark.parametrize(("index", "radius"), [(0.5, 3), (0.5, 8), (1, 3), (1, 6), (2.5, 4), (2.5, 7), (4, 6)])
def test_half_light_radius_of_a_round_profile(index, radius):
    values = measure_stamp(stamp(sersic(index, radius, shift=(0.3, -0.2))))
    exact = exact_half_light_radius(index, radius, 31.5)
    assert values["half_light_radius"] == pytest.approx(exact * SCALE, rel=0.01)


def test_flux_and_magnitude():
    values = measure_stamp(stamp(sersic(1, 4, flux=2500.0)))
    assert values["flux"] == pytest.approx(2500, rel=1e-3)
    assert values["magnitude"] == pytest.approx(AB_ZERO_POINT - 2.5 * math.log10(2500), abs=1e-3)


@pytest.mark.parametrize(("index", "tolerance"), [(0.5, 0.004), (1, 0.02)])
@pytest.mark.parametrize(("g1", "g2"), [(0.3, 0.0), (-0.2, 0.25), (0.0, -0.4)])
def test_ellipticity_of_a_sheared_profile(index, tolerance, g1, g2):
    values = measure_stamp(stamp(sersic(index, 6, g1, g2)))
    assert values["e1"] == pytest.approx(g1, abs=tolerance)
    assert values["e2"] == pytest.approx(g2, abs=tolerance)
    assert values["ellipticity"] == pytest.approx(math.hypot(g1, g2), abs=tolerance)


def test_a_cusp_without_psf_has_an_ellipticity():
    values = measure_stamp(stamp(sersic(4, 3, 0.3)))
    assert 0.2 < values["e1"] < 0.3  # rounder than its isophotes, as the docstring says


def test_concentration_grows_with_the_index():
    found = [measure_stamp(stamp(sersic(index, 5)))["concentration"] for index in (0.5, 1, 2, 4)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(5 * math.log10(math.sqrt(math.log(5) / math.log(1.25))), abs=0.02)  # a Gaussian


@pytest.mark.parametrize("symmetry", range(1, 8))
def test_turned_and_mirrored_stamps(observed, twins, symmetry):
    """Ellipticity is spin-2: a quarter turn changes both signs, a mirror in x that of e2; all else stays."""
    quarter, mirrored = symmetry % 2, symmetry >= 4
    signs = {"e1": (-1) ** quarter, "e2": (-1) ** (quarter + mirrored)}
    expected_sign = np.array([signs.get(name, 1) for name in PROPERTIES])
    for one in [*observed[:4], *twins[:4]]:
        before = measure([one], list(PROPERTIES))[0]
        after = measure([oriented(one, symmetry)], list(PROPERTIES))[0]
        np.testing.assert_allclose(after, expected_sign * before, rtol=2e-3, atol=2e-3)


def test_brightness_changes_flux_alone(twins):
    for one in twins[:5]:
        brighter = stamp(3 * one.image[0].astype(float))
        before, after = (measure([each], list(PROPERTIES))[0] for each in (stamp(one.image[0]), brighter))
        factor = np.array([3.0 if name == "flux" else 1.0 for name in PROPERTIES])
        shift = np.array([-2.5 * math.log10(3) if name == "magnitude" else 0.0 for name in PROPERTIES])
        np.testing.assert_allclose(after, factor * before + shift, rtol=1e-3, atol=1e-3)


def test_a_symmetric_galaxy_is_neither_asymmetric_nor_clumpy():
    values = measure_stamp(stamp(sersic(1, 6, 0.2)))
    assert abs(values["asymmetry"]) < 0.01
    assert abs(values["smoothness"]) < 0.02


def test_a_knot_makes_it_asymmetric_clumpy_and_spread():
    smooth = sersic(1, 6)
    knotty = smooth + sersic(0.5, 1.2, flux=250, shift=(8, 3))
    before, after = (measure_stamp(stamp(image)) for image in (smooth, knotty))
    assert after["asymmetry"] > before["asymmetry"] + 0.2
    assert after["smoothness"] > before["smoothness"] + 0.03
    assert after["m20"] > before["m20"]


def test_asymmetry_is_at_most_two_or_unknown():
    """Two spikes that don't meet under the turn: 2 about an edge of pixels, where nothing is interpolated."""
    spikes = np.zeros((32, 32))
    spikes[10, 10] = spikes[20, 8] = 1
    assert measurements.asymmetry(spikes, 15.5, 15.5, 12, 0.0) == pytest.approx(2)
    assert math.isnan(measurements.asymmetry(spikes, 15.25, 15.25, 12, 0.0))  # splines ring: 2.6


def test_noise_adds_no_asymmetry_on_average():
    generator, clean = np.random.default_rng(0), sersic(1, 5, flux=6000)
    found = [measure_stamp(stamp(clean + generator.normal(0, 2, clean.shape), 4.0)) for _ in range(40)]
    for name in ("asymmetry", "smoothness"):
        assert np.mean([one[name] for one in found]) == pytest.approx(measure_stamp(stamp(clean))[name], abs=0.03)


def test_signal_to_noise_of_a_gaussian():
    """Half of the flux over the noise in the area within the half-light radius."""
    values = measure_stamp(stamp(sersic(0.5, 5, flux=1000), 4.0))
    assert values["signal_to_noise"] == pytest.approx(500 / (2 * math.sqrt(math.pi) * 5), rel=0.02)
    assert math.isnan(measure_stamp(stamp(sersic(0.5, 5)))["signal_to_noise"])


def test_gini_of_known_pixels():
    assert measurements.gini(np.ones(50)) == pytest.approx(0)
    assert measurements.gini(np.r_[1.0, np.zeros(49)]) == pytest.approx(1)
    assert math.isnan(measurements.gini(np.zeros(3)))


def test_m20_of_known_pixels():
    """Two bright pixels on either side of a third: a fifth of the light is in one of them, with half of the moment."""
    image, inside = np.zeros((9, 9)), np.zeros((9, 9), bool)
    image[4, 4], image[4, 2], image[4, 6] = 1.0, 2.0, 2.0
    inside[4, 2:7] = True
    assert measurements.m20(image, inside) == pytest.approx(math.log10(0.5))


def test_divided_pixels_hold_the_flux(twins):
    image = twins[0].image[0].astype(float)
    fine = measurements.divided(image)
    np.testing.assert_allclose(fine.reshape(64, 4, 64, 4).sum((1, 3)), image, rtol=1e-12, atol=1e-12)


def test_growth_ends_with_the_light_in_the_largest_circle():
    growth = measurements.curve_of_growth(np.ones((40, 40)), 19.5, 19.5)
    np.testing.assert_allclose(growth.flux, math.pi * growth.radii**2, atol=0.6 + 0.01 * math.pi * 20**2)
    np.testing.assert_allclose(growth.flux[40:], math.pi * growth.radii[40:] ** 2, rtol=0.02)


def test_growth_agrees_with_exact_apertures():
    """photutils takes pixels to be even inside; here they slope, as the galaxy does: the true light is in between."""
    from photutils.aperture import CircularAperture

    image = sersic(1, 6, 0.3, shift=(0.2, -0.4))
    growth = measurements.curve_of_growth(image, 31.2, 32.1)
    for radius in (3.0, 6.0, 12.0, 24.0):
        exact = CircularAperture((31.2, 32.1), radius).do_photometry(image)[0][0]
        assert growth.within(radius) == pytest.approx(exact, rel=0.02)


def test_gini_agrees_with_photutils(twins):
    from photutils.morphology import gini

    pixels = twins[0].image[0].astype(float)
    assert measurements.gini(pixels.ravel()) == pytest.approx(gini(pixels), rel=1e-6)


def test_what_cannot_be_measured_is_nan():
    noise = np.random.default_rng(3).normal(0, 1, (32, 32)) - 5
    values = measure_stamp(stamp(noise, 1.0))
    assert math.isnan(values["magnitude"])
    assert math.isnan(values["half_light_radius"])
    assert values["flux"] < 0


def test_no_stamps_and_unknown_names():
    assert measure([], ["flux"]).shape == (0, 1)
    with pytest.raises(ConfigError, match="Did you mean 'half_light_radius'"):
        measure([], ["half_light_radus"])
    assert "signal_to_noise" not in GIVEN
