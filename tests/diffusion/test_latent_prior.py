"""A prior is fitted to a mixture in two dimensions whose component the condition tells."""

import math

import pytest
import torch
from torch import Generator

from sciencegen.diffusion.latent_prior import DiffusionPrior, PriorFitSettings, fit_diffusion_prior
from sciencegen.errors import ShapeError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.networks.descent import DescentSettings

CENTRES = torch.tensor([[2.0, 0.0], [-2.0, 1.0]], dtype=torch.float64)
STD = 0.3


def mixture(count, generator):
    """z and c = (component as -1 or 1, a number that says nothing)."""
    component = torch.randint(2, (count,), generator=generator)
    z = CENTRES[component] + STD * torch.randn(count, 2, generator=generator)
    return z, torch.stack([2.0 * component - 1, torch.randn(count, generator=generator)], 1)


def fitted(steps, seed=0):
    generator = Generator().manual_seed(seed)
    latents, condition = mixture(4000, generator)
    prior = DiffusionPrior(2, 2, width=64, depth=2, steps=16)
    settings = PriorFitSettings(DescentSettings(4e-3), ConditionDropout(some=0.3, everything=0.3), 0.1)
    return prior, fit_diffusion_prior(prior, latents, condition, steps, 256, generator, settings=settings)


def test_a_fitted_prior_knows_the_mixture_and_obeys_the_condition(generator):
    prior, fit = fitted(300)
    z, condition = mixture(200, generator.manual_seed(5))
    free = torch.full_like(condition, torch.nan)
    parts = -0.5 * torch.cdist(z, CENTRES).square() / STD**2 - math.log(2 * math.pi * STD**2)
    known = (parts.amax(1) - prior.log_prob(z, condition)).mean()
    unknown = (parts.logsumexp(1) - math.log(2) - prior.log_prob(z, free)).mean()
    print("nats above the exact", known.item(), unknown.item(), "bound", fit.start, fit.end)
    assert fit.end < fit.start - 0.5
    assert abs(known) < 0.2  # the latents' Gaussian fit lies 2 nats above
    assert abs(unknown) < 0.2
    noise = torch.randn(1000, 2, generator=generator)
    for component, value in enumerate((-1.0, 1.0)):
        drawn = prior(noise, torch.tensor([value, torch.nan]).expand(1000, 2))
        torch.testing.assert_close(drawn.mean(0), CENTRES[component], rtol=0, atol=0.15)
        assert (torch.cdist(drawn, CENTRES).argmin(1) == component).double().mean() > 0.98
    share = (torch.cdist(prior(noise), CENTRES).argmin(1) == 0).double().mean()
    assert 0.4 < share < 0.6
    back = prior.inverse(prior(noise, free[:1].expand(1000, 2)))
    assert (back - noise).norm(dim=1).median() < 2e-2


def test_before_fitting_it_is_the_latents_gaussian(generator):
    """The zero network predicts v = 0: that is the exact denoiser of a standard normal."""
    factor = torch.tensor([[2.0, 0.0], [1.0, 0.5]])
    latents = torch.randn(50_000, 2, generator=generator) @ factor.T + 3.0
    prior = DiffusionPrior(2, 0, width=8, depth=1)
    prior.standardize(latents)
    normal = torch.distributions.MultivariateNormal(torch.full((2,), 3.0), factor @ factor.T)
    torch.testing.assert_close(prior.log_prob(latents[:50]), normal.log_prob(latents[:50]), rtol=0, atol=0.1)
    noise = torch.randn(20, 2, generator=generator)
    torch.testing.assert_close(prior.inverse(prior(noise)), noise, rtol=0, atol=1e-3)
    assert prior.gaussian(noise) is None


def test_spreads_widen_what_is_fitted_and_the_seed_decides(generator):
    prior = DiffusionPrior(2, 0, width=8, depth=1)
    means = 0.1 * torch.randn(3000, 2, generator=generator)
    fit_diffusion_prior(prior, means, None, 0, 64, generator, log_std=torch.zeros(3000, 2))
    torch.testing.assert_close(prior.factor.diagonal(), torch.full((2,), 1.005), rtol=0.1, atol=0)
    (first, fit), (second, again), (other, _) = fitted(3), fitted(3), fitted(3, seed=1)
    assert fit == again
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_latents_of_another_size_are_refused():
    prior = DiffusionPrior(2, 0, width=8, depth=1)
    for function in (prior, prior.inverse, prior.log_prob):
        with pytest.raises(ShapeError, match=r"Expected latents \[batch 2\], got \[5, 3\]"):
            function(torch.zeros(5, 3))
