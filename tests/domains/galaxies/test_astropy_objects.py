"""Objects of astropy are read as files are, and a stamp comes back from its HDUs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, NDData, StdDevUncertainty, VarianceUncertainty
from astropy.wcs import WCS

from sciencegen.domains.galaxies.files import parse
from sciencegen.domains.galaxies.items import Stamp, key
from sciencegen.domains.galaxies.objects import OBJECTS, hdus_of, stamp_of
from sciencegen.items import Refusal

RNG = np.random.default_rng(0)
IMAGE = RNG.normal(0, 2, (32, 32))
PSF = np.exp(-0.5 * np.add.outer(np.arange(-3, 4) ** 2, np.arange(-3, 4) ** 2) / 1.5)
HEADER = fits.Header({"BUNIT": "nJy", "PIXSCALE": 0.2, "VARIANCE": 4.0, "BANDS": "r"})
ONE = Stamp.of(IMAGE, 0.2, 4.0, bands="r")


def wcs() -> WCS:
    found = WCS(naxis=2)
    found.wcs.ctype, found.wcs.cunit = ["RA---TAN", "DEC--TAN"], ["deg", "deg"]
    found.wcs.cdelt = [-0.2 / 3600, 0.2 / 3600]
    return found


@pytest.mark.parametrize(
    "given",
    [
        fits.PrimaryHDU(IMAGE, HEADER),
        fits.ImageHDU(IMAGE, HEADER),
        fits.CompImageHDU(IMAGE, HEADER, compression_type="GZIP_2", quantize_level=0),
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(IMAGE, HEADER, name="SCI"), fits.ImageHDU(IMAGE, name="MASK")]),
        NDData(IMAGE, meta=dict(HEADER), unit=units.nJy),
    ],
    ids=["primary", "image", "compressed", "list", "nddata"],
)
def test_a_stamp_is_the_same_from_each_object(given):
    assert key(parse(OBJECTS.text(given))) == key(ONE)


@pytest.mark.parametrize(
    "noise",
    [
        StdDevUncertainty(np.full((32, 32), 2.0)),
        VarianceUncertainty(np.full((32, 32), 4.0)),
        InverseVariance(np.full((32, 32), 0.25)),
    ],
)
def test_unit_scale_noise_and_psf_of_an_image_are_read(noise):
    given = CCDData(IMAGE / 1000, unit="uJy", uncertainty=type(noise)(noise.array), wcs=wcs(), psf=PSF)
    given.uncertainty.array *= {"std": 1e-3, "var": 1e-6, "ivar": 1e6}[noise.uncertainty_type]
    found = parse(OBJECTS.text(given))
    assert found.pixel_scale == pytest.approx(0.2)
    assert found.variance == pytest.approx(np.full_like(found.variance, 4.0), rel=1e-5)
    assert found.psf == pytest.approx(PSF / PSF.sum(), abs=1e-4)
    assert found.image[0] == pytest.approx(IMAGE, abs=0.2)


@pytest.mark.parametrize("bands", [("r",), ("g", "r", "i")])
def test_a_stamp_comes_back_from_its_hdus(bands):
    image = RNG.normal(0, 2, (len(bands), 32, 32))
    stamp = Stamp.of(image, 0.2, np.full(len(bands), 4.0), psf=PSF, bands=bands, name="mine")
    found = parse(OBJECTS.text(hdus_of(stamp)))
    assert key(found) == key(stamp)
    assert (found.name, found.bands) == ("mine", bands)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (fits.PrimaryHDU(IMAGE), "pixel scale"),
        (fits.HDUList([fits.PrimaryHDU(np.stack([IMAGE, IMAGE]), HEADER)]), "one stamp, got 2"),
        (fits.HDUList([fits.PrimaryHDU()]), "one stamp, got 0"),
        (fits.PrimaryHDU(IMAGE[:, :7], HEADER), "on a side, got 7"),
        (fits.PrimaryHDU(IMAGE * np.nan, HEADER), "NaN"),
    ],
)
def test_what_is_no_stamp_is_refused(given, reason):
    found = parse(OBJECTS.text(given))
    assert isinstance(found, Refusal)
    assert reason in found.reason


def test_other_objects_are_none_and_import_nothing():
    assert stamp_of(IMAGE) is None
    assert stamp_of(fits.BinTableHDU.from_columns([])) is None
    code = (
        "import sys; from sciencegen.domains.galaxies.objects import stamp_of; stamp_of(1); "
        "print('astropy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
