"""`train --from ... --distill` makes a diffusion faster, and a killed distillation is resumed."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from sciencegen.api import train
from sciencegen.api.models.folder import load_model
from sciencegen.diffusion.distillation import Distillation
from tests.cli.conftest import run
from tests.cli.test_train import Killed, contents

pytestmark = pytest.mark.long


FEW = "{teacher_steps: 8, training: {steps: 4, batch_size: 16, checkpoint_every: 2, log_every: 1, warmup_steps: 1}}"
MADE = ("config.yaml", "representation.json", "metrics.json", "weights.safetensors")


def distill(cli, start, folder, *flags, steps: int | None = 2, settings: str = FEW):
    wanted = () if steps is None else ("--distill", steps)
    data = ("--data", Path(start) / "data") if Path(start).is_dir() else ("--data", "qm9")
    training = ("--settings", settings, "--threads", 1)
    return cli("train", "molecules", "--from", start, *data, *wanted, *training, *flags, "-o", folder)


@pytest.fixture(scope="module")
def unbroken(conformers, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("distilled") / "fast"
    result = distill(run, conformers, folder)
    assert result.code == 0, result.err
    return folder


def test_each_halving_is_a_model_that_draws_in_its_own_steps(conformers, unbroken):
    for folder, steps in ((unbroken, 2), (unbroken / "4-steps", 4)):
        drawing = load_model("molecules", folder, "cpu").model.settings
        assert (drawing.sampler, drawing.steps) == ("ddim", steps)
        assert yaml.safe_load((folder / "config.yaml").read_text())["halvings"] == [4, 2]
        assert (folder / "log.csv").read_text().count("\n") == 5
    weights = [load_file(folder / "weights.safetensors") for folder in (conformers, unbroken / "4-steps", unbroken)]
    assert weights[0].keys() == weights[1].keys() == weights[2].keys()
    for before, after in pairwise(weights):
        assert not torch.equal(before["network.shift"], after["network.shift"])
    assert (unbroken / "representation.json").read_bytes() == (conformers / "representation.json").read_bytes()


def test_a_finished_one_is_not_trained_again(cli, conformers, unbroken):
    before = contents(unbroken)
    result = distill(cli, conformers, unbroken)
    assert "finished already" in result.err
    assert contents(unbroken) == before


def kill(*arguments, **named):
    raise Killed


@pytest.mark.parametrize(
    ("step", "halving"),
    [(None, 4), (0, 2), *(pytest.param(*one, marks=pytest.mark.slow) for one in ((3, 4), (0, 4), (3, 2), (None, 2)))],
)
def test_a_killed_distillation_goes_on_to_the_same_bytes(cli, tmp_path, conformers, unbroken, halving, step):
    """Killed before a halving's first step, between its checkpoints, and before what it made is written."""
    loss = Distillation.loss

    def stopping(self, batch, at, generator):
        return kill() if (self.student.settings.steps, at) == (halving, step) else loss(self, batch, at, generator)

    def save(place, model, *others):
        return kill() if step is None and model.settings.steps == halving else saved(place, model, *others)

    with pytest.MonkeyPatch.context() as patch:
        saved = train._save
        patch.setattr(Distillation, "loss", stopping)
        patch.setattr(train, "_save", save)
        with pytest.raises(Killed):
            distill(cli, conformers, tmp_path / "fast")
    begun = (tmp_path / "fast/4-steps/weights.safetensors").exists()
    assert begun == (halving == 2)
    result = distill(cli, conformers, tmp_path / "fast")
    assert result.code == 0, result.err
    assert ("from 8 steps to 4" in result.err) != begun
    for place in ("", "4-steps"):
        for name in MADE:
            assert (tmp_path / "fast" / place / name).read_bytes() == (unbroken / place / name).read_bytes()
    assert set(contents(tmp_path / "fast")) == set(contents(unbroken))


def test_a_distilled_model_is_halved_from_its_own_steps(cli, tmp_path, conformers, unbroken):
    settings = FEW.replace("teacher_steps: 8, ", "")
    start = unbroken / "4-steps"
    (tmp_path / "data").symlink_to(conformers / "data")
    training = ("--settings", settings, "--threads", 1, "-o", "faster")
    result = cli("train", "molecules", "--from", start, "--data", "data", "--distill", 2, *training)
    assert result.code == 0, result.err
    assert (tmp_path / "faster/weights.safetensors").read_bytes() == (unbroken / "weights.safetensors").read_bytes()
    assert not (tmp_path / "faster/4-steps").exists()
    assert cli("train", "molecules", "--from", start, "--data", "data", "--distill", 4, *training, "--force").code == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 3}, "a half, a quarter"), ({"steps": 8}, "a half, a quarter"), ({"steps": 16}, "a half, a quarter"),
        ({"steps": 0}, "distill"), ({"start": "molecules"}, "Expected a diffusion to distill"),
        ({"flags": ("--condition", "gap")}, "--condition"), ({"flags": ("--set", "log_snr_shift=2")}, "--set"),
        ({"steps": None}, "teacher_steps"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_written(cli, tmp_path, conformers, wrong, said):
    flags = wrong.get("flags", ())
    result = distill(cli, wrong.get("start", conformers), "fast", *flags, steps=wrong.get("steps", 2))
    assert result.code == 2, result.err
    assert said in result.err
    assert contents(tmp_path) == {}


def test_without_a_teacher_nothing_is_distilled(cli, tmp_path):
    result = cli("train", "molecules", "--data", "qm9", "--distill", 8, "-o", "fast")
    assert result.code == 2
    assert "--from" in result.err
    assert contents(tmp_path) == {}


def test_another_training_takes_the_halvings_away_and_nothing_else(cli, tmp_path, conformers, unbroken):
    fast = tmp_path / "fast"
    shutil.copytree(unbroken, fast)
    (fast / "4-steps/notes.txt").write_text("mine")
    shutil.copytree(conformers, fast / "9-steps")  # a training of its own, in a place like that of a halving
    for start in (fast, fast / "4-steps"):
        result = cli("train", "molecules", "--from", start, "--data", conformers / "data", "--distill", 1, "-o", fast,
                     "--force")  # fmt: skip
        assert result.code == 2
        assert "start from" in result.err
    (fast / "train.json").unlink()
    for name in ("log.csv", *MADE, "card.md"):
        (fast / name).unlink()
    refused = distill(cli, conformers, fast, steps=4)
    assert refused.code == 2
    assert "4-steps" in refused.err
    result = distill(cli, conformers, fast, "--force", steps=4)
    assert result.code == 0, result.err
    assert set(contents(fast / "4-steps")) == {"notes.txt"}
    assert contents(fast / "9-steps") == contents(conformers)
