"""A stamp is what its text says, and what is none is refused with the reason."""

import base64
import zlib
from dataclasses import replace

import numpy as np
import pytest
from astropy import units

from sciencegen.domains.galaxies.items import (
    LARGEST_PSF,
    PREFIX,
    STEPS_PER_SIGMA,
    Stamp,
    flux_of,
    key,
    magnitude,
    odd_square,
    parse_text,
    standardize,
    text,
)
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.errors import DataError
from sciencegen.items import Refusal
from tests.domains.galaxies.examples import sersic, stamp

GOOD = stamp(sersic(1, 4))


def test_arrays_of_ones_own_become_a_stamp():
    image = sersic(1, 4)
    assert same(Stamp.of(image, 0.1, 0), standardize(stamp(image, bands=("band1",))))
    assert same(Stamp.of(image / 1e3 * units.uJy, 0.1, 4e-6 * units.uJy**2), Stamp.of(image, 0.1, 4))
    noisy = Stamp.of([image, image], 0.2, [1.0, 2.0], psf=np.ones((3, 3)), bands=np.array(["g", "r"]), name="one")
    assert (noisy.image.shape, noisy.bands, noisy.name, noisy.pixel_scale) == ((2, 64, 64), ("g", "r"), "one", 0.2)
    assert noisy.psf.sum() == pytest.approx(1)
    assert noisy.variance.tolist() == [1.0, 2.0]
    assert Stamp.of(image, 0.1, np.full((64, 64), 4.0), bands="VIS").variance.shape == (1, 64, 64)


@pytest.mark.parametrize(
    ("image", "variance", "bands", "told"),
    [
        (sersic(1, 4), -1.0, (), "negative"),
        (sersic(1, 4), 1.0, ("g", "r"), "1 planes"),
        (sersic(1, 4), [1, 2, 3], (), "shape"),
        (np.ma.masked_greater(sersic(1, 4), 5), 1.0, (), "NaN"),
        (sersic(1, 4) * units.m, 1.0, (), "convertible"),
        (np.zeros(5), 1.0, (), "one or more bands"),
        (np.float64(1), 1.0, (), "one or more bands"),
        ([[1, 2], [3]], 1.0, (), "arrays of numbers"),
        ("image.fits", 1.0, (), "arrays of numbers"),
    ],
)
def test_arrays_that_are_no_stamp_are_refused(image, variance, bands, told):
    with pytest.raises(DataError, match=told):
        Stamp.of(image, 0.1, variance, bands=bands)


def noisy(variance: float = 4.0) -> Stamp:
    noise = np.random.default_rng(0).normal(0, variance**0.5, (64, 64))
    psf = np.exp(-np.add.outer(np.arange(-5, 6) ** 2, np.arange(-5, 6) ** 2) / 3)
    return stamp(sersic(1, 4) + noise, variance, psf=psf, name="one", source="a.fits[3]")


def same(one: Stamp, two: Stamp) -> bool:
    parts = [(one.image, two.image), (one.variance, two.variance), (one.psf, two.psf)]
    equal = all((a is None) == (b is None) and (a is None or a.tobytes() == b.tobytes()) for a, b in parts)
    about = [(each.pixel_scale, each.bands, each.name, each.source) for each in (one, two)]
    return equal and about[0] == about[1] and key(one) == key(two)


def several_bands() -> Stamp:
    return next(simulate(SurveySettings("lsst", bands=3, side=32), 0, 3, 4)).observed


def with_a_map() -> Stamp:
    return next(simulate(SurveySettings(shot_noise=True), 0, 3, 4)).observed


@pytest.mark.parametrize("made", [lambda: GOOD, noisy, several_bands, with_a_map])
def test_the_text_is_the_stamp(made):
    one = standardize(made())
    line = text(one)
    assert same(parse_text(line), one)
    assert text(parse_text(line)) == line
    assert line.isprintable()
    assert " " not in line


@pytest.mark.parametrize("made", [noisy, with_a_map])
def test_standardizing_twice_changes_nothing(made):
    once = standardize(made())
    assert same(standardize(once), once)


def test_noise_is_kept_to_a_sixteenth_of_its_sigma_and_the_rest_exactly():
    given = noisy()
    kept = standardize(given)
    assert np.abs(kept.image - given.image).max() <= 1.001 * 2.0 / STEPS_PER_SIGMA / 2
    assert (kept.image - given.image).std() == pytest.approx(2.0 / STEPS_PER_SIGMA / 12**0.5, rel=0.05)
    assert standardize(GOOD).image.tobytes() == GOOD.image.astype(np.float32).tobytes()
    assert len(text(kept)) < 5500


def test_a_psf_sums_to_one():
    assert standardize(noisy()).psf.sum() == pytest.approx(1, abs=1e-6)


def test_identity_is_the_light_not_the_name():
    one = standardize(noisy())
    assert key(replace(one, name="two", source="")) == key(one)
    assert (
        len({key(each) for each in (one, replace(one, psf=None), replace(one, pixel_scale=0.2), standardize(GOOD))})
        == 4
    )


def test_magnitudes():
    assert magnitude(3631e9) == pytest.approx(0, abs=1e-3)  # 3631 Jy is AB magnitude 0
    assert flux_of(magnitude(12.5)) == pytest.approx(12.5)
    assert np.isnan(magnitude(-1.0))


def changed(**fields) -> Stamp:
    return replace(noisy(), **fields)


def image_with(value: float) -> np.ndarray:
    image = noisy().image.copy()
    image[0, 5, 5] = value
    return image


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (changed(image=image_with(np.nan)), "1 pixels are NaN"),
        (changed(image=image_with(np.inf)), "1 pixels are infinite or saturated"),
        (changed(image=np.zeros((1, 64, 64))), "every pixel is 0 in band r"),
        (changed(image=np.full((1, 64, 64), 7.0)), "every pixel is 7"),
        (changed(image=np.ones((1, 1, 1))), "expected 8 to 512 pixels on a side, got 1"),
        (changed(image=np.ones((64, 32))), "one or more bands"),
        (changed(image=np.ones((1, 1024, 1024))), "got 1024; cut or bin it"),
        (changed(image=np.ones((2, 64, 64))), "2 planes with the names"),
        (changed(pixel_scale=0.0), "positive pixel scale"),
        (changed(variance=np.array([-1.0])), "variance is negative"),
        (changed(variance=np.array([np.nan])), "noise isn't finite"),
        (changed(variance=np.eye(64)[None]), "variance is 0 in a part"),
        (changed(variance=np.ones(3)), "a variance for each band or each pixel"),
        (changed(psf=np.full((3, 3), np.nan)), "PSF isn't finite"),
        (changed(psf=np.zeros((3, 3))), "PSF doesn't sum"),
        (changed(psf=np.full((3, 3), 5e-324)), "PSF doesn't sum"),
        (changed(psf=np.array([[0, 0, 0], [1, 1e-9, -1], [0, 0, 0]])), "PSF doesn't sum"),
        (changed(variance=np.array([1e60])), "noise isn't finite"),
        (changed(variance=np.where(np.eye(64), 1e-60, 1.0)[None]), "variance is 0 in a part"),
        (changed(psf=np.ones(4)), "expected a PSF"),
        (changed(psf=noisy().psf - 0.06), "negative pixels hold"),
        (changed(mask=np.arange(4096).reshape(64, 64) > 0), "all but 1 of 4096 pixels; if it marks the good ones"),
    ],
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_what_is_no_stamp_is_refused(bad, reason):
    found = standardize(bad)
    assert isinstance(found, Refusal)
    assert reason in found.reason


def packed(content: bytes) -> str:
    return PREFIX + base64.b64encode(zlib.compress(content)).decode()


@pytest.mark.parametrize(
    "line",
    [
        PREFIX,
        PREFIX + "!!",
        PREFIX + "AAAA",
        packed(b"{}\n"),
        packed(b"[1]\nxx"),
        packed(b'{"shape":[1,64,64],"bands":["r"],"pixel_scale":1,"variance":[1],"psf":0,"steps":true}\nxx'),
        packed(b'{"shape":[1,-64,64],"bands":["r"],"pixel_scale":1,"variance":[1],"psf":0,"steps":true}\nxx'),
        packed(b'{"shape":[99999,99999,99999],"bands":["r"],"pixel_scale":1,"variance":[0],"psf":0,"steps":false}\nx'),
        packed(b"0" * 10**6),
        text(standardize(noisy()))[:-40],
    ],
)
def test_anybodys_text_is_refused_not_fatal(line):
    assert isinstance(parse_text(line), Refusal)


def test_notebooks_show_a_stamp():
    page = replace(GOOD, name="<b>NGC</b>")._repr_html_()
    assert 'src="data:image/png;base64,' in page
    assert "&lt;b&gt;NGC&lt;/b&gt;: r; 64 pixels of 0.1 arcsec" in page


def test_complex_pixels_are_refused():
    """Their imaginary part would be dropped."""
    with pytest.raises(DataError, match="numbers for a stamp, got others: complex ones"):
        Stamp.of(np.ones((32, 32)) * 1j, 0.1, 1)


@pytest.mark.parametrize("sides", [(51, 65), (40, 40), (41, 40), (200, 151)])
def test_a_psf_of_any_sides_becomes_a_centred_odd_square(sides):
    y, x = (np.arange(side) - (side - 1) / 2 for side in sides)
    square = odd_square(np.exp(-(x**2 + y[:, None] ** 2) / 18))
    side = len(square)
    assert square.shape == (side, side)
    assert side % 2 == 1
    assert side <= LARGEST_PSF
    away = np.arange(side) - side // 2
    assert abs(away @ square.sum(0)) < 1e-3 * square.sum()
    assert abs(away @ square.sum(1)) < 1e-3 * square.sum()
    assert np.sqrt((away**2) @ square.sum(0) / square.sum()) == pytest.approx(3, rel=0.01)


def test_a_frame_around_a_small_stamp_is_no_inverted_mask():
    frame = np.ones((64, 64), bool)
    frame[27:37, 27:37] = False
    assert isinstance(standardize(changed(mask=frame)), Stamp)
    inverted = np.ones((64, 64), bool)
    inverted[:3, :5] = False
    found = standardize(changed(mask=inverted))
    assert isinstance(found, Refusal)
    assert "if it marks the good ones, invert it" in found.reason
