"""Draws of which a linear function is known: exact for white data, and through the network for others."""

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.posterior import least_change, reconstructing
from sciencegen.diffusion.process import alpha, sigma
from sciencegen.diffusion.samplers import clean, noise_of, sampler
from sciencegen.diffusion.schedules import Linear, log_snr_grid
from sciencegen.diffusion.state import Euclidean, Field, State

STATE = State({"x": Field(Euclidean())})
KNOWN = torch.tensor([[True, False, True, False]])


def white(z, log_snr, condition=None, mask=None):
    """E[x | z] = alpha z for standard normal x."""
    return {"x": alpha(log_snr)[:, None, None] * z["x"]}


def chained(z, log_snr, condition=None, mask=None):
    """E[x | z] for normal x with a covariance between positions, C a (a^2 C + s^2)^-1 z."""
    index = torch.arange(z["x"].shape[1])
    covariance = 0.8 ** (index[:, None] - index).abs()
    a, s = (one[:, None, None] for one in (alpha(log_snr), sigma(log_snr)))
    noisy = a**2 * covariance + s**2 * torch.eye(len(index))
    return {"x": a * covariance @ torch.linalg.solve(noisy, z["x"])}


@pytest.fixture
def problem(generator):
    matrix = torch.randn(1, 4, 4, generator=generator)
    known = torch.randn(1, 4, 3, generator=generator)

    def correction(estimate):
        rows = len(estimate["x"])
        change = known - matrix @ estimate["x"]
        return {"x": least_change(matrix.expand(rows, -1, -1), KNOWN.expand(rows, -1), change)}

    return matrix, known, correction


def test_the_least_change_is_that_of_the_pseudoinverse(problem, generator):
    matrix, _, _ = problem
    change = torch.randn(1, 4, 3, generator=generator)
    found = least_change(matrix, KNOWN, change)
    expected = torch.linalg.pinv(matrix[0, KNOWN[0]]) @ change[0, KNOWN[0]]
    torch.testing.assert_close(found[0], expected)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_for_white_data_the_estimate_is_the_posterior_mean(problem, generator, strength):
    """What is known is exact, and nothing is learned of the rest: E[x | z, H x = y] = H+ y + (1 - H+ H) alpha z."""
    matrix, known, correction = problem
    z, log_snr = {"x": torch.randn(5, 4, 3, generator=generator)}, torch.linspace(-5, 5, 5)
    kept = matrix[0, KNOWN[0]]
    inverse = torch.linalg.pinv(kept)
    free = (torch.eye(4) - inverse @ kept) @ white(z, log_snr)["x"]
    found = reconstructing(white, STATE, correction, strength)(z, log_snr, None, None)["x"]
    torch.testing.assert_close(found, inverse @ known[0, KNOWN[0]] + free)


def test_guidance_moves_the_rest_of_correlated_data_towards_the_posterior_mean(generator):
    """One number of a correlated row is known: the error of its neighbours falls, also in inference mode."""
    where = torch.tensor([[False, True, False, False]])
    index = torch.arange(4)
    covariance = 0.8 ** (index[:, None] - index).abs()

    def correction(estimate):
        rows = len(estimate["x"])
        unit = torch.eye(4).expand(rows, -1, -1)
        return {"x": least_change(unit, where.expand(rows, -1), 2 - estimate["x"])}

    z, log_snr = {"x": 0.3 * torch.randn(1, 4, 3, generator=generator)}, torch.tensor([-4.0])
    a, s = alpha(log_snr), sigma(log_snr)
    spread = covariance - a**2 * covariance @ torch.linalg.solve(a**2 * covariance + s**2 * torch.eye(4), covariance)
    mean = chained(z, log_snr)["x"]
    exact = mean + spread[:, 1:2] / spread[1, 1] * (2 - mean[:, 1:2])
    errors = []
    for strength in (0.0, 1.0):
        with torch.inference_mode():
            found = reconstructing(chained, STATE, correction, strength)(z, log_snr, None, None)["x"]
        assert found[:, 1] == pytest.approx(2)
        errors.append(float((found - exact).abs().max()))
    assert errors[1] < 0.2 * errors[0]


@pytest.mark.parametrize("name", ["ddim", "ancestral", "heun"])
def test_draws_agree_with_what_is_known(problem, generator, name):
    matrix, known, correction = problem
    path = log_snr_grid(Linear(8.0, -8.0), 20, torch.zeros(()))
    z = Batch({"x": torch.randn(6, 4, 3, generator=generator)})
    guided = reconstructing(chained, STATE, correction)
    x = clean(guided, STATE, sampler(name)(guided, STATE, z, path, noise_of(STATE, generator)), path[-1])["x"]
    torch.testing.assert_close((matrix @ x)[:, KNOWN[0]], known[:, KNOWN[0]].expand(6, -1, -1))
    assert x.std(0).min() > 0.01
