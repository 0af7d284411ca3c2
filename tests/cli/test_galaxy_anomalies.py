"""Anomaly scores by the command line: a tiny model, from a FITS file to scores of it and of draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.models.folder import load_model
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies import restoration as likelihood
from sciencegen.domains.galaxies.survey import SurveySettings, simulate


@pytest.fixture
def stamps(tmp_path):
    """stamps.fits: one as seen, one without noise and PSF, and one as seen, the latter two of other galaxies."""
    made = list(simulate(SurveySettings(side=32), 1, 0, 3))
    stamps = [made[0].observed, made[1].twin, made[2].observed]
    DOMAIN.items.write(tmp_path / "stamps.fits", stamps, ["a", "b", "c"], {})
    return stamps


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(likelihood, "DRAWS", 64)


def test_a_model_says_how_odd_stamps_are(cli, galaxy_model, stamps):
    asked = ("--model", galaxy_model, "--with", "anomaly,flux,log_likelihood", "--threads", 1)
    result = cli("score", "galaxies", "stamps.fits", *asked, "-o", "odd.csv")
    assert result.code == 0, result.err
    table = pd.read_csv("odd.csv")
    assert list(table) == ["item", "line", "id", "anomaly", "flux", "log_likelihood"]
    assert table["id"].tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(table["flux"], DOMAIN.measure(stamps, ["flux"])[:, 0], rtol=1e-6)
    own = load_model("galaxies", galaxy_model, "cpu").oracles
    for name, oracle in own.items():
        np.testing.assert_allclose(table[name], [one.value for one in oracle.score(stamps)], rtol=1e-6)
    result = cli("score", "galaxies", "stamps.fits", "--model", galaxy_model, "--threads", 2, "-o", "own.csv")
    assert result.code == 0, result.err
    pd.testing.assert_frame_equal(pd.read_csv("own.csv"), table[["item", "line", "id", *own]])


def test_what_a_model_can_t_judge_is_listed(cli, galaxy_model, tmp_path):
    large = [one.observed for one in simulate(SurveySettings(), 1, 0, 2)]
    DOMAIN.items.write(tmp_path / "large.h5", large, ["a", "b"], {})
    result = cli("score", "galaxies", "large.h5", "--model", galaxy_model, "--with", "flux,anomaly", "-o", "odd.csv")
    assert result.code == 0, result.err
    assert pd.read_csv("odd.csv")["anomaly"].isna().all()
    assert "anomaly: expected 1 band(s) of 32 x 32 pixels" in Path("odd.csv.rejects.csv").read_text()


def test_draws_are_judged_as_they_are_seen(cli, galaxy_model):
    drawn = ("-n", 3, "--include", "anomaly,log_likelihood", "--threads", 1, "-o", "drawn.csv")
    result = cli("generate", "galaxies", "--model", galaxy_model, *drawn)
    assert result.code == 0, result.err
    result = cli("score", "galaxies", "drawn.csv", "--model", galaxy_model, "--threads", 1, "-o", "again.csv")
    assert result.code == 0, result.err
    names = ["anomaly", "log_likelihood"]
    np.testing.assert_allclose(pd.read_csv("again.csv")[names], pd.read_csv("drawn.csv")[names], rtol=1e-5)


def test_a_search_may_ask_for_what_is_usual_and_not_for_what_is_likely(cli, galaxy_model):
    search = (
        "optimize",
        "galaxies",
        "--model",
        galaxy_model,
        "--budget",
        16,
        "-n",
        2,
        "--threads",
        1,
        "-o",
        "found.csv",
    )
    result = cli(*search, "--goal", "anomaly <= 20", "--goal", "maximize flux")
    assert result.code in (0, 5), result.err
    found = pd.read_csv("found.csv")["anomaly"]
    assert len(found) > 0
    assert (found <= 20).all()
    refused = cli(*search, "--goal", "maximize log_likelihood", "--force")
    assert (refused.code, "Ask for 'anomaly <= 2' instead" in refused.err) == (2, True)
