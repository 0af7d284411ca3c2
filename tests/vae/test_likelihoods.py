"""Likelihoods of items and of columns."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Generator, distributions

from sciencegen.errors import ShapeError
from sciencegen.vae.likelihoods import (
    Categorical,
    ColumnLikelihood,
    Gaussian,
    Likelihood,
    Multinomial,
    Normal,
    StudentT,
    bernoulli,
    categorical,
    discretized_logistic,
    negative_binomial,
    poisson,
)

in_doubles = pytest.mark.usefixtures("double_precision")

MASK = torch.tensor([[True, True, False], [True, False, False]])


def make(name, generator, mask=None):
    """A likelihood [2 3 (4)] and a value for it."""

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    if name == "categorical":
        return Categorical(draw(2, 3, 4), mask), torch.randint(4, (2, 3), generator=generator)
    return Gaussian(draw(2, 3, 4), 0.3 * draw(2, 3, 4), mask), draw(2, 3, 4)


NAMES = ["categorical", "gaussian"]


@in_doubles
@pytest.mark.parametrize("name", NAMES)
def test_padding_counts_for_nothing(name, generator):
    state = generator.get_state()
    likelihood, value = make(name, generator, MASK)
    assert isinstance(likelihood, Likelihood)
    generator.set_state(state)
    whole, _ = make(name, generator)
    assert whole.log_prob(value).shape == (2,)
    other = value.clone()
    other[~MASK] = value.flip(0)[~MASK]
    torch.testing.assert_close(likelihood.log_prob(other), likelihood.log_prob(value))
    assert (likelihood.log_prob(value) - whole.log_prob(value)).abs().min() > 1e-3


@in_doubles
@pytest.mark.parametrize("name", NAMES)
def test_the_mode_is_at_least_as_likely_as_any_sample(name, generator):
    likelihood, value = make(name, generator)
    assert likelihood.mode.shape == value.shape
    best = likelihood.log_prob(likelihood.mode)
    assert all((likelihood.log_prob(likelihood.sample(generator)) <= best + 1e-12).all() for _ in range(50))


@in_doubles
@pytest.mark.parametrize("name", NAMES)
def test_samples_follow_the_density(name, generator):
    """The mean of log p over samples is the negative entropy that a formula gives."""
    likelihood, _ = make(name, generator)
    drawn = torch.stack([likelihood.log_prob(likelihood.sample(generator)) for _ in range(3000)])
    exact = {
        "categorical": lambda: -distributions.Categorical(logits=likelihood.logits).entropy().sum(1),
        "gaussian": lambda: (
            -distributions.Normal(likelihood.mean, likelihood.log_std.exp()).entropy().flatten(1).sum(1)
        ),
    }[name]()
    assert ((drawn.mean(0) - exact).abs() < 4 * drawn.std(0) / 3000**0.5).all()


@in_doubles
def test_a_fixed_spread_broadcasts():
    value = Gaussian(torch.zeros(2, 5), torch.tensor(math.log(2.0))).log_prob(torch.zeros(2, 5))
    torch.testing.assert_close(value, torch.full((2,), -5 * (math.log(2) + 0.5 * math.log(2 * math.pi))))


@in_doubles
@pytest.mark.parametrize("name", NAMES)
def test_values_of_another_shape_are_refused(name, generator):
    likelihood, value = make(name, generator)
    with pytest.raises(ShapeError, match="Expected values of shape"):
        likelihood.log_prob(value[:, :2])
    masked, value = make(name, generator, torch.ones(2, 5, dtype=torch.bool))
    with pytest.raises(ShapeError, match=r"Expected a mask of shape \[2, 3\], got \[2, 5\]"):
        masked.log_prob(value)


# Laws of the columns' likelihoods: densities of scipy, draws of their law, scores that are inverse to values.


def cells(*values: float, rows: int = 1) -> torch.Tensor:
    return torch.tensor([values]).repeat(rows, 1)


def made(name: str, rows: int = 1) -> ColumnLikelihood:
    """A likelihood of two columns, of one for classes."""
    one, other = cells(0.7, -1.3, rows=rows), cells(0.2, 1.1, rows=rows)
    return {
        "normal": lambda: Normal(one, other),
        "student_t": lambda: StudentT(one, other, cells(1.0, 0.3, rows=rows)),
        "poisson": lambda: poisson(one),
        "negative_binomial": lambda: negative_binomial(one, other),
        "discretized_logistic": lambda: discretized_logistic(one, other),
        "limited_logistic": lambda: discretized_logistic(one, other, (-2.0, 1.0)),
        "bernoullis": lambda: bernoulli(one),
        "categorical": lambda: categorical(cells(0.3, -1.0, 0.6, rows=rows)),
        "bernoulli": lambda: bernoulli(cells(0.4, rows=rows)),
    }[name]()


def law(name: str, column: int):
    """The same law of scipy."""
    one, other = (0.7, -1.3)[column], (0.2, 1.1)[column]
    if name == "normal":
        return stats.norm(one, np.exp(other))
    if name == "student_t":
        return stats.t(np.exp((1.0, 0.3)[column]), one, np.exp(other))
    if name == "poisson":
        return stats.poisson(np.exp(one))
    if name == "negative_binomial":
        size, mean = np.exp(other), np.exp(one)
        return stats.nbinom(size, size / (size + mean))
    if name == "bernoulli":
        return stats.bernoulli(1 / (1 + np.exp(-0.4)))
    share = np.exp([0.3, -1.0, 0.6])
    return stats.rv_discrete(values=(np.arange(3), share / share.sum()))


CONTINUOUS = ("normal", "student_t")
COUNTS = ("poisson", "negative_binomial")
CLASSES = ("categorical", "bernoulli")
ALL = (*CONTINUOUS, *COUNTS, "discretized_logistic", *CLASSES)
LIMITED = ("limited_logistic", "bernoullis")
"""Laws of few numbers: of whole ones from -2 to 1, and of two columns of classes."""


@pytest.mark.parametrize("name", [*CONTINUOUS, *COUNTS, *CLASSES])
def test_log_prob_is_that_of_scipy(name):
    columns = 1 if name in CLASSES else 2
    values = np.linspace(-4, 6, 11) if name in CONTINUOUS else np.arange(2.0 if name in CLASSES else 12.0)
    table = torch.tensor(np.repeat(values[:, None], columns, 1), dtype=torch.float32)
    found = made(name, len(values)).log_prob(table).numpy()
    for column in range(columns):
        one = law(name, column)
        expected = one.logpdf(values) if name in CONTINUOUS else one.logpmf(values)
        np.testing.assert_allclose(found[:, column], expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", [*COUNTS, "discretized_logistic", *CLASSES])
def test_probabilities_sum_to_one(name):
    values = torch.arange({"bernoulli": 2, "categorical": 3}.get(name, 400), dtype=torch.float32)
    values = values - 200 if name == "discretized_logistic" else values
    columns = 1 if name in CLASSES else 2
    total = made(name, len(values)).log_prob(values[:, None].repeat(1, columns)).double().exp().sum(0)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ALL)
def test_scores_are_standard_normal_and_inverse_to_values(name):
    rows, columns = 4000, 1 if name in CLASSES else 2
    noise = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))
    likelihood = made(name, rows)
    drawn = likelihood.value(noise)
    torch.testing.assert_close(likelihood.value(likelihood.score(drawn)), drawn, rtol=1e-3, atol=1e-3)
    if name in CONTINUOUS:
        torch.testing.assert_close(likelihood.score(drawn), noise, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_values_of_noise_follow_the_law(name):
    """The mean of -log p of draws is the entropy, so that draws and densities are of one law."""
    rows, columns = 20_000, 1 if name in CLASSES else 2
    noise = torch.randn(rows, columns, generator=torch.Generator().manual_seed(1))
    likelihood = made(name, rows)
    drawn = likelihood.value(noise)
    if name == "discretized_logistic":
        values, counts = np.unique(drawn[:, 0].numpy(), return_counts=True)
        table = torch.tensor(values, dtype=torch.float32)[:, None].repeat(1, 2)
        share = made(name, len(values)).log_prob(table).exp()[:, 0].numpy()
        np.testing.assert_allclose(counts / rows, share, atol=0.015)
        return
    for column in range(columns):
        entropy, found = float(law(name, column).entropy()), -likelihood.log_prob(drawn)[:, column]
        assert float(found.mean()) == pytest.approx(entropy, abs=5 * float(found.std()) / rows**0.5 + 1e-3)


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_finite_for_far_values(name):
    columns = 1 if name in CLASSES else 2
    parameters = torch.full((1, columns), -5.0, requires_grad=True)
    likelihood = {
        "normal": lambda: Normal(parameters, parameters),
        "student_t": lambda: StudentT(parameters, parameters, parameters + 6),
        "poisson": lambda: poisson(parameters),
        "negative_binomial": lambda: negative_binomial(parameters, parameters),
        "discretized_logistic": lambda: discretized_logistic(parameters, parameters),
        "categorical": lambda: categorical(torch.cat([parameters, 9 + parameters], 1)),
        "bernoulli": lambda: bernoulli(parameters),
    }[name]()
    far = torch.full((1, columns), 1.0 if name in CLASSES else 1000.0)
    likelihood.log_prob(far).sum().backward()
    assert torch.isfinite(parameters.grad).all()


@pytest.mark.parametrize("name", LIMITED)
def test_laws_of_few_numbers(name):
    """Probabilities sum to 1, those of draws are their shares, and scores are inverse to values."""
    numbers = torch.arange(-2.0, 2.0) if name == "limited_logistic" else torch.arange(2.0)
    share = made(name, len(numbers)).log_prob(numbers[:, None].repeat(1, 2)).exp()
    torch.testing.assert_close(share.sum(0), torch.ones(2), rtol=1e-5, atol=1e-5)
    rows = 20_000
    likelihood = made(name, rows)
    drawn = likelihood.value(torch.randn(rows, 2, generator=torch.Generator().manual_seed(2)))
    found = (drawn[None] == numbers[:, None, None]).double().mean(1)
    torch.testing.assert_close(found, share.double(), rtol=0, atol=0.015)
    torch.testing.assert_close(likelihood.value(likelihood.score(drawn)), drawn)


def test_the_limits_hold_what_is_beyond_them():
    one, scale = torch.tensor([[0.7]]), torch.tensor([[0.2]])
    limited, whole = discretized_logistic(one, scale, (-2.0, 1.0)), discretized_logistic(one, scale)
    below = sum(whole.log_prob(torch.tensor([[float(k)]])).exp() for k in range(-60, -1))
    torch.testing.assert_close(limited.log_prob(torch.tensor([[-2.0]])).exp(), below)
    inner = torch.tensor([[0.0]])
    torch.testing.assert_close(limited.log_prob(inner), whole.log_prob(inner))


# The multinomial block: closed forms, the marginal of known columns, and scores that are values and back.


LOGITS = torch.tensor([[0.3, -0.4, 1.0, 0.0]], dtype=torch.float64)
SHARE = LOGITS.softmax(1)[0].numpy()
MEAN, SIZE = 6.0, 2.0


def block(rows: int, known: torch.Tensor | None = None) -> Multinomial:
    total = torch.tensor([[np.log(MEAN)]]), torch.tensor([[np.log(SIZE)]])
    return Multinomial(LOGITS.expand(rows, -1), *(one.expand(rows, 1) for one in total), known)


MULTINOMIAL_COUNTS = torch.tensor([[3.0, 0, 5, 1], [0, 0, 0, 0], [1, 2, 3, 4]], dtype=torch.float64)


@in_doubles
def test_log_prob_is_that_of_the_counts_given_their_total_and_of_the_total():
    total = MULTINOMIAL_COUNTS.sum(1).numpy()
    expected = stats.multinomial.logpmf(MULTINOMIAL_COUNTS.numpy(), total, SHARE)
    expected = expected + stats.nbinom.logpmf(total, SIZE, SIZE / (SIZE + MEAN))
    np.testing.assert_allclose(block(3).log_prob(MULTINOMIAL_COUNTS).sum(1).numpy(), expected, rtol=1e-10)


@in_doubles
def test_missing_counts_are_summed_over():
    """p(k_0, k_2) is the sum of p(k) over the others."""
    known = torch.tensor([[True, False, True, False]])
    found = replace(block(1), known=known).log_prob(MULTINOMIAL_COUNTS.new_tensor([[2.0, 77.0, 1.0, 77.0]]))
    assert (found[~known] == 0).all()
    others = MULTINOMIAL_COUNTS.new_tensor([[2.0, a, 1.0, b] for a, b in product(range(80), repeat=2)])
    summed = block(len(others)).log_prob(others).sum(1).logsumexp(0)
    assert found.sum().item() == pytest.approx(summed.item(), abs=1e-6)


@in_doubles
def test_values_are_restored_from_their_scores():
    found = block(3)
    torch.testing.assert_close(found.value(found.score(MULTINOMIAL_COUNTS)), MULTINOMIAL_COUNTS)
    assert (found.score(MULTINOMIAL_COUNTS).abs() < 5).all()


@in_doubles
def test_draws_have_the_law():
    count = 20_000
    drawn = block(count).value(torch.randn(count, 4, generator=Generator().manual_seed(0)))
    np.testing.assert_allclose(drawn.mean(0).numpy(), MEAN * SHARE, rtol=0.05)
    # of a gamma-Poisson: var = m pi + (m pi)^2 / r, cov = m^2 pi_i pi_j / r
    expected = np.diag(MEAN * SHARE) + np.outer(SHARE, SHARE) * MEAN**2 / SIZE
    np.testing.assert_allclose(np.cov(drawn.numpy().T), expected, rtol=0.1, atol=0.1)


@in_doubles
def test_the_gradient_is_that_of_the_logits():
    """d/dlogits of log Mult is k - N pi."""
    logits = LOGITS.clone().requires_grad_()
    value = MULTINOMIAL_COUNTS[:1]
    replace(block(1), logits=logits).log_prob(value).sum().backward()
    torch.testing.assert_close(logits.grad, value - value.sum() * LOGITS.softmax(1))
