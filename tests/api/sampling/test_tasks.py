"""Which settings of a task go together, and with which models."""

import pytest

from sciencegen.api.models.folder import load_model
from sciencegen.api.sampling.request import given_task, requested_tasks, resolve_draws
from sciencegen.api.science import domain_of
from sciencegen.config import GenerateSettings
from sciencegen.domains.capabilities import DrawTasks
from sciencegen.errors import ConfigError

EVERY = DrawTasks(settings=frozenset({"scaffold", "contigs", "vary", "noise_level", "symmetry"}), resolve=print)


@pytest.mark.parametrize(
    "given", [{"scaffold": "a"}, {"scaffold": "a", "contigs": "A1"}, {"vary": "a"}, {"symmetry": "C3"}]
)
def test_a_recipe_takes_its_tasks(given):
    assert requested_tasks(EVERY, GenerateSettings(**given), "it") is EVERY
    assert not requested_tasks(EVERY, GenerateSettings(), "it")


def test_goals_choose_among_finished_draws():
    assert requested_tasks(EVERY, GenerateSettings(vary="a", steer=("maximize a",), best_of=2), "it")


def test_a_scaffold_may_be_one_of_the_domain():
    assert not requested_tasks(None, GenerateSettings(scaffold="part.sdf"), "it")


@pytest.mark.parametrize(
    ("tasks", "given", "message"),
    [
        (EVERY, {"scaffold": "a", "vary": "b"}, "one of `scaffold` and `vary`, got 2"),
        (EVERY, {"vary": "b", "symmetry": "C3"}, "one of `vary` and `symmetry`"),
        (EVERY, {"contigs": "A1"}, "`scaffold` with `contigs`, got none"),
        (EVERY, {"noise_level": 0.2}, "`vary` with `noise_level`, got none"),
        (None, {"vary": "b"}, "takes `vary` .*it doesn't"),
        (None, {"scaffold": "a", "contigs": "A1"}, "takes `contigs`"),
        (None, {"symmetry": "C3"}, "takes `symmetry`"),
        (EVERY, {"vary": "b", "steer": ("maximize a",)}, "no `steer` with `vary`"),
        (EVERY, {"vary": "b", "steer": ("maximize a",), "best_of": 2, "particles": 4}, "no `particles` with `vary`"),
    ],
)
def test_what_does_not_go_together_is_an_error(tasks, given, message):
    with pytest.raises(ConfigError, match=message):
        requested_tasks(tasks, GenerateSettings(**given), "it")


@pytest.mark.parametrize("level", [0.0, 1.5])
def test_a_noise_level_is_a_share(level):
    with pytest.raises(ValueError, match="noise_level"):
        GenerateSettings(vary="a", noise_level=level)


def test_the_domains_recipes_with_the_task_are_named():
    recipes = domain_of("molecules").recipes
    with pytest.raises(ConfigError, match=r"takes `core` \(of a recipe with this task: smiles-vae, selfies-vae\)"):
        requested_tasks(None, GenerateSettings(core="C*"), "it", recipes)


def test_what_no_model_could_read_is_an_error_before_one_is_loaded():
    with pytest.raises(ConfigError, match="Expected a core as SMILES"):
        requested_tasks(domain_of("molecules").recipes["smiles-vae"].tasks, GenerateSettings(core="c1cc"), "it")


def test_a_model_without_tasks_draws_none():
    model = load_model("galaxies", None, "cpu")
    assert resolve_draws(model, GenerateSettings(n=1)).task is None
    with pytest.raises(ConfigError, match=r"takes `vary`.*galaxies doesn't. Pass another `model`"):
        resolve_draws(model, GenerateSettings(n=1, vary="a.fits"))


def test_only_what_was_asked_is_told():
    assert given_task(GenerateSettings()) == {}
    asked = GenerateSettings(contigs="5,A1-9,5", scaffold="m.pdb")
    assert list(given_task(asked).items()) == [("scaffold", "m.pdb"), ("contigs", "5,A1-9,5")]
