"""The test of the design: a domain in a package of its own goes from data to a report with no edit elsewhere."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.cli.conftest import run
from tests.commands_here import commands_here
from tests.toy import environment, write_clouds
from tests.workflows.snakemake_process import run_in_this_process

pytestmark = pytest.mark.long


CONFIG = {
    "domain": "pointclouds",
    "name": "rings",
    "structures": ".csv",
    "prepare": {"source": "clouds.csv", "fractions": {"train": 0.8, "test": 0.2}},
    "train": {"training": {"steps": 60, "learning_rate": 0.01, "warmup_steps": 5}, "finish": {"steps": 100}},
    "generate": {"n": 50, "raw": True, "include": ["radius"]},
    "predict": {"m": {"table": "clouds.csv", "target": "measured", "settings": {"families": ["ridge"], "folds": 3}}},
    "optimize": {
        "goals": ["maximize height", "radius in 0.3..2", "m <= 4"],
        "budget": 60,
        "n": 4,
        "controls": ["prior"],
    },
    "evaluate": {"against": "clouds.csv", "calibrate": {"radius": [1.0]}, "draws": 64},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, toy_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("fourth")
    write_clouds(folder / "clouds.csv", 200, extra=True)
    (folder / "my.yaml").write_text(yaml.safe_dump(CONFIG))
    with commands_here() as commands, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(toy_folder).items():
            patch.setenv(name, value)
        run_in_this_process(patch, commands=commands)
        patch.chdir(folder)
        done = run("run", "pointclouds", "--config", "my.yaml")
    logs = "\n".join(path.read_text() for path in folder.rglob("logs/*.log"))
    assert done.code == 0, done.err + logs
    return folder


def test_it_ends_with_candidates_and_a_report(finished: Path):
    results = finished / "results/pointclouds/rings"
    table, page = pd.read_parquet(results / "candidates.parquet"), (results / "report.html").read_text()
    assert len(table) > 0
    assert table["radius"].between(0.3, 2).all()
    assert (table["m_upper"] <= 4).all()
    assert table["item"][0] in page
    assert "<circle" in page
    assert pd.read_csv(results / "candidates.csv")["item"].tolist() == table["item"].tolist()
    assert {path.stem for path in (results / "logs").iterdir()} == {
        path.stem for path in (results / "benchmarks").iterdir()
    }


def test_a_misspelled_key_is_refused_before_anything_runs(finished, monkeypatch):
    (finished / "wrong.yaml").write_text(yaml.safe_dump(CONFIG | {"optimise": {}}))
    monkeypatch.chdir(finished)
    done = run("run", "pointclouds", "--config", "wrong.yaml")
    assert done.code == 2
    assert "did you mean 'optimize'" in done.err


RICH = ("posterior=iaf", "bound=importance_weighted", "samples=4", "semi_supervised=true", "latent=3", "width=32")
LEARNING = ("--training", "steps=300", "--training", "learning_rate=0.01", "--training", "batch_size=64")


@pytest.mark.long
def test_items_that_are_arrays_need_one_line_for_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A recipe of `domains.arrays`: its settings are flags; two rows of three lack the number that conditions draws."""
    monkeypatch.chdir(tmp_path)
    table = pd.read_csv(write_clouds(Path("clouds.csv"), 600, extra=True))
    table.loc[table.index % 3 > 0, "measured"] = float("nan")
    table.to_csv("clouds.csv", index=False)
    chosen = [word for setting in RICH for word in ("--set", setting)]
    train = ("train", "pointclouds", "--recipe", "array-vae", "--data", "clouds.csv", "--threads", 1)
    train += ("--settings", "{finish: {steps: 250}}")
    chosen += ["--condition", "measured", "-o", "model", *LEARNING]
    done = run(*train, *chosen)
    assert done.code == 0, done.err
    assert {"label", "bound"} <= set(pd.read_csv("model/log.csv").columns)
    draws = []
    for asked in (1.5, 3.0):
        where = ("--where", f"measured={asked}", "-n", 100, "--include", "radius", "-o", f"{asked}.csv")
        done = run("generate", "pointclouds", "--model", "model", *where)
        assert done.code == 0, done.err
        draws.append(pd.read_csv(f"{asked}.csv")["radius"].median())
    assert draws[0] == pytest.approx(0.75, abs=0.25)  # what is measured is twice the radius
    assert draws[1] == pytest.approx(1.5, abs=0.25)
