"""Laws of refined latents: likelier items, each row on its own, and no steps change nothing."""

from __future__ import annotations

import pytest
import torch

from sciencegen.vae.latent_prior_vae import WEIGHT, refined
from sciencegen.vae.posteriors import DiagonalGaussian


@pytest.fixture
def posterior() -> DiagonalGaussian:
    generator = torch.Generator().manual_seed(0)
    return DiagonalGaussian(torch.randn(5, 3, generator=generator), torch.full((5, 3), -1.0))


def log_prob(z: torch.Tensor) -> torch.Tensor:
    """A Gaussian around 2 with the precision of a posterior with the standard deviation 1/e, times 0.3."""
    return -0.15 * torch.e**2 * (z - 2).square().sum(-1)


def test_steps_lead_to_the_best_compromise(posterior):
    """The sum of two parabolas has its top at the mean weighted by their curvatures, 0.3 and `WEIGHT`."""
    best = (0.3 * 2 + WEIGHT * posterior.mean) / (0.3 + WEIGHT)
    assert torch.allclose(refined(posterior, log_prob, 400), best, atol=1e-3)
    few = refined(posterior, log_prob, 8)
    assert (log_prob(few) > log_prob(posterior.mean)).all()


def test_rows_are_refined_on_their_own(posterior):
    alone = DiagonalGaussian(posterior.mean[2:3], posterior.log_std[2:3])
    assert torch.allclose(refined(posterior, log_prob, 8)[2:3], refined(alone, log_prob, 8))


def test_no_steps_give_the_mean(posterior):
    assert torch.equal(refined(posterior, log_prob, 0), posterior.mean)
    empty = DiagonalGaussian(posterior.mean[:0], posterior.log_std[:0])
    assert refined(empty, log_prob, 3).shape == (0, 3)


def test_inference_mode_makes_no_difference(posterior):
    expected = refined(posterior, log_prob, 8)
    with torch.inference_mode():
        inside = DiagonalGaussian(posterior.mean.clone(), posterior.log_std.clone())
        assert torch.equal(refined(inside, log_prob, 8), expected)
