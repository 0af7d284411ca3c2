"""Plans of trainings: settings are refused without reading data."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from sciencegen.api.models.plan import check_taken, class_made_by, make_plan, plan_halvings
from sciencegen.config import TrainSettings
from sciencegen.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"recipe": "autoencoder", "settings": {"widht": 3}}, "width"),
        ({"training": {"setps": 3}}, "steps"),
        ({"teacher_steps": 8}, "teacher_steps without distill"),
        ({"distill": 4}, "Expected a diffusion to distill"),
        ({"recipe": "autoencode"}, "Did you mean 'autoencoder'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_read(settings, said):
    with pytest.raises(ConfigError, match=said):
        make_plan("pointclouds", "none.csv", None, TrainSettings(**settings, device="cpu"))


def test_a_plan_holds_the_settings_of_all_it_needs():
    chosen = TrainSettings(training={"steps": 3}, settings={"width": 8}, seed=5, limit=9, device="cpu")
    plan = make_plan("pointclouds", "none.csv", "cloud", chosen)
    assert (plan.training.steps, plan.training.seed, plan.network.width) == (3, 5, 8)
    assert (plan.preparing.source, plan.preparing.column, plan.preparing.limit) == ("none.csv", "cloud", 9)
    assert plan.formed == "pointclouds"


def test_a_part_of_nested_settings_keeps_the_recipes_other_values():
    chosen = TrainSettings(recipe="array-diffusion", settings={"diffusion": {"steps": 9}}, device="cpu")
    found, usual = (plan.network.diffusion for plan in (
        make_plan("arrays", "none.csv", None, chosen),
        make_plan("arrays", "none.csv", None, TrainSettings(recipe="array-diffusion", device="cpu")),
    ))  # fmt: skip
    assert found == replace(usual, steps=9)
    assert found.dropout != type(found)().dropout


@pytest.mark.parametrize(("model", "rate"), [("molecules", 5e-4), ("molecules-language-model", 1e-4)])
def test_recipes_have_their_own_defaults_of_fine_tuning(model, rate):
    plan = make_plan("molecules", "none.smi", None, TrainSettings(from_model=model, device="cpu"))
    assert (plan.training.steps, plan.training.learning_rate) == (300, rate)


def test_weights_that_are_taken_as_they_are_need_no_training():
    check_taken(TrainSettings(model="molecules", seed=3))
    with pytest.raises(ConfigError, match="got training"):
        check_taken(TrainSettings(model="molecules", training={"steps": 3}))


def test_a_class_is_known_by_what_a_function_says_that_it_returns():
    def made() -> SimpleNamespace: ...

    assert class_made_by(made) is SimpleNamespace
    assert class_made_by(lambda: None) is None
    assert plan_halvings(None, TrainSettings()) == ()
