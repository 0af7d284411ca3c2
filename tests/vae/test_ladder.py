"""The ladder: densities of samples, the merge of two Gaussians, one level as the plain VAE, a true bound."""

from __future__ import annotations

import pytest
import torch
from torch import Generator
from torch.distributions import MultivariateNormal, Normal

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError
from sciencegen.vae.ladder import LadderPosterior, LadderPrior, LowestLevel, merged
from sciencegen.vae.model import ConditionalVAE, VAEParts
from sciencegen.vae.posteriors import DiagonalGaussian, GaussianPosterior, standard_normal_log_prob
from sciencegen.vae.priors import StandardNormalPrior
from tests.vae.linear_gaussian import ORTHOGONAL, LinearDecoder
from tests.vae.test_hamiltonian import Features
from tests.vae.test_posteriors import shaken

pytestmark = pytest.mark.usefixtures("double_precision")


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
