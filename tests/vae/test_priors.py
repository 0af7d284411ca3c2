"""Priors, and the ladder of latents."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Generator, nn
from torch.distributions import MultivariateNormal, Normal

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.vae.flows import FlowPrior, FlowSettings
from sciencegen.vae.model import ConditionalVAE, VAEParts
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior, standard_normal_log_prob
from sciencegen.vae.priors import (
    ConditionalGaussianPrior,
    LadderPosterior,
    LadderPrior,
    LowestLevel,
    Prior,
    StandardNormalPrior,
    VampPrior,
    merged,
)
from tests.vae.linear_gaussian import ORTHOGONAL, LinearDecoder
from tests.vae.test_posteriors import Features, shaken

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


# The ladder: densities of samples, the merge of two Gaussians, one level as the plain VAE, a true bound.


def test_merging_is_the_normalized_product():
    one, two = (DiagonalGaussian(torch.tensor([[m]]), torch.tensor([[s]])) for m, s in ((1.0, 0.3), (-2.0, -0.5)))
    places = torch.linspace(-4, 4, 5)[:, None]
    product = one.log_prob(places) + two.log_prob(places)
    found = merged(one, two).log_prob(places)
    torch.testing.assert_close((found - product).diff(), torch.zeros(4), atol=1e-10, rtol=0)


@pytest.mark.parametrize("sizes", [[3], [3, 2], [3, 2, 2]])
def test_samples_carry_their_own_density(sizes, generator):
    prior = shaken(LadderPrior(sizes), generator)
    network = shaken(LadderPosterior(5, prior, property_count=1), generator)
    posterior = network(torch.randn(3, 5, generator=generator), torch.randn(3, 1, generator=generator))
    z, log_prob = posterior.sample(generator, 4)
    assert z.shape == (12, sum(sizes))
    torch.testing.assert_close(posterior.log_prob(z), log_prob, rtol=0, atol=1e-10)
    noise = torch.randn(3, sum(sizes), generator=generator)
    latent, log_volume = posterior.reparameterized(noise)
    torch.testing.assert_close(posterior.log_prob(latent), standard_normal_log_prob(noise) - log_volume)
    assert posterior.mean.shape == (3, sum(sizes))


def test_the_prior_goes_from_the_top_down(generator):
    prior = shaken(LadderPrior([3, 2]), generator)
    noise = torch.randn(6, 5, generator=generator)
    z = prior(noise)
    torch.testing.assert_close(z[:, 3:], noise[:, 3:])
    below = prior.level(0, z[:, 3:])
    expected = Normal(below.mean, below.log_std.exp()).log_prob(z[:, :3]).sum(1) + standard_normal_log_prob(z[:, 3:])
    torch.testing.assert_close(prior.log_prob(z), expected)
    jacobian = torch.autograd.functional.jacobian(lambda e: prior(e[None])[0], noise[0])
    expected = standard_normal_log_prob(noise[:1]) - torch.linalg.slogdet(jacobian).logabsdet
    torch.testing.assert_close(prior.log_prob(z[:1]), expected)


def test_one_level_is_the_plain_vae():
    plain = GaussianPosterior(4, 2, 0, 16, 1)
    ladder = LadderPrior([2])
    posterior = LadderPosterior(4, ladder, width=16)
    posterior.heads[0].load_state_dict(plain.state_dict())
    decoder, batch = LinearDecoder(ORTHOGONAL), Batch({"x": ORTHOGONAL.data(20, Generator().manual_seed(0))})
    one = ConditionalVAE(VAEParts(Features(), decoder, plain, StandardNormalPrior(2)), "x")
    other = ConditionalVAE(VAEParts(Features(), LowestLevel(decoder, 2), posterior, ladder), "x")
    losses = [model.loss(batch, 0, Generator().manual_seed(1)) for model in (one, other)]
    assert losses[0] == losses[1]
    torch.testing.assert_close(one.encode(batch), other.encode(batch))


@pytest.mark.long
def test_two_levels_bound_the_evidence_of_a_linear_model(generator):
    """p(x) of the ladder z_1 | z_2 = N(A z_2, 0.5^2), x | z_1 of the toy, is Gaussian."""
    prior = LadderPrior([2, 1], depth=0)
    with torch.no_grad():
        prior.below[0].output.weight[:2] = torch.tensor([[0.8], [-0.6]])
        prior.below[0].output.bias[2:] = 4 * torch.atanh(torch.tensor(0.5).log() / 4)
    above, weight = torch.tensor([[0.8], [-0.6]]), ORTHOGONAL.weight
    spread = weight @ (above @ above.T + 0.25 * torch.eye(2)) @ weight.T
    law = MultivariateNormal(torch.zeros(4), spread + ORTHOGONAL.std**2 * torch.eye(4))
    posterior = LadderPosterior(4, prior, width=16)
    model = ConditionalVAE(VAEParts(Features(), LowestLevel(LinearDecoder(ORTHOGONAL), 2), posterior, prior), "x")
    optimizer = torch.optim.Adam(posterior.parameters(), 1e-2, fused=True)
    for step in range(250):
        optimizer.zero_grad()
        model.loss(Batch({"x": law.sample((128,))}), step, generator)["loss"].backward()
        optimizer.step()
    x = law.sample((5000,))
    evidence, elbo = law.log_prob(x).mean(), model.terms(Batch({"x": x})).elbo.mean()
    print("evidence", evidence, "bound", elbo)
    assert evidence - 0.25 < elbo < evidence + 0.02
    weighted = model.bound(Batch({"x": x[:500]}), 200).mean()
    torch.testing.assert_close(weighted, law.log_prob(x[:500]).mean(), atol=0.05, rtol=0)


@pytest.mark.parametrize("sizes", [[], [3, 0]])
def test_levels_must_have_a_size(sizes):
    with pytest.raises(ConfigError, match="one or more levels of size 1 or more"):
        LadderPrior(sizes)
