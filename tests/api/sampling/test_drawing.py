"""Settings of diffusion sampling."""

from types import SimpleNamespace

import pytest

from sciencegen.api.sampling.drawing import check_drawing, check_guidance, drawing_words, no_diffusion, set_drawing
from sciencegen.config import GenerateSettings
from sciencegen.errors import ConfigError


def test_settings_are_told_in_words():
    settings = GenerateSettings(sampler="heun", steps=9, best_of=3, steer=("maximize qed",))
    assert drawing_words(settings) == ["sampler heun", "steps 9", "steered: maximize qed", "best of 3"]
    assert drawing_words(GenerateSettings()) == []


def test_an_unknown_sampler_gets_the_nearest_name():
    check_drawing(GenerateSettings(sampler="heun"))
    with pytest.raises(ConfigError, match="Did you mean 'heun'"):
        check_drawing(GenerateSettings(sampler="huen"))


def test_guidance_needs_a_condition_that_the_model_is_told():
    conditions = [SimpleNamespace(name="qed")]
    check_guidance(GenerateSettings(guidance=2.0), conditions, ["qed"])
    check_guidance(GenerateSettings(), [], [])
    with pytest.raises(ConfigError, match="conditioned on gap"):
        check_guidance(GenerateSettings(guidance=2.0), conditions, ["gap"])


def test_a_model_without_steps_is_named():
    model = SimpleNamespace(folder="runs/m", recipe=SimpleNamespace(name="vae"))
    assert "`sampler`, `steps`, the model in runs/m (recipe 'vae')" in str(no_diffusion(["sampler", "steps"], model))
    set_drawing(model, GenerateSettings())  # without settings, the model isn't used
