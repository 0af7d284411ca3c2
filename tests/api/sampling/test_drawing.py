"""Settings of diffusion sampling."""

from types import SimpleNamespace

import pytest

from sciencegen.api.sampling.drawing import check_drawing, check_guidance, drawing_words, no_diffusion, set_drawing
from sciencegen.config import GenerateSettings
from sciencegen.domains.capabilities import DrawTasks
from sciencegen.errors import ConfigError
from tests.diffusion.test_model import known


def test_settings_are_told_in_words():
    settings = GenerateSettings(sampler="heun", steps=9, best_of=3, steer=("maximize qed",))
    assert drawing_words(settings) == ["sampler heun", "steps 9", "steered: maximize qed", "best of 3"]
    assert drawing_words(GenerateSettings()) == []


def test_an_unknown_sampler_gets_the_nearest_name():
    check_drawing(GenerateSettings(sampler="heun"))
    with pytest.raises(ConfigError, match="Did you mean 'heun'"):
        check_drawing(GenerateSettings(sampler="huen"))
    check_drawing(GenerateSettings(sampler="churn", step_noise=0.5))
    with pytest.raises(ConfigError, match="Expected a random sampler with `step_noise`, got 'heun'"):
        check_drawing(GenerateSettings(sampler="heun", step_noise=0.5))


def test_guidance_needs_a_condition_that_the_model_is_told():
    conditions = [SimpleNamespace(name="qed")]
    check_guidance(GenerateSettings(guidance=2.0), conditions, ["qed"])
    check_guidance(GenerateSettings(), [], [])
    with pytest.raises(ConfigError, match="conditioned on gap"):
        check_guidance(GenerateSettings(guidance=2.0), conditions, ["gap"])
    check_guidance(GenerateSettings(guidance=2.0), [], ["gap"], imputes=True)


def test_a_model_without_steps_is_named():
    model = SimpleNamespace(folder="runs/m", recipe=SimpleNamespace(name="vae"))
    assert "`sampler`, `steps`, the model in runs/m (recipe 'vae')" in str(no_diffusion(["sampler", "steps"], model))
    set_drawing(model, GenerateSettings())  # without settings, the model isn't used


@pytest.mark.parametrize(
    ("given", "sampler"),
    [
        ({"scaffold": "motif.pdb"}, "ancestral"),
        ({"steer": ("maximize helix",)}, "ancestral"),
        ({"scaffold": "motif.pdb", "sampler": "churn"}, "churn"),
    ],
)
def test_step_noise_is_that_of_the_sampler_which_draws(given, sampler):
    tasks = DrawTasks(settings=frozenset({"scaffold"}), resolve=print, samplers={"scaffold": "ancestral"})
    model = SimpleNamespace(model=known(sampler="ddim"), recipe=SimpleNamespace(tasks=tasks))
    set_drawing(model, GenerateSettings(step_noise=0.5, **given))
    assert (model.model.settings.sampler, model.model.settings.step_noise) == (sampler, 0.5)


def test_step_noise_of_a_deterministic_sampler_is_an_error():
    model = SimpleNamespace(model=known(sampler="ddim"), recipe=SimpleNamespace(tasks=None))
    for given in ({}, {"steer": ("maximize helix",), "sampler": "ddim"}):
        with pytest.raises(ConfigError, match="Expected a random sampler with `step_noise`, got 'ddim'"):
            set_drawing(model, GenerateSettings(step_noise=0.5, **given))
    set_drawing(model, GenerateSettings(steps=3, steer=("maximize helix",)))
    assert (model.model.settings.sampler, model.model.settings.steps) == ("ddim", 3)
