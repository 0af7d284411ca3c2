"""Cubes with noise, PSFs and masks of their own, in the layouts in which they are published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sciencegen.domains import load_domain
from sciencegen.domains.galaxies.files import left_out, parse, read
from sciencegen.domains.galaxies.items import Stamp, flux_of
from sciencegen.items import Refusal
from tests.domains.galaxies.examples import sersic

BANDS = ("g", "r", "Z")
LIGHT = np.stack([sersic(1, 4, flux=50 * (band + 1), side=24) for band in range(3)])
PSFS = np.stack([np.exp(-np.add.outer(np.arange(-3, 4) ** 2, np.arange(-3, 4) ** 2) / width) for width in (2, 3, 5)])
SEGMENTS = np.zeros((24, 24), np.uint8)
SEGMENTS[8:16, 8:16], SEGMENTS[:5, :5], SEGMENTS[20:, 20:] = 1, 2, 3
SIGMA = np.array([2.0, 3.0, 5.0])
TOLD = "unit: sigma\nzero_point: [31.4, 31.4, 28.9]\npixel_scale: 0.3\n"
"""Zero points of 1 nJy, and of 10 nJy in Z."""


def write(folder: Path, told: str = TOLD, count: int = 7, **changed: np.ndarray) -> Path:
    """A file as that of the stamps of KiDS and VIKING: in units of the noise, with a map of segments."""
    arrays = {
        "stamps": np.repeat(LIGHT[None], count, 0).astype(np.float16),
        "segmentation": np.repeat(SEGMENTS[None], count, 0),
        "psf": PSFS, "sigma": SIGMA, "bands": np.array(BANDS), "mag_r": np.arange(20.0, 20.0 + count),
    }  # fmt: skip
    np.savez(folder / "a.npz", **{**arrays, **changed})
    (folder / "stamps.yaml").write_text(told)
    return folder / "a.npz"


def stamp(folder: Path, row: int = 0, **changed: np.ndarray) -> Stamp:
    found = parse(f"{write(folder, **changed)}[{row}]")
    assert isinstance(found, Stamp), found
    return found


def test_units_of_the_noise_become_fluxes(tmp_path: Path) -> None:
    one = stamp(tmp_path)
    nanojansky = np.array([1.0, 1.0, flux_of(28.9)])
    assert one.bands == BANDS
    assert one.variance == pytest.approx((SIGMA * nanojansky) ** 2, rel=1e-4)
    expected = LIGHT * (SIGMA * nanojansky)[:, None, None]
    seen = ~one.mask
    assert np.abs(one.image - expected)[:, seen].max() < SIGMA.max() * 10 / 16


def test_each_band_has_its_psf(tmp_path: Path) -> None:
    one = stamp(tmp_path)
    assert one.psf.shape == (3, 7, 7)
    assert one.psf.sum((1, 2)) == pytest.approx(np.ones(3))
    assert one.psf_of(2).max() < one.psf_of(0).max()
    alike = stamp(tmp_path, 2, psf=np.repeat(PSFS[:1], 7, 0))  # one for each of the stamps
    assert alike.psf.shape == (7, 7)
    own = stamp(tmp_path, 2, psf=np.repeat(PSFS[None], 7, 0))
    assert own.psf.shape == (3, 7, 7)


def test_neighbours_of_a_map_of_segments_are_masked(tmp_path: Path) -> None:
    one = stamp(tmp_path)
    assert np.array_equal(one.mask, (SEGMENTS == 2) | (SEGMENTS == 3))
    bad = np.zeros((7, 24, 24), bool)
    bad[0, 3, 4] = True
    assert parse(f"{write(tmp_path, TOLD + 'mask: mask', mask=bad)}[0]").mask.sum() == 1
    assert stamp(tmp_path, mask=bad).mask.sum() == one.mask.sum()  # within a segment
    assert parse(f"{write(tmp_path, TOLD + 'mask: none')}[0]").mask is None


def test_bands_and_pixels_are_those_told_beside(tmp_path: Path) -> None:
    one = parse(f"{write(tmp_path, TOLD + 'use: [r]' + chr(10) + 'resample: {side: 64, pixel_scale: 0.1}')}[1]")
    assert (one.image.shape, one.bands, one.pixel_scale) == ((1, 64, 64), ("r",), 0.1)
    assert one.source.endswith("a.npz[1]")
    assert isinstance(parse(f"{write(tmp_path, TOLD + 'use: [y]')}[1]"), Refusal)


@pytest.mark.parametrize("key", ["variance: 0", "sigma: 2"])
def test_noise_that_is_stated_twice_is_refused(tmp_path: Path, key: str) -> None:
    found = parse(f"{write(tmp_path, TOLD + key)}[0]")
    assert isinstance(found, Refusal)
    assert f"expected the noise once, got `{key[:-3]}` beside the file, and the array `sigma`" in found.reason
    assert "leave the key out" in found.reason


def test_the_sky_at_the_edge_is_subtracted_and_its_scatter_is_the_noise(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    images = np.stack([generator.normal(level, noise, (7, 40, 40)) for level, noise in ((5.0, 1.0), (-3.0, 2.0))], 1)
    images[:, :, 15:25, 15:25] += 50
    masked = np.zeros((7, 40, 40), bool)
    masked[:, :, :2] = True
    images[:, :, masked[0]] += 1000
    np.savez(tmp_path / "a.npz", images=images, mask=masked)
    (tmp_path / "stamps.yaml").write_text("unit: nJy\npixel_scale: 0.2\nsky: edge\nsigma: 9\nuse: [band2]")
    one = parse(f"{tmp_path / 'a.npz'}[3]")
    assert one.variance == pytest.approx(4.0, rel=0.25)
    assert np.median(one.image[0][~one.mask]) == pytest.approx(0, abs=0.3)
    assert one.image[0, 15:25, 15:25].mean() == pytest.approx(50, abs=1)
    images[3, 1, 20, 20] = np.nan
    images[4, 1, :5] = images[4, 1, -5:] = images[4, 1, :, :5] = images[4, 1, :, -5:] = 0
    np.savez(tmp_path / "b.npz", images=images)
    assert "1 pixels are NaN" in parse(f"{tmp_path / 'b.npz'}[3]").reason
    assert "finds no noise" in parse(f"{tmp_path / 'b.npz'}[4]").reason
    assert "sky was subtracted" in left_out(f"{tmp_path / 'b.npz'}[2]")


def test_columns_are_the_catalogue(tmp_path: Path) -> None:
    rows = list(read(write(tmp_path)))
    assert [row.values for row in rows[:2]] == [{"mag_r": 20.0}, {"mag_r": 21.0}]


@pytest.mark.parametrize(
    ("changed", "told", "reason"),
    [
        ({"segmentation": np.full((7, 24, 24), 4, np.uint8), "mask": np.ones((7, 24, 24), bool)}, TOLD, "covers every"),
        ({"psf": -PSFS}, TOLD, "sum to a positive"),
        ({"psf": np.pad(PSFS[:, 2:5, 2:5], ((0, 0), (0, 8), (0, 8)))}, TOLD, "centred"),
        ({"psf": PSFS - 0.3 * np.eye(7)[::-1]}, TOLD, "negative"),
        ({"psf": PSFS[:2]}, TOLD, ""),
        ({}, TOLD.replace("[31.4, 31.4, 28.9]", "[31.4, 31.4]"), "2 zero points for 3 bands"),
        ({}, f"{TOLD}bands: [g, r]", "2 names of bands (g, r) for 3 bands"),
        ({"sigma": np.array("none")}, TOLD, "without an array `sigma`"),
    ],
)
def test_what_is_no_stamp_is_refused(changed: dict, told: str, reason: str, tmp_path: Path) -> None:
    found = parse(f"{write(tmp_path, told, **changed)}[6]")
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_named_bands_beside_as_many_images_make_one_stamp(tmp_path):
    path = tmp_path / "blend.npz"
    np.savez(path, images=np.random.default_rng(0).normal(0, 1, (3, 32, 32)))
    (tmp_path / "stamps.yaml").write_text("{zero_point: 27, pixel_scale: 0.168, bands: [g, r, i]}")
    (row,) = load_domain("galaxies").items.read(path, None)
    stamp = load_domain("galaxies").items.parse(row.text)
    assert stamp.bands == ("g", "r", "i")
    assert stamp.image.shape == (3, 32, 32)


@pytest.mark.parametrize("told", ["", "psf: kernels\nweights: inverse\n"])
def test_psfs_and_weights_may_have_other_names(told: str, tmp_path: Path) -> None:
    """One blend in two bands, as HSC's: images, weights of 0 beyond the footprint, and a PSF of each band."""
    noise = np.random.default_rng(0).normal(size=(2, 20, 24))
    weights = np.stack([np.full((20, 24), 4.0), np.full((20, 24), 25.0)])
    weights[0, 2, 3] = 0
    psfs = np.stack([np.pad(np.ones((3, 3)), 1), np.pad(np.ones((1, 1)), 2)])
    names = ("kernels", "inverse") if told else ("psfs", "weights")
    np.savez(tmp_path / "blend.npz", images=noise, **dict(zip(names, (psfs, weights), strict=True)))
    (tmp_path / "stamps.yaml").write_text(f"unit: nJy\npixel_scale: 0.168\nbands: [g, r]\n{told}")
    found = parse(str(tmp_path / "blend.npz"))
    assert isinstance(found, Stamp)
    assert found.image.shape == (2, 24, 24)
    assert found.variance[:, 12, 12] == pytest.approx([0.25, 0.04], rel=0.005)
    assert (found.psf_of(0).max(), found.psf_of(1).max()) == pytest.approx((1 / 9, 1), rel=1e-3)
    assert found.mask[4, 3]  # the pixel of no weight, below two padded rows
    assert found.mask.sum() == 4 * 24 + 1


def test_a_name_that_the_file_lacks_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "blend.npz", images=np.ones((1, 20, 20)))
    (tmp_path / "stamps.yaml").write_text("unit: nJy\npixel_scale: 0.168\nweights: inverse\n")
    assert "Expected images inverse" in parse(str(tmp_path / "blend.npz")).reason
