"""The diffusion of stamps by the command line: a tiny one, from a FITS file to draws and latents."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.models import CONDITIONS
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from tests.cli.conftest import run

TINY = """{
    settings: {
        unet: {symmetry: d4, width: 6, multipliers: [1, 2], known: 8},
        diffusion: {steps: 2, flow_steps: 24},
    },
    training: {steps: 4, batch_size: 8, checkpoint_every: 2, log_every: 1, warmup_steps: 1},
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """stamps.fits with what is known of them, and a model of them."""
    place = tmp_path_factory.mktemp("stamps")
    made = list(simulate(SurveySettings(side=32), 0, 0, 24))
    known = DOMAIN.measure([one.twin for one in made], CONDITIONS)
    values = dict(zip(CONDITIONS, known.T.tolist(), strict=True))
    DOMAIN.items.write(place / "stamps.fits", [one.observed for one in made], [str(row) for row in range(24)], values)
    wanted = ("--recipe", "stamp-diffusion", "--settings", TINY, "--threads", 1, "-o", place / "model")
    result = run("train", "galaxies", "--data", place / "stamps.fits", *wanted)
    assert result.code == 0, result.err
    return place


@pytest.fixture
def draw(cli, folder):
    return lambda *more: cli("generate", "galaxies", "--model", folder / "model", "-n", 3, "--threads", 1, *more)


def test_training_says_bits_beside_those_of_the_noise(folder):
    metrics = json.loads((folder / "model/metrics.json").read_text())
    assert metrics["noise_bits_training"] == pytest.approx(6.047, abs=1e-3)
    assert np.isfinite(metrics["bits_per_pixel_training"])


def test_draws_are_seen_through_a_training_stamps_psf_and_noise(draw, folder):
    result = draw("--where", "half_light_radius=0.3", "-o", "drawn.fits")
    assert result.code == 0, result.err
    assert "nothing here can check it" in result.err
    stamps = [DOMAIN.items.parse(row.text) for row in DOMAIN.items.read("drawn.fits")]
    seen = {float(DOMAIN.items.parse(row.text).variance[0]) for row in DOMAIN.items.read(folder / "stamps.fits")}
    assert len(stamps) == 3
    assert all(one.psf is not None and float(one.variance[0]) in seen for one in stamps)
    assert draw("--where", "half_light_radius=0.3", "-o", "again.fits", "--batch-size", 1).code == 0
    again = [DOMAIN.items.parse(row.text) for row in DOMAIN.items.read("again.fits")]
    assert [DOMAIN.items.key(one) for one in again] == [DOMAIN.items.key(one) for one in stamps]


def test_noise_free_draws_are_refused_with_the_recipe_that_makes_them(draw):
    result = draw("--set", "noise_free=true", "-o", "drawn.fits")
    assert result.code == 2
    assert "stamp-vae" in result.err


def test_conditions_that_stamps_do_not_show_are_not_calibrated(cli, folder, draw):
    assert draw("-o", "drawn.fits").code == 0
    compared = ("--against", folder / "stamps.fits", "--threads", 1)
    result = cli("evaluate", "galaxies", "drawn.fits", *compared, "-o", "metrics.json")
    assert result.code == 0, result.err
    asked = ("--model", folder / "model", "--settings", "{calibrate: {half_light_radius: [0.3]}, draws: 2}")
    result = cli("evaluate", "galaxies", "drawn.fits", *compared, *asked, "-o", "calibrated.json")
    assert result.code == 2
    assert "--predictor half_light_radius=" in result.err


@pytest.mark.long
def test_stamps_come_back_from_their_latents(cli, folder):
    model = ("--model", folder / "model", "--threads", 1)
    assert cli("encode", "galaxies", folder / "stamps.fits", *model, "-o", "z.npz").code == 0
    result = cli("decode", "galaxies", "z.npz", *model, "-o", "back.fits")
    assert result.code == 0, result.err
    for back, row in zip(DOMAIN.items.read("back.fits"), DOMAIN.items.read(folder / "stamps.fits"), strict=True):
        one, other = DOMAIN.items.parse(back.text), DOMAIN.items.parse(row.text)
        sigma = float(other.variance[0]) ** 0.5
        np.testing.assert_allclose(one.image, other.image, rtol=0.02, atol=0.2 * sigma)


def test_it_is_distilled(cli, folder):
    training = "{teacher_steps: 4, training: {steps: 2, batch_size: 8, warmup_steps: 1}}"
    wanted = ("--data", folder / "model/data", "--distill", 2, "--settings", training, "--threads", 1, "-o", "fast")
    result = cli("train", "galaxies", "--from", folder / "model", *wanted)
    assert result.code == 0, result.err


def test_a_uvit_takes_the_place_of_the_unet(cli, folder):
    sizes = "uvit={width: 8, depth: 1, heads: 2}"
    short = "{settings: {diffusion: {steps: 2}}, training: {steps: 2, batch_size: 8, warmup_steps: 1}}"
    wanted = ("--recipe", "stamp-diffusion", "--data", folder / "model/data", "--settings", short, "--threads", 1)
    result = cli("train", "galaxies", *wanted, "--set", "network=uvit", "--set", sizes, "-o", "uvit")
    assert result.code == 0, result.err
    result = cli("generate", "galaxies", "--model", "uvit", "-n", 2, "--threads", 1, "-o", "drawn.fits")
    assert result.code == 0, result.err
    assert len(list(DOMAIN.items.read("drawn.fits"))) == 2
    result = cli("train", "galaxies", *wanted, "--set", "network=vit", "-o", "other")
    assert result.code == 2
    assert "unet" in result.err


def test_a_model_of_observed_stamps_alone_does_not_restore(cli, folder):
    result = cli("restore", "galaxies", folder / "stamps.fits", "--model", folder / "model", "-o", "restored.fits")
    assert result.code == 2
    assert "observed stamps alone; train one with noise-free ones, too" in result.err


@pytest.mark.long
def test_one_that_has_seen_noise_free_stamps_restores(cli, tmp_path):
    made = list(simulate(SurveySettings(side=32), 0, 0, 16))
    stamps = [one.twin if row % 2 else one.observed for row, one in enumerate(made)]
    DOMAIN.items.write(tmp_path / "both.fits", stamps, [str(row) for row in range(16)], {})
    DOMAIN.items.write(tmp_path / "seen.fits", [made[0].observed], ["0"], {})
    wanted = ("--recipe", "stamp-diffusion", "--settings", TINY, "--threads", 1, "-o", tmp_path / "model")
    assert cli("train", "galaxies", "--data", tmp_path / "both.fits", *wanted).code == 0
    asked = ("--with", "flux", "--model", tmp_path / "model", "--threads", 1, "-o", "restored.fits")
    result = cli("restore", "galaxies", tmp_path / "seen.fits", *asked)
    assert result.code == 0, result.err
    (mean,) = [DOMAIN.items.parse(row.text) for row in DOMAIN.items.read("restored.fits")]
    assert mean.psf is None
    assert (mean.variance > 0).all()
