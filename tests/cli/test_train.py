"""A training removes and reuses its own files only; errors are raised before it starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pointclouds import DOMAIN
from pointclouds.models import RECIPES, Settings

from sciencegen.api.models import folder as models
from sciencegen.api.models.data import condition_names, fit_representation, read_training_data
from sciencegen.api.models.plan import drawing_as
from sciencegen.api.train import take_model, train
from sciencegen.config import TrainSettings, build_settings
from sciencegen.data.prepared import PreparedDataset
from sciencegen.errors import ConfigError, SciencegenError
from sciencegen.runs import RunFolder
from sciencegen.vae.array_vae import ArrayVAE
from tests.api.test_train_predictor import write_card
from tests.toy import write_clouds

FEW = {"steps": 3, "warmup_steps": 1, "checkpoint_every": 100}


def fit(data, folder, column=None, force=False, log=lambda text: None, **options):
    """A training of three steps."""
    if options.get("device") == "elsewhere":
        options["device"] = "cuda" if models.resolve_device("auto") != "cuda" else "mps"
    settings = {"training": FEW, "threads": 1} | options
    return train("pointclouds", data, folder=folder, column=column, force=force, log=log, **settings)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def clouds(tmp_path) -> Path:
    return write_clouds(tmp_path / "clouds.csv", 60, extra=True)


PROJECT = {
    "config.yaml": "mine: 1\n", "metrics.json": "{}", "card.md": "mine", "weights.safetensors": "mine", "log.csv": "a",
    "data/actives.csv": "mine", "checkpoints/mine.pt": "mine", "notes.txt": "mine",
}  # fmt: skip


def write_project(folder: Path, names=PROJECT) -> dict[str, bytes]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(PROJECT[name])
    return contents(folder)


WRONG = [
    {"conditions": ("bogus",)},
    {"device": "elsewhere"},
    {"recipe": "bogus"},
    {"from": "bogus"},
    {"settings": {"hiden": 1}},
    {"training": {"steps": 0}},
    {"training": {"checkpoint_every": 0}},
    {"training": {"log_every": 0}},
    {"finish": {"rounds": 2}},
]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_refused_training_leaves_somebody_elses_folder_as_it_was(tmp_path, clouds, wrong, force):
    before = write_project(tmp_path / "project")
    with pytest.raises(SciencegenError):
        fit(clouds, tmp_path / "project", force=force, **wrong)
    assert contents(tmp_path / "project") == before


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("finished", [False, True])
def test_a_mistake_on_a_rerun_keeps_the_earlier_training_with_its_data(tmp_path, clouds, wrong, finished):
    fit(clouds, tmp_path / "run")
    if not finished:
        (tmp_path / "run" / models.WEIGHTS).unlink()
    before = contents(tmp_path / "run")
    for force in [True] if finished else [False, True]:
        with pytest.raises(SciencegenError):
            fit(clouds, tmp_path / "run", force=force, **wrong)
        assert contents(tmp_path / "run") == before


def test_data_that_cannot_be_read_cost_nothing_under_force(tmp_path, clouds):
    fit(clouds, tmp_path / "run")
    before = contents(tmp_path / "run")
    (tmp_path / "junk.csv").write_text("cloud\njunk\n")
    for data in (tmp_path / "junk.csv", tmp_path / "missing.csv"):
        with pytest.raises(SciencegenError):
            fit(data, tmp_path / "run", force=True)
        assert contents(tmp_path / "run") == before


def test_data_are_not_read_where_the_training_writes(tmp_path):
    (tmp_path / "project/data").mkdir(parents=True)
    inside = write_clouds(tmp_path / "project/data/actives.csv", 60)
    for force in (False, True):
        with pytest.raises(ConfigError, match=r"actives\.csv"):
            fit(inside, tmp_path / "project", force=force)
    assert list(contents(tmp_path / "project")) == ["data/actives.csv"]


def test_the_prepared_dataset_in_the_folder_is_trained_on_and_stays(cli, tmp_path, clouds):
    assert cli("datasets", "prepare", "pointclouds", clouds, "-o", "run/data").code == 0
    before = contents(tmp_path / "run/data")
    with pytest.raises(SciencegenError):
        fit(clouds, tmp_path / "run")  # data of another training, which it must not use
    for force in (False, True):
        fit(tmp_path / "run/data", tmp_path / "run", force=force)
        with pytest.raises(ConfigError, match="bogus"):
            fit(tmp_path / "run/data", tmp_path / "run", force=True, conditions=("bogus",))
    assert contents(tmp_path / "run/data") == before


def test_a_model_learns_from_as_many_prepared_items_as_it_is_told(cli, tmp_path, clouds):
    assert cli("datasets", "prepare", "pointclouds", clouds, "-o", "prepared").code == 0
    assert fit(tmp_path / "prepared", tmp_path / "run", limit=20).metrics["items"] == 20
    with pytest.raises(ConfigError, match=r"holds another training: data\.limit 20, not 30\. Pass"):
        fit(tmp_path / "prepared", tmp_path / "run", limit=30)
    assert fit(tmp_path / "prepared", tmp_path / "run", limit=30, force=True).metrics["items"] == 30


def test_a_users_data_beside_a_training_outlive_it(cli, tmp_path, clouds):
    assert cli("datasets", "prepare", "pointclouds", clouds, "-o", "prepared").code == 0
    write_project(tmp_path / "run", ["data/actives.csv", "notes.txt", "checkpoints/mine.pt"])
    for seed in (0, 1):
        fit(tmp_path / "prepared", tmp_path / "run", force=True, seed=seed)
    assert {"data/actives.csv", "notes.txt", "checkpoints/mine.pt"} <= set(contents(tmp_path / "run"))


def test_force_prepares_anew_what_another_training_prepared(tmp_path, clouds):
    fit(write_clouds(tmp_path / "other.csv", 40, seed=1), tmp_path / "run")
    assert fit(clouds, tmp_path / "run", force=True).metrics["items"] == 60
    assert not (tmp_path / "run/.preparing").exists()


@pytest.mark.parametrize("name", ["weights.safetensors", "representation.json", "config.yaml", "checkpoints/last.pt"])
def test_a_models_file_without_its_training_is_not_taken_over(tmp_path, workspace, clouds, name):
    run = tmp_path / "run"
    (run / name).parent.mkdir(parents=True)
    source = workspace.model / name
    (run / name).write_bytes(source.read_bytes() if source.exists() else b"junk")
    before = contents(run)
    with pytest.raises(ConfigError, match=name):
        fit(clouds, run)
    assert contents(run) == before
    forced, fresh = fit(clouds, run, force=True), fit(clouds, tmp_path / "fresh")
    for made in (models.REPRESENTATION, models.WEIGHTS):
        assert (forced.folder / made).read_bytes() == (fresh.folder / made).read_bytes()


def test_a_training_into_a_taken_models_folder_is_refused_and_keeps_it(cli, tmp_path, workspace, clouds):
    take_model("pointclouds", str(workspace.model), tmp_path / "taken")
    before = contents(tmp_path / "taken")
    assert cli("train", "pointclouds", "--data", clouds, "-o", "taken", "--condition", "bogus").code == 2
    assert cli("train", "pointclouds", "--data", clouds, "-o", "taken").code == 2
    assert contents(tmp_path / "taken") == before


def test_weights_are_not_adapted_onto_themselves(tmp_path, workspace):
    shutil.copytree(workspace.model, tmp_path / "model")
    before = contents(tmp_path / "model")
    with pytest.raises(ConfigError, match="start from"):
        fit(workspace.folder / "clouds.csv", tmp_path / "model", force=True, **{"from": str(tmp_path / "model")})
    assert contents(tmp_path / "model") == before


def test_a_users_own_train_json_is_none_of_ours(tmp_path, clouds):
    (tmp_path / "project").mkdir()
    (tmp_path / "project/train.json").write_text('[{"item": "mine"}]')
    for force in (False, True):
        with pytest.raises(SciencegenError, match=r"train\.json"):
            fit(clouds, tmp_path / "project", force=force)
    assert list(contents(tmp_path / "project")) == ["train.json"]


@pytest.mark.parametrize(("chosen", "told"), [
    ({}, ["columns of the table that become conditions: measured (`conditions` names others)"]),
    ({"conditions": ("radius",)}, []),
])  # fmt: skip
def test_columns_that_become_conditions_are_told(tmp_path, clouds, chosen, told):
    """A table may have columns that nobody wants to ask for, such as a flag or the logarithm of another column."""
    said: list[str] = []
    fit(clouds, tmp_path / "run", log=said.append, **chosen)
    assert [line for line in said if "become conditions" in line] == told


def test_another_column_is_another_training(tmp_path, clouds):
    table = pd.read_csv(clouds)
    table.assign(other=list(table["cloud"])[::-1]).to_csv(clouds, index=False)
    fit(clouds, tmp_path / "run", column="cloud")
    said: list[str] = []
    fit(clouds, tmp_path / "run", column="cloud", log=said.append)
    assert "finished already" in said[0]
    with pytest.raises(ConfigError, match="another training"):
        fit(clouds, tmp_path / "run", column="other")


def test_a_sets_sample_and_the_whole_set_are_two_trainings(tmp_path, workspace, monkeypatch):
    write_card(tmp_path / "cards", workspace.folder / "clouds.csv")
    monkeypatch.setenv("SCIENCEGEN_DATASETS", str(tmp_path / "cards"))
    fit("rings", tmp_path / "run")
    said: list[str] = []
    fit("rings", tmp_path / "run", log=said.append)
    assert "finished already" in said[0]
    monkeypatch.setattr("sciencegen.api.sources.tables.is_fetched", lambda card: True)
    with pytest.raises(ConfigError, match="another training"):
        fit("rings", tmp_path / "run")


class Killed(BaseException):
    """No SciencegenError: what is left is as a kill leaves it."""


def kill(*arguments, **named):
    raise Killed


@pytest.mark.long
@pytest.mark.parametrize(
    "place",
    [
        "sciencegen.api.models.data.prepare_source", "sciencegen.api.models.data.replace_folder",
        "sciencegen.api.train.fit_representation", "sciencegen.api.train.read_training_data",
        "sciencegen.training.train._fit", "sciencegen.api.train._save",
    ],
)  # fmt: skip
@pytest.mark.parametrize("over_another", [False, True])
def test_a_killed_training_goes_on_with_the_same_command(tmp_path, clouds, place, over_another):
    """Wherever it is killed, over another training too, the same call ends with the unbroken run's weights."""
    if over_another:
        fit(write_clouds(tmp_path / "other.csv", 40, seed=1), tmp_path / "run")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, kill)
        with pytest.raises(Killed):
            fit(clouds, tmp_path / "run", force=over_another)
    broken, unbroken = fit(clouds, tmp_path / "run", force=over_another), fit(clouds, tmp_path / "unbroken")
    for name in (models.WEIGHTS, models.REPRESENTATION, models.CONFIG, models.METRICS):
        assert (broken.folder / name).read_bytes() == (unbroken.folder / name).read_bytes()
    assert set(contents(broken.folder)) == set(contents(unbroken.folder))


def test_a_resumed_training_keeps_the_count_of_refused_rows(tmp_path, clouds, monkeypatch):
    with clouds.open("a") as table:
        table.write("junk,,\njunk,,\n")
    with monkeypatch.context() as patch:
        patch.setattr("sciencegen.api.train._descend", kill)
        with pytest.raises(Killed):
            fit(clouds, tmp_path / "run")
    lines: list[str] = []
    resumed = fit(clouds, tmp_path / "run", log=lines.append)
    assert not any(line.startswith("preparing") for line in lines)
    assert sum("2 rows are refused" in line for line in lines) == 1
    assert resumed.metrics["refused"] == fit(clouds, tmp_path / "unbroken").metrics["refused"] == 2


def test_what_a_call_left_that_was_killed_at_its_end_is_removed(tmp_path, clouds):
    ended, unbroken = fit(clouds, tmp_path / "ended").folder, fit(clouds, tmp_path / "unbroken").folder
    (ended / "checkpoints").mkdir()
    for name in ("checkpoints/last.pt", ".lock"):
        (ended / name).touch()
    with RunFolder(ended).lock():
        fit(clouds, ended)
    assert (ended / "checkpoints/last.pt").exists(), "another call works here"
    fit(clouds, ended)
    assert set(contents(ended)) == set(contents(unbroken))


def test_data_of_another_training_that_a_killed_call_was_removing_are_removed(tmp_path, clouds, monkeypatch):
    fit(write_clouds(tmp_path / "other.csv", 40, seed=1), tmp_path / "run")

    def kill(path, **named):
        if Path(path).name.startswith(".data."):
            raise Killed
        real(path, **named)

    real = shutil.rmtree
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", kill)
        with pytest.raises(Killed):
            fit(clouds, tmp_path / "run", force=True)
    (left,) = (tmp_path / "run").glob(".data.*")
    ended = subprocess.Popen(["true"])
    ended.wait()
    left.rename(left.with_name(left.name.replace(str(os.getpid()), str(ended.pid))))
    broken, unbroken = fit(clouds, tmp_path / "run", force=True), fit(clouds, tmp_path / "unbroken")
    assert set(contents(broken.folder)) == set(contents(unbroken.folder))


def test_a_resumed_training_that_is_refused_loses_no_prepared_data(tmp_path, clouds, monkeypatch):
    fit(clouds, tmp_path / "run")
    (tmp_path / "run" / models.WEIGHTS).unlink()
    before = contents(tmp_path / "run")

    def refuse(*arguments):
        raise ConfigError("refused")

    monkeypatch.setattr("sciencegen.api.train.read_training_data", refuse)
    with pytest.raises(ConfigError, match="refused"):
        fit(clouds, tmp_path / "run")
    assert contents(tmp_path / "run") == before


# --- taking trained weights as they are -------------------------------------------------------------------------------


def test_a_model_that_is_taken_ends_the_training_that_was_there(tmp_path, workspace, clouds):
    fit(clouds, tmp_path / "run")
    take_model("pointclouds", str(workspace.model), tmp_path / "run", force=True)
    names = (models.CONFIG, models.REPRESENTATION, models.METRICS, models.CARD, models.WEIGHTS)
    assert contents(tmp_path / "run") == {name: (workspace.model / name).read_bytes() for name in sorted(names)}
    with pytest.raises(ConfigError, match="`force`"):
        fit(clouds, tmp_path / "run")  # not "finished already"


def test_a_model_is_taken_whole_or_not_at_all(tmp_path, workspace, monkeypatch):
    def stop(source, copy):
        copy.write(source.read(10))
        raise Killed

    monkeypatch.setattr("sciencegen.api.train.shutil.copyfileobj", stop)
    with pytest.raises(Killed):
        take_model("pointclouds", str(workspace.model), tmp_path / "taken")
    assert contents(tmp_path / "taken") == {}


def test_a_model_is_not_taken_into_a_folder_at_work(tmp_path, workspace):
    run = RunFolder(tmp_path / "run")
    with run.lock(), pytest.raises(ConfigError, match="another process"):
        take_model("pointclouds", str(workspace.model), run.path, force=True)


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_model_is_taken_onto_itself(cli, tmp_path, workspace, force):
    shutil.copytree(workspace.model, tmp_path / "two")
    before = contents(tmp_path / "two")
    result = cli("train", "pointclouds", "-o", "two", "--settings", "{model: two}", *force)
    assert result.code == 0, result.err
    assert contents(tmp_path / "two") == before


# --- settings of the last fit -----------------------------------------------------------------------------------------


@pytest.fixture
def fits_last(monkeypatch):
    """The toy network with a last fit that has a setting; and how often training began."""
    begun: list[int] = []
    monkeypatch.setattr(ArrayVAE, "finish", lambda self, batches, generator, rounds=3: None)
    monkeypatch.setattr("sciencegen.training.train._fit", lambda *arguments: begun.append(1))
    return begun


@pytest.mark.parametrize("finish", [{"round": 1}, {"rounds": "many"}, {"rounds": True}, {"rounds": 1.5}])
@pytest.mark.parametrize("hinted", [False, True])
def test_a_wrong_setting_of_the_last_fit_is_said_first(tmp_path, clouds, fits_last, finish, hinted, monkeypatch):
    recipe = DOMAIN.recipes["autoencoder"]

    def build(representation, settings) -> ArrayVAE:
        return recipe.build(representation, settings)

    def prepare(*arguments, **named):
        raise AssertionError("data were read")

    if hinted:  # then it is an error before the data are read, too
        build.__annotations__["return"] = ArrayVAE
        monkeypatch.setitem(RECIPES, "autoencoder", replace(recipe, build=build))
        monkeypatch.setattr("sciencegen.api.models.data.prepare_source", prepare)
    with pytest.raises(ConfigError, match="round"):
        fit(clouds, tmp_path / "run", finish=finish)
    assert not fits_last
    assert contents(tmp_path / "run") == {}


def test_a_right_setting_of_the_last_fit_is_taken(tmp_path, clouds, fits_last):
    fit(clouds, tmp_path / "run", finish={"rounds": 1})
    assert fits_last == [1]


def test_values_stand_in_the_order_of_the_properties(workspace):
    """Whatever the order of names in a file, the model gets the right values."""
    prepared = PreparedDataset.load(workspace.folder / "data")
    recipe = DOMAIN.recipes[DOMAIN.default_recipe]
    representation = fit_representation(prepared, recipe, None, ("radius", "height"))
    held = read_training_data(prepared, "pointclouds", recipe, representation, 1, print)
    assert tuple(representation.properties) == ("radius", "height")
    np.testing.assert_array_equal(held.values, prepared.values("train", ("radius", "height")))


# --- conditions of a student ------------------------------------------------------------------------------------------


def test_a_student_hears_what_its_teacher_hears(workspace):
    """Not the data's other columns; and conditions that the data lack are an error."""
    prepared, recipe = PreparedDataset.load(workspace.folder / "data"), DOMAIN.recipes[DOMAIN.default_recipe]
    settings = build_settings(TrainSettings, {"distill": 8})
    heard = ("height", "radius")
    assert condition_names(prepared, recipe, teacher_of(heard), settings) == heard
    assert condition_names(prepared, recipe, teacher_of(()), settings) == ()
    with pytest.raises(ConfigError, match="charge"):
        condition_names(prepared, recipe, teacher_of(("radius", "charge")), settings)


def teacher_of(properties):
    return SimpleNamespace(representation=SimpleNamespace(properties=properties))


def test_a_recipe_that_cannot_say_how_to_draw_is_not_distilled():
    with pytest.raises(ConfigError, match="diffusion"):
        drawing_as(None, Settings())


def test_a_finished_training_is_not_repeated_and_another_is_not_overwritten(cli, workspace):
    same = ("--condition", "radius", "--training", "steps=200", "--training", "learning_rate=0.01")
    base = ("train", "pointclouds", "--data", workspace.folder / "data", "-o", workspace.model)
    again = cli(*base, *same, "--training", "warmup_steps=5")
    assert again.code == 0
    assert "finished already" in again.err
    assert cli(*base, "--training", "steps=3").code == 2


def test_trained_weights_are_adapted(cli, workspace):
    base = ("train", "pointclouds", "--from", workspace.model, "--data", workspace.folder / "clouds.csv", "-o", "tuned")
    assert cli(*base, "--condition", "radius", "--training", "steps=5").code == 0
    assert cli("generate", "pointclouds", "--model", "tuned", "-n", 3).code == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [(("--condition", "bogus"), "bogus"), (("--training", "setps=3"), "setps"), (("--set", "x=1"), "x")],
)
def test_a_training_that_is_refused_claims_no_folder(cli, workspace, tmp_path, flags, said):
    wrong = cli("train", "pointclouds", "--data", workspace.folder / "clouds.csv", "-o", "run", *flags)
    assert wrong.code == 2
    assert said in wrong.err
    few = ("--training", "steps=3", "--training", "warmup_steps=1")
    assert cli("train", "pointclouds", "--data", workspace.folder / "data", "-o", "run", *few).code == 0
    assert not (tmp_path / "run/data").exists()  # nothing that the refused one prepared
