"""Flows: their inverses and densities, and the fit of a prior."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Generator

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.networks.conditions import ConditionDropout
from sciencegen.vae import flows as prior_fitting
from sciencegen.vae.flows import (
    BOUND,
    COUPLINGS,
    GO_ON,
    FlowPrior,
    FlowSettings,
    PriorFitSettings,
    Whitening,
    fit_prior,
    rational_quadratic_spline,
    steps_further,
)
from sciencegen.vae.posteriors import standard_normal_log_prob
from tests.vae.test_posteriors import shaken

pytestmark = pytest.mark.usefixtures("double_precision")

TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("transform", COUPLINGS)
@pytest.mark.parametrize("size", [1, 5, 64])
def test_a_flow_inverts(transform, size, dtype, generator):
    torch.set_default_dtype(dtype)
    flow = shaken(FlowPrior(size, 3, FlowSettings(layers=4, width=32, transform=transform)), generator, 0.3)
    latents = torch.randn(200, size, generator=generator) @ torch.randn(size, size, generator=generator) + 3.0
    flow.standardize(latents)
    condition = torch.randn(200, 3, generator=generator)
    condition[::2, 1] = torch.nan
    noise = flow.inverse(latents, condition)
    assert (noise - latents).abs().max() > 0.1
    scale = latents.abs().max()
    assert (flow(noise, condition) - latents).abs().max() / scale < TOLERANCE[dtype]
    start = torch.randn(200, size, generator=generator)
    assert (flow.inverse(flow(start, condition), condition) - start).abs().max() < 30 * TOLERANCE[dtype]


@pytest.mark.parametrize("transform", COUPLINGS)
def test_the_log_determinant_is_autograds(transform, generator):
    flow = shaken(FlowPrior(5, 2, FlowSettings(layers=3, width=16, transform=transform)), generator)
    flow.standardize(torch.randn(100, 5, generator=generator) @ torch.randn(5, 5, generator=generator))
    latent, condition = torch.randn(5, generator=generator), torch.tensor([[0.3, torch.nan]])
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.inverse(v[None], condition)[0], latent)
    torch.testing.assert_close(flow.noise_and_log_det(latent[None], condition)[1][0], torch.linalg.slogdet(jacobian)[1])


def test_the_density_integrates_to_one(generator):
    flow = shaken(FlowPrior(2, 0, FlowSettings(layers=3, width=16, transform="spline")), generator, 0.25)
    line = torch.linspace(-12, 12, 300)
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        total = flow.log_prob(grid).exp().sum() * (line[1] - line[0]) ** 2
    assert float(total) == pytest.approx(1.0, abs=2e-3)


def test_a_new_flow_is_the_gaussian_fit(generator):
    latents = torch.randn(5000, 4, generator=generator) @ torch.randn(4, 4, generator=generator) + 2.0
    flow = FlowPrior(4, 1)
    flow.standardize(latents)
    fit = torch.distributions.MultivariateNormal(latents.mean(0), latents.T.cov())
    torch.testing.assert_close(flow.log_prob(latents).mean(), fit.log_prob(latents).mean(), rtol=1e-2, atol=0)


def test_whitening_survives_a_dead_dimension():
    whitening = Whitening(2)
    latents = torch.stack([torch.randn(50), torch.full((50,), 3.0)], 1)
    whitening.fit(latents)
    noise, log_det = whitening.to_noise(latents, torch.zeros(50, 0))
    assert torch.isfinite(noise).all()
    assert torch.isfinite(log_det).all()


def test_the_spline_starts_as_the_identity_is_monotone_and_ends_linear(generator):
    values = torch.linspace(-8, 8, 400)[:, None]
    same, slope = rational_quadratic_spline(values, torch.zeros(400, 1, 23), False)
    torch.testing.assert_close(same, values)
    torch.testing.assert_close(slope, torch.zeros(400, 1))
    raw = (3 * torch.randn(1, 1, 23, generator=generator)).expand(400, -1, -1)
    bent, _ = rational_quadratic_spline(values, raw, False)
    assert (bent.diff(dim=0) > 0).all()
    outside = values.abs() > BOUND
    torch.testing.assert_close(bent[outside], values[outside])
    assert (bent - values).abs().max() > 0.5


def test_the_start_follows_from_the_seed_alone():
    first = FlowPrior(4, 2, seed=3).state_dict()
    torch.manual_seed(99)
    second = FlowPrior(4, 2, seed=3).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = FlowPrior(4, 2, seed=4).state_dict()
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_what_is_refused():
    with pytest.raises(ConfigError, match=r"Unknown coupling transform 'splines'\. Did you mean 'spline'"):
        FlowPrior(4, 2, FlowSettings(transform="splines"))
    with pytest.raises(ShapeError, match=r"Expected latents \[batch 4\], got \[2, 3\]"):
        FlowPrior(4, 2).log_prob(torch.zeros(2, 3), torch.zeros(2, 2))
    with pytest.raises(ShapeError, match=r"Expected 2 or more latents \[n 4\], got \[1, 4\]"):
        FlowPrior(4, 2).standardize(torch.randn(1, 4, generator=Generator()))


# A flow is fitted to a mixture in two dimensions whose component the condition tells.


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


@pytest.mark.long
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


@pytest.mark.long
def test_the_same_seed_gives_the_same_weights_and_another_does_not():
    (first, fit), (second, again), (other, _) = fitted(15), fitted(15), fitted(15, seed=1)
    assert fit == again
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


@pytest.mark.long
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
