"""Models trained by two processes on a CPU: the first one prepares, locks and writes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest

from tests.toy import environment

TRAINING = {"steps": 6, "batch_size": 16, "devices": 2, "warmup_steps": 1}
NETWORK = {"scalars": 8, "vectors": 4, "tensors": 2, "layers": 1, "narrowing": 1}
SETTINGS = json.dumps({"training": TRAINING})
DISTILLING = json.dumps({"training": TRAINING, "teacher_steps": 16, "distill": 4})
OF_PREDICTORS = json.dumps({"settings": {"network": NETWORK, "training": TRAINING, "members": 2}})
MODELS = {
    "toy": ("pointclouds", "--data", "WORKSPACE/clouds.csv", "--settings", SETTINGS),
    "diffusion": ("pointclouds", "--recipe", "diffusion", "--data", "WORKSPACE/data", "--settings", SETTINGS),
    "distilled": ("pointclouds", "--from", "DIFFUSION", "--data", "WORKSPACE/data", "--settings", DISTILLING),
    "predictor": ("predictor", "molecules", "qm9/train_second", "--target", "gap,u0", "--form", "structures",
                  "--settings", OF_PREDICTORS),
}  # fmt: skip
FILES = {"config.yaml", "metrics.json"}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_command_trains_in_two_processes(workspace, toy_diffusion, toy_folder, tmp_path, name):
    places = {"WORKSPACE": str(workspace.folder), "DIFFUSION": str(toy_diffusion)}
    words = list(MODELS[name])
    for key, place in places.items():
        words = [word.replace(key, place) for word in words]
    command = [sys.executable, "-m", "sciencegen.cli.main", "train", *words, "--device", "cpu", "--threads", "1"]
    rest = {key: value for key, value in os.environ.items() if key.startswith("SCIENCEGEN")}
    done = subprocess.run(
        [*command, "-o", "model"], cwd=tmp_path, env=environment(toy_folder) | rest, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    logs = list((tmp_path / "model").rglob("log.csv"))
    assert len(logs) == (2 if name in ("distilled", "predictor") else 1)
    for log in logs:
        with log.open(newline="") as file:
            assert [row["step"] for row in csv.DictReader(file)] == ["6"]
    ends = "calibrating " if name == "predictor" else "model in "
    said = [line for line in done.stderr.splitlines() if line.startswith(ends)]
    assert len(said) == (2 if name == "distilled" else 1), "the second process is silent"
    found = {one.name for one in (tmp_path / "model").iterdir()}
    assert found >= FILES
    assert ".lock" not in found
