"""A prior is fitted to a mixture in two dimensions whose component the condition tells."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Generator

from sciencegen.diffusion.model import DiffusionSettings, Drawing, draw_by
from sciencegen.diffusion.vectors import DiffusionPrior, VectorDiffusionSettings
from sciencegen.errors import ShapeError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae.flows import GO_ON, PriorFitSettings, fit_prior

CENTRES = torch.tensor([[2.0, 0.0], [-2.0, 1.0]], dtype=torch.float64)
STD = 0.3
SMALL = VectorDiffusionSettings(width=8, depth=1)


def mixture(count, generator):
    """z and c = (component as -1 or 1, a number that says nothing)."""
    component = torch.randint(2, (count,), generator=generator)
    z = CENTRES[component] + STD * torch.randn(count, 2, generator=generator)
    return z, torch.stack([2.0 * component - 1, torch.randn(count, generator=generator)], 1)


def fitted(steps, seed=0):
    generator = Generator().manual_seed(seed)
    latents, condition = mixture(4000, generator)
    prior = DiffusionPrior(2, 2, VectorDiffusionSettings(64, 2, DiffusionSettings(flow_steps=16)))
    dropout = ConditionDropout(some=0.3, everything=0.3)
    settings = PriorFitSettings(4e-3, steps=steps, batch=256, dropout=dropout, held_out=0.1)
    return prior, fit_prior(prior, latents, condition, generator, settings=settings)


@pytest.mark.long
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
    draw_by(prior, Drawing("ancestral", 40, 0.0))
    drawn = prior.draw(noise, torch.tensor([-1.0, torch.nan]).expand(1000, 2))
    torch.testing.assert_close(drawn.mean(0), CENTRES[0], rtol=0, atol=0.15)
    back = prior.inverse(prior(noise, free[:1].expand(1000, 2)))
    assert (back - noise).norm(dim=1).median() < 2e-2


def test_before_fitting_it_is_the_latents_gaussian(generator):
    """The zero network predicts v = 0: that is the exact denoiser of a standard normal."""
    factor = torch.tensor([[2.0, 0.0], [1.0, 0.5]])
    latents = torch.randn(50_000, 2, generator=generator) @ factor.T + 3.0
    prior = DiffusionPrior(2, 0, SMALL)
    prior.standardize(latents)
    normal = torch.distributions.MultivariateNormal(torch.full((2,), 3.0), factor @ factor.T)
    torch.testing.assert_close(prior.log_prob(latents[:50]), normal.log_prob(latents[:50]), rtol=0, atol=0.1)
    noise = torch.randn(20, 2, generator=generator)
    torch.testing.assert_close(prior.inverse(prior(noise)), noise, rtol=0, atol=1e-3)
    assert prior.gaussian(noise) is None


def test_spreads_widen_what_is_fitted_and_the_seed_decides(generator):
    prior = DiffusionPrior(2, 0, SMALL)
    means = 0.1 * torch.randn(3000, 2, generator=generator)
    fit_prior(prior, means, None, generator, log_std=torch.zeros(3000, 2), settings=PriorFitSettings(steps=0, batch=64))
    torch.testing.assert_close(prior.factor.diagonal(), torch.full((2,), 1.005), rtol=0.1, atol=0)
    (first, fit), (second, again), (other, _) = fitted(3), fitted(3), fitted(3, seed=1)
    assert fit == again
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_latents_of_another_size_are_refused():
    prior = DiffusionPrior(2, 0, SMALL)
    for function in (prior, prior.inverse, prior.log_prob):
        with pytest.raises(ShapeError, match=r"Expected latents \[batch 2\], got \[5, 3\]"):
            function(torch.zeros(5, 3))


def test_it_goes_on_from_what_it_was_and_may_read_conditions_no_more(generator):
    prior, _ = fitted(30)
    z, condition = mixture(300, generator)
    before = prior.cross_entropy(z, condition)
    fit = fit_prior(prior, z, condition, generator, settings=replace(GO_ON, steps=20, batch=64, held_out=0.1))
    assert fit.end < before + 0.3
    free = DiffusionPrior(2, 0, VectorDiffusionSettings(64, 2, DiffusionSettings(flow_steps=16)))
    assert (free.reader, prior.reader is prior.model.network.known) == (None, True)
    for name, value in free.state_dict().items():
        if prior.state_dict()[name].shape == value.shape:
            value.copy_(prior.state_dict()[name])
    free.start_unconditional(prior)
    noise = torch.randn(10, 2, generator=generator)
    torch.testing.assert_close(free(noise), prior(noise))
