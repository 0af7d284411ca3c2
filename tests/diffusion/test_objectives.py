import math

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.objectives import (
    WEIGHTINGS,
    continuous_bound,
    diffusion_loss,
    edm_weighting,
    low_discrepancy_times,
    prior_loss,
    reconstruction_loss,
    sigmoid_weighting,
    squared_error,
    variance_minimizing_loss,
    weighting,
)
from sciencegen.diffusion.process import alpha, sigma
from sciencegen.diffusion.schedules import EDM, Cosine, Learned, Linear, log_snr_and_slope
from sciencegen.diffusion.state import CategoricalSpace, Euclidean, Field, State, ZeroCentre
from sciencegen.errors import ConfigError
from tests.diffusion.known_data import VECTOR, GaussianData, MixtureData

GAUSSIAN = GaussianData(torch.tensor([0.5, -1.0, 0.0], dtype=torch.float64), 0.6)
COUNT = 40_000


def mean_and_error(values, times):
    """Times are evenly spread, so what counts is how much values at neighbouring times differ."""
    return values.mean().item(), (values[times.argsort()].diff().square().mean() / 2 / len(values)).sqrt().item()


def known_part(state, schedule, times, noise, size):
    """-1/2 (dlog_snr / dt) sigmoid(log_snr) (|eps|^2 - D): of mean 0, and most of the noise in the bound's estimate."""
    log_snr, slope = log_snr_and_slope(schedule, times)
    square = torch.stack(list(state.squared_norms(noise, None).values())).sum(0)
    return -0.5 * slope * torch.sigmoid(log_snr) * (square - size)


@pytest.mark.parametrize("data", [GAUSSIAN, MixtureData()], ids=["gaussian", "mixture"])
@pytest.mark.parametrize("schedule", [Linear(9.0, -9.0), Cosine(9.0, -9.0), EDM(9.0, -9.0)])
def test_the_bound_of_an_exact_denoiser_is_the_exact_evidence(data, schedule, generator):
    x = data.draw(COUNT, generator)
    times, noise = low_discrepancy_times(COUNT, generator, x["x"]), VECTOR.noise(x, generator)
    bound = continuous_bound(data.denoise, VECTOR, schedule, x, times, noise)
    gaps = bound.nats + data.log_prob(x["x"]) - known_part(VECTOR, schedule, times, noise, x["x"].shape[1])
    gap, error = mean_and_error(gaps, times)
    print(f"bound minus evidence {gap:.4f} +- {error:.4f} nats")
    assert abs(gap) < 4 * error
    assert error < 0.04
    assert (bound.diffusion >= 0).all()
    assert bound.prior.mean() < 1e-3


def test_a_wrong_denoiser_costs_what_its_score_is_off(generator):
    """The bound's excess over the evidence is 1/2 of the integral of |eps^ - E[eps | z]|^2, positive and known here."""
    wrong = GaussianData(GAUSSIAN.mean, 1.1)
    x = GAUSSIAN.draw(COUNT, generator)
    times, noise = low_discrepancy_times(COUNT, generator, x["x"]), VECTOR.noise(x, generator)
    good, bad = (diffusion_loss(d.denoise, VECTOR, Linear(14.0, -12.0), x, times, noise) for d in (GAUSSIAN, wrong))
    kl = 3 * (math.log(1.1 / 0.6) + 0.5 * (0.6**2 / 1.1**2 - 1))
    excess = bad - good
    assert excess.mean().item() == pytest.approx(kl, abs=4 * excess.std().item() / math.sqrt(COUNT))


def exact_integral(schedule, power, points=20_000):
    """E over uniform time, by quadrature, of (-dlog_snr/dt |eps - eps^|^2 / 2)^power of the Gaussian with D = 1."""
    time = (torch.arange(points) + 0.5) / points
    log_snr = schedule(time)
    slope = (schedule(time + 1e-7) - schedule(time - 1e-7)) / 2e-7
    error = torch.sigmoid(log_snr + 2 * math.log(0.6))
    return (-0.5 * slope * error).pow(power).mean().item()


def test_the_bound_does_not_depend_on_the_schedules_shape():
    expected = exact_integral(Linear(10.0, -10.0), 1)
    for schedule in (
        Cosine(10.0, -10.0),
        Cosine(10.0, -10.0, 2.0),
        EDM(10.0, -10.0),
        Learned(10.0, -10.0).double(),
    ):
        with torch.no_grad():
            assert exact_integral(schedule, 1) == pytest.approx(expected, rel=2e-4)


def discrete_diffusion_loss(schedule, x, time, noise, steps):
    """T/2 [e^(log_snr_s - log_snr_t) - 1] |eps - eps^|^2 of T ancestral steps. Kingma et al. 2021, section 4."""
    end = (time * steps).floor().clamp(max=steps - 1) + 1
    log_snr_t, log_snr_s = schedule(end / steps), schedule((end - 1) / steps)
    error = squared_error(GAUSSIAN.denoise, VECTOR, x, log_snr_t, noise)
    return 0.5 * steps * torch.expm1(log_snr_s - log_snr_t) * error


def test_more_steps_tighten_the_discrete_bound_to_the_continuous_one(generator):
    x, schedule = GAUSSIAN.draw(COUNT, generator), Linear(12.0, -10.0)
    times, noise = low_discrepancy_times(COUNT, generator, x["x"]), VECTOR.noise(x, generator)
    means = [discrete_diffusion_loss(schedule, x, times, noise, steps).mean().item() for steps in (2, 8, 32, 128, 2048)]
    continuous = continuous_bound(GAUSSIAN.denoise, VECTOR, schedule, x, times, noise).diffusion.mean().item()
    assert means == sorted(means, reverse=True)
    assert means[0] > continuous + 0.5
    assert 0 < means[-1] - continuous < 0.1 * (means[-2] - continuous)  # the gap falls as 1 / T


def test_the_discrete_bound_is_exact_step_by_step(generator):
    """Each step's cost is KL(q(z_s | z_t, x) || q(z_s | z_t, x^)): with one step the whole of it in closed form."""
    x, schedule = Batch({"x": torch.tensor([[0.7, -0.2, 0.4]])}), Linear(3.0, -2.0)
    noise = VECTOR.noise(x, generator)
    cost = discrete_diffusion_loss(schedule, x, torch.tensor([0.4]), noise, 1)
    t, s = torch.tensor([-2.0]), torch.tensor([3.0])
    z = alpha(t) * x["x"] + sigma(t) * noise["x"]
    off = x["x"] - GAUSSIAN.denoise({"x": z}, t)["x"]
    share = 1 - math.exp(-5)
    variance = sigma(s) ** 2 * share
    expected = 0.5 * (alpha(s) * share * off).square().sum(1) / variance
    torch.testing.assert_close(cost, expected)


def test_the_prior_term_is_the_gaussian_kl(generator):
    x, level = GAUSSIAN.draw(5, generator), torch.full((5,), -1.0)
    q = torch.distributions.Normal(alpha(level)[:, None] * x["x"], sigma(level)[:, None])
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(prior_loss(VECTOR, x, level), kl)


def test_a_shift_is_a_scale(generator):
    """A field with its log-SNR shifted by 2 log c costs what the field scaled by c costs."""
    data, scale = GaussianData(torch.tensor([0.3]), 0.8), 0.25
    scaled = GaussianData(scale * data.mean, scale * data.std)
    shift = 2 * math.log(scale)
    shifted = GaussianData(data.mean, data.std, shift)
    x = data.draw(50, generator)
    state, times = State({"x": Field(Euclidean(), shift, 0)}), low_discrepancy_times(50, generator, x["x"])
    noise = state.noise(x, generator)
    first = continuous_bound(shifted.denoise, state, Linear(), x, times, noise)
    own = Linear(Linear().log_snr_max, Linear().log_snr_min)
    # the scaled item at the same log-SNR: alpha' c x + sigma' eps has the SNR of x at log_snr + shift
    z_error = squared_error(shifted.denoise, state, x, own(times), noise)
    small = Batch({"x": scale * x["x"]})
    expected = squared_error(VarianceExploding(scaled).denoise, VECTOR, small, own(times), noise)
    assert (first.diffusion > 0).all()
    torch.testing.assert_close(z_error, expected)


class VarianceExploding:
    """The exact denoiser of a Gaussian, written for z / alpha: a check that shares no formula with `known_data`."""

    def __init__(self, data):
        self.data = data

    def denoise(self, z, log_snr, condition, mask):
        y, noise = z["x"] / alpha(log_snr)[:, None], torch.exp(-log_snr)[:, None]
        return {"x": (y * self.data.std**2 + self.data.mean * noise) / (self.data.std**2 + noise)}


# --- Molecule-like states ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("positions", [1, 2, 5])
def test_the_bound_of_centred_points_is_that_of_their_subspace(positions, generator):
    """Points N(0, std^2 I) with the centre removed are a Gaussian of (n - 1) d dimensions."""
    std, count, state = 0.7, 20_000, State({"place": Field(ZeroCentre())})
    mask = (torch.arange(5) < positions).expand(count, -1)
    x = state.embed(Batch({"place": std * torch.randn(count, 5, 2, generator=generator)}, mask))

    def denoise(z, log_snr, condition, mask):
        a, s = alpha(log_snr)[:, None, None], sigma(log_snr)[:, None, None]
        return {"place": std**2 * a / (std**2 * a**2 + s**2) * z["place"]}

    times = low_discrepancy_times(count, generator, x["place"])
    noise = state.noise(x, generator)
    bound = continuous_bound(denoise, state, Linear(9.0, -9.0), x, times, noise)
    size = 2 * (positions - 1)
    surprise = 0.5 * x["place"].square().flatten(1).sum(1) / std**2 + size * math.log(std * math.sqrt(2 * math.pi))
    gaps = bound.nats - surprise - known_part(state, Linear(9.0, -9.0), times, noise, size)
    gap, error = mean_and_error(gaps, times)
    assert abs(gap) <= 4 * error + 1e-4 * size
    if size:
        assert error < 0.08  # else the line above says nothing
        assert torch.isfinite(bound.bits_per_dimension(state.dimensions(x))).all()


def test_the_bound_of_categories_is_the_exact_evidence(generator):
    """Independent letters with known frequencies: the bound is their entropy."""
    frequency, state, count = torch.tensor([0.6, 0.3, 0.1]), State({"kind": Field(CategoricalSpace(3))}), 60_000
    letters = torch.multinomial(frequency, 2 * count, replacement=True, generator=generator).reshape(count, 2)
    x = state.embed(Batch({"kind": letters}))

    def denoise(z, log_snr, condition, mask):
        a, s = alpha(log_snr)[:, None, None], sigma(log_snr)[:, None, None]
        return {"kind": torch.softmax(frequency.log() + a / s**2 * z["kind"], -1)}

    times = low_discrepancy_times(count, generator, x["kind"])
    bound = continuous_bound(denoise, state, Linear(8.0, -12.0), x, times, state.noise(x, generator))
    gap = bound.nats + frequency.log()[letters].sum(1)
    difference, error = mean_and_error(gap, times)
    assert abs(difference) < 4 * error
    assert error < 0.04


def test_padding_changes_nothing(generator):
    state = State(
        {"place": Field(ZeroCentre()), "kind": Field(CategoricalSpace(3)), "link": Field(Euclidean(), 0.0, 2)}
    )
    raw = {"place": torch.randn(4, 3, 2), "kind": torch.randint(3, (4, 3)), "link": torch.randn(4, 3, 3)}
    bare = state.embed(Batch(raw))
    wide = {"place": torch.full((4, 5, 2), 9.0), "kind": torch.ones(4, 5).long(), "link": torch.full((4, 5, 5), 7.0)}
    wide["place"][:, :3], wide["kind"][:, :3], wide["link"][:, :3, :3] = raw["place"], raw["kind"], raw["link"]
    padded = state.embed(Batch(wide, (torch.arange(5) < 3).expand(4, -1)))
    noise = state.noise(bare, generator)
    wide_noise = {name: torch.full_like(value, 5.0) for name, value in padded.fields.items()}
    wide_noise["place"][:, :3], wide_noise["kind"][:, :3] = noise["place"], noise["kind"]
    wide_noise["link"][:, :3, :3] = noise["link"]
    denoise = lambda z, log_snr, condition, mask: {name: torch.tanh(z[name]) for name in state.fields}  # noqa: E731
    times = torch.tensor([0.1, 0.4, 0.6, 0.9])
    small = continuous_bound(denoise, state, Linear(), bare, times, noise)
    large = continuous_bound(denoise, state, Linear(), padded, times, state.project(wide_noise, padded.mask))
    for part in ("prior", "diffusion", "reconstruction"):
        torch.testing.assert_close(getattr(large, part), getattr(small, part))


# --- Weightings -------------------------------------------------------------------------------------------------------


def test_times_are_uniform_and_evenly_spread(generator):
    times = low_discrepancy_times(1000, generator, torch.zeros(()))
    torch.testing.assert_close(times.sort().values.diff(), torch.full((999,), 1e-3))
    assert times[:-1].gt(times[1:]).any()
    firsts = torch.stack([low_discrepancy_times(7, generator, torch.zeros(())) for _ in range(4000)])[:, 0]
    assert firsts.mean().item() == pytest.approx(0.5, abs=0.02)
    assert firsts.std().item() == pytest.approx(math.sqrt(1 / 12), abs=0.02)


def test_a_monotone_weighting_is_an_expectation_of_bounds():
    """Kingma & Gao 2023, theorem 1, by quadrature: 1/2 int w g dlog_snr = w(min) (E_p_w[L(t)] - L(1)).

    g(log_snr) = E|eps - eps^|^2 of one-dimensional Gaussian data; L(t) - L(1) = 1/2 int of g below log_snr(t).
    """
    log_snrs = torch.linspace(12, -10, 200_001)
    error = torch.sigmoid(log_snrs + 2 * math.log(0.6))
    step = log_snrs[0] - log_snrs[1]
    above = 0.5 * step * (error[1:] + error[:-1]) / 2
    bounds = torch.cat([above.flip(0).cumsum(0).flip(0), torch.zeros(1)])
    for weight in (sigmoid_weighting, WEIGHTINGS["flow-matching"], WEIGHTINGS["elbo"]):
        weights = weight(log_snrs)
        masses = torch.cat([weights[:1], weights.diff()]) / weights[-1]
        assert (masses >= 0).all()
        assert masses.sum().item() == pytest.approx(1.0)
        middle = weight(0.5 * (log_snrs[1:] + log_snrs[:-1]))
        weighted = (middle * above).sum()
        torch.testing.assert_close(weighted, weight(log_snrs[-1]) * (masses * bounds).sum(), rtol=1e-3, atol=0)
    assert WEIGHTINGS["elbo"](log_snrs).diff().abs().max() == 0
    assert (edm_weighting(log_snrs).diff() < 0).any()


@pytest.mark.parametrize("level", [-3.0, 0.5, 4.0])
def test_weightings_are_what_their_papers_train_with(level, generator):
    """The loss as its authors write it, of one item at one level; each with dlog_snr / dt of its own times."""
    x, eps, estimate = (torch.randn(6, generator=generator) for _ in range(3))
    log_snr = torch.tensor(level)
    a, s = alpha(log_snr), sigma(log_snr)
    ratio, x_error = s / a, (x - estimate).square().sum()
    eps_error = (eps - (a * x + s * eps - a * estimate) / s).square().sum()
    # Karras et al. 2022: lambda(sigma) |D - x|^2 with ln sigma ~ N(-1.2, 1.2^2), data of standard deviation 1/2
    density = torch.exp(-0.5 * ((ratio.log() + 1.2) / 1.2) ** 2)
    karras = 0.25 * density * (ratio**2 + 0.25) / (ratio * 0.5) ** 2 * x_error
    # Lipman et al. 2023: z' = (1 - t) x + t eps, |velocity error|^2 = |x - x^|^2 / t^2, dlog_snr = -2 dt / t (1 - t)
    t = ratio / (1 + ratio)
    lipman = x_error / t**2 * t * (1 - t)
    # Ho et al. 2020 with the cosine schedule: |eps - eps^|^2, dlog_snr = -2 pi dt / sin(pi t)
    ho = torch.sin(2 * torch.atan(ratio)) * eps_error
    torch.testing.assert_close(edm_weighting(log_snr, 0.5) * eps_error, karras)
    torch.testing.assert_close(WEIGHTINGS["flow-matching"](log_snr) * eps_error, lipman)
    torch.testing.assert_close(WEIGHTINGS["snr"](log_snr) * eps_error, ho)
    torch.testing.assert_close(WEIGHTINGS["p2"](log_snr) * eps_error, ho / (1 + log_snr.exp()))


def test_an_unknown_weighting_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'sigmoid'"):
        weighting("sigmiod")


# --- The variance of the bound ----------------------------------------------------------------------------------------


def test_the_schedules_gradient_is_that_of_the_second_moment(generator):
    x, schedule = GAUSSIAN.draw(300, generator), Learned(8.0, -6.0, 5, generator).double()
    times, noise = torch.rand(300, generator=generator), VECTOR.noise(x, generator)
    ordinary = diffusion_loss(GAUSSIAN.denoise, VECTOR, schedule, x, times, noise)
    expected = torch.autograd.grad(ordinary.square().mean().log(), list(schedule.parameters()))
    hooked = variance_minimizing_loss(GAUSSIAN.denoise, VECTOR, schedule, x, times, noise, WEIGHTINGS["elbo"])
    torch.testing.assert_close(hooked, ordinary)
    found = torch.autograd.grad(hooked.mean(), list(schedule.parameters()))
    for gradient, other in zip(found, expected, strict=True):
        torch.testing.assert_close(gradient, other)


@pytest.mark.long
def test_a_learned_schedule_lowers_the_variance_of_the_bound(generator):
    """Of data with small details (std 0.03) in 12 dimensions, at uniform times: by more than a factor of 5."""
    data = GaussianData(torch.zeros(12), 0.03)
    schedule = Learned(13.3, -10.0, 64, generator).double()
    optimizer = torch.optim.Adam(schedule.parameters(), 0.05)

    def losses(loss_of, count):
        x = data.draw(count, generator)
        times, noise = torch.rand(count, generator=generator), VECTOR.noise(x, generator)
        return loss_of(data.denoise, VECTOR, schedule, x, times, noise)

    minimized = lambda *args: variance_minimizing_loss(*args, WEIGHTINGS["elbo"])  # noqa: E731
    before = losses(diffusion_loss, 20_000).detach()
    for _ in range(250):
        optimizer.zero_grad()
        losses(minimized, 256).mean().backward()
        optimizer.step()
    after = losses(diffusion_loss, 20_000).detach()
    error = math.hypot(before.std().item(), after.std().item()) / math.sqrt(20_000)
    assert after.mean().item() == pytest.approx(before.mean().item(), abs=4 * error)
    print("variance factor", (before.var() / after.var()).item())
    assert before.var() > 5 * after.var()


def test_reconstruction_is_asked_of_the_least_noisy(generator):
    x = GAUSSIAN.draw(3, generator)
    levels = torch.tensor([2.0, 6.0, 10.0])
    surprise = reconstruction_loss(VECTOR, x, levels, VECTOR.noise(x, generator))
    torch.testing.assert_close(surprise, 1.5 * (math.log(2 * math.pi * math.e) - levels))
