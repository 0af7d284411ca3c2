"""replay: rows made again are those of the file, byte for byte; what differs is named, and what it comes from."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.replay import numbers_of
from sciencegen.api.writing.output_record import record_path, text_sha256
from sciencegen.errors import ConfigError, DataError, IncompatibleError
from tests.domains.tables.known_table import table
from tests.shared import made_once

pytestmark = pytest.mark.usefixtures("tiny_draws")


@pytest.fixture
def hits(workspace, tmp_path):
    """hits.csv: eight clouds, by a model and a predictor that lie beside it."""
    shutil.copytree(workspace.model, tmp_path / "model")
    shutil.copytree(workspace.folder / "predictor", tmp_path / "predictor")
    how = {"model": "model", "predictors": {"measured": "predictor"}, "include": "height", "threads": 1}
    return sg.generate("pointclouds", 8, seed=3, **how).write("hits.csv")


@pytest.fixture(scope="session")
def array_model(tmp_path_factory):
    """A tiny model of the rows of a table with numbers, counts and categories."""

    def make(folder: Path) -> None:
        table(200, seed=1).to_csv(folder / "table.csv", index=False)
        small = {"width": 16, "depth": 1, "flow_layers": 2, "flow_width": 8, "score_samples": 4}
        training = {"steps": 20, "warmup_steps": 2}
        sg.train("arrays", folder / "table.csv", folder=folder / "model", settings=small, training=training,
                 finish={"steps": 4}, threads=1)  # fmt: skip

    return made_once(tmp_path_factory, "arrays", make) / "model"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet", "a.txt"])
@pytest.mark.parametrize("raw", [False, True])
def test_all_rows_and_any_row_are_the_same(workspace, name, raw):
    file = sg.generate("pointclouds", 20, model=str(workspace.model), seed=2, raw=raw, threads=1).write(name)
    every = sg.replay(file, threads=2)
    assert every.same
    assert every.table["row"].tolist() == list(range(1, 21))
    one = sg.replay(file, 17, threads=1)
    assert one.table[["row", "result"]].to_numpy().tolist() == [[17, "same"]]
    assert one.differences == ()


@pytest.mark.parametrize("name", ["a.csv", pytest.param("a.smi", marks=pytest.mark.slow), "a.sdf"])
def test_molecules(name):
    file = sg.generate("molecules", 4, seed=1, include="qed", threads=1).write(name)
    assert sg.replay(file, [2, 4], threads=1).same


@pytest.mark.parametrize("name", ["a.csv", "a.fasta"])
def test_proteins(family_model, name):
    file = sg.generate("proteins", 9, model=str(family_model), seed=1, include="charge", threads=1).write(name)
    assert sg.replay(file, [2, 9], threads=1).same


@pytest.mark.parametrize("name", ["a.csv", "a.fits", pytest.param("a.h5", marks=pytest.mark.slow)])
def test_galaxies(galaxy_model, name):
    drawn = sg.generate("galaxies", 5, model=str(galaxy_model), seed=1, include="flux", raw=True, threads=1)
    assert sg.replay(drawn.write(name), [2, 5], threads=1).same


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.npz"])
def test_arrays(array_model, name):
    file = sg.generate("arrays", 9, model=str(array_model), seed=1, threads=1).write(name)
    assert sg.replay(file, [2, 9], threads=1).same


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_candidates_of_a_search(workspace, name):
    found = sg.optimize("pointclouds", "maximize height", model=str(workspace.model), budget=40, n=4, threads=1)
    file = found.write(name)
    assert sg.replay(file, 3, threads=1).same
    assert sg.replay(Path(name).with_suffix(".csv"), threads=1).table["row"].tolist() == [1, 2, 3, 4]


def test_a_cell_that_was_changed_is_named(hits):
    rows = pd.read_csv(hits, dtype=str)
    rows.loc[4, "height"] = "7"
    rows.to_csv(hits, index=False)
    found = sg.replay(hits, "4-6", threads=1)
    assert not found.same
    assert found.table["result"].tolist() == ["same", "differs", "same"]
    assert found.table.loc[1, ["row", "column", "expected"]].tolist() == [5, "height", "7"]
    assert [one.ingredient for one in found.differences] == ["output"]
    assert not found.differences[0].prevents


def test_a_row_that_was_removed_moves_the_others(hits):
    lines = hits.read_text().splitlines(keepends=True)
    hits.write_text("".join([*lines[:3], *lines[4:]]))
    found = sg.replay(hits, threads=1)
    assert set(found.table.query("result == 'same'")["row"]) == {1, 2}
    assert found.table.iloc[-1][["row", "column", "expected", "found"]].tolist() == [8, "row", "no such row", "a row"]


def changed_record(**parts):
    def change(hits: Path) -> None:
        place = record_path(hits)
        place.write_text(json.dumps(json.loads(place.read_text()) | parts))

    return change


def edit(name: str):
    """Change the bytes at the end of a file."""

    def change(hits: Path) -> None:
        place = hits.parent / name
        place.write_bytes(place.read_bytes()[:-1] + b"\0")

    return change


def setting(**values):
    def change(hits: Path) -> None:
        place = record_path(hits)
        record = json.loads(place.read_text())
        place.write_text(json.dumps(record | {"settings": record["settings"] | values}))

    return change


def of_another_version(hits: Path) -> None:
    """A record with a setting that this version doesn't know."""
    setting(temper=2.0)(hits)
    record = json.loads(record_path(hits).read_text())
    changed_record(sha256=record["sha256"] | {"settings": text_sha256(record["settings"])})(hits)


PREVENTING = {
    "weights": (edit("model/weights.safetensors"), "weights.safetensors of the model"),
    "no model": (lambda hits: shutil.rmtree("model"), "model"),
    "predictor": (edit("predictor/predictor.json"), "file of `predictor measured`"),
    "no predictor": (lambda hits: shutil.rmtree("predictor"), "file of `predictor measured`"),
    "settings": (setting(noise_scale=2.0), "settings"),
    "unknown setting": (of_another_version, "settings"),
    "seed": (changed_record(seed=4), "seed"),
    "draws": (changed_record(draws="1-8"), "draws"),
    "device": (changed_record(device="mps"), "device"),
}


@pytest.mark.parametrize("name", PREVENTING)
def test_an_ingredient_that_differs_is_named_and_nothing_is_drawn(hits, name):
    change, ingredient = PREVENTING[name]
    change(hits)
    found = sg.replay(hits, 2, threads=1)
    assert [one.ingredient for one in found.differences if one.prevents] == [ingredient]
    assert not found.same
    assert found.table.empty
    assert found.summary["not_made"] == 1
    assert all(one.remedy and str(one) in found.notes for one in found.differences)


def test_other_versions_are_named_and_rows_are_made(hits):
    record = json.loads(record_path(hits).read_text())
    versions = record["versions"] | {"numpy": "1.0", "processor": "VAX", "python": "2.7", "sciencegen": "0.1.9"}
    changed_record(versions=versions)(hits)
    found = sg.replay(hits, 2, threads=1)
    assert found.same
    remedies = {one.ingredient: one.remedy for one in found.differences}
    assert remedies.keys() == {"numpy", "processor", "python", "sciencegen"}
    assert "pip install sciencegen==0.1.9" in remedies["sciencegen"]


def test_an_output_may_be_moved_with_what_it_names(hits, tmp_path, monkeypatch):
    place = tmp_path / "elsewhere"
    place.mkdir()
    for name in ("model", "predictor", "hits.csv", "hits.csv.provenance.json"):
        shutil.move(tmp_path / name, place / name)
    monkeypatch.chdir("/")
    assert sg.replay(place / "hits.csv", 2, threads=1).same


def test_a_file_without_a_record_or_with_another_one(hits):
    with pytest.raises(DataError, match="Expected rows up to 8"):
        sg.replay(hits, 9)
    shutil.copy(hits, "alone.csv")
    with pytest.raises(DataError, match=r"Expected the record of alone\.csv"):
        sg.replay("alone.csv")
    other = json.loads(record_path(hits).read_text()) | {"rows": 9}
    for text in ("", "[]", '{"format_version": 1}', '{"format_version": 99}', "{" * 100_000, json.dumps(other)):
        record_path("alone.csv").write_text(text)
        with pytest.raises(IncompatibleError):
            sg.replay("alone.csv")
    with pytest.raises(ConfigError, match="Rename it"):
        sg.generate("pointclouds", 2, model="model", threads=1).write("alone.csv", overwrite=True)


@pytest.mark.parametrize("rows", [0, -1, "x", [], "", 1.5])
def test_wrong_numbers_of_rows(rows):
    with pytest.raises(ConfigError, match="Expected numbers of rows"):
        numbers_of(rows)


def test_an_output_without_rows_has_no_record(workspace):
    with pytest.raises(DataError):
        sg.generate("pointclouds", 2, model=str(workspace.model), where="height >= 99", attempts=1, threads=1).write(
            "none.csv"
        )
    assert not list(Path().glob("none.csv*"))


def named_in_record(file: Path, **settings: object) -> None:
    """Write settings into the record of a file, with the checksum that fits, as anybody can."""
    record = json.loads(record_path(file).read_text())
    record["settings"] |= settings
    record["sha256"]["settings"] = text_sha256(record["settings"])
    record_path(file).write_text(json.dumps(record))


@pytest.fixture
def scoring(tmp_path, monkeypatch):
    """A program and a module that leave a mark where they run."""
    (tmp_path / "evil.sh").write_text("#!/bin/sh\ntouch ran\necho index,score > $2\nseq 0 99 | sed 's/$/,1/' >> $2\n")
    (tmp_path / "evil.sh").chmod(0o755)
    (tmp_path / "evil_module.py").write_text("open('ran', 'w')\ndef score(item):\n    return 1.0\n")
    monkeypatch.delitem(sys.modules, "evil_module", raising=False)  # of another test
    return {"command": f"{tmp_path}/evil.sh {{input}} {{output}}"}


@pytest.mark.parametrize(
    ("verb", "kind"), [("optimize", "program"), ("optimize", "function"), ("generate", "function")]
)
def test_code_that_a_record_names_runs_only_with_run_programs(workspace, scoring, verb, kind):
    model = {"model": str(workspace.model), "threads": 1}
    if verb == "optimize":
        file = sg.optimize("pointclouds", "maximize height", budget=8, n=2, **model).write("a.csv")
        name = "x" if kind == "program" else "evil_module:score"
        named_in_record(file, goals=[f"maximize {name}"], oracles={"x": scoring} if kind == "program" else {})
        named = scoring["command"] if kind == "program" else name
    else:
        file, named = sg.generate("pointclouds", 2, **model).write("a.csv"), "evil_module:score"
        named_in_record(file, include=[named])
    with pytest.raises(ConfigError) as refused:
        sg.replay(file, threads=1)
    assert f"the {kind} '{named}'. Pass `run_programs`" in str(refused.value)
    assert not Path("ran").exists()
    sg.replay(file, threads=1, run_programs=True)
    assert Path("ran").exists()


def test_a_record_names_no_cache_and_no_text_that_is_none(workspace):
    file = sg.optimize("pointclouds", "maximize height", model=str(workspace.model), budget=8, n=2, threads=1)
    file = file.write("a.csv")
    named_in_record(file, cache="written.sqlite")
    assert sg.replay(file, threads=1).same
    assert not Path("written.sqlite").exists()
    record = record_path(file)
    record.write_text(record.read_text().replace('"height"', '"\\ud800"').replace("maximize height", "\\ud800"))
    with pytest.raises(IncompatibleError, match="as sciencegen wrote it"):
        sg.replay(file)
