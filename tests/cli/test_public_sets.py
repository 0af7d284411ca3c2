"""Small files in the layouts of Galaxy10 DECaLS and GalaxiesML, through the cards, from a server of our own."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import yaml

from sciencegen.data.cards import load_card
from sciencegen.data.prepared import PreparedDataset
from sciencegen.domains.galaxies.files import left_out, parse, read
from sciencegen.errors import DataError
from sciencegen.files import sha256_of
from sciencegen.items import Refusal
from tests.data.conftest import server  # noqa: F401

COUNT = 6


def galaxies(side: int) -> np.ndarray:
    """[n y x] round exponential profiles in noise."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    profile = np.exp(-np.hypot(x, y) / (side / 20))
    return generator.uniform(50, 200, (COUNT, 1, 1)) * profile + generator.normal(20, 1, (COUNT, side, side))


def write_galaxy10(path, side=64):
    with h5py.File(path, "w") as file:
        images = np.stack([galaxies(side) * share for share in (1.0, 0.8, 0.6)], -1)
        file.create_dataset("images", data=np.clip(images, 0, 255).astype(np.uint8), compression="gzip")
        file["ans"], file["pxscale"] = np.arange(COUNT), np.full(COUNT, 0.262)
        file["ra"], file["dec"] = np.linspace(0, 300, COUNT), np.linspace(-10, 10, COUNT)
        file["redshift"] = np.where(np.arange(COUNT) == 2, np.nan, 0.1)


def write_galaxiesml(path):
    with h5py.File(path, "w") as file:
        file["image"] = (np.stack([galaxies(64) - 20] * 5, 1) / 10).astype(np.float32)
        file["object_id"] = np.arange(COUNT) + 43158605415599999
        for name in ("specz_redshift", "ra", "dec"):
            file[name] = np.linspace(0.1, 2, COUNT)
        for band in "grizy":
            for name in ("cmodel_mag", "half_light_radius", "ellipticity", "sersic_index"):
                file[f"{band}_{name}"] = np.linspace(1, 2, COUNT)
        file["specz_name"], file["coord"] = [b"a"] * COUNT, np.zeros((COUNT, 3))


WRITERS = {"galaxy10-decals": write_galaxy10, "galaxiesml": write_galaxiesml}


@pytest.fixture
def card(request, server, tmp_path, monkeypatch):  # noqa: F811
    """The shipped card with the addresses and checksums of small files of its layout, in a folder of its own."""
    monkeypatch.setenv("SCIENCEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SCIENCEGEN_DATASETS", str(tmp_path / "cards"))
    shipped = load_card(f"galaxies/{request.param}")
    content = yaml.safe_load((shipped.folder / "card.yaml").read_text())
    content["sources"] = content["sources"][:1]
    for split, entry in content["sources"][0]["files"].items():
        path = tmp_path / f"{split}.h5"
        WRITERS[request.param](path)
        server.pages[f"/{split}"], entry["path"] = path.read_bytes(), f"{server.url}/{split}"
        if entry["sha256"] != "first fetch":
            entry["sha256"] = sha256_of(path)
    place = tmp_path / "cards" / "galaxies" / request.param / "card.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_card(place)


@pytest.mark.parametrize("card", ["galaxy10-decals"], indirect=True)
def test_galaxy10_is_fetched_and_prepared_and_its_colours_are_no_fluxes(card, cli, tmp_path):
    said = cli("datasets", "prepare", "galaxies", card.name, "--with", "flux", "-o", "data", "--threads", "1")
    assert said.code == 0
    assert "note: items hold pictures without a unit" in said.err
    assert "fluxes and magnitudes mean nothing" in said.err
    assert "no SHA-256" not in said.err
    prepared = PreparedDataset.load(tmp_path / "data")
    assert prepared.summary["counts"]["usable"] == COUNT
    assert {"morphology_class", "ra", "dec", "redshift"} <= set(prepared.summary["columns"])
    assert "pxscale" not in prepared.summary["columns"]
    stamp = parse(next(iter(prepared.items())))
    assert (stamp.side, stamp.pixel_scale, stamp.bands) == (64, 0.262, ("R", "G", "B"))


@pytest.mark.parametrize("card", ["galaxy10-decals"], indirect=True)
def test_another_file_than_galaxy10_is_refused(card, cli, server, tmp_path):  # noqa: F811
    server.pages["/all"] = server.pages["/all"][:-1] + b"!"
    said = cli("datasets", "fetch", card.name)
    assert said.code != 0
    assert "Expected sha256" in said.err
    assert not list((tmp_path / "cache").rglob("*.h5"))


@pytest.mark.parametrize("card", ["galaxiesml"], indirect=True)
def test_galaxiesml_is_fetched_with_what_its_files_lack(card, cli, tmp_path):
    said = cli("datasets", "fetch", card.name, "--json")
    assert "note: no SHA-256 is stated for 5x64x64_training_with_morphology.hdf5" in said.err
    assert json.loads(said.out.splitlines()[-1])["files"] == 6  # with a .yaml of each
    said = cli("datasets", "prepare", "galaxies", f"{card.name}/test", "--with", "flux", "-o", "data", "--threads", "1")
    assert said.code == 0
    assert "no SHA-256 is stated" in said.err
    prepared = PreparedDataset.load(tmp_path / "data")
    stamp = parse(next(iter(prepared.items())))
    assert (stamp.bands, stamp.pixel_scale) == (tuple("grizy"), 0.168)
    assert stamp.psf is not None
    assert {"redshift", "mag_i", "r_half_light_radius"} <= set(prepared.summary["columns"])
    flux = prepared.summary["properties"]["flux"]["mean"]
    with h5py.File(tmp_path / "test.h5") as file:
        counts = float(file["image"][:, 0].sum((1, 2)).mean())
    assert flux == pytest.approx(counts * 57.54, rel=0.1)  # nJy of a count at the zero point 27


def test_a_unit_of_bytes_is_taken_and_an_unknown_one_is_not_guessed(tmp_path):
    write_galaxy10(tmp_path / "a.h5")
    (tmp_path / "a.h5.yaml").write_text("{unit: uJy, bands: [z, r, g]}")
    stamp = parse(f"{tmp_path}/a.h5[0]")
    assert stamp.bands == ("z", "r", "g")
    assert left_out(f"{tmp_path}/a.h5[0]") == ""
    (tmp_path / "a.h5.yaml").write_text("{unit: counts}")
    assert "the unit 'counts' isn't one of flux" in parse(f"{tmp_path}/a.h5[0]").reason


def test_a_truncated_file_is_an_error_that_says_so(tmp_path):
    write_galaxy10(tmp_path / "a.h5")
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="truncated file"):
        list(read(tmp_path / "a.h5"))
    assert isinstance(parse(f"{tmp_path}/a.h5[0]"), Refusal)
