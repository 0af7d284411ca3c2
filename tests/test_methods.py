"""The matrix of docs/methods.md is that of `tests.methods`, each ● runs, and what has none is refused."""

import re

import pytest

from sciencegen import diffusion, vae
from sciencegen.diffusion.objectives import WEIGHTINGS
from sciencegen.diffusion.process import TO_X
from sciencegen.diffusion.samplers import SAMPLERS
from sciencegen.diffusion.schedules import SCHEDULES
from sciencegen.errors import SciencegenError
from sciencegen.vae.array_vae import BOUNDS, POSTERIOR_NAMES, PRIORS, ArrayVAESettings
from sciencegen.vae.priors import LATENT_PRIORS
from tests.methods import COLUMNS, METHODS, PAGE, run, table


@pytest.mark.parametrize("recipe", COLUMNS)
@pytest.mark.parametrize("method", METHODS)
def test_a_method_runs_or_is_refused(method, recipe):
    settings, where = METHODS[method]
    if recipe in where:
        return run(recipe, settings)
    if "distill" not in settings:
        with pytest.raises(SciencegenError, match=r"Expected|Unknown"):
            run(recipe, settings)
    return None


def test_the_page_has_the_matrix():
    assert table() in PAGE.read_text(), "python -m tests.methods writes it"


def test_every_name_of_a_setting_is_in_the_matrix():
    flat = {}
    for settings, _ in METHODS.values():
        for name, value in [*settings.items(), *dict(settings.get("diffusion", {})).items()]:
            flat.setdefault(name, set()).add(str(value))
    known = {
        "posterior": POSTERIOR_NAMES, "prior": set(PRIORS) - {"conditional_scale"}, "bound": BOUNDS,
        "latent_prior": LATENT_PRIORS, "schedule": SCHEDULES, "prediction": TO_X, "weighting": WEIGHTINGS,
        "sampler": SAMPLERS,
    }  # fmt: skip
    assert {name: set(values) - flat[name] for name, values in known.items()} == {name: set() for name in known}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prior": "diffusion"}, "Set latent_prior=diffusion"),
        ({"prior": "vamp", "posterior": "iaf"}, "Expected posterior 'gaussian' with prior 'vamp', got 'iaf'"),
        ({"prior": "mixture", "layers": (2, 2)}, "Expected posterior 'gaussian' and prior 'standard_normal'"),
        ({"prior": "flow", "flow_layers": 0}, "Expected flow_layers of 1 or more"),
        ({"latent_diffusion": {"schedule": "learned"}}, "Expected latent_prior 'diffusion' with latent_diffusion"),
        ({"latent_prior": "difusion"}, "Did you mean 'diffusion'"),
    ],
)
def test_what_cannot_be_combined_is_refused_in_a_sentence(settings, message):
    with pytest.raises(SciencegenError, match=message):
        ArrayVAESettings(**settings)


@pytest.mark.parametrize("package", [vae, diffusion])
def test_names_of_a_package_are_those_of_its_modules(package):
    assert all(callable(getattr(package, name)) for name in package.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'missing'"):
        _ = package.missing


def test_the_page_of_the_library_runs():
    blocks = re.findall(r"```python\n(.*?)```", (PAGE.parent / "library.md").read_text(), re.DOTALL)
    assert len(blocks) == 4
    exec("\n".join(blocks), {"__name__": "library"})
