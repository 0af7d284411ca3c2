"""Posteriors: Gaussians, flows, all covariances, Hamiltonian steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Generator, nn
from torch.distributions import Independent, Normal

from sciencegen.batch import Batch
from sciencegen.errors import ConfigError, ShapeError
from sciencegen.vae.bounds import importance_weighted_bound
from sciencegen.vae.model import ConditionalVAE, VAEParts
from sciencegen.vae.posteriors import (
    DiagonalGaussian,
    FlowPosterior,
    FullCovariancePosterior,
    GaussianPosterior,
    HamiltonianPosterior,
    HamiltonianRefinement,
    JointDensity,
    Posterior,
    Reversal,
    kl_to_standard_normal,
    standard_normal_log_prob,
)
from sciencegen.vae.priors import StandardNormalPrior
from tests.vae.linear_gaussian import CORRELATED, LinearDecoder

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


@pytest.mark.long
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


@pytest.fixture
def pair(generator):
    draw = torch.randn(4, 4, 3, generator=generator)
    return DiagonalGaussian(draw[0], 0.3 * draw[1]), DiagonalGaussian(draw[2], 0.3 * draw[3])


def test_log_prob_is_torchs_own(pair, generator):
    q, _ = pair
    z = torch.randn(4, 3, generator=generator)
    torch.testing.assert_close(q.log_prob(z), Independent(Normal(q.mean, q.log_std.exp()), 1).log_prob(z))


def test_samples_carry_their_own_density_gaussian(pair, generator):
    q, _ = pair
    z, log_prob = q.sample(generator, 5)
    assert z.shape == (20, 3)
    torch.testing.assert_close(log_prob, q.log_prob(z))


def test_samples_of_an_item_stand_in_a_row(generator):
    q = DiagonalGaussian(torch.tensor([[0.0], [100.0]]), torch.zeros(2, 1))
    assert (q.sample(generator, 3)[0][:, 0] > 50).tolist() == [False] * 3 + [True] * 3


def test_kl_is_what_sampling_says(pair, generator):
    q, p = pair
    z, log_q = q.sample(generator, 100_000)
    samples = (log_q - p.log_prob(z)).reshape(4, -1)
    error = samples.std(1) / 100_000**0.5
    assert ((samples.mean(1) - q.kl(p)).abs() < 4 * error).all()


def test_kl_of_itself_is_zero_and_else_positive(pair):
    q, p = pair
    torch.testing.assert_close(q.kl(q), torch.zeros(4))
    assert (q.kl_per_dimension(p) > 0).all()


def test_wrong_sizes_say_expected_and_got(pair):
    q, _ = pair
    with pytest.raises(ShapeError, match=r"Expected latents \[batch 3\], got \[4, 2\]"):
        q.log_prob(torch.zeros(4, 2))
    with pytest.raises(ShapeError, match=r"Expected a multiple of 4 rows.*got \[5, 3\]"):
        q.log_prob(torch.zeros(5, 3))


# Laws of the Gaussian with all covariances.


def shaken_full(generator, items, **options):
    """A posterior of random weights."""
    network = FullCovariancePosterior(5, 4, **options)
    with torch.no_grad():
        network.head.output.weight.add_(0.3 * torch.randn(network.head.output.weight.shape, generator=generator))
    return network(torch.randn(items, 5, generator=generator))


@pytest.mark.parametrize("items", [1, 6])
def test_its_density_is_that_of_a_multivariate_normal(items, generator):
    posterior = shaken_full(generator, items)
    assert isinstance(posterior, Posterior)
    normal = torch.distributions.MultivariateNormal(posterior.mean, scale_tril=posterior.factor)
    latent, log_prob = posterior.sample(generator, 3)
    torch.testing.assert_close(posterior.log_prob(latent), log_prob, rtol=0, atol=1e-10)
    each = normal.log_prob(latent.unflatten(0, (items, 3)).transpose(0, 1)).T.flatten()
    torch.testing.assert_close(log_prob, each, rtol=0, atol=1e-10)


def test_a_latent_of_given_noise_has_the_density_of_the_change_of_variables_full(generator):
    posterior, noise = shaken_full(generator, 6), torch.randn(6, 4, generator=generator)
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


# Hamiltonian refinement on a model of known evidence: a true bound, no looser than that of the encoder alone.


class Features(nn.Module):
    """The encoder: x itself."""

    def forward(self, batch: Batch) -> torch.Tensor:
        return batch["x"]


class Nearest(nn.Module):
    """The diagonal Gaussian nearest to the exact posterior, which is correlated."""

    latent_size = 2

    def forward(self, features: torch.Tensor, condition: None = None) -> DiagonalGaussian:
        return CORRELATED.best_gaussian(features)


def model(steps: int = 0) -> ConditionalVAE:
    refinement = HamiltonianRefinement(2, steps) if steps else None
    parts = VAEParts(Features(), LinearDecoder(CORRELATED), Nearest(), StandardNormalPrior(2), refinement=refinement)
    return ConditionalVAE(parts, "x")


def data(count: int, seed: int = 0) -> Batch:
    return Batch({"x": CORRELATED.data(count, Generator().manual_seed(seed))})


def test_the_refined_bound_is_below_the_evidence_and_above_that_of_the_encoder(generator):
    refined, batch = model(3), data(128)
    optimizer = torch.optim.Adam(refined.refinement.parameters(), 0.1)
    for step in range(80):
        optimizer.zero_grad()
        refined.loss(batch, step, generator)["loss"].backward()
        optimizer.step()
    fresh = data(5000, 1)
    evidence = CORRELATED.evidence(fresh["x"]).mean()
    plain, better = (one.terms(fresh).elbo.mean() for one in (model(), refined))
    print("evidence", evidence, "encoder", plain, "refined", better)
    assert plain + 0.3 * (evidence - plain) < better < evidence + 0.02


def distribution(step: float, count: int = 4, base: DiagonalGaussian | None = None) -> HamiltonianPosterior:
    batch = data(3)
    joint = JointDensity(LinearDecoder(CORRELATED), StandardNormalPrior(2).log_prob, "x", batch)
    base = base or CORRELATED.best_gaussian(batch["x"])
    return HamiltonianPosterior(base, joint, Reversal(2), torch.full((2,), step), count)


def test_weighted_samples_estimate_the_evidence():
    x = data(3)["x"]
    wide = DiagonalGaussian(CORRELATED.posterior_mean(x), torch.zeros(3, 2))
    moved = distribution(0.1, 2, wide)
    z, log_q = moved.sample(Generator().manual_seed(0), 4000)
    bound = importance_weighted_bound((moved.joint(z) - log_q).unflatten(0, (3, -1)))
    torch.testing.assert_close(bound, CORRELATED.evidence(x), atol=0.1, rtol=0)


def test_without_steps_samples_and_bound_are_those_of_the_encoder():
    still = distribution(0.0)
    z, log_q = still.sample(Generator().manual_seed(0), 5)
    expected, density = still.base.sample(Generator().manual_seed(0), 5)
    assert z.shape == (15, 2)
    torch.testing.assert_close(still.base.log_prob(z), log_q)
    torch.testing.assert_close(z[:1], expected[:1])
    torch.testing.assert_close(density[:1], log_q[:1])
    torch.testing.assert_close(still.mean, still.base.mean)


def test_steps_keep_the_energy():
    """With r = N(0, I) the bound is the encoder's, up to the error of small steps."""
    terms = []
    for one in (distribution(1e-2), distribution(0.0)):
        z, log_q = one.sample(Generator().manual_seed(0), 20)
        terms.append(one.joint(z) - log_q)
    torch.testing.assert_close(*terms, atol=1e-3, rtol=0)


def test_the_centre_climbs_to_the_mode():
    off = DiagonalGaussian(CORRELATED.posterior_mean(data(3)["x"]) + 0.3, torch.full((3, 2), -1.0))
    climbing = distribution(0.1, base=off)
    assert (climbing.joint(climbing.mean) > climbing.joint(off.mean)).all()


def test_the_reversal_is_a_density():
    """It sums to 1 over a grid of momenta."""
    reversal = shaken(Reversal(2), Generator().manual_seed(0), 0.3)
    axis = torch.linspace(-8, 8, 161)
    momenta = torch.cartesian_prod(axis, axis)
    others = [torch.full_like(momenta, value) for value in (0.4, -0.7)]
    assert (reversal(momenta, *others).exp().sum() * 0.1**2).item() == pytest.approx(1, abs=1e-6)


def test_it_works_where_no_gradients_are_recorded():
    refined = model(2)
    with torch.inference_mode():
        found = refined.terms(Batch({"x": torch.ones(4, 3)})).elbo
    assert found.isfinite().all()
    assert not found.requires_grad


def test_there_must_be_steps():
    with pytest.raises(ConfigError, match="1 or more leapfrog steps, got 0"):
        HamiltonianRefinement(2, 0)


def test_steps_stay_near_where_the_posterior_is_much_narrower_than_the_encoder_says(generator):
    narrow = LinearDecoder(replace(CORRELATED, std=1e-4))
    joint = JointDensity(narrow, StandardNormalPrior(2).log_prob, "x", data(3))
    wide = DiagonalGaussian(torch.zeros(3, 2), torch.zeros(3, 2))
    moved = HamiltonianPosterior(wide, joint, Reversal(2), torch.full((2,), 0.9), 10)
    assert moved.sample(generator)[0].abs().max() < 1e4  # 1e79 without a limit
