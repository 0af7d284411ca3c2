"""Settings of diffusion sampling."""

from types import SimpleNamespace

import pytest
from pointclouds import DOMAIN

from sciencegen.api.criteria import parse_conditions
from sciencegen.api.sampling.request import (
    check_drawing,
    check_guidance,
    drawing_words,
    no_diffusion,
    set_drawing,
    set_tries,
)
from sciencegen.config import GenerateSettings
from sciencegen.domains.capabilities import DrawTasks
from sciencegen.errors import ConfigError
from sciencegen.vae.latent_prior_vae import LatentPriorVAE
from tests.diffusion.test_model import known
from tests.vae.test_latent_prior_vae import SMALL as LATENT_PRIOR


def test_settings_are_told_in_words():
    settings = GenerateSettings(sampler="heun", steps=9, best_of=3, steer=("maximize qed",))
    assert drawing_words(settings) == ["sampler heun", "steps 9", "steered: maximize qed", "best of 3"]
    assert drawing_words(GenerateSettings()) == []


@pytest.fixture
def sequences():
    """A model of sequences with two properties of the toy domain."""
    network = LatentPriorVAE(9, 2, LATENT_PRIOR)
    space = SimpleNamespace(properties=("radius", "height"))
    recipe = SimpleNamespace(name="smiles-vae")
    return SimpleNamespace(model=network, space=space, domain=DOMAIN, representation=None, recipe=recipe, folder="m")


def test_tries_are_decoded_draws_of_more_codes(sequences):
    settings, conditions = GenerateSettings(tries=20), parse_conditions(["radius = 1"], DOMAIN)
    set_tries(sequences, 20, conditions)
    found = sequences.model.settings
    assert (found.measured, found.candidates) == (20, 80)
    assert drawing_words(settings) == ["tries 20"]
    set_tries(sequences, 1, conditions)
    assert (sequences.model.settings.measured, sequences.model.settings.candidates) == (1, 80)


def test_tries_without_an_effect_are_refused(sequences):
    with pytest.raises(ConfigError, match=r"got none \(it is conditioned on radius, height\). Add `where`"):
        set_tries(sequences, 2, [])
    sequences.model = known()
    with pytest.raises(ConfigError, match=r"draws several times.*Use `best_of`"):
        set_tries(sequences, 2, parse_conditions(["radius = 1"], DOMAIN))


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
