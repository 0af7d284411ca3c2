"""Every verb that writes stamps writes their provenance into the file, and it is correct."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from sciencegen.api.models.folder import WEIGHTS
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.representation import OBSERVED_NOTES
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.files import sha256_of

KEYWORDS = ("SYNTHET", "MODEL", "MODELSHA", "SEED")


@pytest.fixture(autouse=True)
def seen(tmp_path):
    """seen.fits: three stamps that a survey saw."""
    made = [one.observed for one in simulate(SurveySettings(side=32), 5, 0, 3)]
    DOMAIN.items.write(tmp_path / "seen.fits", made, ["a", "b", "c"], {})


def told(path="out.fits"):
    header = fits.getheader(path)
    return {name: header[name] for name in KEYWORDS if name in header}, list(header["HISTORY"])


def test_what_a_model_draws_is_synthetic(cli, galaxy_model):
    call = ("generate", "galaxies", "--model", galaxy_model, "-n", 2, "--threads", 1, "--seed", 3, "-o", "out.csv")
    result = cli(*call, "--where", "flux in 100..1e6", "--set", "noise_free=true", "--attempts", 1)
    assert result.code in (0, 5), result.err
    name, digest = "/".join(galaxy_model.parts[-2:]), sha256_of(galaxy_model / WEIGHTS)
    keywords, history = told()
    assert keywords == {"SYNTHET": True, "MODEL": name, "MODELSHA": digest, "SEED": 3}
    assert history == ["sciencegen generate", "asked: flux in 100..1e6", "asked: noise-free"]


def test_a_wish_for_what_only_an_observation_has(cli, galaxy_model):
    drawn = ("-n", 2, "--threads", 1, "--where", "signal_to_noise >= 0.1")
    call = ("generate", "galaxies", "--model", galaxy_model, *drawn)
    result = cli(*call, "-o", "out.fits")
    assert result.code == 0, result.err
    assert told()[1][-2:] == list(OBSERVED_NOTES)
    with fits.open("out.fits") as hdus:
        own = DOMAIN.measure([DOMAIN.items.parse(f"out.fits[{row}]") for row in range(2)], ["signal_to_noise"])
        assert hdus["CATALOG"].data["signal_to_noise"] == pytest.approx(own[:, 0], rel=1e-5)
    result = cli(*call, "--set", "noise_free=true", "-o", "none.fits")
    assert result.code == 2
    assert "Expected no 'signal_to_noise' with --set noise_free" in result.err


def test_what_lies_between_two_stamps_is_synthetic_and_says_between_which(cli, galaxy_model):
    ends = (str(Path("seen.fits").resolve()) + "[0]", "seen.fits[2]")
    result = cli("interpolate", "galaxies", *ends, "--model", galaxy_model, "--steps", 3, "-o", "out.fits")
    assert result.code == 0, result.err
    keywords, history = told()
    assert keywords["SYNTHET"]
    assert history == ["sciencegen interpolate", "asked: from seen.fits[0]", "asked: to seen.fits[2]"]


def test_what_is_decoded_is_synthetic(cli, galaxy_model):
    assert cli("encode", "galaxies", "seen.fits", "--model", galaxy_model, "-o", "z.npz").code == 0
    assert np.load("z.npz")["item"].tolist() == [f"seen.fits[{number}]" for number in range(3)]
    for output in ("out.fits", "beside.csv"):
        result = cli("decode", "galaxies", "z.npz", "--model", galaxy_model, "--where", "flux=900", "-o", output)
        assert result.code == 0, result.err
        assert told(Path(output).with_suffix(".fits"))[1] == [
            "sciencegen decode",
            "asked: flux=900",
            "asked: from z.npz",
        ]
    Path("beside.csv").unlink()
    again = ("decode", "galaxies", "z.npz", "--model", galaxy_model, "-o", "beside.csv")
    assert "Pass --force" in cli(*again).err
    assert cli(*again, "--force").code == 0


def test_what_may_have_been_observed_is_not_called_synthetic(cli, galaxy_model):
    search = ("optimize", "galaxies", "--model", galaxy_model, "--goal", "magnitude <= 40", "--budget", 8, "-n", 1)
    result = cli(*search, "--start", "seen.fits[0]", "--allow-known", "--threads", 1, "-o", "out.fits")
    assert result.code in (0, 5), result.err
    keywords, history = told()
    assert "SYNTHET" not in keywords
    assert history == [
        "sciencegen optimize",
        "asked: magnitude <= 40",
        "asked: method evolution, budget 8",
        "asked: from seen.fits[0]",
    ]
    result = cli("score", "galaxies", Path("seen.fits").resolve(), "--with", "flux", "-o", "scored.fits")
    assert result.code == 0, result.err
    assert told("scored.fits") == ({}, ["sciencegen score", "asked: of seen.fits"])


@pytest.mark.long
def test_a_predictor_says_that_it_predicted(cli):
    rows = "".join(f"seen.fits[{number % 3}],{number}\n" for number in range(30))
    Path("seen.csv").write_text("item,flux\n" + rows)
    result = cli("train", "predictor", "galaxies", "seen.csv", "--target", "flux", "-o", "p", "--threads", 1)
    assert result.code == 0, result.err
    result = cli("predict", "galaxies", "seen.fits", "--predictor", "flux=p", "-o", "out.fits", "--threads", 1)
    assert result.code == 0, result.err
    assert told()[1] == ["sciencegen predict", "asked: of seen.fits"]
