"""The fit of a Sérsic profile finds what a stamp was made of, through PSF and noise."""

import galsim
import numpy as np
import pytest

from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.items import standardize
from sciencegen.domains.galaxies.sersic_fit import fit_sersic
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from tests.domains.galaxies.examples import SCALE, sersic, stamp


@pytest.mark.parametrize("index", [0.7, 1.0, 2.5, 4.0])
def test_a_profile_without_noise(index):
    fit = fit_sersic(stamp(sersic(index, 5, 0.3, -0.1, shift=(0.3, 0.2))))
    assert (fit.index, fit.half_light_radius, fit.flux) == pytest.approx((index, 5 * SCALE, 1000), rel=0.02)
    assert (fit.e1, fit.e2) == pytest.approx((0.3, -0.1), abs=0.005)


def observed(index: float, seed: int):
    """Drawn by GalSim in its own way: a galaxy of 0.4 arcsec, a PSF of 0.25 arcsec, noise."""
    psf = galsim.Moffat(3, fwhm=0.25)
    galaxy = galsim.Sersic(index, half_light_radius=0.4, flux=8000).shear(g1=0.2, g2=0.1)
    image = galsim.Convolve(galaxy, psf).drawImage(nx=64, ny=64, scale=SCALE, dtype=float).array
    noise = np.random.default_rng(seed).normal(0, 2, image.shape)
    kernel = psf.drawImage(nx=25, ny=25, scale=SCALE, method="no_pixel").array
    return standardize(stamp(image + noise, 4.0, psf=kernel))


@pytest.mark.long
@pytest.mark.parametrize("index", [1.0, 2.5])
def test_intervals_hold_the_truth(index):
    fits = [fit_sersic(observed(index, seed)) for seed in range(20)]
    assert np.median([fit.index for fit in fits]) == pytest.approx(index, rel=0.05)
    assert np.median([fit.half_light_radius for fit in fits]) == pytest.approx(0.4, rel=0.03)
    assert np.mean([fit.e1 for fit in fits]) == pytest.approx(0.2, abs=0.01)
    assert sum(fit.lower <= index <= fit.upper for fit in fits) >= 14  # of 18 expected
    assert np.mean([fit.chi2 for fit in fits]) == pytest.approx(1, abs=0.03)


def test_it_is_an_oracle():
    one = observed(1.0, 0)
    (score,) = DOMAIN.oracles.find("sersic_index").score([one])
    assert score.lower < score.value < score.upper
    assert DOMAIN.oracles.find("sersic_radius").score([one])[0].value == pytest.approx(0.4, rel=0.05)
    assert DOMAIN.oracles.find("sersic_radius").unit == "arcsec"
    empty = stamp(np.random.default_rng(3).normal(0, 1, (32, 32)) - 5, 1.0)
    assert DOMAIN.oracles.find("sersic_index").score([empty])[0].failed


def test_fits_of_galaxies_of_several_parts_leave_where_they_began():
    """One in five ended at its start, of an index of 1.5, where profiles were drawn otherwise on either side."""
    made = [next(simulate(SurveySettings(side=32), 1, number, number + 1)) for number in (14, 40, 42, 58, 73)]
    fits = [fit_sersic(one.twin) for one in made]
    assert min(abs(fit.index - 1.5) for fit in fits) > 0.02
    assert fits[2].chi2 < 1e-3  # this one is of one part


def test_a_fit_that_ends_at_the_limit_of_indices_is_no_measurement():
    y, x = np.mgrid[-31.5:32, -31.5:32]
    ring = stamp(np.exp(-((np.hypot(x, y) - 12) ** 2) / 8))
    (score,) = DOMAIN.oracles.find("sersic_index").score([ring])
    assert score.failed
    assert "limit" in score.failure
    assert not DOMAIN.oracles.find("sersic_chi2").score([ring])[0].failed
