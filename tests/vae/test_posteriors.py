import pytest
import torch

from sciencegen.errors import ShapeError
from sciencegen.vae.posteriors import (
    FlowPosterior,
    GaussianPosterior,
    Posterior,
    kl_to_standard_normal,
    standard_normal_log_prob,
)
from tests.vae.linear_gaussian import CORRELATED

pytestmark = pytest.mark.usefixtures("double_precision")

POSTERIORS = {"gaussian": GaussianPosterior, "flow": FlowPosterior}


def shaken(module, generator, scale=0.5):
    """Weights away from their start, where a flow would be the identity."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator) / parameter.shape[-1] ** 0.5)
    return module


@pytest.mark.parametrize("name", POSTERIORS)
def test_samples_carry_their_own_density(name, generator):
    network = shaken(POSTERIORS[name](5, 4), generator)
    posterior = network(torch.randn(3, 5, generator=generator))
    assert isinstance(posterior, Posterior)
    z, log_prob = posterior.sample(generator, 6)
    assert z.shape == (18, 4)
    torch.testing.assert_close(posterior.log_prob(z), log_prob, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", POSTERIORS)
@pytest.mark.parametrize("items", [1, 6])
def test_a_latent_of_given_noise_has_the_density_of_the_change_of_variables(name, items, generator):
    posterior = shaken(POSTERIORS[name](5, 4), generator)(torch.randn(items, 5, generator=generator))
    noise = torch.randn(6, 4, generator=generator)
    latent, log_volume = posterior.reparameterized(noise)
    log_prob = posterior.log_prob(latent)
    torch.testing.assert_close(standard_normal_log_prob(noise) - log_volume, log_prob, rtol=0, atol=1e-10)
    centre, _ = posterior.reparameterized(torch.zeros(1, 4))
    torch.testing.assert_close(centre, posterior.mean)


def test_the_divergence_of_one_sample_is_that_of_a_gaussian_on_average(generator):
    posterior = shaken(GaussianPosterior(5, 4), generator)(torch.randn(1, 5, generator=generator))
    z, log_q = posterior.sample(generator, 100_000)
    exact = kl_to_standard_normal(posterior, z, log_q)
    assert exact.shape == (1,)
    assert (log_q - standard_normal_log_prob(z)).mean().item() == pytest.approx(exact.item(), rel=0.02)


@pytest.mark.parametrize("name", POSTERIORS)
def test_the_condition_moves_the_posterior_and_missing_is_not_zero(name, generator):
    network = shaken(POSTERIORS[name](5, 4, property_count=2), generator)
    features = torch.randn(1, 5, generator=generator)
    given, missing = (network(features, torch.tensor([[value, 1.0]])).mean for value in (0.0, torch.nan))
    assert (given - missing).abs().max() > 1e-3
    torch.testing.assert_close(network(features, None).mean, network(features, torch.full((1, 2), torch.nan)).mean)
    with pytest.raises(ShapeError, match=r"Expected a condition of shape \[1, 2\].*got \[1, 3\]"):
        network(features, torch.zeros(1, 3))


def test_the_flows_log_determinant_is_autograds(generator):
    posterior = shaken(FlowPosterior(5, 4, steps=3), generator)(torch.randn(1, 5, generator=generator))
    z = torch.randn(4, generator=generator)
    jacobian = torch.autograd.functional.jacobian(lambda v: posterior._carry(v[None], 1)[0][0], z)
    torch.testing.assert_close(posterior._carry(z[None], 1)[1][0], torch.linalg.slogdet(jacobian)[1])


def test_the_flows_centre_is_where_the_bases_mean_goes(generator):
    posterior = shaken(FlowPosterior(5, 4), generator)(torch.randn(2, 5, generator=generator))
    assert posterior.mean.shape == (2, 4)
    torch.testing.assert_close(posterior.mean, posterior._carry(posterior.base.mean, 1)[0])
    assert (posterior.mean - posterior.base.mean).abs().max() > 1e-3


def gap(posterior, x, count, generator):
    q = posterior(x)
    z, log_q = q.sample(generator, count)
    log_p = CORRELATED.likelihood(z).log_prob(x.repeat_interleave(count, 0)) + standard_normal_log_prob(z)
    return (CORRELATED.evidence(x) - (log_p - log_q).reshape(len(x), count).mean(1)).mean()


def test_the_flows_gap_is_smaller_than_the_gaussians_on_a_correlated_posterior(generator):
    gaps = {}
    for name, make in POSTERIORS.items():
        torch.manual_seed(0)
        posterior = make(3, 2)
        optimizer = torch.optim.Adam(posterior.parameters(), 4e-2, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 500)
        for _ in range(500):
            loss = gap(posterior, CORRELATED.data(64, generator), 1, generator)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            gaps[name] = float(gap(posterior, CORRELATED.data(500, generator), 50, generator))
    precision = CORRELATED.precision()
    least_of_a_gaussian = float(0.5 * (precision.diagonal().log().sum() - torch.logdet(precision)))
    assert gaps["gaussian"] > least_of_a_gaussian - 0.02
    assert gaps["gaussian"] < least_of_a_gaussian + 0.1
    assert -0.02 < gaps["flow"] < 0.5 * gaps["gaussian"]
