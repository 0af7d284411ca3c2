import copy

import pytest
import torch
from torch import nn

from sciencegen.errors import ShapeError
from sciencegen.vae.flows import FlowPrior, FlowSettings
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior
from sciencegen.vae.priors import ConditionalGaussianPrior, Prior, StandardNormalPrior, VampPrior
from tests.vae.test_posteriors import shaken

pytestmark = pytest.mark.usefixtures("double_precision")


def vamp(size, properties, generator):
    return VampPrior(size, GaussianPosterior(3, size), torch.randn(4, 3, generator=generator), properties)


PRIORS = {
    "standard": lambda size, properties, generator: StandardNormalPrior(size),
    "gaussian": lambda size, properties, generator: ConditionalGaussianPrior(size, properties),
    "gaussian of mean 0": lambda size, properties, generator: ConditionalGaussianPrior(size, properties, centred=True),
    "vamp": vamp,
    "flow": lambda size, properties, generator: FlowPrior(size, properties, FlowSettings(layers=3, width=16)),
}


@pytest.fixture(params=PRIORS)
def prior(request, generator):
    return shaken(PRIORS[request.param](2, 2, generator), generator)


def test_the_density_integrates_to_one_given_part_of_a_condition(prior):
    assert isinstance(prior, Prior)
    line = torch.linspace(-20, 20, 400)
    grid = torch.cartesian_prod(line, line)
    condition = torch.tensor([[0.5, torch.nan]]).expand(len(grid), -1)
    with torch.no_grad():
        total = prior.log_prob(grid, condition).exp().sum() * (line[1] - line[0]) ** 2
    assert float(total) == pytest.approx(1.0, abs=5e-3)


def test_carried_noise_follows_the_density(prior, generator):
    """E_p[p'(z) / p(z)] = 1 for any density p': here a Gaussian of the samples' own mean and spread, made narrower."""
    with torch.no_grad():
        condition = torch.tensor([[-0.5, torch.nan]]).expand(40_000, -1)
        latents = prior(torch.randn(40_000, 2, generator=generator), condition)
        other = DiagonalGaussian(latents.mean(0, keepdim=True), (0.5 * latents.std(0, keepdim=True)).log())
        ratio = (other.log_prob(latents) - prior.log_prob(latents, condition)).exp()
    assert (ratio.mean() - 1).abs() < 5 * ratio.std() / 200
    assert ratio.std() < 10


def test_missing_is_not_zero_and_none_is_all_missing(prior):
    z = torch.full((1, 2), 0.3)
    densities = [prior.log_prob(z, torch.tensor([[first, torch.nan]])) for first in (0.0, torch.nan)]
    torch.testing.assert_close(prior.log_prob(z, None), densities[1])
    if not isinstance(prior, StandardNormalPrior):
        assert (densities[0] - densities[1]).abs() > 1e-4


def test_the_closed_form_is_the_same_density(prior):
    z, condition = torch.randn(5, 2), torch.randn(5, 2)
    gaussian = prior.gaussian(z, condition)
    if gaussian is not None:
        torch.testing.assert_close(gaussian.log_prob(z), prior.log_prob(z, condition))
    assert (gaussian is None) == isinstance(prior, VampPrior | FlowPrior)


def test_latents_of_another_size_are_refused(prior):
    with pytest.raises(ShapeError, match=r"Expected latents \[batch 2\], got \[5, 3\]"):
        prior.log_prob(torch.zeros(5, 3), torch.zeros(5, 2))
    with pytest.raises(ShapeError, match=r"Expected latents \[batch 2\], got \[5, 3\]"):
        prior(torch.zeros(5, 3), torch.zeros(5, 2))


def test_vamp_without_properties_is_the_even_mixture_of_its_components(generator):
    prior = vamp(2, 0, generator)
    z = torch.randn(6, 2, generator=generator)
    components = prior.components()
    each = [
        DiagonalGaussian(components.mean[k : k + 1], components.log_std[k : k + 1]).log_prob(z).exp() for k in range(4)
    ]
    torch.testing.assert_close(prior.log_prob(z).exp(), torch.stack(each).mean(0))


def test_vamp_doesnt_own_the_encoders_weights_but_a_copy_of_both_stays_joined(generator):
    posterior = GaussianPosterior(3, 2)
    model = nn.ModuleDict({"posterior": posterior, "prior": VampPrior(2, posterior, torch.randn(4, 3))})
    assert [name for name in model.state_dict() if name.startswith("prior")] == ["prior.pseudo_inputs"]
    twin = copy.deepcopy(model)
    assert twin["prior"]._posterior_of[0] is twin["posterior"]
    assert twin["posterior"] is not posterior
