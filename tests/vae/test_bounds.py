"""Bounds of log p(x), and the weight of their divergence."""

import math

import pytest
import torch
from jaxtyping import TypeCheckError

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.vae.bounds import (
    WARMUPS,
    BoundTerms,
    Warmup,
    bits_per_dimension,
    doubly_reparameterized_surrogate,
    effective_sample_size,
    free_bits,
    importance_weighted_bound,
    negative_elbo,
    segment_logsumexp,
)
from sciencegen.vae.posteriors import DiagonalGaussian, standard_normal_log_prob
from tests.vae.linear_gaussian import CORRELATED, ORTHOGONAL

pytestmark = pytest.mark.usefixtures("double_precision")


def log_weights(toy, q, x, count, generator):
    z, log_q = q.sample(generator, count)
    log_p = toy.likelihood(z).log_prob(x.repeat_interleave(count, 0)) + standard_normal_log_prob(z)
    return (log_p - log_q).reshape(len(x), count)


def perturbed(q):
    return DiagonalGaussian(q.mean + 0.3, q.log_std + 0.4)


def test_elbo_is_the_evidence_at_the_exact_posterior(generator):
    x = ORTHOGONAL.data(20, generator)
    weights = log_weights(ORTHOGONAL, ORTHOGONAL.best_gaussian(x), x, 3, generator)
    torch.testing.assert_close(weights, ORTHOGONAL.evidence(x)[:, None].expand(-1, 3), rtol=0, atol=1e-10)


def test_elbo_lies_below_the_evidence_by_the_kl_to_the_exact_posterior(generator):
    x = ORTHOGONAL.data(10, generator)
    exact = ORTHOGONAL.best_gaussian(x)
    wrong = perturbed(exact)
    weights = log_weights(ORTHOGONAL, wrong, x, 40_000, generator)
    gap = ORTHOGONAL.evidence(x) - weights.mean(1)
    assert (gap > 0).all()
    torch.testing.assert_close(gap, wrong.kl(exact), rtol=0.1, atol=0)


def test_importance_weighting_tightens_with_each_k_and_reaches_the_evidence(generator):
    x = CORRELATED.data(50, generator)
    q = CORRELATED.best_gaussian(x)
    wide = DiagonalGaussian(q.mean + 0.3, q.log_std + 1.0)  # a narrow one has weights of infinite variance
    weights = log_weights(CORRELATED, wide, x, 8192, generator)
    evidence = CORRELATED.evidence(x).mean()
    bounds = [
        float(importance_weighted_bound(weights.reshape(-1, k)).mean() - evidence) for k in (1, 4, 16, 64, 256, 8192)
    ]
    assert bounds == sorted(bounds)
    assert bounds[0] < -0.3
    assert bounds[-2] < 1e-2
    assert abs(bounds[-1]) < 1e-2


def test_the_model_is_no_bound_when_weights_are_equal():
    weights = torch.full((2, 7), -3.0)
    torch.testing.assert_close(importance_weighted_bound(weights), torch.full((2,), -3.0))
    torch.testing.assert_close(effective_sample_size(weights), torch.full((2,), 7.0))
    weights[:, 0] = 500.0
    torch.testing.assert_close(effective_sample_size(weights), torch.ones(2))


def gradients(toy, x, count, generator, doubly):
    """d bound / d (posterior mean), one estimate for each of many copies of x."""
    q = perturbed(toy.best_gaussian(x))
    q = DiagonalGaussian(q.mean.clone().requires_grad_(), q.log_std)
    z, log_q = q.sample(generator, count)
    log_q = q.detach().log_prob(z) if doubly else log_q
    log_p = toy.likelihood(z).log_prob(x.repeat_interleave(count, 0)) + standard_normal_log_prob(z)
    weights = (log_p - log_q).reshape(len(x), count)
    bound = doubly_reparameterized_surrogate(z, weights) if doubly else importance_weighted_bound(weights)
    return torch.autograd.grad(bound.sum(), q.mean)[0]


def test_the_doubly_reparameterized_gradient_is_unbiased_and_less_noisy(generator):
    x = CORRELATED.data(1, generator).expand(60_000, -1)
    plain, double = (gradients(CORRELATED, x, 8, generator, doubly) for doubly in (False, True))
    error = ((plain.var(0) + double.var(0)) / len(x)).sqrt()
    assert ((plain.mean(0) - double.mean(0)).abs() < 4 * error).all()
    assert (double.var(0) < 0.7 * plain.var(0)).all()


def test_the_doubly_reparameterized_gradient_of_the_model_is_the_ordinary_one(generator):
    weights = torch.randn(3, 5, generator=generator, requires_grad=True)
    surrogate = doubly_reparameterized_surrogate(torch.zeros(15, 2), weights)
    ordinary = torch.autograd.grad(importance_weighted_bound(weights).sum(), weights)[0]
    torch.testing.assert_close(torch.autograd.grad(surrogate.sum(), weights)[0], ordinary)
    with pytest.raises(ShapeError, match="Expected 15 latents"):
        doubly_reparameterized_surrogate(torch.zeros(14, 2), weights)


def test_free_bits_take_no_gradient_below_the_threshold():
    kl = torch.tensor([[0.1, 0.5, 2.0], [0.3, 0.5, 4.0]], requires_grad=True)
    value = free_bits(kl, 0.5)
    assert value.item() == pytest.approx(0.5 + 0.5 + 3.0)
    assert torch.autograd.grad(value, kl)[0].tolist() == [[0, 0, 0.5], [0, 0, 0.5]]


def test_without_free_bits_the_kl_is_whole_even_where_an_estimate_is_negative():
    assert free_bits(torch.tensor([[-1.0, 3.0]]), 0.0).item() == 2.0
    with pytest.raises(ConfigError, match="0 or more"):
        free_bits(torch.ones(1, 1), -1.0)


def test_bound_terms():
    terms = BoundTerms(torch.tensor([-3.0]), torch.tensor([2.0]))
    assert (terms.elbo.item(), terms.weighted(0.5).item()) == (-5.0, -4.0)
    with pytest.raises((ShapeError, TypeCheckError)):  # the second where annotations are enforced, as here
        BoundTerms(torch.zeros(1), torch.zeros(2))


def test_segment_logsumexp_is_logsumexp_by_row_with_its_gradient(generator):
    values = (100 * torch.randn(6, generator=generator)).requires_grad_()
    rows = torch.tensor([1, 0, 1, 1, 2, 0])
    expected = torch.stack([torch.logsumexp(values[rows == row], 0) for row in range(3)])
    got = segment_logsumexp(values, rows, 3)
    torch.testing.assert_close(got, expected)
    gradient = [torch.autograd.grad(each.square().sum(), values)[0] for each in (got, expected)]
    torch.testing.assert_close(*gradient)


def test_bits_per_dimension_of_uniform_bytes_is_eight():
    log_prob = torch.tensor([-5 * math.log(256)])
    torch.testing.assert_close(bits_per_dimension(log_prob, 5), torch.tensor([8.0]))
    density_on_unit_interval = torch.zeros(1)
    torch.testing.assert_close(bits_per_dimension(density_on_unit_interval, 5, 1 / 256), torch.tensor([8.0]))


def test_the_loss_is_the_negative_bound_with_a_weighted_divergence():
    log_prob, kl = torch.tensor([-3.0, -5.0]), torch.tensor([[0.5, 2.0], [0.7, 4.0]])
    assert negative_elbo(log_prob, kl).item() == pytest.approx(-BoundTerms(log_prob, kl.sum(1)).elbo.mean().item())
    assert negative_elbo(log_prob, kl, 0.5).item() == pytest.approx(4 + 0.5 * 3.6)
    assert negative_elbo(log_prob, kl, 0.5, minimum=1.0).item() == pytest.approx(4 + 0.5 * (1 + 3))
    assert negative_elbo(log_prob, kl.sum(1), 2.0).item() == pytest.approx(4 + 2 * 3.6)


def test_an_item_without_a_latent_costs_no_divergence():
    log_prob, kl = torch.tensor([-3.0, -5.0, -1.0]), torch.tensor([2.0, 4.0])
    whole = negative_elbo(log_prob, torch.tensor([2.0, 4.0, 0.0]), 0.5)
    torch.testing.assert_close(negative_elbo(log_prob, kl, 0.5, items=3), whole)
    with pytest.raises(ConfigError, match="no free bits"):
        negative_elbo(log_prob, kl, minimum=0.1, items=3)


@pytest.mark.parametrize("shape", WARMUPS)
def test_weights_stay_between_start_and_end(shape):
    weights = [Warmup(shape, 10, 0.1, 0.5)(step) for step in range(40)]
    assert min(weights) >= 0.1
    assert max(weights) == pytest.approx(0.5)


@pytest.mark.parametrize("shape", ["linear", "cosine"])
def test_a_rise_starts_at_start_never_falls_and_stays_at_end(shape):
    weights = [Warmup(shape, 10, 0.1, 0.5)(step) for step in range(20)]
    assert weights == sorted(weights)
    assert weights[0] == pytest.approx(0.1)
    assert weights[5] == pytest.approx(0.3)
    assert weights[10:] == [pytest.approx(0.5)] * 10


def test_a_cycle_comes_back():
    weights = [Warmup("cyclical", 10)(step) for step in range(30)]
    assert weights[:10] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1])
    assert weights[20:] == pytest.approx(weights[:10])


def test_no_steps_is_the_end_at_once_and_wrong_settings_are_refused():
    assert Warmup("linear", 0, 0.0, 0.7)(0) == 0.7
    with pytest.raises(ConfigError, match="Did you mean 'linear'"):
        Warmup("liner")
    with pytest.raises(ConfigError, match="got -1"):
        Warmup("linear", -1)
