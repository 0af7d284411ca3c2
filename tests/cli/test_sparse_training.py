"""Optimizers, schedules and pruning by the command: smaller files that give the same items."""

from __future__ import annotations

import shutil

import pytest
import yaml

from sciencegen.api.models.folder import CONFIG, KEY, WEIGHTS, load_model
from sciencegen.data.weights import read_weights, weights_content
from sciencegen.files import sha256_of
from tests.toy import write_clouds

TRAINING = {"steps": 30, "warmup_steps": 2, "learning_rate": 0.003, "smallest_pruned": 256}


def arguments(folder, name, **training):
    flags = [text for key, value in {**TRAINING, **training}.items() for text in ("--training", f"{key}={value}")]
    data = write_clouds(folder / "clouds.csv", 60, extra=True)
    return "train", "pointclouds", "--data", data, "-o", folder / name, "--threads", 1, *flags


def test_a_pruned_model_takes_less_room_and_gives_what_its_dense_copy_gives(cli, tmp_path):
    for name, sparsity in (("dense", 0), ("sparse", 0.9)):
        result = cli(*arguments(tmp_path, name, sparsity=sparsity))
        assert result.code == 0, result.err
    sizes = {name: (tmp_path / name / WEIGHTS).stat().st_size for name in ("dense", "sparse")}
    model = load_model("pointclouds", tmp_path / "sparse", "cpu").model
    large = [one for name, one in model.named_parameters() if one.numel() >= 256 and name.endswith("weight")]
    assert large
    saved = sum(4 * int((one == 0).sum()) - one.numel() / 8 - 400 for one in large)
    assert sizes["sparse"] < sizes["dense"] - saved
    for one in large:
        assert float((one == 0).float().mean()) == pytest.approx(0.9, abs=0.5 / one.numel())

    copy = shutil.copytree(tmp_path / "sparse", tmp_path / "copy")
    (copy / WEIGHTS).write_bytes(weights_content(read_weights(copy / WEIGHTS)))
    assert (copy / WEIGHTS).stat().st_size == sizes["dense"]
    config = yaml.safe_load((copy / CONFIG).read_text())
    config[KEY][WEIGHTS] = sha256_of(copy / WEIGHTS)
    (copy / CONFIG).write_text(yaml.safe_dump(config))
    for name in ("sparse", "copy"):
        drawn = cli("generate", "pointclouds", "--model", tmp_path / name, "-n", 20, "-o", tmp_path / f"{name}.csv")
        assert drawn.code == 0, drawn.err
    assert (tmp_path / "sparse.csv").read_bytes() == (tmp_path / "copy.csv").read_bytes()


def test_another_optimizer_or_sparsity_is_another_training(cli, tmp_path):
    assert cli(*arguments(tmp_path, "run", schedule="wsd")).code == 0
    assert "finished already" in cli(*arguments(tmp_path, "run", schedule="wsd")).err
    for other in ({}, {"schedule": "wsd", "sparsity": 0.5}, {"schedule": "linear"}):
        result = cli(*arguments(tmp_path, "run", **other))
        assert result.code == 2
        assert "holds another training" in result.err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"optimizer": "sgd"}, "Known: adamw, muon, shampoo, soap"),
        ({"schedule": "stairs"}, "Known: constant, cosine, linear, wsd"),
        ({"sparsity": 1.5}, "[0, 1)"),
        ({"sparsity": 0.5, "smallest_pruned": 10**9}, "Pass a lower `smallest_pruned`"),
    ],
)
def test_wrong_settings_say_so_and_claim_no_folder(cli, tmp_path, wrong, said):
    result = cli(*arguments(tmp_path, "run", **wrong))
    assert result.code == 2
    assert said in " ".join(result.err.split())
    assert not (tmp_path / "run" / WEIGHTS).exists()
