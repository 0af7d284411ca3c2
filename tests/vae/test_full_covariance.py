"""Laws of the Gaussian with all covariances."""

import pytest
import torch

from sciencegen.vae.posteriors import FullCovariancePosterior, Posterior, standard_normal_log_prob
from tests.vae.linear_gaussian import CORRELATED

pytestmark = pytest.mark.usefixtures("double_precision")


def shaken(generator, items, **options):
    """A posterior of random weights."""
    network = FullCovariancePosterior(5, 4, **options)
    with torch.no_grad():
        network.head.output.weight.add_(0.3 * torch.randn(network.head.output.weight.shape, generator=generator))
    return network(torch.randn(items, 5, generator=generator))


@pytest.mark.parametrize("items", [1, 6])
def test_its_density_is_that_of_a_multivariate_normal(items, generator):
    posterior = shaken(generator, items)
    assert isinstance(posterior, Posterior)
    normal = torch.distributions.MultivariateNormal(posterior.mean, scale_tril=posterior.factor)
    latent, log_prob = posterior.sample(generator, 3)
    torch.testing.assert_close(posterior.log_prob(latent), log_prob, rtol=0, atol=1e-10)
    each = normal.log_prob(latent.unflatten(0, (items, 3)).transpose(0, 1)).T.flatten()
    torch.testing.assert_close(log_prob, each, rtol=0, atol=1e-10)


def test_a_latent_of_given_noise_has_the_density_of_the_change_of_variables(generator):
    posterior, noise = shaken(generator, 6), torch.randn(6, 4, generator=generator)
    latent, log_volume = posterior.reparameterized(noise)
    expected = standard_normal_log_prob(noise) - log_volume
    torch.testing.assert_close(posterior.log_prob(latent), expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(posterior.reparameterized(torch.zeros(6, 4))[0], posterior.mean)


def test_it_can_be_the_posterior_of_a_linear_gaussian_model(generator):
    """Log p(x, z) - log q(z) is log p(x) for each latent, where a diagonal Gaussian leaves a gap."""
    x, covariance = CORRELATED.data(50, generator), CORRELATED.precision().inverse()
    factor, network = torch.linalg.cholesky(covariance), FullCovariancePosterior(3, 2)
    with torch.no_grad():
        network.head.output.weight.zero_()
        network.head.output.weight[:2] = CORRELATED.posterior_mean(torch.eye(3)).T
        network.head.output.bias.copy_(torch.cat([torch.zeros(2), factor.diagonal().log(), factor.flatten()]))
        latent, log_q = network(x).sample(generator)
    log_p = CORRELATED.likelihood(latent).log_prob(x) + standard_normal_log_prob(latent)
    torch.testing.assert_close(log_p - log_q, CORRELATED.evidence(x), rtol=0, atol=1e-10)
