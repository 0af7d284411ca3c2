"""The multinomial block: closed forms, the marginal of known columns, and scores that are values and back."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Generator

from sciencegen.vae.column_likelihoods import Multinomial

pytestmark = pytest.mark.usefixtures("double_precision")

LOGITS = torch.tensor([[0.3, -0.4, 1.0, 0.0]], dtype=torch.float64)
SHARE = LOGITS.softmax(1)[0].numpy()
MEAN, SIZE = 6.0, 2.0


def block(rows: int, known: torch.Tensor | None = None) -> Multinomial:
    total = torch.tensor([[np.log(MEAN)]]), torch.tensor([[np.log(SIZE)]])
    return Multinomial(LOGITS.expand(rows, -1), *(one.expand(rows, 1) for one in total), known)


COUNTS = torch.tensor([[3.0, 0, 5, 1], [0, 0, 0, 0], [1, 2, 3, 4]], dtype=torch.float64)


def test_log_prob_is_that_of_the_counts_given_their_total_and_of_the_total():
    total = COUNTS.sum(1).numpy()
    expected = stats.multinomial.logpmf(COUNTS.numpy(), total, SHARE)
    expected = expected + stats.nbinom.logpmf(total, SIZE, SIZE / (SIZE + MEAN))
    np.testing.assert_allclose(block(3).log_prob(COUNTS).sum(1).numpy(), expected, rtol=1e-10)


def test_missing_counts_are_summed_over():
    """p(k_0, k_2) is the sum of p(k) over the others."""
    known = torch.tensor([[True, False, True, False]])
    found = replace(block(1), known=known).log_prob(COUNTS.new_tensor([[2.0, 77.0, 1.0, 77.0]]))
    assert (found[~known] == 0).all()
    others = COUNTS.new_tensor([[2.0, a, 1.0, b] for a, b in product(range(80), repeat=2)])
    summed = block(len(others)).log_prob(others).sum(1).logsumexp(0)
    assert found.sum().item() == pytest.approx(summed.item(), abs=1e-6)


def test_values_are_restored_from_their_scores():
    found = block(3)
    torch.testing.assert_close(found.value(found.score(COUNTS)), COUNTS)
    assert (found.score(COUNTS).abs() < 5).all()


def test_draws_have_the_law():
    count = 20_000
    drawn = block(count).value(torch.randn(count, 4, generator=Generator().manual_seed(0)))
    np.testing.assert_allclose(drawn.mean(0).numpy(), MEAN * SHARE, rtol=0.05)
    # of a gamma-Poisson: var = m pi + (m pi)^2 / r, cov = m^2 pi_i pi_j / r
    expected = np.diag(MEAN * SHARE) + np.outer(SHARE, SHARE) * MEAN**2 / SIZE
    np.testing.assert_allclose(np.cov(drawn.numpy().T), expected, rtol=0.1, atol=0.1)


def test_the_gradient_is_that_of_the_logits():
    """d/dlogits of log Mult is k - N pi."""
    logits = LOGITS.clone().requires_grad_()
    value = COUNTS[:1]
    replace(block(1), logits=logits).log_prob(value).sum().backward()
    torch.testing.assert_close(logits.grad, value - value.sum() * LOGITS.softmax(1))
