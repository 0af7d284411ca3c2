"""Resampling conserves flux, centre and shape; PSF, noise and mask go with the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sciencegen.domains.galaxies.items import Stamp, standardize
from sciencegen.domains.galaxies.measurements import adaptive_moments
from sciencegen.domains.galaxies.observation import in_bands, overlap_matrix, resampled, spline_matrix
from sciencegen.errors import ConfigError
from sciencegen.items import Refusal
from tests.domains.galaxies.examples import sersic, stamp

SIDES = [(40, 0.3, 64, 0.1875), (40, 0.2, 80, 0.1), (64, 0.1, 32, 0.2), (41, 0.2, 64, 0.13), (64, 0.1, 24, 0.27)]


def profile(side: int, scale: float, **fields) -> Stamp:
    """A galaxy whose half-light radius is 0.8 arcsec."""
    return stamp(sersic(1, 0.8 / scale, g1=0.2, side=side), pixel_scale=scale, **fields)


def gaussian(side: int, scale: float, sigma: float = 0.6) -> np.ndarray:
    """[y x] with sigma in arcsec."""
    r2 = ((np.arange(side) - side // 2) * scale) ** 2
    return np.exp(-(r2 + r2[:, None]) / (2 * sigma**2))


@pytest.mark.parametrize(("side", "scale", "new", "new_scale"), SIDES)
def test_flux_centre_and_shape_stay(side: int, scale: float, new: int, new_scale: float) -> None:
    smooth = profile(side, scale, psf=None)
    image = np.stack([gaussian(side, scale)]) * 1000
    before = standardize(replace(smooth, image=image))
    after = resampled(before, new, new_scale)
    assert after.image.shape == (1, new, new)
    assert after.image.sum() == pytest.approx(before.image.sum(), rel=1e-3)
    first, second = (adaptive_moments(one.image[0].astype(float)) for one in (before, after))
    offset = (0.5 * scale if side % 2 == 0 else 0.0), (0.5 * new_scale if new % 2 == 0 else 0.0)
    assert (first.x - side // 2) * scale + offset[0] == pytest.approx(
        (second.x - new // 2) * new_scale + offset[1], abs=0.01
    )
    assert second.sigma * new_scale == pytest.approx(first.sigma * scale, rel=0.02)


@pytest.mark.parametrize(("side", "scale", "new", "new_scale"), SIDES)
def test_sums_are_exact_over_the_old_field(side: int, scale: float, new: int, new_scale: float) -> None:
    wide = new + 40
    for matrix in (spline_matrix, overlap_matrix):
        assert matrix(side, wide, new_scale / scale).sum(0) == pytest.approx(np.ones(side))


def test_the_same_grid_changes_nothing() -> None:
    before = standardize(profile(40, 0.2, variance=1.0))
    assert resampled(before, 40, 0.2) is before


def test_pixels_are_added_masked_and_cut_exactly() -> None:
    before = standardize(profile(40, 0.2, variance=1.0))
    wide = resampled(before, 64)
    assert np.allclose(wide.image[:, 12:52, 12:52], before.image, atol=1e-3)
    assert wide.mask.sum() == 64 * 64 - 40 * 40
    assert not wide.mask[12:52, 12:52].any()
    back = resampled(wide, 40)
    assert np.allclose(back.image, before.image, atol=1e-3)
    assert back.mask is None


@pytest.mark.parametrize(("new", "scale"), [(80, 0.1), (20, 0.4)])
def test_noise_of_sums_is_right(new: int, scale: float) -> None:
    """Of the sum over a quarter of the stamp, by many draws of the noise."""
    generator, sums = np.random.default_rng(0), []
    for _ in range(300):
        noise = Stamp.of(generator.normal(0, 2, (40, 40)) + 0.0, 0.2, 4.0)
        fine = resampled(noise, new, scale)
        sums.append(float(fine.image[0, : new // 2, : new // 2].sum()))
    assert np.std(sums) == pytest.approx(np.sqrt(fine.variance[0]) * new / 2, rel=0.15)


def test_psf_goes_with_the_image() -> None:
    """A point source on new pixels has the new PSF."""
    psf = gaussian(25, 0.3, 0.4)
    source = np.zeros((41, 41))
    source[8:33, 8:33] = psf / psf.sum()
    fine = resampled(Stamp.of(source * 1000, 0.3, 0.0, psf=psf), 81, 0.15)
    edge = (81 - fine.psf.shape[-1]) // 2
    assert fine.psf.shape[-1] % 2 == 1
    part = fine.image[0, edge : 81 - edge, edge : 81 - edge] / 1000
    assert np.abs(part - fine.psf).max() < 0.01 * fine.psf.max()


def test_masks_and_maps_of_noise_go_with_the_image() -> None:
    mask, variance = np.zeros((40, 40), bool), np.full((40, 40), 4.0)
    mask[:10], variance[20:] = True, 16.0
    fine = resampled(Stamp.of(sersic(1, 4, side=40), 0.2, variance, mask=mask), 80, 0.1)
    assert fine.mask[:19].all()
    assert not fine.mask[21:].any()
    assert fine.variance[0, 60, 40] == pytest.approx(4.0, rel=0.01)
    assert fine.variance[0, 30, 40] == pytest.approx(1.0, rel=0.01)


def test_bands_are_chosen_with_their_psf_and_noise() -> None:
    psfs = np.stack([gaussian(9, 0.2, width) for width in (0.3, 0.5)])
    both = Stamp.of([sersic(1, 3, side=40), sersic(1, 5, side=40)], 0.2, [1.0, 4.0], psf=psfs, bands=("g", "r"))
    red = in_bands(both, ["r"])
    assert (red.bands, red.variance.tolist(), red.psf.shape) == (("r",), [4.0], (9, 9))
    assert np.array_equal(red.psf, both.psf[1])
    turned = in_bands(both, ["r", "g"])
    assert np.array_equal(turned.image, both.image[::-1])
    assert isinstance(in_bands(both, ["z"]), Refusal)


@pytest.mark.parametrize(("side", "scale"), [(4, 0.1), (10_000, 0.1), (64, 0.0), (64, -1.0), (64, np.inf)])
def test_impossible_pixels_are_refused(side: int, scale: float) -> None:
    with pytest.raises(ConfigError):
        resampled(profile(40, 0.2), side, scale)
