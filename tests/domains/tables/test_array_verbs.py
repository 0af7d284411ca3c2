"""The verbs on a table of series, images, a number and a category."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import sciencegen as sg
from sciencegen.domains.tables import rows
from tests.domains.tables.arrays_table import columns, texts

TINY = {"width": 16, "depth": 1, "flow_layers": 1, "flow_width": 8, "score_samples": 4, "series": ["spikes"]}
SHORT = {"training": {"steps": 8, "warmup_steps": 1, "batch_size": 16}, "finish": {"steps": 5}, "threads": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """table.npz, in which spikes have two dimensions, and a model that is conditioned on the category."""
    place = tmp_path_factory.mktemp("arrays")
    np.savez(place / "table.npz", **columns())
    sg.train("arrays", place / "table.npz", folder=place / "model", conditions=["kind"], settings=TINY, **SHORT)
    return place


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_draws_have_the_arrays_of_the_data_and_are_read_again():
    drawn = sg.generate("arrays", 5, model="model", where=["kind = b"], seed=1, threads=1)
    for name in ("new.npz", "new.csv"):
        drawn.write(name)
    found, expected = np.load("new.npz"), columns()
    assert set(found.files) == set(expected)
    assert {name: found[name].shape[1:] for name in found.files} == {k: one.shape[1:] for k, one in expected.items()}
    assert found["image"].min() >= 0
    assert found["image"].max() <= 12
    assert set(found["kind"]) == {"b"}
    scores = [sg.score("arrays", Path(name), model="model", threads=1).table for name in ("new.npz", "new.csv")]
    np.testing.assert_allclose(*(one["log_likelihood"] for one in scores), rtol=1e-5)
    assert np.isfinite(scores[0]["log_likelihood"]).all()


def test_latents_hold_the_arrays():
    encoded = sg.encode("arrays", Path("table.npz"), model="model", threads=1)
    sg.decode("arrays", encoded.latent, model="model", threads=1).write("back.npz")
    found, expected = np.load("back.npz"), columns()
    for name in ("image", "mask", "spikes", "kind"):
        assert (found[name] == expected[name]).mean() > 0.99, name
    np.testing.assert_allclose(found["wave"][1:], expected["wave"][1:], rtol=1e-3, atol=1e-3)
    assert np.isfinite(found["wave"]).all(), "gaps are filled"


def test_between_two_rows_and_metrics():
    whole = [rows.text({**rows.parse(text), **{f"spikes{at}": n for at, n in enumerate(rows.parse(text)["spikes"])}})
             for text in texts(3)]  # fmt: skip
    path = sg.interpolate("arrays", whole[1], whole[2], model="model", steps=3, threads=1)
    assert len(path.table) == 3
    found = sg.evaluate("arrays", "table.npz", against="table.npz", model="model", threads=1)
    values = dict(zip(found.table["metric"], found.table["value"], strict=True))
    assert values["profile_image"] == 0
    assert values["bits_per_item"] > 0
    known = sum(np.isfinite(one).sum() if one.dtype.kind != "U" else len(one) for one in columns().values())
    assert values["bits_per_value"] == pytest.approx(values["bits_per_item"] * len(columns()["kind"]) / known)
