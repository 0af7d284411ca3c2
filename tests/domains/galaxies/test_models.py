"""Models of stamps as their settings say."""

import pytest
import torch

from sciencegen.diffusion.vectors import DiffusionPrior
from sciencegen.domains.galaxies.items import text
from sciencegen.domains.galaxies.measurements import measure
from sciencegen.domains.galaxies.models import CONDITIONS, adapt_stamp_vae, condition_kinds, stamp_vae
from sciencegen.domains.galaxies.representation import fit
from sciencegen.networks.pyramid import PyramidSettings
from sciencegen.vae.flows import FlowPrior
from sciencegen.vae.image_vae import ImageVAESettings

SIZES = {"code": 4, "pyramid": PyramidSettings(4, (1, 2), known=8), "flow_layers": 2, "flow_width": 8}


@pytest.fixture(scope="module")
def representation(twins):
    return fit([text(one) for one in twins[:24]], measure(twins[:24], CONDITIONS), CONDITIONS)


def model_of(representation, **settings):
    torch.manual_seed(0)
    return stamp_vae(representation, ImageVAESettings(**SIZES, **settings))


def test_the_prior_of_codes_is_a_flow_or_a_diffusion_beside_the_same_autoencoder(representation):
    flow, diffusion = model_of(representation), model_of(representation, latent_prior="diffusion")
    assert isinstance(flow.prior, FlowPrior)
    assert isinstance(diffusion.prior, DiffusionPrior)
    network = diffusion.prior.model.network
    assert (network.size, network.property_count, len(network.layers)) == (4, len(CONDITIONS), 2)
    there = diffusion.networks.state_dict()
    assert all(value.equal(there[name]) for name, value in flow.networks.state_dict().items())


def test_the_components_of_an_ellipticity_turn_with_the_image(representation):
    kinds = condition_kinds(representation)
    assert [CONDITIONS[column] for column in kinds.pairs[0]] == ["e1", "e2"]
    assert len(kinds.scalars) == len(CONDITIONS) - 2


def test_weights_that_change_in_a_training_are_those_at_its_end_when_it_goes_on_with_other_stamps(representation):
    model = model_of(representation, profiles=1)
    adapted = adapt_stamp_vae(model, representation, representation, model.settings, seed=0)
    for weight in ("beta", "structure"):
        ending = getattr(model.settings, weight).end
        assert getattr(adapted.settings, weight)(0) == ending != getattr(model.settings, weight)(0)
