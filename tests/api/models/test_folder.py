"""Model folders: which model a reference means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sciencegen.api.models.folder import (
    CONFIG,
    KEY,
    RENAMED,
    REPRESENTATION,
    SETTINGS,
    WEIGHTS,
    checked_sha256,
    find_model,
    find_recipe,
    load,
    pretrained_root,
    referred_to,
    results_of_model,
    shipped_names,
)
from sciencegen.domains import load_domain
from sciencegen.errors import ConfigError, IncompatibleError
from sciencegen.runs import RunFolder


def test_a_predictors_model_is_the_one_beside_it_whatever_lies_where_the_command_runs(tmp_path, monkeypatch):
    for model in ("a/model", "b/model", "b/work/old"):
        (tmp_path / model).mkdir(parents=True)
        (tmp_path / model / "config.yaml").touch()
    predictor = tmp_path / "a" / "predictor"
    predictor.mkdir()
    monkeypatch.chdir(tmp_path / "b" / "work")
    assert Path(referred_to("../model", predictor)).resolve() == tmp_path / "a" / "model"
    assert referred_to("old", predictor) == "old", "an earlier reference, from where its command ran"
    assert referred_to("../none", predictor) == str(predictor / "../none"), "the error names the place beside it"


@pytest.mark.parametrize("name", ["nonsense", 3, ["x"], {"x": 1}])
def test_an_unknown_recipe_is_named(name):
    with pytest.raises(IncompatibleError, match="Unknown recipe of molecules"):
        find_recipe(load_domain("molecules"), name, IncompatibleError)


def test_a_domain_without_recipes_says_so():
    bare = replace(load_domain("pointclouds"), recipes={})
    with pytest.raises(ConfigError, match=r"pointclouds has none\. Add a `Recipe`"):
        find_recipe(bare, None)


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_weights_are_those_that_their_checksums_name(name):
    run = RunFolder(pretrained_root() / name, create=False)
    config = run.read_yaml(CONFIG)
    assert set(config[KEY]) == {SETTINGS, REPRESENTATION, WEIGHTS}
    for file in config[KEY]:
        checked_sha256(run, config, file)


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_of_shipped_weights_is_accepted(old, tmp_path):
    assert find_model("molecules", old).name == RENAMED[old]
    assert old not in shipped_names()
    assert referred_to(old, tmp_path) == old


@pytest.mark.parametrize("model", [None, "nowhere", "molecules"])
def test_results_without_a_usable_model_are_plain(model, tmp_path):
    assert results_of_model("proteins", model) == "proteins"
    (tmp_path / "config.yaml").write_text("domain: proteins\nrecipe: unknown\nformat_version: 1\n")
    assert results_of_model("proteins", tmp_path) == "proteins"


def test_a_model_alone_says_its_domain(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "few").symlink_to(pretrained_root() / "galaxies")
    monkeypatch.chdir(tmp_path)
    sizes = {load(one, device="cpu").size for one in ("runs/few", tmp_path / "runs" / "few", "galaxies")}
    assert sizes == {load("galaxies", "galaxies", device="cpu").size}
    assert load("qm9-joint", device="cpu").properties == load("molecules", "qm9-joint", device="cpu").properties
    with pytest.raises(ConfigError, match="Did you mean 'galaxies'"):
        load("galaxie")
    (tmp_path / "runs" / CONFIG).write_text("[]")
    with pytest.raises(IncompatibleError, match="a model's settings"):
        load("runs")


def test_a_domain_without_default_weights_names_its_shipped_models():
    with pytest.raises(ConfigError, match=r"Shipped for proteins: `model` backbones \(draws structures\)"):
        find_model("proteins", None)
