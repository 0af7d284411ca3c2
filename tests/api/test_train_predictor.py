"""train predictor: its training rows and its files."""

from __future__ import annotations

import json
from pathlib import Path
from unittest.mock import Mock

import pandas as pd
import pytest
import yaml

import sciencegen as sg
from sciencegen.api.predictors.folder import load_predictor, read_training_keys
from sciencegen.files import sha256_of
from tests.toy import write_clouds


def write_card(root: Path, source: Path) -> None:
    """A dataset `pointclouds/rings` with the samples `train` and `test` of a table of clouds."""
    folder = root / "pointclouds" / "rings"
    folder.mkdir(parents=True)
    table = pd.read_csv(source)[["cloud", "measured"]].rename(columns={"cloud": "item"})
    parts = {"train": table[60:], "test": table[:60]}
    for name, part in parts.items():
        part.to_csv(folder / f"{name}.csv", index=False)
    facts = {name: {"name": f"{name}.csv", "rows": len(part)} for name, part in parts.items()}
    source_files = {name: {"path": "https://example.org/x", "bytes": 9, "sha256": "0" * 64} for name in parts}
    card = {
        "format": 1, "name": "rings", "domain": "pointclouds", "title": "", "description": "", "home": "",
        "licence": "", "citation": "", "columns": [{"name": "measured", "unit": "m"}], "files": facts,
        "samples": {name: {**fact, "sha256": sha256_of(folder / fact["name"])} for name, fact in facts.items()},
        "sources": [{"kind": "files", "files": source_files}],
    }  # fmt: skip
    (folder / "card.yaml").write_text(yaml.safe_dump(card))


@pytest.mark.parametrize(("part", "rows"), [("data", 2 * 45), ("data/train", 45), ("clouds.csv", 45)])
def test_a_predictor_learns_from_as_many_rows_as_it_is_told(cli, workspace, part, rows):
    learn = ("--target", "measured", "--set", "families=[ridge]", "--set", "folds=3", "--settings", "{limit: 45}")
    result = cli("train", "predictor", "pointclouds", workspace.folder / part, *learn, "--threads", 1, "-o", "p")
    assert result.code == 0, result.err
    metrics = json.loads(Path("p/metrics.json").read_text())
    assert metrics["rows"] + metrics["refused"] == rows
    known = read_training_keys("p")
    assert 0 < len(known.hashes) <= metrics["rows"]
    scatter, coverage = load_predictor("pointclouds", "p").plot_calibration().axes
    assert scatter.get_xlabel() == "measured measured"
    assert coverage.get_title(loc="left") == f"all: {metrics['random']['coverage']:.1%}"


@pytest.mark.parametrize(("table", "rows"), [("rings", 300), ("pointclouds/rings/test", 60)])
def test_a_predictor_learns_from_a_dataset_by_its_name(cli, workspace, monkeypatch, table, rows):
    """The card's rows, of one split or of all."""
    write_card(Path("cards"), workspace.folder / "clouds.csv")
    monkeypatch.setenv("SCIENCEGEN_DATASETS", str(Path("cards").resolve()))
    flags = ("--target", "measured", "-o", "p", "--set", "families=[ridge]", "--set", "folds=3", "--json")
    result = cli("train", "predictor", "pointclouds", table, *flags)
    assert result.code == 0, result.err
    assert json.loads(result.out)["rows"] == rows
    assert yaml.safe_load(Path("p/config.yaml").read_text())["table"] == table


def test_refusals_of_an_earlier_predictor_do_not_stay(cli, tmp_path):
    table = write_clouds(tmp_path / "clouds.csv", 60, extra=True)
    base = ("train", "predictor", "pointclouds", table, "--target", "measured", "-o", "p", "--set", "families=[ridge]")
    good = table.read_text()
    table.write_text(good + "junk,1\n")
    assert cli(*base).code == 0
    assert pd.read_csv("p/rejects.csv")["item"].tolist() == ["junk"]
    table.write_text(good)
    assert cli(*base, "--force").code == 0
    assert not Path("p/rejects.csv").exists()


def test_a_predictor_from_stdin_is_written_the_same_at_every_run(cli, tmp_path):
    table = write_clouds(tmp_path / "clouds.csv", 60, extra=True)
    base = ("train", "predictor", "pointclouds", "-", "--target", "measured", "--set", "families=[ridge]")
    for folder in ("a", "b"):
        assert cli(*base, "-o", folder, stdin=table.read_bytes()).code == 0
    files = [path.name for path in Path("a").iterdir()]
    assert [Path("a", name).read_bytes() for name in files] == [Path("b", name).read_bytes() for name in files]
    assert list(yaml.safe_load(Path("a/config.yaml").read_text())["provenance"]["inputs"]) == ["stdin.csv"]


def test_a_missing_table_is_said_with_what_there_is(cli, workspace):
    result = cli("train", "predictor", "pointclouds", "nowhere.csv", "--target", "y", "-o", "p")
    assert result.code == 2
    assert "no file 'nowhere.csv'" in result.err


def test_a_missing_target_names_the_columns(cli, workspace):
    result = cli("train", "predictor", "pointclouds", workspace.folder / "clouds.csv", "--target", "mesured", "-o", "p")
    assert result.code == 3
    assert "measured" in result.err


def test_the_help_says_what_a_stopped_training_does(cli):
    """A regressor starts again, networks go on."""
    told = " ".join(cli("train", "predictor", "--help").out.split())
    assert "A training that was stopped starts again with the same command" in told
    assert "resumes their training" in told


def test_a_predictor_whose_figures_fail_is_saved(workspace, tmp_path, monkeypatch):
    def broken(*arguments):
        raise ValueError("no folds")

    said, ask = [], {"target": "measured", "settings": {"families": ["ridge"], "folds": 3}, "threads": 1}
    monkeypatch.setattr("sciencegen.api.train_predictor.evaluated", broken)
    trained = sg.train_predictor(
        "pointclouds", workspace.folder / "clouds.csv", folder=tmp_path / "p", log=said.append, **ask
    )
    assert trained.metrics["unmeasured"] == "ValueError: no folds"
    assert said[-1].endswith("(ValueError: no folds). The same command computes them again, without training.")
    assert load_predictor("pointclouds", tmp_path / "p").metrics == trained.metrics


def test_a_saved_predictor_without_figures_is_only_measured(cli, tmp_path, monkeypatch):
    """After an error and after a stop, with the bytes of an unbroken call; another call's predictor is not taken."""
    table = write_clouds(tmp_path / "clouds.csv", 60, extra=True)
    base = ("train", "predictor", "pointclouds", "-", "--target", "measured", "--set", "families=[ridge]")

    def call(folder, *words):
        return cli(*base, "-o", folder, *words, stdin=table.read_bytes())

    def content(folder):
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}

    assert call("whole").code == 0
    for number, (error, code) in enumerate([(ValueError("no folds"), 0), (KeyboardInterrupt(), 130)]):
        with monkeypatch.context() as broken:
            broken.setattr("sciencegen.api.train_predictor.evaluated", Mock(side_effect=error))
            assert call(f"p{number}").code == code
        saved = content(f"p{number}")
        assert call(f"p{number}", "--set", "folds=4").code == 2  # another predictor
        with monkeypatch.context() as untrained:
            untrained.setattr("sciencegen.prediction.fit_predictor", Mock(side_effect=AssertionError("trains")))
            again = call(f"p{number}")
        assert again.code == 0, again.err
        assert content(f"p{number}") == content("whole")
        assert saved["predictor.safetensors"] == content("whole")["predictor.safetensors"]
    assert call("whole").code == 2  # finished


def test_force_trains_a_saved_predictor_again(workspace, tmp_path, monkeypatch):
    ask = {"target": "measured", "settings": {"families": ["ridge"], "folds": 3}, "threads": 1}
    table, folder, said = workspace.folder / "clouds.csv", tmp_path / "p", []
    with monkeypatch.context() as broken:
        broken.setattr("sciencegen.api.train_predictor.evaluated", Mock(side_effect=ValueError("no folds")))
        sg.train_predictor("pointclouds", table, folder=folder, **ask)
    sg.train_predictor("pointclouds", table, folder=folder, force=True, log=said.append, **ask)
    assert any(line.startswith("fitting ridge") for line in said)
    assert not (folder / "train.json").exists()
