"""Galaxies by the command line: scored, prepared, evaluated, whatever file they are in."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from astropy.io import fits

from sciencegen.api.models.identity import identity_of
from sciencegen.api.predictors.folder import load_predictor
from sciencegen.config import TrainSettings
from sciencegen.data.cards import load_card
from sciencegen.data.prepared import PreparedDataset
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.errors import DataError
from sciencegen.files import sha256_of
from sciencegen.scoring.oracles import SEED

SETTINGS = {"survey": "euclid", "side": 32}


@pytest.fixture
def stamps(tmp_path):
    made = [one.observed for one in simulate(SurveySettings(**SETTINGS), 0, 0, 6)]
    DOMAIN.items.write(tmp_path / "stamps.fits", made, [one.name for one in made], {"z": list(np.arange(6.0))})
    return made


@pytest.mark.long
def test_score(cli, stamps):
    result = cli("score", "galaxies", "stamps.fits", "--threads", 1, "-o", "scores.csv")
    assert result.code == 0, result.err
    table = pd.read_csv("scores.csv")
    assert table["item"].tolist() == [f"stamps.fits[{n}]" for n in range(6)]
    assert table["id"].tolist() == [one.name for one in stamps]
    measured = DOMAIN.measure(stamps, list(DOMAIN.properties))
    np.testing.assert_allclose(table[list(DOMAIN.properties)], measured, rtol=1e-6)
    goals = "flux,similarity to stamps.fits[3]"
    again = cli("score", "galaxies", "scores.csv", "--with", goals, "--threads", 1, "-o", "again.fits")
    assert again.code == 0, again.err
    with fits.open("again.fits") as hdus:
        assert hdus["CATALOG"].data["similarity to stamps.fits[3]"][3] == pytest.approx(1, abs=2e-3)


def test_bad_stamps_are_listed_and_the_rest_is_scored(cli, stamps):
    with fits.open("stamps.fits", mode="update") as hdus:
        hdus[0].data[1, 3, 3] = np.nan
        hdus[0].data[2] = 0
    result = cli("score", "galaxies", "stamps.fits", "--with", "flux", "--threads", 1, "-o", "scores.csv", "--json")
    assert json.loads(result.out)["scored"] == 4
    reasons = pd.read_csv("scores.csv.rejects.csv")
    assert reasons["line"].tolist() == [2, 3]
    assert "NaN" in reasons["reason"][0]
    assert "every pixel is 0" in reasons["reason"][1]


def test_standard_input_has_no_file_afterwards(cli, stamps, tmp_path):
    content = (tmp_path / "stamps.fits").read_bytes()
    result = cli("score", "galaxies", "-", "--with", "flux", "--threads", 1, "-o", "scores.csv", stdin=content)
    assert result.code == 0, result.err
    cells = pd.read_csv("scores.csv")["item"].tolist()
    assert cells == [f"scores.fits[{n}]" for n in range(6)]
    assert [DOMAIN.items.key(DOMAIN.items.parse(cell)) for cell in cells] == [DOMAIN.items.key(one) for one in stamps]


def test_a_folder_of_files(cli, stamps, tmp_path):
    (tmp_path / "night").mkdir()
    (tmp_path / "stamps.fits").rename(tmp_path / "night/stamps.fits")
    (tmp_path / "night/broken.fits").write_bytes(b"no")
    result = cli("score", "galaxies", "night", "--with", "flux", "--threads", 1, "-o", "scores.csv")
    assert result.code == 0, result.err
    assert len(pd.read_csv("scores.csv")) == 6
    assert len(pd.read_csv("scores.csv.rejects.csv")) == 1
    prepared = cli("datasets", "prepare", "galaxies", "./night", "--threads", 1, "-o", "data")
    assert prepared.code == 0, prepared.err
    assert len(PreparedDataset.load("data")) == 6
    trained = identity_of("galaxies", "./night", None, TrainSettings())
    assert trained["data"]["sha256"] == sha256_of("night")


@pytest.mark.long
def test_a_store_of_arrays_is_read_as_a_file_is(cli, stamps, tmp_path):
    """A folder by name alone, without a slash."""
    zarr = pytest.importorskip("zarr", minversion="3")
    DOMAIN.items.write(tmp_path / "cube.h5", stamps, [one.name for one in stamps], {"z": list(np.arange(6.0))})
    with h5py.File("cube.h5") as file:
        made = zarr.open_group("cube.zarr", mode="w", attributes=dict(file["images"].attrs))
        for name, array in file.items():
            made.create_array(name, data=array[:].astype("U") if name == "id" else array[:])
    tables = {}
    for source in ("cube.h5", "cube.zarr"):
        result = cli("score", "galaxies", source, "--with", "flux,gini", "--threads", 1, "-o", f"{source}.csv")
        assert result.code == 0, result.err
        tables[source] = pd.read_csv(f"{source}.csv")
    assert tables["cube.zarr"]["item"].tolist() == [f"cube.zarr[{n}]" for n in range(6)]
    pd.testing.assert_frame_equal(*(table.drop(columns="item") for table in tables.values()))
    prepared = cli("datasets", "prepare", "galaxies", "cube.zarr", "--threads", 1, "-o", "data")
    assert prepared.code == 0, prepared.err
    assert PreparedDataset.load("data").values(None, ["z"])[:, 0].tolist() == list(range(6))
    compared = cli("evaluate", "galaxies", "cube.zarr", "--against", "cube.h5", "--threads", 1, "-o", "metrics.json")
    assert compared.code == 0, compared.err
    before = sha256_of("cube.zarr")
    assert json.loads(Path("metrics.json").read_text())["samples_sha256"] == before
    Path("cube.zarr/z/note").write_text("changed")
    assert sha256_of("cube.zarr") != before


def test_no_patterns_and_no_pixel_scale(cli, tmp_path):
    fits.writeto(tmp_path / "a.fits", np.random.default_rng(0).normal(size=(32, 32)))
    result = cli("score", "galaxies", "a.fits", "-o", "b.csv")
    assert result.code == 3
    assert "b.csv.rejects.csv says why" in result.err


@pytest.fixture
def small_card(tmp_path, monkeypatch):
    """The card of simulated galaxies with a few rows and no sample."""
    content = yaml.safe_load((load_card("galaxies/simulated").folder / "card.yaml").read_text())
    content |= {"name": "few", "samples": {}}
    for split, file in content["files"].items():
        file["rows"] = {"train": 70, "validation": 3, "test": 4}[split]
    folder = tmp_path / "cards/galaxies/few"
    folder.mkdir(parents=True)
    (folder / "card.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("SCIENCEGEN_DATASETS", str(tmp_path / "cards"))


@pytest.mark.usefixtures("small_card")
@pytest.mark.long
def test_a_simulated_dataset_is_made_prepared_and_knows_its_twins(cli, tmp_path):
    result = cli("datasets", "fetch", "galaxies/few", "--json")
    assert json.loads(result.out)["files"] == 3, result.err
    files = {path.name: path.read_bytes() for path in (tmp_path / "cache").rglob("*.parquet")}
    result = cli("datasets", "prepare", "galaxies", "few", "--threads", 1, "-o", "data")
    assert result.code == 0, result.err
    prepared = PreparedDataset.load("data")
    assert prepared.summary["counts"]["splits"] == {"train": 70, "validation": 3, "test": 4}
    made = DOMAIN.items.simulate({"survey": "euclid", "side": 64}, 0, 2_000_000, 2_000_004)
    assert list(prepared.items("test")) == [text for text, _ in made]
    names = ["half_light_radius", "e1", "redshift", "sersic_index"]
    sources = ["half_light_radius", "e1", "redshift", "true_sersic_index"]
    expected = [[values[name] for name in sources] for _, values in made]
    np.testing.assert_allclose(prepared.values("test", names), expected, rtol=1e-6)
    noise = prepared.values("test", ["signal_to_noise"])
    assert (noise > 5).all()
    for path in (tmp_path / "cache").rglob("*.parquet"):
        path.unlink()
    assert cli("datasets", "fetch", "galaxies/few").code == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "cache").rglob("*.parquet")} == files


@pytest.mark.long
def test_evaluate_against_the_sample(cli, stamps):
    made = DOMAIN.items.simulate({}, 5, 0, 40)
    DOMAIN.items.write("some.fits", [DOMAIN.items.parse(text) for text, _ in made], [str(n) for n in range(40)], {})
    result = cli("evaluate", "galaxies", "some.fits", "--against", "simulated/test", "-o", "metrics.json")
    assert result.code == 0, result.err
    found = json.loads(Path("metrics.json").read_text())
    assert found["valid"] == 1
    assert 0 < found["standardized_wasserstein_mean"] < 0.7


def test_a_predictor_that_is_given_the_model_of_stamps_learns_from_features(cli, stamps, monkeypatch):
    asked = []

    def predictor_data(domain, chosen, inputs, *more):
        asked.append(inputs)
        raise DataError("asked")

    monkeypatch.setattr("sciencegen.api.train_predictor.predictor_data", predictor_data)
    learn = ("train", "predictor", "galaxies", "stamps.fits", "--target", "z", "--threads", 1, "-o", "runs/z")
    for more in ((), ("--set", "inputs=scored")):
        cli(*learn, "--model", "galaxies", *more)
    assert asked == ["features", "scored"]


@pytest.mark.long
def test_a_predictor_of_seen_stamps_sees_a_noise_free_one_as_seen(cli, tmp_path):
    """Trained on noisy stamps with values of their noise-free twins; applied to twins, which it observes first."""
    made = list(simulate(SurveySettings(**SETTINGS), 3, 0, 90))
    names, truth = [one.observed.name for one in made], DOMAIN.measure([one.twin for one in made], ["flux"])[:, 0]
    DOMAIN.items.write(
        tmp_path / "seen.fits", [one.observed for one in made[:70]], names[:70], {"flux": list(truth[:70])}
    )
    DOMAIN.items.write(tmp_path / "twins.fits", [one.twin for one in made[70:]], names[70:], {})
    DOMAIN.items.write(tmp_path / "noisy.fits", [one.observed for one in made[70:]], names[70:], {})
    trained = cli(
        "train", "predictor", "galaxies", "seen.fits", "--target", "flux", "--set", "folds=3",
        "-o", "runs/f", "--threads", 1,
    )  # fmt: skip
    assert trained.code == 0, trained.err
    found = {}
    for name in ("twins", "noisy"):
        done = cli("predict", "galaxies", f"{name}.fits", "--predictor", "brightness=runs/f", "-o", f"{name}.csv")
        assert done.code == 0, done.err
        found[name] = pd.read_csv(f"{name}.csv")
    for table in found.values():
        assert np.corrcoef(np.log(table["brightness"].clip(1)), np.log(truth[70:]))[0, 1] > 0.8
    assert not np.allclose(found["twins"]["brightness"], found["noisy"]["brightness"])
    oracle = load_predictor("galaxies", "runs/f").oracle("brightness")
    observing = DOMAIN.observation.load(json.loads(Path("runs/f/observing.json").read_text()))
    seen = observing.observed([one.twin for one in made[70:]], SEED)
    assert [one.value for one in oracle.score(seen)] == pytest.approx(found["twins"]["brightness"].tolist())
