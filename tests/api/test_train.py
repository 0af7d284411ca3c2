"""train: a finished training is returned unchanged, and another is not overwritten without `force`."""

import json

import pytest

import sciencegen as sg
from sciencegen.api.train import take_model
from sciencegen.errors import ConfigError


def test_weights_are_copied_whole_and_only_once(workspace, tmp_path):
    copy = take_model("pointclouds", str(workspace.model), tmp_path / "copy")
    for name in ("config.yaml", "representation.json", "weights.safetensors", "metrics.json"):
        assert (copy.folder / name).read_bytes() == (workspace.model / name).read_bytes()
    assert take_model("pointclouds", str(copy.folder), copy.folder).folder == copy.folder
    with pytest.raises(ConfigError, match="Pass `force`"):
        take_model("pointclouds", str(workspace.model), copy.folder)


FEW = {"training": {"steps": 3, "batch_size": 8}, "threads": 1}


def broken(*arguments):
    raise ValueError("no figure of categories")


def test_a_model_whose_figures_fail_is_saved_and_the_same_call_computes_them_alone(workspace, tmp_path, monkeypatch):
    whole = sg.train("pointclouds", workspace.folder / "clouds.csv", folder=tmp_path / "whole", **FEW)
    said: list[str] = []
    ask = {"folder": tmp_path / "model", "log": said.append, **FEW}
    with monkeypatch.context() as patched:
        patched.setattr("sciencegen.api.train.check", broken)
        saved = sg.train("pointclouds", workspace.folder / "clouds.csv", **ask)
    assert saved.metrics["unmeasured"] == "ValueError: no figure of categories"
    assert any("is saved, but its figures are missing in metrics.json" in text for text in said)
    weights = (saved.folder / "weights.safetensors").read_bytes()
    assert weights == (whole.folder / "weights.safetensors").read_bytes()
    assert len(sg.generate("pointclouds", 2, model=str(saved.folder), threads=1).table) == 2
    monkeypatch.setattr("sciencegen.api.train._descend", broken)
    assert sg.train("pointclouds", workspace.folder / "clouds.csv", **ask).metrics == whole.metrics
    for name in ("metrics.json", "card.md", "config.yaml", "weights.safetensors"):
        assert (saved.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert sg.train("pointclouds", workspace.folder / "clouds.csv", **ask).metrics == whole.metrics
    with pytest.raises(ValueError, match="no figure"):  # `force` trains anew
        sg.train("pointclouds", workspace.folder / "clouds.csv", force=True, **ask)


def test_a_stop_in_the_figures_leaves_the_model(workspace, tmp_path, monkeypatch):
    def stopped(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("sciencegen.api.train.check", stopped)
        with pytest.raises(KeyboardInterrupt):
            sg.train("pointclouds", workspace.folder / "clouds.csv", folder=tmp_path / "model", **FEW)
    assert "stopped before" in json.loads((tmp_path / "model" / "metrics.json").read_text())["unmeasured"]
    monkeypatch.setattr("sciencegen.api.train._descend", broken)
    trained = sg.train("pointclouds", workspace.folder / "clouds.csv", folder=tmp_path / "model", **FEW)
    assert "unmeasured" not in trained.metrics
    assert trained.metrics.keys() > {"items", "refused"}
