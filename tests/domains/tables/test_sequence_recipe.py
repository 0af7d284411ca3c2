"""The recipe `sequence-vae` by its verbs, on spikes whose rates are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sciencegen as sg
from sciencegen.domains.tables import rows
from sciencegen.domains.tables.models import RECIPES, TableSequenceSettings
from sciencegen.errors import ConfigError
from tests.domains.tables.arrays_table import texts
from tests.domains.tables.lorenz import spikes

TINY = {"width": 8, "latent": 2, "factors": 2, "depth": 1, "flow_layers": 1, "flow_width": 8, "score_samples": 4}
SHORT = {"training": {"steps": 8, "warmup_steps": 1, "batch_size": 16}, "finish": {"steps": 5}, "threads": 1}
TRIALS, TIMES, UNITS = 30, 6, 7


@pytest.fixture(scope="module", params=[0, 1], ids=["autonomous", "with inputs"])
def folder(request, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """trials.npz of spikes [time unit] and a category, and a model of it."""
    place = tmp_path_factory.mktemp("sequence")
    counts, _ = spikes(TRIALS, TIMES, UNITS)
    np.savez(place / "trials.npz", spikes=counts, kind=np.array(["left", "right"] * (TRIALS // 2)))
    settings = {**TINY, "inputs": request.param}
    sg.train(
        "arrays", place / "trials.npz", recipe="sequence-vae", folder=place / "model", settings=settings,
        conditions=["kind"], **SHORT,
    )  # fmt: skip
    return place


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_verbs_read_and_write_its_items():
    drawn = sg.generate("arrays", 4, model="model", where=["kind = left"], threads=1)
    drawn.write("new.npz")
    found = np.load("new.npz")
    assert found["spikes"].shape == (4, TIMES, UNITS)
    assert set(found["kind"]) == {"left"}
    assert np.isfinite(sg.score("arrays", Path("new.npz"), model="model", threads=1).table["log_likelihood"]).all()
    counts = np.load("trials.npz")["spikes"][:2].tolist()
    first, second = (rows.text({"spikes": one, "kind": "left"}) for one in counts)
    assert len(sg.interpolate("arrays", first, second, model="model", steps=3, threads=1).table) == 3
    metrics = sg.evaluate("arrays", "new.npz", against="trials.npz", model="model", threads=1).metrics
    assert metrics["bits_per_item"] > 0


def test_encode_gives_rates_and_factors():
    encoded = sg.encode("arrays", Path("trials.npz"), model="model", threads=1)
    encoded.write("latents.npz")
    arrays = np.load("latents.npz")
    assert arrays["rates"].shape == (TRIALS, TIMES, UNITS)
    assert arrays["factors"].shape == (TRIALS, TIMES, 2)
    assert (arrays["rates"] > 0).all()
    np.testing.assert_array_equal(arrays["rates"], encoded.inferred["rates"])
    back = sg.decode("arrays", encoded.latent, model="model", threads=1).table["item"]
    found = np.array([rows.parse(text)["spikes"] for text in back])
    assert (found == np.load("trials.npz")["spikes"]).mean() > 0.99  # scores in the far tails are clipped


def test_a_table_must_have_one_series():
    recipe = RECIPES["sequence-vae"]
    fitted = recipe.fit(texts(20), np.empty((20, 0)), ())
    with pytest.raises(ConfigError, match="Expected one series, got 4 columns of arrays"):
        recipe.build(fitted, TableSequenceSettings(**TINY))
    with pytest.raises(ConfigError, match="score_samples of 1 or more"):
        TableSequenceSettings(score_samples=0)
