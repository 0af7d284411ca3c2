"""Predictors that see structures, by the command line, on QM9's committed sample."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest

from sciencegen.api.predictors.folder import load_predictor
from sciencegen.api.predictors.points import check_parts
from sciencegen.api.score import predict
from sciencegen.api.train_predictor import train_predictor
from sciencegen.errors import ConfigError, DataError
from tests.cli.conftest import run

pytestmark = pytest.mark.long


SETTINGS = {
    "network": {"scalars": 8, "vectors": 4, "tensors": 2, "layers": 1, "narrowing": 1},
    "training": {"steps": 30, "batch_size": 32, "log_every": 10, "checkpoint_every": 10},
}
SMALL = [
    "--form", "structures", "--threads", 1, *(f"--set={name}={json.dumps(one)}" for name, one in SETTINGS.items()),
]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two targets, two members, half a second of training each."""
    folder = tmp_path_factory.mktemp("points")
    before = {name: os.environ.get(name) for name in ("SCIENCEGEN_CACHE", "SCIENCEGEN_OFFLINE")}
    os.environ |= {"SCIENCEGEN_CACHE": str(folder / "cache"), "SCIENCEGEN_OFFLINE": "1"}
    try:
        result = run("train", "predictor", "molecules", "qm9/train_second", "--target", "gap,u0", "-o", folder / "p",
                     *SMALL)  # fmt: skip
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    assert result.code == 0, result.err
    assert "gap by mean, u0 by sum" in result.err
    return folder / "p"


def test_the_folder_is_complete_and_says_how_good_it_is(trained):
    names = {path.name for path in trained.iterdir()}
    assert names >= {"config.yaml", "metrics.json", "predictor.json", "predictor.safetensors", "train.json"}
    assert "training_keys.npy" in names
    assert {path.name for path in (trained / "members").rglob("*") if path.is_file()} == {"log.csv"}
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["rows"] == 300
    assert metrics["u0"]["mae"] < 0.01 * metrics["u0"]["baseline_mae"]  # composition is nearly all of an energy
    assert metrics["gap"]["rows"] == metrics["u0"]["rows"] > 5


@pytest.mark.long
def test_texts_without_coordinates_are_predicted_twice_alike(cli, trained):
    lines = "CCO\nc1ccccc1\n[SiH4]\njunk\n" + "C" * 20 + "\nC[N+](C)(C)C\n"
    predictors = [f"--predictor={name}={trained}" for name in ("gap", "u0")]
    for name in ("a.csv", "b.csv"):
        assert cli("predict", "molecules", "-", *predictors, "-o", name, stdin=lines.encode()).code == 0
    with open("a.csv", "rb") as first, open("b.csv", "rb") as second:
        assert first.read() == second.read()
    table = pd.read_csv("a.csv")
    assert table["item"].tolist() == ["CCO", "c1ccccc1", "[SiH4]", "C" * 20, "C[N+](C)(C)C"]
    assert table["gap_in_domain"].tolist() == [True, True, False, False, False]
    assert table["gap"].isna().tolist() == [False, False, True, False, True]
    assert (table["gap_lower"] < table["gap"])[:2].all()
    assert (table["gap"] < table["gap_upper"])[:2].all()
    assert table["u0"][0] == pytest.approx(-155.03 * 27.2114, rel=1e-2)
    rejects = pd.read_csv("a.csv.rejects.csv")
    assert sorted(rejects["line"]) == [3, 3, 4, 6, 6]
    reasons = dict(zip(rejects["line"], rejects["reason"], strict=True))
    assert "14" in reasons[3]
    assert "a charge of +1" in reasons[6]
    again = predict("molecules", ["CCO"], trained).table
    assert again["u0"][0] == pytest.approx(table["u0"][0])
    assert again["gap_in_domain"][0]


def test_a_files_own_coordinates_count(cli, trained):
    """Two bond lengths of one molecule have two predictions; an .sdf of drawings is read as molecules."""
    blocks = "".join(f"2\n\nH 0 0 0\nF 0 0 {length}\n" for length in (0.9, 1.0))
    with open("hf.xyz", "w") as file:
        file.write(blocks)
    assert cli("predict", "molecules", "hf.xyz", "--predictor", f"gap={trained}", "-o", "p.csv").code == 0
    table = pd.read_csv("p.csv")
    assert table["gap"].nunique() == 2
    assert table["item"].tolist() == ["F", "F"]  # as tables have it
    cli("score", "molecules", "-", "--with", "mw", "-o", "m.csv", stdin=b"CCO\n")
    assert pd.read_csv("m.csv")["mw"][0] == pytest.approx(46.07, abs=0.01)


def test_one_of_several_targets_goes_by_its_own_name(trained):
    predictor = load_predictor("molecules", trained)
    assert predictor.targets == ("gap", "u0")
    with pytest.raises(ConfigError, match="gap"):
        predictor.oracle("gup")


def test_the_same_call_is_done_and_another_is_refused(cli, trained):
    call = ["train", "predictor", "molecules", "qm9/train_second", "-o", trained, *SMALL]
    done = cli(*call, "--target", "gap,u0")
    assert done.code == 0
    assert "finished already" in done.err
    other = cli(*call, "--target", "gap")
    assert other.code == 2
    assert "--force" in other.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--target", "gup"], "gap"),
        (["--target", "gap", "--set", "training={stepz: 3}"], "steps"),
        (["--target", "gap", "--set", "held_out=0.02"], "rows for intervals"),
        (["--target", "gap", "--set", "members=0"], "members"),
    ],
)
def test_wrong_settings_are_told_before_training(cli, flags, message):
    call = ["train", "predictor", "molecules", "qm9/train_second", "-o", "x", "--form", "structures", "--threads", 1]
    result = cli(*call, *flags)
    assert result.code in (2, 3)
    assert message in result.err


def test_a_search_takes_it_like_any_predictor(cli, trained):
    result = cli(
        "optimize", "molecules", "--predictor", f"gap={trained}", "--goal", "minimize gap", "--start", "CCO",
        "--budget", 20, "-n", 2, "--method", "hill_climb", "-o", "best.csv", "--threads", 1,
    )  # fmt: skip
    assert result.code in (0, 5), result.err
    assert {"gap", "gap_lower", "gap_upper"} <= set(pd.read_csv("best.csv"))


@pytest.mark.long
def test_a_killed_training_goes_on_to_the_same_bytes(cli, trained, tmp_path):
    """With --force too, as a workflow calls it."""

    def killed(text):
        if "network 2, step 20" in text:
            raise RuntimeError("killed")

    settings = {"form": "structures", "target": "gap,u0", "threads": 1, "settings": SETTINGS, "folder": tmp_path / "p"}
    with pytest.raises(RuntimeError, match="killed"):
        train_predictor("molecules", "qm9/train_second", log=killed, **settings)
    assert (tmp_path / "p/members/1/checkpoints/last.pt").exists()
    seen = []
    train_predictor("molecules", "qm9/train_second", force=True, log=seen.append, **settings)
    assert not any("step 10/" in text for text in seen)
    for name in ("predictor.safetensors", "predictor.json", "metrics.json"):
        assert (tmp_path / "p" / name).read_bytes() == (trained / name).read_bytes()


@pytest.mark.long
def test_a_predictor_whose_figures_fail_is_saved_and_the_same_call_computes_them_alone(trained, tmp_path, monkeypatch):
    def broken(*arguments):
        raise ValueError("no test items")

    settings = {"form": "structures", "target": "gap,u0", "threads": 1, "settings": SETTINGS, "folder": tmp_path / "p"}
    with monkeypatch.context() as patched:
        patched.setattr("sciencegen.api.predictors.points._figures", broken)
        made = train_predictor("molecules", "qm9/train_second", **settings)
    assert made.metrics["unmeasured"] == "ValueError: no test items"
    monkeypatch.setattr("sciencegen.api.predictors.points._train", broken)
    assert "unmeasured" not in train_predictor("molecules", "qm9/train_second", **settings).metrics
    for name in ("predictor.safetensors", "predictor.json", "metrics.json"):
        assert (tmp_path / "p" / name).read_bytes() == (trained / name).read_bytes()


@pytest.mark.long
def test_what_a_call_left_that_was_killed_at_its_end_or_its_start_is_no_obstacle(cli, trained, tmp_path):
    call = ["train", "predictor", "molecules", "qm9/train_second", "--target", "gap,u0", *SMALL]
    ended = shutil.copytree(trained, tmp_path / "ended")
    (ended / "members/0/checkpoints").mkdir()
    for name in ("checkpoints/last.pt", "weights.safetensors"):
        (ended / "members/0" / name).touch()
    assert "finished already" in cli(*call, "-o", ended).err
    assert {path.name for path in (ended / "members").rglob("*") if path.is_file()} == {"log.csv"}
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / ".train.json.1-abcd01234567.tmp").touch()
    few = ["--set", "training={steps: 2, batch_size: 32}", "--set", "level=0.5"]
    result = cli(*call, *few, "-o", begun)
    assert result.code == 0, result.err


@pytest.mark.long
def test_it_learns_from_a_prepared_dataset_and_its_splits(cli, tmp_path):
    prepared = ["datasets", "prepare", "molecules", "qm9", "--form", "structures", "-o", "data"]
    assert cli(*prepared, "--settings", "{sample: true, properties: [mw]}", "--threads", 1).code == 0
    call = ["train", "predictor", "molecules", "data/validation", "--target", "mw", "-o", "p", *SMALL]
    call += ["--set", "level=0.5"]
    result = cli(*call)
    assert result.code == 0, result.err
    assert json.loads((tmp_path / "p/metrics.json").read_text())["mw"]["r2"] > 0.99
    assert "finished already" in cli(*call).err


@pytest.mark.parametrize(
    "files",
    [
        {"members/anna.txt": "mine"},
        {"config.yaml": "mine: 1"},
        {"metrics.json": "{}", "train.json": json.dumps({"data": {}, "train": {"recipe": "joint"}})},
        {"predictor.json": json.dumps({"arrays_sha256": "x"}), "members/anna.txt": "mine"},
    ],
)
def test_force_removes_nothing_of_somebody_else(cli, tmp_path, files):
    for name, content in files.items():
        (tmp_path / "p" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / name).write_text(content)
    call = ["train", "predictor", "molecules", "qm9/train_second", "--target", "gap", "-o", "p", "--force", *SMALL]
    result = cli(*call)
    assert result.code == 2
    assert "of something else" in result.err
    assert {name: (tmp_path / "p" / name).read_text() for name in files} == files


def test_every_part_has_a_value_of_every_target():
    """Else the figures are NaN, after hours."""
    part, values = np.array([0, 0, 1, 2]), np.ones((4, 2))
    check_parts(part, values, ("a", "b"))
    values[3, 1] = np.nan
    with pytest.raises(DataError, match="to test on of each target, found none of b"):
        check_parts(part, values, ("a", "b"))
    with pytest.raises(DataError, match="to test on of each target, found none of a, b"):
        check_parts(part[:3], values[:3], ("a", "b"))
    values[:2, 0] = np.nan
    with pytest.raises(DataError, match="to train on of each target, found none of a"):
        check_parts(part, values, ("a", "b"))


def test_a_wrong_table_claims_no_folder(cli):
    call = ["train", "predictor", "molecules", "qm9/train_second", "-o", "p", *SMALL]
    assert cli(*call, "--target", "gup").code == 3
    assert cli(*call, "--target", "gup", "--set", "members=1").code == 3  # not refused for what the first one left
