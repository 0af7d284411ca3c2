"""What a verb returns in Python writes, byte for byte, what its command writes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import sciencegen as sg
from sciencegen.api.writing.results import Result
from sciencegen.errors import ConfigError
from sciencegen.files import sha256_of
from tests.cli.conftest import run

QUICK = {"threads": 1}


def command(*words: object) -> None:
    result = run(*words, "--threads", 1)
    assert result.code == 0, result.err


def same(first: str, second: str) -> bool:
    return sha256_of(first) == sha256_of(second)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_scores(workspace):
    Path("in.txt").write_text("0 1;1 0;0 0;1 1;2 2\nno cloud\n0 0;3 1;1 1;2 0;0 2\n")
    command("score", "pointclouds", "in.txt", "--with", "height", "-o", "command.csv")
    found = sg.score("pointclouds", Path("in.txt"), "height", **QUICK)
    found.write("python.csv")
    assert same("command.csv", "python.csv")
    assert same("command.csv.rejects.csv", "python.csv.rejects.csv")
    assert found.table.equals(pd.read_csv("command.csv"))
    assert [line for line, *_ in found.refused] == [2]
    given = sg.score("pointclouds", Path("in.txt").read_text().splitlines(), "height", **QUICK)
    given.write("given.csv")
    assert same("command.csv", "given.csv")
    assert given.table["refused"].notna().tolist() == [False, True, False]


def test_predictions_with_the_tables_own_columns(workspace):
    pd.read_csv(workspace.folder / "clouds.csv")[:5].to_csv("in.csv", index=False)
    folder = str(workspace.folder / "predictor")
    command("predict", "pointclouds", "in.csv", "--predictor", f"measured={folder}", "-o", "command.csv")
    found = sg.predict("pointclouds", Path("in.csv"), folder, **QUICK)
    found.write("python.csv")
    assert same("command.csv", "python.csv")
    assert "measured_lower" in found.table


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".txt"])
def test_generated_items(workspace, ending):
    model = str(workspace.model)
    words = ("generate", "pointclouds", "-n", 6, "--model", model, "--with", "height", "--seed", 3)
    command(*words, "-o", f"command{ending}")
    found = sg.generate("pointclouds", 6, model=model, include="height", seed=3, **QUICK)
    found.write(f"python{ending}")
    assert same(f"command{ending}", f"python{ending}")
    assert len(found.table) == found.summary["written"] == 6


def test_a_search_with_its_structures_and_details(workspace):
    model = str(workspace.model)
    words = ("optimize", "pointclouds", "--goal", "maximize height", "--budget", 30, "-n", 3, "--model", model)
    command(*words, "--details", "command", "-o", "command.parquet")
    found = sg.optimize("pointclouds", "maximize height", budget=30, n=3, model=model, **QUICK)
    found.write("python.parquet", details="python")
    for name in ("{}.parquet", "{}.csv", "{}/trace.csv", "{}/scored.parquet", "{}/summary.json"):
        assert same(name.format("command"), name.format("python"))
    assert found.table["item"].tolist() == pd.read_csv("command.csv")["item"].tolist()
    assert len(found.scored) == 30


def test_latents_and_back(workspace):
    model = str(workspace.model)
    pd.read_csv(workspace.folder / "clouds.csv")["cloud"][:4].to_csv("in.txt", index=False, header=False)
    command("encode", "pointclouds", "in.txt", "--model", model, "-o", "command.npz")
    found = sg.encode("pointclouds", Path("in.txt"), model=model, **QUICK)
    found.write("python.npz")
    assert same("command.npz", "python.npz")
    assert found.latent.shape[0] == len(found.table) == 4
    command("decode", "pointclouds", "command.npz", "--model", model, "-o", "command.txt")
    sg.decode("pointclouds", Path("command.npz"), model=model, **QUICK).write("python.txt")
    assert same("command.txt", "python.txt")
    assert sg.decode("pointclouds", found.latent, model=model, **QUICK).table["item"].notna().all()


def test_a_path_between_items(workspace):
    model = str(workspace.model)
    start, end = pd.read_csv(workspace.folder / "clouds.csv")["cloud"][:2]
    command("interpolate", "pointclouds", start, end, "--steps", 3, "--model", model, "-o", "command.csv")
    sg.interpolate("pointclouds", start, end, 3, model=model, **QUICK).write("python.csv")
    assert same("command.csv", "python.csv")


def test_metrics_and_their_meaning(workspace):
    table = pd.read_csv(workspace.folder / "clouds.csv")
    table[:40].to_csv("made.csv", index=False)
    table[40:80].to_csv("held.csv", index=False)
    command("evaluate", "pointclouds", "made.csv", "--against", "held.csv", "-o", "command.json")
    found = sg.evaluate("pointclouds", "made.csv", against="held.csv", **QUICK)
    found.write("python.json")
    assert same("command.json", "python.json")
    assert json.loads(Path("python.json").read_text()) == json.loads(json.dumps(dict(found.metrics)))
    assert set(found.table["metric"]) <= set(found.metrics)
    with pytest.warns(FutureWarning, match=r"`\.metrics`"):
        assert found["against"] == "held.csv"


def test_nothing_is_overwritten_unless_asked(workspace):
    found = sg.score("pointclouds", "0 1;1 0;0 0;1 1;2 2", "height", **QUICK)
    found.write("x.csv")
    with pytest.raises(sg.ConfigError, match="exists"):
        found.write("x.csv")
    found.write("x.csv", overwrite=True)


def test_a_result_still_stands_for_its_table_with_a_warning():
    found = sg.score("pointclouds", "0 1;1 0;0 0;1 1;2 2", "height", **QUICK)
    with pytest.warns(FutureWarning, match=r"`\.table`"):
        assert found["height"].tolist() == found.table["height"].tolist()


def test_rows_are_objects_of_the_science():
    table = pd.DataFrame({"item": ["CCO", "junk", None], "y": [1, 2, 3]})
    first, second, third = Result(table, domain="molecules").objects()
    assert first.GetNumAtoms() == 3
    assert second is third is None
    with pytest.raises(ConfigError, match="row for each item"):
        Result(table).objects()
