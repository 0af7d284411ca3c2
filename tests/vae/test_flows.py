import pytest
import torch
from torch import Generator

from sciencegen.errors import ConfigError, ShapeError
from sciencegen.vae.flows import BOUND, COUPLINGS, FlowPrior, FlowSettings, Whitening, rational_quadratic_spline
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
