"""Models trained by two processes on a CPU: the first one prepares, locks and writes."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from sciencegen.training.settings import CHECKPOINT
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


TABLE = "price,city,visits\n" + "".join(
    f"{1 + (7 * row) % 11 / 4},{('Oslo', 'Bergen', 'Bodo')[row % 3]},{(5 * row) % 13}\n" for row in range(96)
)
RECIPES = {
    "array-vae": ("--set", "width=16", "--set", "latent=3"),
    "array-diffusion": ("--recipe", "array-diffusion", "--set", "width=16", "--set", "depth=1"),
}
SMALL = ("--training", "batch_size=16", "--training", "warmup_steps=2", "--threads", "1")
CLOSE = 1e-4
"""Of weights that change by 0.01 or more: gradients are summed in another order, and a flow is fitted to what comes."""


def start(folder, name, *words, **variables):
    """A training of this table, in the folder `name`."""
    (folder / "table.csv").write_text(TABLE)
    command = [sys.executable, "-m", "sciencegen.cli.main", "train", "arrays", "--data", "table.csv", *SMALL, *words]
    command += [] if "cuda" in words else ["--device", "cpu"]
    kept = {key: value for key, value in os.environ.items() if not key.endswith("_RANK")}
    return subprocess.Popen([*command, "-o", name], cwd=folder, env=kept | variables, stderr=subprocess.PIPE, text=True)


def assert_ends(*processes):
    for process in processes:
        _, said = process.communicate(timeout=800)
        assert process.returncode == 0, said


def assert_same_model(folder):
    """Of `one` and `two`, which `first` has not had the time to become."""
    one, two, first = (load_file(folder / name / "weights.safetensors") for name in ("one", "two", "first"))
    assert max(float(abs(one[name] - first[name]).max()) for name in one) > 100 * CLOSE
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=CLOSE, rtol=0, err_msg=name)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("recipe", RECIPES)
def test_two_processes_end_with_the_model_of_one(tmp_path, recipe):
    """Noise is that of the rows: it doesn't depend on which process holds a row."""
    words = (*RECIPES[recipe], "--training", "steps=20")
    assert_ends(start(tmp_path, "one", *words))
    assert_ends(start(tmp_path, "two", *words, "--devices", "2", "--strategy", "ddp"))
    assert_ends(start(tmp_path, "first", *RECIPES[recipe], "--training", "steps=1"))
    assert_same_model(tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_nodes_end_with_the_model_of_one(tmp_path):
    """The second node's command waits for the first one's data, and writes nothing."""
    words = (*RECIPES["array-vae"], "--training", "steps=20")
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    nodes = [start(tmp_path, "two", *words, "--nodes", "2", NODE_RANK=str(rank), **place) for rank in (1, 0)]
    assert_ends(*nodes)
    assert_ends(
        start(tmp_path, "one", *words), start(tmp_path, "first", *RECIPES["array-vae"], "--training", "steps=1")
    )
    assert_same_model(tmp_path)


def kill_after_checkpoint(folder, first):
    """Kill one of the processes of a training that has begun and not ended, and say how it ended and what it said."""
    process, deadline = start(folder, "broken", *LONG), time.monotonic() + 600
    checkpoint = folder / "broken" / CHECKPOINT
    checkpoint.unlink(missing_ok=True)
    while not checkpoint.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    others = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    followers = [pid for pid in map(int, others) if b"LOCAL_RANK=1" in Path(f"/proc/{pid}/environ").read_bytes()]
    os.kill(process.pid if first else followers[0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)  # the other process has stderr too: until both have ended
    return process.returncode, said


LONG = (*RECIPES["array-vae"], "--training", "steps=400", "--training", "checkpoint_every=20", "--devices", "2")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_process_that_is_killed_ends_the_training_which_goes_on(tmp_path):
    code, said = kill_after_checkpoint(tmp_path, first=False)
    assert code == 1
    assert "error: Expected the 2 processes of the training to end together, but process 1" in said
    assert "Traceback" not in said
    assert not (tmp_path / "broken/.lock").exists()
    code, said = kill_after_checkpoint(tmp_path, first=True)
    assert code == -signal.SIGKILL
    assert "error: Expected the processes of the training to end together, but the first one" in said
    assert "Traceback" not in said
    assert_ends(start(tmp_path, "broken", *LONG))
    assert_ends(start(tmp_path, "whole", *LONG))
    assert not (tmp_path / "broken/.lock").exists()
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("broken", "whole")]
    assert weights[0] == weights[1]


def test_nodes_without_their_addresses_are_refused(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.distributed, "init_process_group", None)  # one that isn't refused would wait in vain
    (tmp_path / "table.csv").write_text(TABLE)
    for name in [name for name in os.environ if name.endswith("_RANK")]:
        monkeypatch.delenv(name)
    words = ("--nodes", "2", "--training", "steps=2", "--device", "cpu", *SMALL, "-o", "model")
    done = cli("train", "arrays", "--data", "table.csv", *words)
    assert done.code == 2
    assert "Expected the variables NODE_RANK, MASTER_ADDR, MASTER_PORT with several --nodes" in done.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--devices", "0"), "Expected 1 or more for devices, or auto, got 0"),
        (("--devices", "many"), "Expected 1 or more for devices, or auto, got 'many'"),
        (("--nodes", "0"), "Expected 1 or more for nodes, got 0"),
        (("--strategy", "dpp"), "strategy 'dpp'"),
        (("--optimizer", "adam"), "optimizer 'adam'"),
        (("--schedule", "cosin"), "schedule 'cosin'"),
    ],
)
def test_flags_of_the_training_are_checked_at_once(cli, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(TABLE)
    done = cli("train", "arrays", "--data", "table.csv", *words, "-o", "model")
    assert (done.code, message in done.err) == (2, True), done.err
    assert not (tmp_path / "model").exists()


@pytest.mark.gpu
@pytest.mark.timeout(600)
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_verbs_run_on_a_gpu(cli, tmp_path, monkeypatch, recipe):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(TABLE)
    few = (
        *RECIPES[recipe],
        "--training",
        "steps=20",
        "--training",
        "batch_size=16",
        "--training",
        "precision=bfloat16",
    )
    on_gpu = ("--device", "cuda", "--threads", "1", "-o")
    model = ("--model", "model")
    for words in (
        ("train", "arrays", "--data", "table.csv", *few, *on_gpu, "model"),
        ("generate", "arrays", *model, "-n", "20", *on_gpu, "new.csv"),
        ("encode", "arrays", "table.csv", *model, *on_gpu, "latents.npz"),
        ("score", "arrays", "table.csv", *model, "--with", "log_likelihood", *on_gpu, "scored.csv"),
        ("evaluate", "arrays", "new.csv", "--against", "table.csv", *model, *on_gpu, "metrics.json"),
        ("optimize", "arrays", *model, "--goal", "maximize price", "--budget", "60", "-n", "3", *on_gpu, "best.csv"),
        ("propose", "arrays", "--measured", "table.csv", "--target", "price", "--batch", "4", *on_gpu, "plate.csv"),
        ("train", "predictor", "arrays", "table.csv", "--target", "price", *on_gpu, "predictor"),
    ):
        done = cli(*words)
        assert done.code == 0, (words, done.err)


@pytest.mark.gpu
@pytest.mark.timeout(900)
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_train_as_one(tmp_path):
    words = (*RECIPES["array-vae"], "--training", "steps=20", "--device", "cuda")
    assert_ends(start(tmp_path, "one", *words))
    assert_ends(start(tmp_path, "two", *words, "--devices", "2"))
    assert_ends(start(tmp_path, "first", *RECIPES["array-vae"], "--training", "steps=1", "--device", "cuda"))
    assert_same_model(tmp_path)
