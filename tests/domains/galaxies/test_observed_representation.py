"""Stamps to tensors and back with their PSF and noise."""

import json

import numpy as np
import pytest
import torch

from sciencegen.api.models.folder import recipe_settings
from sciencegen.domains.galaxies import DOMAIN
from sciencegen.domains.galaxies.models import CONDITIONS, RECIPES
from sciencegen.domains.galaxies.representation import fit_observed, load_observed
from sciencegen.domains.galaxies.survey import SurveySettings, simulate
from sciencegen.errors import ConfigError, DataError
from sciencegen.items import Refusal
from tests.symmetries import equivariance_error

RECIPE = RECIPES["stamp-diffusion"]
SMALL = {"multipliers": (1, 2), "known": 8, "width": 6}


@pytest.fixture(scope="module")
def known(simulated):
    return DOMAIN.measure([one.twin for one in simulated], CONDITIONS)


@pytest.fixture(scope="module")
def representation(observed, known):
    return fit_observed([DOMAIN.items.text(one) for one in observed], known, CONDITIONS)


def test_stamps_come_back_with_psf_and_noise(representation, observed):
    back = representation.decode(representation.batch(representation.encode(observed)))
    assert [DOMAIN.items.text(one).partition(":")[0] for one in back] == ["stamp1"] * len(observed)
    for one, other in zip(back, observed, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_allclose(one.psf, other.psf, atol=1e-6)
        np.testing.assert_array_equal(one.variance, other.variance)


def test_variance_maps_come_back():
    rows = [one.observed for one in simulate(SurveySettings(side=32, shot_noise=True), 3, 0, 4)]
    made = fit_observed([DOMAIN.items.text(one) for one in rows], np.zeros((4, 0)), ())
    for one, other in zip(made.decode(made.batch(made.encode(rows))), rows, strict=True):
        np.testing.assert_array_equal(one.variance, other.variance)


def test_it_is_read_back_whole(representation):
    again = load_observed(json.loads(json.dumps(representation.to_json())))
    assert again.to_json() == representation.to_json()
    assert again.properties == CONDITIONS
    for name in ("psf", "variance"):
        torch.testing.assert_close(again.exposures[name], representation.exposures[name])


def test_noise_free_stamps_are_refused(representation, twins):
    refused = representation.encode(twins[:2])
    assert all(isinstance(one, Refusal) and "stamp-vae" in one.reason for one in refused)
    with pytest.raises(DataError, match="stamp-vae"):
        fit_observed([DOMAIN.items.text(one) for one in twins[:3]], np.zeros((3, 0)), ())


def test_noise_free_stamps_among_observed_ones_get_a_sixteenth_of_their_noise(observed, twins):
    made = fit_observed([DOMAIN.items.text(one) for one in [*observed[:5], *twins[:5]]], np.zeros((10, 0)), ())
    noise = np.median([exposure.variance for exposure in made.instrument.exposures], 0)
    np.testing.assert_allclose(made.least_variance, noise / 256, rtol=1e-6)
    again = load_observed(json.loads(json.dumps(made.to_json())))
    assert again.least_variance == made.least_variance
    torch.manual_seed(0)
    model = RECIPE.build(again, recipe_settings(RECIPE, {"unet": SMALL})).eval()
    clean = again.batch(again.encode(twins[:2]))
    noisy = torch.sinh(model.embed(clean, torch.Generator().manual_seed(0))["image"]) * model.unit(clean)
    added = (noisy - clean["image"]) / noise[0] ** 0.5 * 16
    assert float(added.std()) == pytest.approx(1, abs=0.05)
    assert model.bits_per_pixel(clean).isfinite().all()


def test_what_a_catalogue_knows_is_hidden_by_the_noise(representation):
    assert representation.observation.hidden == set(CONDITIONS)
    assert representation.observation.instrument is None
    with pytest.raises(ConfigError, match="ellipticity"):
        representation.condition({"elipticity": 0.2})


@pytest.fixture(scope="module")
def model(representation):
    torch.manual_seed(0)
    settings = recipe_settings(
        RECIPE, {"unet": {"symmetry": "d4", **SMALL}, "diffusion": {"steps": 2, "flow_steps": 2}}
    )
    made = RECIPE.build(representation, settings).eval()
    for parameter in made.diffusion.network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    return made


def test_the_network_commutes_with_stamps_their_psf_and_conditions(model, representation, observed, known):
    x = model.embed(representation.batch(representation.encode(observed[:8]), known[:8]))
    level = torch.linspace(-6, 8, 8)
    assert equivariance_error(model.diffusion.network, x.fields, level, x.condition) < 1e-5


def test_draws_are_stamps(model, representation):
    noise = torch.randn(4, model.latent_size, generator=torch.Generator().manual_seed(0))
    stamps = representation.decode(model.generate(noise))
    assert all(not one.noise_free and one.psf is not None for one in stamps)
    figures = RECIPE.check(model, representation, representation.encode(stamps))
    assert np.isfinite(figures["bits_per_pixel"])
    assert figures["noise_bits"] == pytest.approx(6.047, abs=1e-3)
