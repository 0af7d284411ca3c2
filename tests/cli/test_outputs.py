"""Overwriting, models of another kind, help, and what an import costs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sciencegen.cli import console
from sciencegen.cli.main import app
from tests.toy import REPOSITORY

VERBS = ("generate", "encode", "decode", "interpolate", "score", "predict", "optimize", "evaluate", "benchmark", "run")


@pytest.mark.parametrize("verb", [*VERBS, "report", "doctor", "train", "datasets"])
def test_every_verb_has_help(cli, verb):
    result = cli(verb, "--help")
    assert result.code == 0
    assert "Usage" in result.out


def test_the_command_line_has_no_heavy_import():
    heavy = "torch", "rdkit", "lightning", "pandas", "sklearn", "botorch", "numpy", "snakemake", "matplotlib"
    code = f"import sys, sciencegen, sciencegen.cli.main; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_an_existing_output_is_kept_without_force(cli, workspace, tmp_path):
    (tmp_path / "out.csv").write_text("mine")
    command = ("generate", "pointclouds", "-n", 2, "--model", workspace.model, "-o", "out.csv")
    assert cli(*command).code == 2
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert cli(*command, "--force").code == 0
    assert (tmp_path / "out.csv").read_text().startswith("item")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format_version": 99}, "newer"),
        ({"domain": "molecules"}, "molecules"),
        ({"recipe": "nonesuch"}, "autoencoder"),
        ({"settings": {"width": 17}}, "loaded"),
        ({"settings": {"widht": 64}}, "width"),
    ],
)
def test_incompatible_weights_are_4(cli, workspace, tmp_path, change, said):
    shutil.copytree(workspace.model, tmp_path / "other")
    config = yaml.safe_load((tmp_path / "other/config.yaml").read_text())
    (tmp_path / "other/config.yaml").write_text(yaml.safe_dump(config | change))
    result = cli("generate", "pointclouds", "-n", 2, "--model", "other")
    assert result.code == 4
    assert said in result.err


def test_damaged_weights_are_4(cli, workspace, tmp_path):
    shutil.copytree(workspace.model, tmp_path / "cut")
    weights = tmp_path / "cut/weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    assert cli("generate", "pointclouds", "-n", 2, "--model", "cut").code == 4


def test_unknown_names_are_2(cli):
    assert "pointclouds" in cli("score", "pointcloud", "-").err
    assert cli("score", "pointcloud", "-").code == 2
    assert cli("nonesuch").code == 2
    assert cli("generate", "pointclouds", "--model", "nonesuch").code == 2


def test_a_finished_training_is_not_repeated_and_another_is_not_overwritten(cli, workspace):
    same = ("--condition", "radius", "--training", "steps=200", "--training", "learning_rate=0.01")
    base = ("train", "pointclouds", "--data", workspace.folder / "data", "-o", workspace.model)
    again = cli(*base, *same, "--training", "warmup_steps=5")
    assert again.code == 0
    assert "finished already" in again.err
    assert cli(*base, "--training", "steps=3").code == 2


def test_trained_weights_are_adapted(cli, workspace):
    base = ("train", "pointclouds", "--from", workspace.model, "--data", workspace.folder / "clouds.csv", "-o", "tuned")
    assert cli(*base, "--condition", "radius", "--training", "steps=5").code == 0
    assert cli("generate", "pointclouds", "--model", "tuned", "-n", 3).code == 0


def test_datasets_and_doctor_speak_json(cli):
    listed = json.loads(cli("datasets", "list", "--json").out)
    shown = json.loads(cli("datasets", "show", listed[0]["name"], "--json").out)
    assert {"name", "rows", "here"} <= set(listed[0])
    assert shown["sources"]
    found = json.loads(cli("doctor", "--json").out)
    assert {"libraries", "devices", "weights", "datasets"} <= set(found)
    assert len(found["weights"]) > 1
    assert all(text.startswith("loads; ") for text in found["weights"].values())
    assert found["predictors"]["qm9-properties"].startswith("loads; molecules, dipole, ")
    assert cli("datasets", "show", "nonesuch").code == 2


def test_the_list_of_datasets_fits_a_terminal(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = cli("datasets", "list").out.splitlines()
    assert any(line.startswith("molecules/moses ") for line in lines)
    assert max(map(len, lines)) <= 80


def test_benchmark_measures_every_case(cli, workspace):
    base = ("benchmark", "toy", "--budget", 40, "--seeds", 2, "--method", "prior,evolution", "--model", workspace.model)
    result = cli(*base)
    rows = [line.split(",") for line in result.out.splitlines()[1:]]
    assert [(row[0], row[1], row[2]) for row in rows] == [("far", m, s) for m in ("prior", "evolution") for s in "01"]
    assert cli(*base, "--tasks", "fra").code == 2


def test_the_app_is_named():
    assert app.info.name == "sciencegen"


def test_refusals_of_an_earlier_run_do_not_stay(cli, workspace, tmp_path):
    good = (workspace.folder / "clouds.csv").read_bytes()
    assert cli("score", "pointclouds", "-", "-o", "s.csv", stdin=b"junk\n").code == 3
    assert (tmp_path / "s.csv.rejects.csv").exists()
    assert cli("score", "pointclouds", "-", "--format", ".csv", "-o", "s.csv", stdin=good).code == 0
    assert not (tmp_path / "s.csv.rejects.csv").exists()


def test_stdin_is_prepared_and_without_a_file_the_way_to_the_reasons_is_said(cli, workspace, tmp_path):
    good = (workspace.folder / "clouds.csv").read_bytes()
    assert cli("datasets", "prepare", "pointclouds", "-", "--format", ".csv", "-o", "p", stdin=good).code == 0
    summary = json.loads((tmp_path / "p/dataset.json").read_text())
    assert (summary["source"], summary["counts"]["usable"]) == ("-", 300)
    assert "pass -o" in cli("score", "pointclouds", "-", stdin=b"junk\n").err


def test_the_tables_that_generate_writes_are_read_from_a_pipe(cli, workspace):
    drawn = cli("generate", "pointclouds", "-n", 5, "--model", workspace.model)
    result = cli("score", "pointclouds", "-", "--with", "radius", stdin=drawn.out.encode())
    assert result.code == 0
    assert "scored 5  refused 0" in result.err


def test_a_summary_for_programs_goes_where_the_results_are_not(cli, workspace):
    result = cli("generate", "pointclouds", "-n", 3, "--model", workspace.model, "--json")
    assert result.out.startswith("item")
    assert json.loads(result.err.splitlines()[-1])["written"] == 3


@pytest.mark.parametrize(
    ("flags", "said"),
    [(("--condition", "bogus"), "bogus"), (("--training", "setps=3"), "setps"), (("--set", "x=1"), "x")],
)
def test_a_training_that_is_refused_claims_no_folder(cli, workspace, tmp_path, flags, said):
    wrong = cli("train", "pointclouds", "--data", workspace.folder / "clouds.csv", "-o", "run", *flags)
    assert wrong.code == 2
    assert said in wrong.err
    few = ("--training", "steps=3", "--training", "warmup_steps=1")
    assert cli("train", "pointclouds", "--data", workspace.folder / "data", "-o", "run", *few).code == 0
    assert not (tmp_path / "run/data").exists()  # nothing that the refused one prepared


def test_suites_are_named(cli, workspace):
    result = cli("benchmark", "rings", "--model", workspace.model)
    assert result.code == 2
    assert "benchmark suite 'rings'" in result.err


def test_long_work_is_heard_of_where_there_is_no_terminal(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(console, "monotonic", lambda: now[0])
    with console.progress("scoring", 50) as advance:
        for seconds in (1, 3, 15, 24):
            now[0] = seconds
            advance(10)
    assert capsys.readouterr().err.splitlines() == ["scoring: 20 of 50", "scoring: 40 of 50"]


def test_where_the_reasons_of_what_is_refused_stand_is_told_with_its_number(cli, workspace, tmp_path):
    """Of a table, of a folder, and where there is no file to hold them."""
    head, *rows = (workspace.folder / "clouds.csv").read_text().splitlines()
    (tmp_path / "in.csv").write_text("\n".join([head, "nonsense,1", *rows[:40]]) + "\n")
    scored = cli("score", "pointclouds", tmp_path / "in.csv", "-o", "scores.csv")
    assert "refused 1" in scored.err
    assert "rejects scores.csv.rejects.csv" in scored.err
    assert Path("scores.csv.rejects.csv").is_file()
    told = json.loads(cli("score", "pointclouds", tmp_path / "in.csv", "-o", "s.csv", "--json").out)
    assert told["rejects"] == "s.csv.rejects.csv"
    piped = cli("score", "pointclouds", tmp_path / "in.csv")
    assert "rejects not kept (pass -o to have the reasons in a file)" in piped.err
    few = ("--set", "families=[ridge]", "--set", "folds=3")
    trained = cli(
        "train", "predictor", "pointclouds", tmp_path / "in.csv", "--target", "measured", "-o", "fitted", *few
    )
    assert "rejects fitted/rejects.csv" in trained.err
    clean = cli("score", "pointclouds", workspace.folder / "clouds.csv", "-o", "clean.csv")
    assert "rejects" not in clean.err
