"""A flow is fitted to a mixture in two dimensions whose component the condition tells."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Generator

from sciencegen.errors import ShapeError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae import flows as prior_fitting
from sciencegen.vae.flows import GO_ON, FlowPrior, FlowSettings, PriorFitSettings, fit_prior, steps_further
from sciencegen.vae.posteriors import standard_normal_log_prob

pytestmark = pytest.mark.usefixtures("double_precision")

CENTRES = torch.tensor([[2.0, 0.0], [-2.0, 1.0]])
STD = 0.3


def mixture(count, generator):
    """z and c = (component as -1 or 1, a number that says nothing)."""
    component = torch.randint(2, (count,), generator=generator)
    z = CENTRES.to(torch.get_default_dtype())[component] + STD * torch.randn(count, 2, generator=generator)
    return z, torch.stack([2.0 * component - 1, torch.randn(count, generator=generator)], 1)


def fitted(steps, seed=0, told=True):
    """told: of the component."""
    generator = Generator().manual_seed(seed)
    latents, condition = mixture(4000, generator)
    if not told:
        condition[:, 0] = torch.nan
    flow = FlowPrior(2, 2, FlowSettings(layers=4, width=32, context_size=16, transform="spline"))
    dropout = ConditionDropout(some=0.3, everything=0.3)
    settings = PriorFitSettings(learning_rate=4e-3, steps=steps, batch=256, dropout=dropout)
    return flow, fit_prior(flow, latents, condition, generator, settings=settings)


def test_a_fitted_flow_knows_the_mixture_and_obeys_the_condition(generator):
    flow, fit = fitted(250)
    z, condition = mixture(2000, generator)
    entropy_of_component = 2 * (math.log(STD) + 0.5 * math.log(2 * math.pi) + 0.5)
    free = torch.full_like(condition, torch.nan)
    with torch.no_grad():
        known, unknown = -flow.log_prob(z, condition).mean(), -flow.log_prob(z, free).mean()
    standard = -standard_normal_log_prob(z).mean()
    assert fit.end < fit.start
    assert known < entropy_of_component + 0.15 < standard
    assert unknown < entropy_of_component + math.log(2) + 0.25 < standard
    noise = torch.randn(1000, 2, generator=generator)
    with torch.no_grad():
        for component, value in enumerate((-1.0, 1.0)):
            asked = torch.tensor([value, torch.nan]).expand(1000, 2)
            drawn = flow(noise, asked)
            torch.testing.assert_close(drawn.mean(0), CENTRES[component].double(), rtol=0, atol=0.15)
            nearest = torch.cdist(drawn, CENTRES.double()).argmin(1)
            assert (nearest == component).double().mean() > 0.98
        share = (torch.cdist(flow(noise, free[:1000]), CENTRES.double()).argmin(1) == 0).double().mean()
    assert 0.4 < share < 0.6


def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    (first, fit), (second, again), (other, _) = fitted(15), fitted(15), fitted(15, seed=1)
    assert fit == again
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_one_that_goes_on_keeps_its_scale_and_hears_what_it_is_told_for_the_first_time(generator, monkeypatch):
    """Of which component the latents are, in 150 of them."""
    monkeypatch.setattr(prior_fitting, "NEW_COLUMN_STEPS", steps := 250)
    flow, _ = fitted(150, told=False)
    with torch.no_grad():
        flow.context.hidden[0].weight[:, [0, 2]] = 0.0  # as a model has it that begins with another's weights
    z, condition = mixture(2000, generator)

    def nats(told):
        with torch.no_grad():
            return float(-flow.log_prob(z, condition if told else torch.full_like(condition, torch.nan)).mean())

    free, scale = nats(False), flow.whitening.factor.clone()
    assert nats(True) == pytest.approx(free, abs=0.02)
    told = []
    data, hear = (*mixture(150, generator), generator), lambda step, last, loss: told.append((step, last))
    fit_prior(flow, *data, settings=replace(GO_ON, steps=30, batch=64), progress=hear)
    assert told == [(step, steps + 30) for step in range(1, steps + 31)]
    print("nats of one that isn't told", nats(False), "was", free, "and of one that is", nats(True))
    assert nats(False) < free + 0.1
    assert nats(True) < free - 0.1
    assert torch.equal(flow.whitening.factor, scale)


def test_few_items_allow_few_steps():
    assert [steps_further(items, 3000) for items in (20, 800, 10_000)] == [300, 800, 3000]


def test_spreads_widen_what_is_fitted(generator):
    flow = FlowPrior(2, 0, FlowSettings(layers=1, width=8))
    means = 0.1 * torch.randn(3000, 2, generator=generator)
    settings = PriorFitSettings(steps=0, batch=64)
    fit_prior(flow, means, None, generator, log_std=torch.zeros(3000, 2), settings=settings)
    torch.testing.assert_close(flow.whitening.factor.diagonal(), torch.full((2,), 1.005), rtol=0.1, atol=0)


def test_progress_is_told_and_uneven_tables_are_refused(generator):
    seen = []
    flow = FlowPrior(2, 1, FlowSettings(layers=1, width=8))
    latents = torch.randn(50, 2, generator=generator)
    settings = PriorFitSettings(steps=7, batch=8)
    hear = lambda *told: seen.append(told)  # noqa: E731
    fit = fit_prior(flow, latents, torch.zeros(50, 1), generator, settings=settings, progress=hear)
    assert [told[:2] for told in seen] == [(step, 7) for step in range(1, 8)]
    assert fit.losses[-1] == pytest.approx(seen[-1][2])
    with pytest.raises(ShapeError, match=r"Expected conditions for each of 50 latents, got \[49, 1\]"):
        fit_prior(flow, latents, torch.zeros(49, 1), generator)
