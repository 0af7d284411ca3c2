"""Draws given an observation: exact where all is Gaussian and linear."""

from dataclasses import replace

import pytest
import torch

from sciencegen.batch import Batch
from sciencegen.diffusion.posterior import NoisyObservation, conjugate_gradients, observing
from sciencegen.diffusion.process import alpha, sigma
from sciencegen.diffusion.samplers import sample
from sciencegen.diffusion.state import Euclidean, Field, State

STATE = State({"image": Field(Euclidean(), positions=0)})
SIDE, SEEN = 5, 3


@pytest.fixture
def case(generator):
    """x ~ N(mean, C) in five dimensions; y = H x + noise of standard deviation 0.3 in three."""
    root = torch.randn(SIDE, SIDE, generator=generator)
    matrix, noise = torch.randn(SEEN, SIDE, generator=generator), 0.3
    mean, cov = torch.randn(SIDE, generator=generator), root @ root.T / SIDE + 0.1 * torch.eye(SIDE)
    y = torch.randn(SEEN, generator=generator)
    return mean, cov, matrix, y, noise


def exact_denoiser(mean, cov):
    """E[x | z] of a Gaussian x."""

    def denoise(z, log_snr, condition, mask):
        a, s = alpha(log_snr[0]), sigma(log_snr[0])
        gain = a * cov @ torch.linalg.inv(a**2 * cov + s**2 * torch.eye(SIDE))
        return {"image": mean + (z["image"] - a * mean) @ gain.T}

    return denoise


def seen_through(matrix, y, noise):
    rows = matrix.square().sum(1) / noise**2
    return NoisyObservation(
        "image", lambda x: (y - x @ matrix.T) / noise, lambda x: rows.expand(len(x), -1), iterations=SEEN
    )


def posterior(mean, cov, matrix, y, noise):
    gain = cov @ matrix.T @ torch.linalg.inv(matrix @ cov @ matrix.T + noise**2 * torch.eye(SEEN))
    return mean + gain @ (y - matrix @ mean), cov - gain @ matrix @ cov


@pytest.mark.parametrize("log_snr", [-4.0, 0.0, 3.0])
def test_the_estimate_is_exact_of_gaussians(case, generator, log_snr):
    mean, cov, matrix, y, noise = case
    guided = observing(exact_denoiser(mean, cov), STATE, seen_through(matrix, y, noise))
    z, at = torch.randn(4, SIDE, generator=generator), torch.full((4,), log_snr)
    found = guided({"image": z}, at, None, None)["image"]
    expected = exact_denoiser(*posterior(*case))({"image": z}, at, None, None)["image"]
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)


def test_draws_have_the_posteriors_mean_and_covariance(case, generator):
    mean, cov, matrix, y, noise = case
    guided = observing(exact_denoiser(mean, cov), STATE, seen_through(matrix, y, noise))
    z = Batch({"image": torch.randn(4000, SIDE, generator=generator)})
    drawn = sample("heun", guided, STATE, z, torch.linspace(-9, 9, 40))["image"]
    expected_mean, expected_cov = posterior(*case)
    torch.testing.assert_close(drawn.mean(0), expected_mean, rtol=0, atol=0.06)
    torch.testing.assert_close(torch.cov(drawn.T), expected_cov, rtol=0.1, atol=0.04)


def test_rows_are_solved_each_by_itself(generator):
    root = torch.randn(6, 4, 4, generator=generator)
    matrices, target = root @ root.mT + torch.eye(4), torch.randn(6, 4, generator=generator)
    product, diagonal = lambda w: (matrices @ w[..., None])[..., 0], matrices.diagonal(dim1=1, dim2=2)
    for about in (diagonal, torch.ones(6, 4)):
        found = conjugate_gradients(product, target, 4, about)
        torch.testing.assert_close(found, torch.linalg.solve(matrices, target), rtol=1e-6, atol=1e-8)
    nothing = conjugate_gradients(lambda w: 2 * w, torch.zeros(1, 3), 5, torch.ones(1, 3))
    torch.testing.assert_close(nothing, torch.zeros(1, 3))


def test_no_entry_changes_by_more_than_the_limit(case, generator):
    mean, cov, matrix, y, noise = case
    given = replace(seen_through(matrix, y + 100, noise), largest=0.3)
    z, at = {"image": torch.randn(4, SIDE, generator=generator)}, torch.zeros(4)
    free = exact_denoiser(mean, cov)
    change = observing(free, STATE, given)(z, at, None, None)["image"] - free(z, at, None, None)["image"]
    assert change.abs().max() == pytest.approx(0.3)


def test_a_matrix_that_is_not_positive_leaves_other_rows_alone(generator):
    matrices = torch.stack([torch.eye(3) * 2, -torch.eye(3)])
    target = torch.randn(2, 3, generator=generator)
    found = conjugate_gradients(lambda w: (matrices @ w[..., None])[..., 0], target, 3, torch.ones(2, 3))
    torch.testing.assert_close(found[0], target[0] / 2)
    assert found.isfinite().all()
