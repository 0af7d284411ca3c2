"""Verbs, samplers, searches and acquisitions of an installed package (`tests/toy/parts`) are used as ours are."""

import math
import os
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from itertools import pairwise

import numpy as np
import pytest
import torch

import sciencegen as sg
from sciencegen import plugins
from sciencegen.api.models.folder import find_recipe
from sciencegen.batch import Batch
from sciencegen.cli.serving import served_verbs
from sciencegen.diffusion.model import DiffusionSettings
from sciencegen.diffusion.samplers import GROUP, SAMPLERS, no_noise, sample, sampler
from sciencegen.diffusion.schedules import Linear, log_snr_grid
from sciencegen.domains import load_domain
from sciencegen.domains.lazy import WithInstalled
from sciencegen.errors import ConfigError
from sciencegen.optimization.goals import parse_goal
from sciencegen.optimization.objective import Objective
from sciencegen.optimization.plate import ByAcquisition, Candidates, PlateSettings, load_acquisition
from sciencegen.optimization.posterior import Measured, fit_posterior
from sciencegen.optimization.search import load_method, search
from sciencegen.optimization.spaces import SearchSettings, SearchSpace
from sciencegen.scoring.oracles import FunctionOracle
from sciencegen.scoring.plugins import load_plugged
from tests.cli.conftest import run
from tests.diffusion.known_data import VECTOR, GaussianData
from tests.toy import write_broken_package, write_clouds

DATA = GaussianData(torch.tensor([0.5, -1.0], dtype=torch.float64), 0.6)


def test_an_installed_sampler_is_a_setting_of_a_diffusion():
    start = Batch({"x": torch.randn(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))})
    exact, errors = DATA.flowed(start["x"], -7.0, 7.0), []
    for steps in (64, 128, 256):
        path = log_snr_grid(Linear(7.0, -7.0), steps, torch.zeros((), dtype=torch.float64))
        found = sampler("midpoint")(DATA.denoise, VECTOR, start, path, no_noise)["x"]
        errors.append((found - exact).square().mean().sqrt())
    assert [math.log2(before / after) for before, after in pairwise(errors)] == pytest.approx([2.0, 2.0], abs=0.1)
    assert DiffusionSettings(sampler="midpoint").sampler == "midpoint"
    with pytest.raises(ConfigError, match="rise from noise to data"):
        sample("midpoint", DATA.denoise, VECTOR, start, path.flip(0))


def test_an_installed_verb_is_a_command_with_the_flags_of_its_settings(tmp_path, monkeypatch):
    monkeypatch.setenv(plugins.NO_PLUGINS, "0")  # the flag sets it
    (tmp_path / "items.txt").write_text("CCO\nCC\nCCN\n")
    found = run("lengths", tmp_path / "items.txt", "--longest", 2)
    assert (found.code, found.out, found.err) == (0, "length,count\n2,1\n", "lengths 1\n")
    assert run("lengths", tmp_path / "items.txt", "--longest", 0).code == ConfigError.exit_code
    assert "Of the package parts 1.0." in run("--help").out
    shown = run("lengths", "--help").out
    assert "Count the lengths" in shown
    assert "[default: 1000]" in shown
    assert "A file of items." in shown
    assert run("lengths", tmp_path / "items.txt", "-o", tmp_path / "items.txt").code == ConfigError.exit_code
    given = {"source": "items.txt", "longest": 3}
    assert served_verbs()["lengths"].values(given) == given
    function = import_module("parts.verbs").lengths
    assert function(tmp_path / "items.txt", longest=2).table.values.tolist() == [[2, 1]]
    assert "longest : int\n    Characters of the longest item" in function.__doc__
    refused = run("--no-plugins", "lengths", tmp_path / "items.txt")
    assert refused.code == ConfigError.exit_code


def test_an_installed_search_is_a_method():
    goal = parse_goal("maximize sphere")
    sphere = FunctionOracle("sphere", lambda item: -float(np.square(item).sum()))
    sample = lambda count, generator: generator.standard_normal((count, 2))  # noqa: E731
    space = SearchSpace(2, 2, sample, decode=lambda latents: [tuple(row) for row in latents])
    objective = Objective([goal], {"sphere": sphere}, key=str, budget=40)
    search(space, objective, np.random.default_rng(0), SearchSettings(), "draws")
    assert len(objective.trace) == 40
    assert load_method("draws").__name__ == "search_draws"


def test_an_installed_acquisition_picks_a_plate():
    rows, measured = np.linspace(-2, 2, 30)[:, None], np.linspace(-2, 0, 10)[:, None]
    posterior = fit_posterior(
        measured,
        Measured(measured[:, 0], np.full(10, np.nan)),
        np.random.default_rng(0),
        surrogate="gp",
        scale="linear",
    )
    never = lambda some, others: np.zeros((len(some), len(others)))  # noqa: E731
    candidates, settings = Candidates(list(range(30)), rows, np.ones(30)), PlateSettings("explore")
    picked = ByAcquisition(posterior, measured).pick(candidates, 3, settings, np.random.default_rng(0), never)
    assert rows[picked[0]] > 1.5  # furthest from what was measured


def test_unknown_names_list_installed_ones_too():
    with pytest.raises(ConfigError, match="Did you mean 'midpoint'"):
        sampler("midpiont")
    with pytest.raises(ConfigError, match="Did you mean 'draws'"):
        load_method("drawz")
    with pytest.raises(ConfigError, match="Did you mean 'explore'"):
        load_acquisition("explorer")
    assert plugins.part_names(GROUP, SAMPLERS) == [*SAMPLERS, "midpoint"]


@pytest.mark.parametrize(("target", "told"), [("parts:nothing", "AttributeError"), ("parts:BETA", "a function")])
def test_what_cannot_be_a_part_is_refused(target, told, monkeypatch):
    entry = EntryPoint("broken", target, GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry] if group == GROUP else [])
    with pytest.raises(ConfigError, match=told):
        sampler("broken")


def test_an_installed_recipe_is_one_of_its_domain():
    domain = load_domain("pointclouds")
    assert list(domain.recipes) == ["autoencoder", "array-vae", "diffusion", "wide"]
    assert domain.default_recipe == "autoencoder"
    recipe = find_recipe(domain, "wide")
    assert (recipe.conditions, recipe.settings().width) == (("radius", "height"), 128)
    assert "wide" not in load_domain("molecules").recipes


@pytest.fixture
def broken_package(tmp_path, monkeypatch):
    """A package with parts that can't be imported."""
    parts = (
        "[sciencegen.domains]\nbrokendom = nothere\n[sciencegen.recipes]\npointclouds/lost = nothere:LOST\n"
        "[sciencegen.samplers]\nlost = nothere:f\n"
    )
    monkeypatch.syspath_prepend(write_broken_package(tmp_path, parts))


@pytest.mark.usefixtures("broken_package")
def test_parts_that_cannot_be_imported_are_told_with_their_package():
    told = r"'{}' at 'nothere{}' of broken 1\.2, got ModuleNotFoundError: No module named 'nothere'\. Correct or"
    with pytest.raises(ConfigError, match="the domain " + told.format("brokendom", "")):
        load_domain("brokendom")
    with pytest.raises(ConfigError, match="the sampler " + told.format("lost", ":f")):
        sampler("lost")
    (entry,) = entry_points(group="sciencegen.recipes", name="pointclouds/lost")
    with pytest.raises(ConfigError, match="the recipe " + told.format("pointclouds/lost", ":LOST")):
        WithInstalled({}, {"lost": entry})["lost"]


@pytest.mark.usefixtures("broken_package")
def test_a_verb_of_a_domain_that_cannot_be_imported_is_refused():
    with pytest.raises(ConfigError, match=r"the domain 'brokendom' at 'nothere' of broken 1\.2"):
        sg.score("brokendom", ["1"], ["a"])


def test_an_installed_recipe_is_trained_and_drawn_from_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_clouds(tmp_path / "clouds.csv", 80)
    training = ("--training", "steps=4", "--training", "warmup_steps=1")
    settings = (*training, "--settings", "{finish: {steps: 4}}", "--threads", "1")
    data = ("--data", "clouds.csv", "--recipe", "wide", "-o", "runs/wide")
    done = run("train", "pointclouds", *data, *settings)
    assert done.code == 0, done.err
    drawn = run("generate", "pointclouds", "--model", "runs/wide", "-n", "3", "--raw", "--threads", 1)
    assert (drawn.code, len(drawn.out.splitlines())) == (0, 4), drawn.err


def test_packages_are_read_once_and_again_when_one_is_installed(tmp_path, monkeypatch):
    asked, read = [], plugins.metadata.entry_points
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda **chosen: asked.append(chosen) or read(**chosen))
    os.utime(tmp_path, (0, 0))  # clocks of files are coarse
    monkeypatch.syspath_prepend(tmp_path)
    for _ in range(2):
        assert "late" not in plugins.part_names(GROUP, ())
    assert asked == [{"group": GROUP}]
    write_broken_package(tmp_path, f"[{GROUP}]\nlate = nothere:f\n")
    assert "late" in plugins.part_names(GROUP, ())
    assert len(asked) == 2


REFUSED = "plugins are refused"


def test_plugins_can_be_refused(monkeypatch):
    monkeypatch.setenv(plugins.NO_PLUGINS, "1")
    assert plugins.part_names(GROUP, SAMPLERS) == list(SAMPLERS)
    assert load_domain("molecules").name == "molecules"
    for load, name in (
        (sampler, "midpoint"), (load_method, "draws"), (load_acquisition, "explore"), (load_domain, "pointclouds"),
        (load_plugged, "math:sqrt"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=f"{REFUSED}.*'{name}'"):
            load(name)
    monkeypatch.setenv(plugins.NO_PLUGINS, "0")
    assert load_domain("pointclouds").name == "pointclouds"


@pytest.mark.parametrize(
    "goal",
    [
        ("--goal", "minimize math:sqrt"),
        ("--settings", "{goals: minimize x, oracles: {x: {command: 'cp {input} {output}'}}}"),
    ],
)
def test_the_command_refuses_code_in_goals_and_settings(goal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(plugins.NO_PLUGINS, "0")  # the flag sets it, for the steps of a workflow too
    done = run("--no-plugins", "optimize", "molecules", *goal, "--budget", "3")
    assert (done.code, REFUSED in done.err) == (2, True), done.err
