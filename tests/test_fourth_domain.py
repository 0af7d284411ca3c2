"""The test of the design: a domain in a package of its own goes from data to a report with no edit elsewhere."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.toy import command, write_clouds

CONFIG = {
    "domain": "pointclouds",
    "name": "rings",
    "structures": ".csv",
    "prepare": {"source": "clouds.csv", "fractions": {"train": 0.8, "test": 0.2}},
    "train": {"training": {"steps": 60, "learning_rate": 0.01, "warmup_steps": 5}},
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
    done = command(toy_folder, "run", "pointclouds", "--config", "my.yaml", cwd=folder)
    logs = "\n".join(path.read_text() for path in folder.rglob("logs/*.log"))
    assert done.returncode == 0, done.stderr.decode() + logs
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


def test_a_misspelled_key_is_refused_before_anything_runs(finished, toy_folder):
    (finished / "wrong.yaml").write_text(yaml.safe_dump(CONFIG | {"optimise": {}}))
    done = command(toy_folder, "run", "pointclouds", "--config", "wrong.yaml", cwd=finished)
    assert done.returncode == 2
    assert b"did you mean 'optimize'" in done.stderr
