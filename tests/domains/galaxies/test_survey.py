"""The simulated survey: reproducible, faithful to GalSim's own drawing, and with the noise that it states."""

import math

import galsim
import numpy as np
import pytest

from sciencegen.data.observation import convolve
from sciencegen.domains.galaxies import survey as survey_module
from sciencegen.domains.galaxies.items import AB_ZERO_POINT, key, text
from sciencegen.domains.galaxies.survey import (
    COUNT_SLOPE,
    SURVEYS,
    Component,
    SurveySettings,
    axis_ratio,
    binned,
    chosen_survey,
    draw_disc_radius,
    draw_magnitude,
    draw_profile,
    rows,
    simulate,
    survey_settings,
)
from sciencegen.errors import ConfigError


@pytest.mark.parametrize("name", SURVEYS)
def test_any_subset_has_the_same_bytes(name):
    settings = SurveySettings(name, side=32)
    whole = [text(one.observed) for one in simulate(settings, 5, 0, 6)]
    assert [text(one.observed) for one in simulate(settings, 5, 3, 6)] == whole[3:]
    assert len(set(whole)) == 6
    assert text(next(simulate(settings, 6, 0, 1)).observed) != whole[0]


@pytest.mark.parametrize("index", [0.7, 1.0, 2.5])
@pytest.mark.parametrize("psf", [galsim.Moffat(3, fwhm=0.17), galsim.Kolmogorov(fwhm=0.3)])
def test_drawing_agrees_with_galsims_own(index, psf):
    """Pixel for pixel within 1% of the peak, for a galaxy of four pixels. Most of it is the light beyond four FWHM,
    which a PSF of finite size has inside."""
    scale, side, half, offset = 0.1, 64, 12, np.array([0.3, -0.2])
    scene = draw_profile(Component("disc", index, 0.4, 0.2, -0.1, 1.0), scale, side + 2 * half, offset)
    fine = psf.drawImage(nx=4 * half + 1, ny=4 * half + 1, scale=scale / 2, method="no_pixel").array.astype(float)
    ours = binned(convolve(scene[None], fine / fine.sum()))[0, half:-half, half:-half]
    galaxy = galsim.Sersic(index, half_light_radius=0.4).shear(g1=0.2, g2=-0.1).shift(*(offset * scale))
    theirs = galsim.Convolve(galaxy, psf).drawImage(nx=side, ny=side, scale=scale, dtype=float).array
    assert np.abs(ours - theirs).max() < 0.01 * theirs.max()
    assert ours.sum() == pytest.approx(theirs.sum(), rel=0.01)


def test_the_observed_stamp_is_the_twin_with_psf_and_noise(simulated):
    """Residuals of the forward model are white noise of the stated variance, but for the brightest, sharpest
    centres."""
    chi2 = []
    for one in simulated:
        residual = one.observed.image - convolve(one.twin.image.astype(float), one.observed.psf.astype(float))
        chi2.append(np.mean(residual[:, 4:-4, 4:-4] ** 2) / one.observed.variance[0])
    assert np.median(chi2) == pytest.approx(1, abs=0.03)
    assert np.quantile(chi2, 0.8) < 1.2


def test_the_variance_map_is_the_skys_and_the_galaxys():
    one = next(simulate(SurveySettings(shot_noise=True, bright=19.5, faint=20), 0, 0, 1)).observed
    plain = next(simulate(SurveySettings(bright=19.5, faint=20), 0, 0, 1)).observed
    assert one.variance.shape == one.image.shape
    assert one.variance.min() == pytest.approx(plain.variance[0], rel=0.01)
    assert one.variance.max() > 2 * plain.variance[0]
    band = SURVEYS["euclid"].bands[0]
    brightest = plain.image.max()
    assert one.variance.max() - plain.variance[0] == pytest.approx(brightest / band.electrons(), rel=0.1)


def test_twins_have_neither(twins):
    assert all(one.noise_free and one.psf is None for one in twins)


def test_several_bands_share_a_galaxy():
    one = next(simulate(SurveySettings("hsc", bands=3), 0, 4, 5)).twin
    assert one.bands == ("i", "r", "g")
    shapes = one.image / one.image.sum((1, 2), keepdims=True)
    assert np.abs(shapes[0] - shapes[2]).max() < 0.5 * shapes[0].max()
    assert one.image[0].sum() > one.image[2].sum()  # galaxies are red


@pytest.mark.parametrize(
    ("name", "band", "sigmas", "diameter", "published"),
    [
        ("hst-cosmos", 0, 5, 0.24, 27.2),  # Koekemoer et al. 2007
        ("euclid", 0, 10, 2.0, 24.5),  # Euclid's requirement for galaxies; what is measured is 0.2 to 0.5 deeper
        ("hsc", 0, 5, 1.3 * 0.6, 26.2),  # Aihara et al. 2018
        ("lsst", 0, 5, 1.3 * 0.75, 26.8),  # Ivezic et al. 2019
        *(("kids", band, 5, 2.0, depth) for band, depth in enumerate((25.1, 25.0, 23.7, 23.1))),  # Kuijken et al. 2019
    ],
)
def test_depths_are_the_published_ones(name, band, sigmas, diameter, published):
    """Magnitude at some sigmas in an aperture (arcsec); what falls outside of that, up to 0.3 mag, is left out."""
    survey = SURVEYS[name]
    pixels = math.pi * (diameter / 2 / survey.pixel_scale) ** 2
    noise = math.sqrt(survey.bands[band].variance(survey.pixel_scale) * pixels)
    assert AB_ZERO_POINT - 2.5 * math.log10(sigmas * noise) == pytest.approx(published, abs=0.65)


def test_magnitudes_follow_the_counts():
    generator = np.random.default_rng(0)
    found = np.array([draw_magnitude(generator, 20, 24) for _ in range(4000)])
    assert found.min() >= 20
    assert found.max() <= 24
    expected = (10 ** (COUNT_SLOPE * 3) - 1) / (10 ** (COUNT_SLOPE * 4) - 1)
    assert (found < 23).mean() == pytest.approx(expected, abs=0.03)


def test_discs_have_the_published_median_size():
    generator = np.random.default_rng(0)
    radii = [draw_disc_radius(generator, 22.0, (0.0, 100.0)) for _ in range(4000)]
    assert np.median(radii) == pytest.approx(1.678 * math.exp(-1.145 + 0.269), rel=0.04)


def test_inclination():
    assert axis_ratio(0, 0.2) == pytest.approx(1)
    assert axis_ratio(math.pi / 2, 0.2) == pytest.approx(0.2)


def test_rows_know_what_the_twin_measures(simulated):
    from sciencegen.domains.galaxies import DOMAIN

    found = rows({"survey": "euclid"}, 11, 2, 5)
    assert [line for line, _ in found] == [text(one.observed) for one in simulated[2:5]]
    for (_, values), one in zip(found, simulated[2:5], strict=True):
        assert values["half_light_radius"] == DOMAIN.measure([one.twin], ["half_light_radius"])[0, 0]
        assert "signal_to_noise" not in values
        assert values["redshift"] == one.truth["redshift"]
    assert [line for line, _ in rows({"noise_free": True}, 11, 2, 5)] == [text(one.twin) for one in simulated[2:5]]
    mixed = [line for line, _ in rows({"noise_free": 0.5}, 11, 2, 5)]
    assert mixed == [text(simulated[2].observed), text(simulated[3].twin), text(simulated[4].observed)]
    with pytest.raises(ConfigError, match="from 0 to 1"):
        rows({"noise_free": 2}, 11, 2, 5)


def test_distinct(observed):
    assert len({key(one) for one in observed}) == len(observed)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"survey": "euclit"}, "Did you mean 'euclid'"),
        ({"side": 51}, "an even side of 24 to 128 pixels, got 51"),
        ({"side": 64.5}, "whole number for side"),
        ({"bands": 4, "survey": "hsc"}, "1 to 3 bands of hsc"),
        ({"bright": 24, "faint": 20}, "bright < faint"),
        ({"syde": 64}, "Unknown setting of a simulated survey 'syde'"),
    ],
)
def test_wrong_settings_are_told(settings, message):
    with pytest.raises(ConfigError, match=message):
        chosen_survey(survey_settings(settings))


def test_speed_is_not_lost(monkeypatch):
    """Each profile is drawn by GalSim in real space: a table in Fourier space would take seconds for a cusp."""
    calls = []
    drawn = galsim.Sersic.drawImage
    monkeypatch.setattr(galsim.GSObject, "drawImage", lambda self, *a, **k: calls.append(k) or drawn(self, *a, **k))
    survey_module.draw_profile(Component("bulge", 4.0, 0.3, 0.0, 0.0, 1.0), 0.1, 64, np.zeros(2))
    assert {call["method"] for call in calls} == {"no_pixel"}
