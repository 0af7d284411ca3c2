"""Models of stamps by the command line, from data to weights: from a store of arrays, and on from shipped ones."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from sciencegen.api.models.folder import WEIGHTS, load_model
from sciencegen.diffusion.vectors import DiffusionPrior
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from tests.cli.conftest import TINY


@pytest.mark.slow
def test_a_model_learns_from_a_store_what_it_learns_from_a_file(cli, tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3")
    made = [one.observed for one in simulate(SurveySettings(side=32), 0, 0, 24)]
    DOMAIN.items.write(tmp_path / "cube.h5", made, [one.name for one in made], {"z": list(np.arange(24) / 10)})
    with h5py.File("cube.h5") as file:
        store = zarr.open_group("cube.zarr", mode="w", attributes=dict(file["images"].attrs))
        for name, array in file.items():
            store.create_array(name, data=array[:].astype("U") if name == "id" else array[:])
    learn = ("--recipe", "stamp-vae", "--settings", TINY, "--condition", "flux,z", "--threads", 1)
    for source in ("cube.h5", "cube.zarr"):
        result = cli("train", "galaxies", "--data", source, *learn, "-o", source.replace(".", "-"))
        assert result.code == 0, result.err
    assert (tmp_path / "cube-zarr" / WEIGHTS).read_bytes() == (tmp_path / "cube-h5" / WEIGHTS).read_bytes()
    assert load_model("galaxies", "cube-zarr", "cpu").representation.properties == ("flux", "z")
    assert "prior of codes: step 4/4" in result.err


@pytest.mark.long
def test_shipped_weights_are_adapted_to_some_stamps(cli, tmp_path, tiny_draws):
    """The committed sample's, since the cache is empty."""
    few = "{limit: 24, training: {steps: 2, batch_size: 8, log_every: 1}, finish: {steps: 2, batch: 32, map_steps: 2}}"
    adapt = ("--from", "galaxies", "--data", "simulated/train", "--settings", few, "--threads", 1)
    result = cli("train", "galaxies", *adapt, "-o", "adapted", "--json")
    assert result.code == 0, result.err
    told = [line.partition("  ")[0] for line in result.err.splitlines() if "step " in line]
    assert told == [
        "step 1/2", "step 2/2", "finishing: step 1/1", "posteriors: step 1/1", "prior of codes: step 1/2",
        "prior of codes: step 2/2",
    ]  # fmt: skip
    assert json.loads(result.out)["items"] == 24
    old, new = load_model("galaxies", "galaxies", "cpu"), load_model("galaxies", tmp_path / "adapted", "cpu")
    assert set(old.representation.properties) == set(new.representation.properties)
    changed = {name for name, value in new.model.state_dict().items() if not value.equal(old.model.state_dict()[name])}
    assert {name.partition(".")[0] for name in changed} == {"networks", "prior"}, "24 stamps say nothing of the rest"


@pytest.mark.long
def test_a_diffusion_is_the_prior_of_codes(cli, tmp_path):
    made = [one.observed for one in simulate(SurveySettings(side=32), 0, 0, 12)]
    DOMAIN.items.write(tmp_path / "stamps.fits", made, [one.name for one in made], {})
    learn = ("--data", "stamps.fits", "--settings", TINY, "--set", "latent_prior=diffusion", "--threads", 1)
    result = cli("train", "galaxies", *learn, "-o", "model")
    assert result.code == 0, result.err
    assert isinstance(load_model("galaxies", "model", "cpu").model.prior, DiffusionPrior)

    def drawn(*more):
        asked = ("--model", "model", "-n", 3, "--set", "noise_free=true", "--threads", 1, "-o", "drawn.fits", "--force")
        result = cli("generate", "galaxies", *asked, *more)
        assert result.code == 0, result.err
        return [DOMAIN.items.key(DOMAIN.items.parse(row.text)) for row in DOMAIN.items.read("drawn.fits")]

    first = drawn()
    assert len(first) == 3
    assert drawn("--batch-size", 1) == first
    assert not set(drawn("--set", "sampler=ddim", "--set", "steps=4")) & set(first)
    scores = ("--model", "model", "--with", "log_likelihood", "--threads", 1, "-o", "scores.csv")
    result = cli("score", "galaxies", "drawn.fits", *scores)
    assert result.code == 0, result.err
    _, *rows = (tmp_path / "scores.csv").read_text().splitlines()
    assert np.isfinite([float(row.rsplit(",", 1)[1]) for row in rows]).all()
    result = cli("train", "galaxies", "--from", "model", "--data", "stamps.fits", "--distill", 4, "-o", "fast")
    assert result.code == 2
    assert "Expected a diffusion to distill" in result.err
