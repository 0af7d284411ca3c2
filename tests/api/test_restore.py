"""`restore`: rows of means and intervals, or of samples, and what is refused."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.survey import interval
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.restoration import resolution
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.errors import ConfigError, UnknownNameError

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def simulated():
    return next(simulate(SurveySettings("euclid", 64), 0, 7, 8))


@pytest.fixture(scope="module")
def restored(simulated):
    given = [DOMAIN.items.text(one) for one in (simulated.observed, simulated.twin)]
    return sg.restore("galaxies", given, ["flux", "half_light_radius"], threads=1)


def test_a_stamp_is_restored_with_its_variance(simulated, restored):
    row, refused = restored.table.iloc[0], restored.table.iloc[1]
    mean = DOMAIN.items.parse(row["item"])
    assert mean.psf is None
    assert mean.variance.shape == mean.image.shape
    assert (mean.variance > 0).all()
    assert row["flux_lower"] < row["flux"] < row["flux_upper"]
    assert row["flux"] == pytest.approx(simulated.twin.image.sum(), rel=0.2)
    assert 0.9 < row["chi_squared"] < 1.4
    assert 0.2 <= row["resolution"] < 6.4
    assert "no noise" in refused["refused"]
    assert restored.summary == {"restored": 1, "refused": 1, "ledger": {"rows": 2, "restored": 1, "refused": 1}}


@pytest.mark.long
def test_samples_are_rows_and_do_not_depend_on_other_items(simulated, quick_restoration):
    text = DOMAIN.items.text(simulated.observed)
    restored = sg.restore("galaxies", [text, DOMAIN.items.text(simulated.twin)], "flux", threads=1).table.iloc[0]
    kept = sg.restore("galaxies", [text], "flux", keep_samples=True, threads=1).table
    assert kept["sample"].tolist() == list(range(1, 20))
    assert kept["flux"].min() == pytest.approx(restored["flux_lower"])
    images = np.stack([DOMAIN.items.parse(item).image for item in kept["item"]])
    mean = DOMAIN.items.parse(restored["item"])
    assert np.abs(images.mean(0) - mean.image).max() < 0.1 * np.sqrt(mean.variance.max())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.arange(1.0, 20), (10, 1, 19)),
        (np.arange(1.0, 40), (20, 2, 38)),
        (np.array([math.nan] * 9 + list(range(1, 20))), (10, 1, 19)),
    ],
)
def test_intervals_hold_nine_tenths(values, expected):
    assert interval(values) == expected


def test_what_cannot_be_measured_in_enough_samples_has_no_interval():
    assert all(math.isnan(one) for one in interval(np.array([*range(18), math.nan])))


def test_the_resolution_is_where_the_light_meets_the_noise():
    wave = np.cos(2 * np.pi * 4 * np.arange(32) / 32) + np.zeros((1, 32, 1))
    ramp = sum(np.cos(2 * np.pi * k * np.arange(32) / 32) for k in range(1, 5)) + np.zeros((1, 32, 1))
    assert resolution(10 * ramp, 0.5) == pytest.approx(32 * 0.5 / 4)
    assert resolution(10 * wave, 0.5) == math.inf
    assert resolution(np.zeros((1, 32, 32)), 0.5) == math.inf


def test_pixels_that_overflow_the_model_are_refused(simulated):
    """LAPACK raises an error on numbers that aren't finite, which would end the whole command."""
    image = simulated.observed.image.copy()
    image[0, 0, 0] = 1e30
    found = sg.restore("galaxies", [DOMAIN.items.text(replace(simulated.observed, image=image))], "flux", threads=1)
    assert "pixels of up to 1e+30 nJy" in found.table["refused"][0]


def test_empty_sky_is_restored_as_nearly_no_light():
    """Its latent by the encoder is so far off that no descent comes back."""
    y, x = np.mgrid[:33, :33] - 16
    stamp = {"image": np.random.default_rng(1).normal(0, 15, (64, 64)), "pixel_scale": 0.1, "variance": 15.0**2}
    found = sg.restore(
        "galaxies", [{**stamp, "psf": np.exp(-(x**2 + y**2) / 2 / 1.4**2)}], "flux", allow_outside=True, threads=1
    )
    assert found.summary["restored"] == 1
    row = found.table.iloc[0]
    assert not row["in_domain"]
    assert 0.9 < row["chi_squared"] < 1.1
    assert row["flux_upper"] < 3 * 15 * 64


def test_if_all_is_refused_there_is_no_warning(simulated):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = sg.restore("galaxies", [DOMAIN.items.text(simulated.twin)] * 2, "flux", threads=1).table
    assert table["item"].tolist() == [DOMAIN.items.text(simulated.twin)] * 2
    assert table["refused"].str.contains("no noise").all()


def test_wrong_requests_are_refused(simulated):
    with pytest.raises(ConfigError, match="can't"):
        sg.restore("molecules", ["CCO"])
    with pytest.raises(UnknownNameError, match="flux"):
        sg.restore("galaxies", [DOMAIN.items.text(simulated.observed)], "fluks")
    with pytest.raises(ConfigError, match="19"):
        sg.restore("galaxies", [DOMAIN.items.text(simulated.observed)], samples=3)


def test_a_table_has_the_restored_stamps_beside_it(simulated, tmp_path, quick_restoration):
    DOMAIN.items.write(tmp_path / "seen.fits", [simulated.observed], ["one"], {})
    found = sg.restore("galaxies", tmp_path / "seen.fits", "flux", threads=1)
    table = pd.read_csv(found.write(tmp_path / "restored.csv"))
    assert table["item"][0].endswith("restored.fits[0]")
    again = DOMAIN.items.parse(str(tmp_path / "restored.fits[0]"))
    assert again.psf is None
    assert table["id"].tolist() == ["one"]
